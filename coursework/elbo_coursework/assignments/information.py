"""The assignment *Information on demand*: variational mutual information, and a bound that is none."""

from functools import partial
from typing import Any

import numpy as np
from scipy.special import xlogy

from companion.exact.decomposition import elbo_surgery
from companion.exact.tables import entropy, mutual_information
from companion.units import bits
from elbo_coursework.assignments import common
from elbo_coursework.questions import Assignment, CommonMistake, Inputs, ManualQuestion, Question

Array = np.ndarray


def _batches(rng: np.random.Generator, trap: str) -> Inputs:
    """Minibatches that differ, as those of images sorted by class do; with ``zeros``, or an ``idle`` category."""
    m, b, k = (int(size) for size in rng.permutation([3, 4, 5, 6])[:3])
    rows = 0.4 * common.table(rng, m * b, k).reshape(m, b, k)
    lean = 0.6 * common.table(rng, m, k)[:, None] + rows
    if trap == "zeros":
        lean *= common.table(rng, m * b, k, zeros=1).reshape(m, b, k) > 0
    lean /= lean.sum(-1, keepdims=True)
    return {"batches": common.without(rng, lean) if trap == "idle" else lean}


def _read(rng: np.random.Generator, trap: str) -> Inputs:
    """An encoder with ``zeros`` or an ``idle`` category, and a reader that excludes nothing.

    Or the reader is ``right`` to exclude what the encoder does, or has ``missed`` what happens.
    """
    x, k = common.sizes(rng, 3, 6)
    encoder = common.table(rng, x, k, zeros=int(trap in ("zeros", "right")))
    encoder = common.without(rng, encoder) if trap == "idle" else encoder
    reader = 0.8 * encoder + 0.2 * common.table(rng, x, k)
    if trap == "right":
        reader *= encoder > 0
    if trap == "missed":
        reader[rng.integers(x), rng.integers(k)] = 0.0
    return {"p_x": common.distribution(rng, x), "encoder": encoder, "reader": reader / reader.sum(1, keepdims=True)}


def _counts(rng: np.random.Generator, trap: str) -> Inputs:
    n, k = common.sizes(rng, 2, 8)
    return {"images": n, "categories": k}


def _samples(rng: np.random.Generator, trap: str) -> Inputs:
    log_q = -rng.exponential(0.5, int(rng.integers(5, 12)))
    return {"log_q": log_q, "entropy": float(rng.uniform(1, 2)), "entropy_se": float(rng.uniform(0.05, 0.3))}


def _many(rng: np.random.Generator, trap: str) -> Inputs:
    """Probabilities with a floor above 0, also if a category is ``idle``, or ``low`` ones, so that the floor is 0."""
    n, k = int(rng.integers(700, 900)), int(rng.integers(5, 7))
    if trap == "low":
        n, share = n // 2, np.eye(k)[0] * 0.95 + 0.05 / k
    else:
        share = rng.uniform(0.8, 1.2, k) / k
    probs = rng.dirichlet(20 * share, n)
    return {"probs": common.without(rng, probs) if trap == "idle" else probs, "risk": float(rng.uniform(0.02, 0.2))}


def _chain(rng: np.random.Generator, trap: str) -> Inputs:
    """Tables with ``zeros``, an ``idle`` category, or a code that is drawn ``blindly``."""
    x, k = common.sizes(rng, 3, 5)
    encoder, decoder = (common.table(rng, *shape, zeros=int(trap == "zeros")) for shape in ((x, k), (k, 6)))
    if trap == "idle":
        encoder = common.without(rng, encoder)
    if trap == "blindly":
        encoder = np.tile(encoder[0], (x, 1))
    return {"p_x": common.distribution(rng, x), "encoder": encoder, "decoder": decoder}


def _report(batches: Array) -> dict[str, float]:
    encoder = batches.reshape(-1, batches.shape[-1])
    aggregate = encoder.mean(0)
    found = elbo_surgery(encoder, [np.full(len(aggregate), 1 / len(aggregate))])
    parted = {"information": found.index_information, "marginal_kl": found.marginal_kl}
    return {"mean_kl": found.rate} | parted | {"entropy": entropy(aggregate)}


