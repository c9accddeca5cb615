"""The assignment *Surgery on paper and in code*: where the rate of a code goes, on tables."""

from typing import Any

import numpy as np
from scipy.special import logsumexp, rel_entr, softmax

from companion.exact.decomposition import elbo_forms, elbo_surgery
from companion.exact.tables import entropy, kl
from elbo_coursework.assignments import common
from elbo_coursework.questions import Assignment, CommonMistake, Inputs, ManualQuestion, Question

Array = np.ndarray


def _encoder(rng: np.random.Generator, trap: str) -> Inputs:
    """An encoder of full rows; of rows with ``zeros`` in which every code is used; or with an ``idle`` code."""
    n, z = common.sizes(rng, 3, 6)
    encoder = common.table(rng, n, z, zeros=int(trap == "zeros"))
    return {"encoder": common.without(rng, encoder) if trap in ("idle", "neither") else encoder}


def _with_prior(rng: np.random.Generator, trap: str) -> Inputs:
    """An encoder and a prior that has ``missed`` a code in use, or an idle one, so that ``neither`` has it.

    Or it misses a code that one example alone uses, ``once``: a large number in place of infinity stays finite there.
    """
    inputs = _encoder(rng, trap)
    prior = common.distribution(rng, inputs["encoder"].shape[1])
    if trap in ("missed", "once"):
        prior = common.without(rng, prior)
    if trap == "once":
        others = np.arange(len(inputs["encoder"])) != rng.integers(len(inputs["encoder"]))
        kept = np.where(others[:, None] & (prior == 0), 0.0, inputs["encoder"])
        inputs["encoder"] = kept / kept.sum(1, keepdims=True)
    if trap == "neither":
        prior = np.where(inputs["encoder"].max(0) > 0, prior, 0.0)
    return inputs | {"prior": prior / prior.sum()}


def _two_dimensions(rng: np.random.Generator, trap: str) -> Inputs:
    """A code whose aggregate has a ``hole`` in the table, or never takes a value of one dimension, the ``idle``."""
    a, b, n = (int(size) for size in rng.permutation([*rng.permutation([2, 3, 4])[:2], 5]))
    cells = rng.uniform(0.1, 1.0, (n, a, b)) ** 2
    place = tuple(rng.integers([a, b]))
    if trap == "hole":
        cells[:, *place] = 0
    if trap == "idle":
        long = int(b > a)
        cells[(slice(None),) * (1 + long) + (place[long],)] = 0
    encoder = cells / cells.sum((1, 2), keepdims=True)
    return {"encoder": encoder, "first": common.distribution(rng, a), "second": common.distribution(rng, b)}


def _model(rng: np.random.Generator, trap: str) -> Inputs:
    inputs = _encoder(rng, trap)
    n, z = inputs["encoder"].shape
    return inputs | {"prior": common.distribution(rng, z), "log_likelihood": np.log(common.table(rng, n, z))}


def _joint(encoder: Array) -> dict[str, Array]:
    joint = encoder / len(encoder)
    return {"joint": joint, "index": joint.sum(1), "code": joint.sum(0)}


def _unnormalised(encoder: Array) -> dict[str, Array]:
    return {"joint": encoder, "index": encoder.sum(1), "code": encoder.sum(0)}


def _swapped(encoder: Array) -> dict[str, Array]:
    right = _joint(encoder)
    return right | {"index": right["code"], "code": right["index"]}


def _transposed(encoder: Array) -> dict[str, Array]:
    right = _joint(encoder)
    return right | {"joint": right["joint"].T}


def _joint_invariant(answer: dict[str, Any], encoder: Array) -> str | None:
    joint = np.asarray(answer["joint"], float)
    message = common.check_equal("The sum of a joint distribution over all its entries", joint.sum(), 1.0)
    for name, axis in (("index", 1), ("code", 0)):
        whole = f"The marginal '{name}', the sum of your joint over the other variable,"
        message = message or common.check_equal(whole, answer[name], joint.sum(axis))
    n = len(encoder)
    return message or common.check_equal(
        f"As {n} examples are equally likely, the sum of a row of your joint", joint.sum(1), np.full(n, 1 / n)
    )


def _rate(encoder: Array, prior: Array) -> float:
    return elbo_surgery(encoder, [prior]).rate


def _skipped(p: Array, q: Array) -> float:
    """KL(p || q) with the entries left out that q misses."""
    return float(rel_entr(p, np.where(q > 0, q, p)).sum())


def _large(encoder: Array, prior: Array) -> float:
    """The mean over the rows of KL(e(z|n) || p(z)), with the largest float in place of each infinite term."""
    with np.errstate(over="ignore"):
        return float(np.nan_to_num(rel_entr(encoder, prior)).sum() / len(encoder))


def _rate_invariant(answer: float, encoder: Array, prior: Array) -> str | None:
    missed = np.flatnonzero((prior == 0) & (encoder.max(0) > 0))
    if missed.size and np.isfinite(answer):
        return f"Code {missed[0]} is used and has probability 0 in the prior: what is KL then? Not {answer:.4g}."
    if not missed.size and np.isinf(answer):
        return common.INFINITE.format("in the prior")
    return common.check_nonnegative("A rate, a mean of KL divergences,", answer)


def _information(encoder: Array) -> float:
    return elbo_surgery(encoder, [np.full(encoder.shape[1], 1 / encoder.shape[1])]).index_information


def _information_invariant(answer: float, encoder: Array) -> str | None:
    n, z = encoder.shape
    message = common.check_nonnegative("An information", answer)
    return (
        message
        or common.check_at_most("I(n; z)", answer, "log N", np.log(n))
        or common.check_at_most("I(n; z)", answer, "log Z", np.log(z))
    )


def _marginal_kl(encoder: Array, prior: Array) -> float:
    return elbo_surgery(encoder, [prior]).marginal_kl


def _marginal_invariant(answer: float, encoder: Array, prior: Array) -> str | None:
    message = _rate_invariant(answer, encoder, prior)
    return message or common.check_at_most("The marginal KL", answer, "the rate", _rate(encoder, prior))


def _dimensions(encoder: Array, first: Array, second: Array) -> dict[str, Any]:
    found = elbo_surgery(encoder, [first, second])
    return {"total_correlation": found.total_correlation, "dimension_wise_kl": np.array(found.dimension_wise_kl)}


def _backwards(encoder: Array, first: Array, second: Array) -> dict[str, Any]:
    q = encoder.mean(0)
    pairs = ((q.sum(1), first), (q.sum(0), second))
    return {
        "total_correlation": kl(np.outer(q.sum(1), q.sum(0)), q),
        "dimension_wise_kl": np.array([kl(prior, marginal) for marginal, prior in pairs]),
    }


def _to_prior(encoder: Array, first: Array, second: Array) -> dict[str, Any]:
    right = _dimensions(encoder, first, second)
    return right | {"total_correlation": kl(encoder.mean(0), np.outer(first, second))}


def _each_example(encoder: Array, first: Array, second: Array) -> dict[str, Any]:
    found = [_dimensions(e[None], first, second) for e in encoder]
    return {key: np.mean([one[key] for one in found], axis=0) for key in found[0]}


def _dimensions_invariant(answer: dict[str, Any], encoder: Array, first: Array, second: Array) -> str | None:
    for value in (answer["total_correlation"], *np.ravel(answer["dimension_wise_kl"])):
        if message := common.check_nonnegative("A KL divergence", float(value)):
            return message
    total = float(answer["total_correlation"] + np.sum(answer["dimension_wise_kl"]))
    limit = _marginal_kl(encoder.reshape(len(encoder), -1), np.outer(first, second).ravel())
    return common.check_equal("The sum of the parts, KL(q(z) || p(z)),", total, limit)