def _within(batches: Array) -> dict[str, float]:
    each = [_report(batch[None]) for batch in batches]
    return {key: float(np.mean([one[key] for one in each])) for key in each[0]}


def _report_invariant(answer: dict[str, float], batches: Array) -> str | None:
    mean, parted, rest = (float(answer[key]) for key in ("mean_kl", "information", "marginal_kl"))
    for key, value in answer.items():
        message = common.check_nonnegative(f"'{key}'", float(value))
        if message := message or common.check_at_most(f"'{key}'", float(value), "log K", np.log(batches.shape[-1])):
            return message
    return common.check_equal("'mean_kl', the sum of your 'information' and your 'marginal_kl',", mean, parted + rest)


def _bound(p_x: Array, encoder: Array, reader: Array, h: float | None = None) -> float:
    """The bound with the entropy ``h``, by default that of the aggregate."""
    return float(xlogy(p_x[:, None] * encoder, reader).sum()) + (entropy(p_x @ encoder) if h is None else h)


def _bound_invariant(answer: float, p_x: Array, encoder: Array, reader: Array) -> str | None:
    missed = np.argwhere((encoder > 0) & (reader == 0))
    if missed.size and np.isfinite(answer):
        x, c = missed[0]
        return f"The reader gives category {c} of x = {x} probability 0, and it comes: what is log 0? Not {answer:.4g}."
    if not missed.size and np.isinf(answer):
        return common.INFINITE.format("with the reader")
    return common.check_at_most(
        "A lower bound on I(c; x)", answer, "I(c; x)", mutual_information(p_x[:, None] * encoder)
    )


def _collapse(images: int, categories: int, even: bool = False) -> dict[str, Any]:
    row = np.full(categories, 1 / categories) if even else np.eye(categories)[0]
    table, claimed = np.tile(row, (images, 1)), 0.0 if even else float(np.log(categories))
    return {"encoder": table, "reader": table, "claimed": claimed, "information": 0.0}


def _collapse_invariant(answer: dict[str, Any], images: int, categories: int) -> str | None:
    encoder, reader = (np.asarray(answer[key], float) for key in ("encoder", "reader"))
    for name, table in (("encoder", encoder), ("reader", reader)):
        if message := common.check_distribution(f"A row of your {name}", table):
            return message
    if encoder[:, 0].min() < 1 - common.TOLERANCE:
        return "All images should go to category 0."
    if (told_of_x := mutual_information(encoder / images)) > 1e-6:
        return f"Your encoder tells {told_of_x:.4g} nats about the image, and should tell nothing."
    claimed = float(xlogy(encoder / images, reader).sum()) + np.log(categories)
    return common.check_equal("'claimed', the mean of log Q of your tables plus log K,", answer["claimed"], claimed)


def _estimate(
    log_q: Array, entropy: float, entropy_se: float, ddof: int = 1, n: int | None = None, power: int = 2
) -> dict[str, float]:
    errors = np.array([log_q.std(ddof=ddof) / np.sqrt(n or len(log_q)), entropy_se])
    return {"value": float(log_q.mean() + entropy), "se": float((errors**power).sum() ** (1 / power))}


def _estimate_invariant(answer: dict[str, float], log_q: Array, entropy: float, entropy_se: float) -> str | None:
    se = float(answer["se"])
    if se < entropy_se - common.SLACK:
        alone, found = common.apart(entropy_se, se)
        return f"The entropy alone has an error of {alone}, and the sum of both has only {found} in your answer."
    return common.check_at_most(
        "The value", float(answer["value"]), "the entropy, since log Q is never positive,", entropy
    )


def _floor(probs: Array, risk: float, sign: int = -1, tails: int = 1, least: float = 0.0) -> float:
    n, k = probs.shape
    margin = np.log(n * k / 2) * np.sqrt(2 * np.log(tails / risk) / n)
    return float(max(least, entropy(probs.mean(0)) + sign * margin))