def _parts(encoder: Array, prior: Array, log_likelihood: Array) -> dict[str, float]:
    forms, found = elbo_forms(encoder, [prior], log_likelihood), elbo_surgery(encoder, [prior])
    evidence = float(logsumexp(log_likelihood, axis=1, b=prior).mean())
    return {
        "reconstruction": forms.term_by_term + found.rate,
        "rate": found.rate,
        "information": found.index_information,
        "marginal_kl": found.marginal_kl,
        "log_evidence": evidence,
        "posterior_kl": evidence - forms.evidence,
    }


def _with_encoder(encoder: Array, prior: Array, log_likelihood: Array) -> dict[str, float]:
    """The evidence as a mean over codes of the encoder, and what is divided by it as posteriors."""
    right = _parts(encoder, prior, log_likelihood)
    evidence = float(logsumexp(log_likelihood, axis=1, b=encoder).mean())
    gap = right["posterior_kl"] + evidence - right["log_evidence"]
    return right | {"log_evidence": evidence, "posterior_kl": gap}


def _log_of_mean(encoder: Array, prior: Array, log_likelihood: Array) -> dict[str, float]:
    evidence = float(np.log((np.exp(log_likelihood) @ prior).mean()))
    return _parts(encoder, prior, log_likelihood) | {"log_evidence": evidence}


def _drawn_from_prior(encoder: Array, prior: Array, log_likelihood: Array) -> dict[str, float]:
    return _parts(encoder, prior, log_likelihood) | {"reconstruction": float((log_likelihood @ prior).mean())}


def _whole_rate(**of: Array) -> dict[str, float]:
    right = _parts(**of)
    return right | {"marginal_kl": right["rate"]}


def _posterior_first(encoder: Array, prior: Array, log_likelihood: Array) -> dict[str, float]:
    posterior = softmax(log_likelihood + np.log(prior), axis=1)
    backwards = kl(posterior, encoder) / len(encoder)
    return _parts(encoder, prior, log_likelihood) | {"posterior_kl": backwards}


def _parts_invariant(answer: dict[str, float], encoder: Array, prior: Array, log_likelihood: Array) -> str | None:
    part = {key: float(value) for key, value in answer.items()}
    for key in ("rate", "information", "marginal_kl", "posterior_kl"):
        if message := common.check_nonnegative(f"'{key}'", part[key]):
            return message
    sums = {
        "reconstruction - rate": part["reconstruction"] - part["rate"],
        "reconstruction - information - marginal_kl": part["reconstruction"]
        - part["information"]
        - part["marginal_kl"],
        "log_evidence - posterior_kl": part["log_evidence"] - part["posterior_kl"],
    }
    close = {a: [b for b in sums if abs(sums[a] - sums[b]) <= 1e-6] for a in sums}
    if any(len(others) < 3 for others in close.values()):
        shown = dict(zip(sums, common.apart(*sums.values()), strict=True))
        alone = [name for name, others in close.items() if len(others) == 1]
        verdict = f"It is {alone[0]} that disagrees" if len(alone) == 1 else "No two of them agree"
        return f"Three sums are one ELBO: {', '.join(f'{k} is {v}' for k, v in shown.items())}. {verdict}."
    message = common.check_at_most("'information'", part["information"], "log N", np.log(len(encoder)))
    if not message and abs(part["log_evidence"] - _parts(encoder, prior, log_likelihood)["log_evidence"]) > 1e-5:
        return "'log_evidence' is wrong, and 'posterior_kl' by as much. Does each row of your posteriors sum to one?"
    return message