def _floor_invariant(answer: float, probs: Array, risk: float) -> str | None:
    message = common.check_nonnegative("An entropy, and so a bound on it that is worth its name,", answer)
    if answer == 0 < _floor(probs, risk):
        return HIDDEN
    return message or common.check_at_most("A floor", answer, "the entropy of the mean", entropy(probs.mean(0)))


def _three(p_x: Array, encoder: Array, decoder: Array) -> dict[str, float]:
    seen = p_x[:, None] * encoder
    written = (p_x @ encoder)[:, None] * decoder
    through = mutual_information(seen @ decoder)
    return {"data": mutual_information(seen), "reconstruction": mutual_information(written), "through": through}


def _drawn_evenly(decoder: Array) -> float:
    return mutual_information(decoder / len(decoder))


def _three_invariant(answer: dict[str, float], p_x: Array, encoder: Array, decoder: Array) -> str | None:
    through = float(answer["through"])
    for key in ("data", "reconstruction"):
        message = common.check_nonnegative(f"'{key}'", float(answer[key]))
        if message := message or common.check_at_most("I(x; x')", through, f"your '{key}'", float(answer[key])):
            return message
    return None


WITHIN = (
    "This is a mean over minibatches. One of B images knows log B at most, and only its own mix: pool all images first."
)
ROWS = "This is the mean entropy of e(c|x). The entropy of the aggregate is that of the mean."
PRIOR = "log K is the entropy of the prior. The categories that come have that of the aggregate, H(q(c))."
BARE = "This is the mean of log Q alone. What is known of c before reading, its entropy, has to be added."
SURE = "You took the reader for the encoder: this is I(c; x) itself. The bound has log Q, of the reader at hand."
BLIND = "An even reader has a mean log Q of -log K, and nothing is claimed. Let it be sure, and right."
HONEST = "That is the bound with the entropy of the aggregate, a true one. Claimed is what the prior's gives."
BITS = "The claim is in bits, and the course counts in nats: use the natural logarithm."
ROOT = "This is the spread of single values. That of their mean is smaller by the root of n."
SUMMED = "Independent errors add in quadrature: the root of the sum of squares."
ALONE = "The entropy is estimated too: its standard error belongs to the sum."
ONE_LESS = "From a sample, divide the squares by n - 1."
MINUS = "The entropy is added to the mean of log Q, which is negative."
UPPER = "A floor lies below the estimate: subtract the margin."
TWO_SIDED = "Only one side can fail: the risk is not shared between two tails."
HIDDEN = (
    "The floor is above 0 here. Is yours NaN before the end? Python's max(0.0, nan) is 0.0, which hides it: look for "
    "0 log 0, and for the root of a negative number."
)
ZERO = "An entropy is never negative: a floor below 0 says 0."
CODE = "You gave I(x; x') twice. 'reconstruction' is about the code and what is written from it: x is out of it."
EVENLY = "The decoder is fed codes that come with the aggregate q(c), not evenly."