CONDITIONAL = "e(z|n) is a conditional table: weight each of its rows by p(n) = 1/N."
SWAPPED = "A marginal is summed over the other variable: swap the axes."
TRANSPOSED = "The joint should keep the encoder's axes: examples first, codes second."
MEAN = "You took a mean over the codes. An expectation over z is a sum weighted by e(z|n); only n has weights 1/N."
ENTRIES = "You took a mean over the codes. An expectation over z is a sum weighted by q(z)."
UNKNOWN = "This is H(z), the entropy of the code. What is left of it once n is known has to go."
REMAINS = "This is H(z|n), what n leaves open about the code. Information is what knowing n takes away."
WHOLE = "This is the mean of the examples' KL, the whole rate. Average the encoders first: KL(q(z) || p(z))."
AGGREGATE = "The aggregate q(z) is the mean of the encoders over n; you summed, so it is no distribution."
OTHER = "The two dimensions have changed places: first belongs to z_1, the second axis of the encoder."
TO_PRIOR = "Total correlation compares q(z) with the product of its own marginals, not with the prior."
EACH = "Both quantities belong to the aggregate: average the encoders over n first, then take the divergences."
LARGE = (
    "Your code makes a large number of infinity, as np.nan_to_num does. Where the prior misses a used code KL is inf."
)
FROM_ENCODER = (
    "Your evidence averages d(x_n|z) over e(z|n). The evidence p(x_n) is the model's own: average over the prior."
)
LOG_OF_MEAN = "You took the logarithm of the mean evidence. Each example has its own: take the mean of the logarithms."
FROM_PRIOR = "The reconstruction averages log d(x_n|z) over codes that the encoder draws, and not over the prior."

JOINT_MISTAKES = (
    CommonMistake("joint not divided by N", CONDITIONAL, _unnormalised, 0.25),
    CommonMistake("marginals swapped", SWAPPED, _swapped, 0.5),
    CommonMistake("joint transposed", TRANSPOSED, _transposed, 0.5),
)
RATE_MISTAKES = (
    common.wrong_sign(_rate),
    common.in_bits(_rate),
    CommonMistake("sum over examples", common.SUMMED, lambda encoder, prior: _rate(encoder, prior) * len(encoder), 0.5),
    CommonMistake("mean over codes", MEAN, lambda encoder, prior: _rate(encoder, prior) / len(prior), 0.25),
    CommonMistake("KL reversed", common.REVERSED, lambda encoder, prior: float(rel_entr(prior, encoder).sum(1).mean())),
    CommonMistake(
        "zeros left out", common.SKIPPED, lambda encoder, prior: _skipped(encoder, prior) / len(encoder), 0.5
    ),
    CommonMistake("infinity made a number", LARGE, _large, 0.5),
)
INFORMATION_MISTAKES = (
    common.wrong_sign(_information),
    common.in_bits(_information),
    CommonMistake("sum over examples", common.SUMMED, lambda encoder: _information(encoder) * len(encoder), 0.5),
    CommonMistake("entropy of the code", UNKNOWN, lambda encoder: entropy(encoder.mean(0))),
    CommonMistake("conditional entropy", REMAINS, lambda encoder: entropy(encoder) / len(encoder)),
)
MARGINAL_MISTAKES = (
    common.wrong_sign(_marginal_kl),
    common.in_bits(_marginal_kl),
    CommonMistake("the whole rate", WHOLE, _rate, 0.25),
    CommonMistake("mean over codes", ENTRIES, lambda encoder, prior: _marginal_kl(encoder, prior) / len(prior), 0.25),
    CommonMistake("KL reversed", common.REVERSED, lambda encoder, prior: kl(prior, encoder.mean(0))),
    CommonMistake("sum for the aggregate", AGGREGATE, lambda encoder, prior: kl(encoder.sum(0), prior)),
    CommonMistake("zeros left out", common.SKIPPED, lambda encoder, prior: _skipped(encoder.mean(0), prior), 0.5),
    CommonMistake(
        "infinity made a number", LARGE, lambda encoder, prior: _large(encoder.mean(0, keepdims=True), prior), 0.5
    ),
)
DIMENSIONS_MISTAKES = (
    common.in_bits(_dimensions),
    CommonMistake("measured from the prior", TO_PRIOR, _to_prior, 0.5),
    CommonMistake(
        "dimensions swapped",
        OTHER,
        lambda **of: (right := _dimensions(**of)) | {"dimension_wise_kl": right["dimension_wise_kl"][::-1]},
        0.5,
    ),
    CommonMistake("KL reversed", common.REVERSED, _backwards),
    CommonMistake("example by example", EACH, _each_example),
)
PARTS_MISTAKES = (
    common.in_bits(_parts),
    CommonMistake(
        "sum over examples", common.SUMMED, lambda **of: common.scaled(_parts, len(of["encoder"]))(**of), 0.5
    ),
    CommonMistake("evidence over the encoder", FROM_ENCODER, _with_encoder, 0.5),
    CommonMistake("logarithm of the mean evidence", LOG_OF_MEAN, _log_of_mean, 0.5),
    CommonMistake("reconstruction over the prior", FROM_PRIOR, _drawn_from_prior, 0.5),
    CommonMistake("the whole rate", WHOLE, _whole_rate, 0.5),
    CommonMistake("KL reversed", common.REVERSED, _posterior_first, 0.5),
)
ENCODER_TRAPS = ("", "", "zeros", "zeros", "idle")
RATE_TRAPS = ("", "", "", "zeros", "zeros", "neither", "missed", "once")
MARGINAL_TRAPS = ("", "", "", "zeros", "idle", "neither", "missed", "once")
ASSIGNMENT = Assignment(
    name="surgery",
    title="Surgery on paper and in code",
    minutes=190,
    questions=(
        Question("joint_and_marginals", 5, _encoder, _joint, _joint_invariant, JOINT_MISTAKES, traps=ENCODER_TRAPS),
        Question("rate", 10, _with_prior, _rate, _rate_invariant, RATE_MISTAKES, traps=RATE_TRAPS),
        Question(
            "index_information",
            8,
            _encoder,
            _information,
            _information_invariant,
            INFORMATION_MISTAKES,
            traps=ENCODER_TRAPS,
        ),
        Question(
            "marginal_kl",
            7,
            _with_prior,
            _marginal_kl,
            _marginal_invariant,
            MARGINAL_MISTAKES,
            traps=MARGINAL_TRAPS,
        ),
        Question(
            "by_dimension",
            15,
            _two_dimensions,
            _dimensions,
            _dimensions_invariant,
            DIMENSIONS_MISTAKES,
            traps=("", "", "hole", "hole", "idle"),
        ),
        Question("elbo_three_ways", 10, _model, _parts, _parts_invariant, PARTS_MISTAKES, traps=ENCODER_TRAPS),
    ),
    manual=(
        ManualQuestion(
            "forecast",
            {
                "all six guesses stand in the table, and a bound for the mirrors, whether right or wrong": 1,
                "the rate is a mean of one number a photograph, and neither change touches those numbers": 2,
                "copies add log 2 to H(n) and to H(n|z), so that the information stays": 2,
                "mirrors spread q(z), so that marginal KL turns into information nat for nat": 2,
            },
        ),
        ManualQuestion(
            "batches",
            {
                "the identity, by putting the batch's aggregate into the logarithm or by the chain rule": 4,
                "both ends of J, and who reaches them: equal aggregates, and batches that share no code": 4,
                "the interval from 4.16 to 11.07 nats, and that both ends can occur": 3,
                "merging adds between 0 and log 2, and what each end says about the halves": 3,
            },
        ),
        ManualQuestion(
            "drawers",
            {
                "five values of beta, three starts, both priors; every run in one picture with labelled axes": 6,
                "shows that D + beta R never rises, and that the rate equals the sum of its parts": 4,
                "which part the learned prior removes; what I(n; z) and D + beta R do, as the picture has it": 5,
                "why all drawers can be in use while the code tells nothing, with a run that shows it": 4,
                "an objection of one's own that could have changed a sentence, and the run that tests it": 5,
            },
        ),
    ),
)