REPORT_MISTAKES = (
    common.in_bits(_report),
    CommonMistake("mean over minibatches", WITHIN, _within, 0.25),
    CommonMistake(
        "entropy of the rows",
        ROWS,
        lambda batches: _report(batches) | {"entropy": -xlogy(batches, batches).sum(-1).mean()},
        0.5,
    ),
    CommonMistake(
        "entropy of the prior", PRIOR, lambda batches: _report(batches) | {"entropy": np.log(batches.shape[-1])}, 0.5
    ),
)
BOUND_MISTAKES = (
    CommonMistake("entropy of the prior", PRIOR, lambda **of: _bound(**of, h=np.log(of["encoder"].shape[1])), 0.25),
    CommonMistake("no entropy", BARE, partial(_bound, h=0.0), 0.25),
    CommonMistake("encoder for reader", SURE, lambda **of: _bound(**of | {"reader": of["encoder"]}), 0.25),
    common.in_bits(_bound),
    CommonMistake(
        "misses left out",
        common.SKIPPED,
        lambda **of: _bound(**of | {"reader": of["reader"] + (of["reader"] == 0)}),
        0.5,
    ),
)
COLLAPSE_MISTAKES = (
    CommonMistake("even categories", BLIND, partial(_collapse, even=True), 0.25),
    CommonMistake("honest claim", HONEST, lambda **of: _collapse(**of) | {"claimed": 0.0}, 0.5),
    CommonMistake(
        "claim in bits", BITS, lambda **of: _collapse(**of) | {"claimed": bits(np.log(of["categories"]))}, 0.5
    ),
)
ESTIMATE_MISTAKES = (
    CommonMistake("spread of single values", ROOT, partial(_estimate, n=1), 0.5),
    CommonMistake("errors added", SUMMED, partial(_estimate, power=1), 0.5),
    CommonMistake("entropy's error left out", ALONE, lambda entropy_se, **of: _estimate(**of, entropy_se=0.0), 0.5),
    CommonMistake("n for n - 1", ONE_LESS, partial(_estimate, ddof=0), 0.5),
    CommonMistake("entropy subtracted", MINUS, lambda entropy, **of: _estimate(**of, entropy=-entropy), 0.25),
)
FLOOR_MISTAKES = (
    CommonMistake("margin added", UPPER, partial(_floor, sign=1), 0.25),
    CommonMistake("two-sided", TWO_SIDED, partial(_floor, tails=2), 0.5),
    CommonMistake("below zero", ZERO, partial(_floor, least=-np.inf), 0.5),
    common.in_bits(_floor),
)
THREE_MISTAKES = (
    common.in_bits(_three),
    CommonMistake("x for its code", CODE, lambda **of: _three(**of) | {"reconstruction": _three(**of)["through"]}, 0.5),
    CommonMistake(
        "codes evenly", EVENLY, lambda **of: _three(**of) | {"reconstruction": _drawn_evenly(of["decoder"])}, 0.5
    ),
)
REPORT_TRAPS = ("", "", "zeros", "zeros", "idle")
READER_TRAPS = ("", "", "", "zeros", "right", "idle", "missed", "missed")
FLOOR_TRAPS = ("", "", "", "", "idle", "low", "low", "low")
CHAIN_TRAPS = ("", "", "zeros", "idle", "blindly")
ASSIGNMENT = Assignment(
    name="information",
    title="Information on demand",
    minutes=210,
    questions=(
        Question("category_report", 13, _batches, _report, _report_invariant, REPORT_MISTAKES, traps=REPORT_TRAPS),
        Question("barber_agakov", 13, _read, _bound, _bound_invariant, BOUND_MISTAKES, traps=READER_TRAPS),
        Question("counterexample", 6, _counts, _collapse, _collapse_invariant, COLLAPSE_MISTAKES),
        Question("bound_with_error", 8, _samples, _estimate, _estimate_invariant, ESTIMATE_MISTAKES),
        Question("entropy_floor", 5, _many, _floor, _floor_invariant, FLOOR_MISTAKES, traps=FLOOR_TRAPS),
        Question("three_informations", 10, _chain, _three, _three_invariant, THREE_MISTAKES, traps=CHAIN_TRAPS),
    ),
    manual=(
        ManualQuestion(
            "prediction",
            {
                "the prediction commits itself before the picture": 1,
                "says what came, in numbers": 1,
                "the distance of the curves is KL(q || uniform), small at one end and log 10 at the other": 2,
                "the valley comes from the rows' entropy, which is concave": 2,
            },
        ),
        ManualQuestion(
            "minibatch",
            {
                "the loss is the mean divergence, with the linear term": 4,
                "KL against chi-squared, Jensen the right way round": 3,
                "the variance of the mean, K - 1, and the case of equality": 5,
                "puts it together, 176 images, and equality at B = 1": 3,
            },
        ),
        ManualQuestion(
            "experiment",
            {
                "both rewards, three seeds each: claim, truth and log 10 over the steps, in one picture with units": 5,
                "truth from whole splits, not minibatches; in the end on test images too, with their number": 4,
                "the worst run: its categories, pictures, and its distance beside KL(q(c) || uniform)": 5,
                "a liar of your own, off by 0.3 nats or more, and the line of the proof that it breaks": 6,
                "the numbers that convict each of the two, and what your seeds cannot show": 4,
            },
        ),
    ),
)
