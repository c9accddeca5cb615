"""The assignment *Rate-distortion by Blahut-Arimoto*: the frontier of a fixed distortion, with a certificate."""

from functools import partial
from typing import Any

import numpy as np
from scipy.special import rel_entr

from companion.exact.rate_distortion import bernoulli_rate, binary_entropy, blahut_arimoto
from companion.exact.tables import entropy
from companion.units import bits
from elbo_coursework.assignments import common
from elbo_coursework.questions import Assignment, CommonMistake, Inputs, ManualQuestion, Question

Array = np.ndarray


def _source(rng: np.random.Generator) -> Inputs:
    return {"p_x": common.distribution(rng, int(rng.integers(3, 7)), zeros=int(rng.integers(2)))}


def _coded(rng: np.random.Generator) -> Inputs:
    x, z = common.sizes(rng, 3, 5)
    encoder, distortion = common.table(rng, x, z, zeros=1), rng.uniform(0, 3, (x, z))
    if rng.random() < 0.4:  # a code that is forbidden, and never drawn
        distortion[0, encoder[0] == 0] = np.inf
    return {
        "p_x": common.distribution(rng, x, zeros=int(rng.integers(2))),
        "encoder": encoder,
        "distortion": distortion,
    }


def _bernoulli(rng: np.random.Generator) -> Inputs:
    p = float(rng.uniform(0.1, 0.9))
    share = rng.uniform(0.1, 0.9) if rng.random() < 0.6 else rng.uniform(1.05, 1.6)
    return {"p": p, "distortion": float(share * min(p, 1 - p))}


def _searched(rng: np.random.Generator) -> Inputs:
    x, z = common.sizes(rng, 3, 5)
    slope = float(rng.uniform(1.5, 4.0))
    return {"p_x": common.distribution(rng, x), "distortion": rng.uniform(0, 3, (x, z)), "slope": slope}


def _with_marginal(rng: np.random.Generator) -> Inputs:
    inputs = _searched(rng)
    return inputs | {"marginal": common.distribution(rng, inputs["distortion"].shape[1], zeros=int(rng.integers(2)))}


def _quick(rng: np.random.Generator) -> Inputs:
    """An instance on which plain steps from the uniform marginal converge soon, and to more than nothing."""
    while True:
        inputs = _searched(rng)
        slopes = (inputs["slope"], 1 / inputs["slope"])
        if all(_converges(**inputs | {"slope": slope}) for slope in slopes) and _point(**inputs)["rate"] > 0.05:
            return inputs


def _converges(p_x: Array, distortion: Array, slope: float) -> bool:
    """Whether 1500 plain steps reach the certificate 1e-10."""
    m = np.full(distortion.shape[1], 1 / distortion.shape[1])
    for _ in range(1500):
        m = m * _ratios(p_x, distortion, slope, m)
    return _certificate(p_x, distortion, slope, m) < 1e-10


def _curve(rng: np.random.Generator) -> Inputs:
    n = int(rng.integers(4, 7))
    rates, falls = np.cumsum(rng.uniform(0.2, 1.0, n)), np.sort(rng.uniform(0.5, 5.0, n - 1))[::-1]
    distortions = 20 - np.append(0.0, np.cumsum(falls * np.diff(rates)))
    order = rng.permutation(n)
    while (np.diff(order) == 1).all():
        order = rng.permutation(n)
    return {"rates": rates[order], "distortions": distortions[order]}


def _entropy(p_x: Array) -> float:
    return entropy(p_x)


def _entropy_invariant(answer: float, p_x: Array) -> str | None:
    message = common.check_nonnegative("An entropy", answer)
    return message or common.check_at_most("The entropy", answer, "the log of the number of symbols", np.log(len(p_x)))


def _expected(p_x: Array, encoder: Array, distortion: Array) -> float:
    joint = p_x[:, None] * encoder
    return float((joint * np.where(joint > 0, distortion, 0.0)).sum())


def _expected_invariant(answer: float, p_x: Array, encoder: Array, distortion: Array) -> str | None:
    drawn = distortion[(p_x[:, None] * encoder) > 0]
    if not drawn.min() - common.SLACK <= answer <= drawn.max() + common.SLACK:
        return f"A mean of {drawn.min():.4g} to {drawn.max():.4g} lies between them; yours is {answer:.4g}."
    return None


def _rate_invariant(answer: float, p: float, distortion: float) -> str | None:
    message = common.check_nonnegative("A rate", answer)
    return message or common.check_at_most("The rate", answer, "the entropy of the source", binary_entropy(p))


def _step(p_x: Array, distortion: Array, slope: float, marginal: Array, axis: int = 1) -> dict[str, Array]:
    weights = marginal * np.exp(-slope * distortion)
    total = weights.sum(axis, keepdims=True)
    encoder = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return {"encoder": encoder, "marginal": p_x @ encoder}


def _step_invariant(answer: dict[str, Array], **inputs: Any) -> str | None:
    encoder, marginal = (np.asarray(answer[key], float) for key in ("encoder", "marginal"))
    message = common.check_distribution("A row of your encoder", encoder) or common.check_distribution(
        "Your marginal", marginal
    )
    if not message and not np.allclose(marginal, inputs["p_x"] @ encoder):
        return f"The new marginal should be the aggregate of your encoder, {(inputs['p_x'] @ encoder).round(4)}."
    return message


def _ratios(p_x: Array, distortion: Array, slope: float, marginal: Array) -> Array:
    likelihood = np.exp(-slope * distortion)
    return (p_x / (likelihood @ marginal)) @ likelihood


def _certificate(p_x: Array, distortion: Array, slope: float, marginal: Array) -> float:
    return float(np.log(_ratios(p_x, distortion, slope, marginal).max()))


def _certificate_invariant(answer: float, **inputs: Any) -> str | None:
    return common.check_nonnegative("The mean of c(z) over m(z) is 1, so the certificate", answer)


def _point(p_x: Array, distortion: Array, slope: float) -> dict[str, float]:
    found = blahut_arimoto(p_x, distortion, slope, tolerance=1e-10)
    return {"rate": found.rate, "distortion": found.distortion}


def _after(steps: int, p_x: Array, distortion: Array, slope: float) -> dict[str, float]:
    """The point after some steps from the uniform marginal."""
    m = np.full(distortion.shape[1], 1 / distortion.shape[1])
    for _ in range(steps):
        found = _step(p_x, distortion, slope, m)
        m = found["marginal"]
    rate = float(p_x @ rel_entr(found["encoder"], np.broadcast_to(m, distortion.shape)).sum(1))
    return {"rate": rate, "distortion": _expected(p_x, found["encoder"], distortion)}


def _point_invariant(answer: dict[str, float], p_x: Array, distortion: Array, slope: float) -> str | None:
    rate, mean = (float(answer[key]) for key in ("rate", "distortion"))
    message = common.check_nonnegative("A rate", rate) or common.check_at_most(
        "The rate", rate, "the entropy of the source", entropy(p_x)
    )
    blind, right = float((p_x @ distortion).min()), _point(p_x, distortion, slope)
    message = message or common.check_at_most("The distortion", mean, "that of the best single code", blind + 1e-3)
    excess = rate - right["rate"] + slope * (mean - right["distortion"])
    if not message and abs(excess) > 1e-2:
        way = "can still be lowered: what does your certificate say?" if excess > 0 else "is lower than any encoder's."
        return f"R + s D = {rate + slope * mean:.4g} {way}"
    return message


def _slopes(rates: Array, distortions: Array, order: Array | None = None) -> dict[str, Array]:
    order = np.argsort(rates) if order is None else order
    beta = -np.diff(distortions[order]) / np.diff(rates[order])
    return {"beta": beta, "slope": 1 / beta}


def _slopes_invariant(answer: dict[str, Array], rates: Array, distortions: Array) -> str | None:
    beta, slope = (np.asarray(answer[key], float) for key in ("beta", "slope"))
    if beta.min() <= 0:
        return f"D falls as R grows, and beta is its fall per nat, so positive; you have {beta.min():.4g}."
    if not np.allclose(beta * slope, 1):
        return f"beta and s are each other's inverse, and one of your products is {(beta * slope).max():.4g}."
    return None


EVEN = "You averaged evenly. An expectation over x weights each symbol by p_x."
LOGS = "You averaged log p evenly. The entropy weights each -log p(x) by p(x)."
CODES = "You left the encoder out: a code comes with probability e(z|x), not evenly."
SIZE = "You divided by the number of entries. The joint table sums to one already: a sum is the expectation."
UNCUT = "From D = min(p, 1 - p) on, the same guess for every symbol does: the rate is 0 there, not h(p) - h(D)."
LOSSLESS = "This is h(p), the price of no error at all. Errors that are allowed save h(D)."
FALLS = "You subtracted the wrong way round: a larger D leaves less to send."
NO_MARGINAL = "The encoder is m(z) exp(-s d(x, z)) over its sum: the current marginal is missing."
AXIS = "You normalised over x. An encoder is a distribution over z for each x."
INVERSE = "You took s for beta. Here R + s D is minimised, so s multiplies d; beta of D + beta R is 1/s."
NO_LOG = "This is max c(z). The certificate is its logarithm, in nats."
AVERAGE = "c(z) averages to 1 under m(z), whatever m(z) is. What certifies is its maximum."
BITS = "The distortion is right, and the rate is in bits. The course counts in nats: use the natural logarithm."
FIRST = "This is the encoder of the uniform marginal. Replace it by the aggregate until the certificate holds."
ORDER = "Neighbours on the curve are neighbours in R: sort the points by rate before taking differences."
BOTH = "beta and s have changed places: beta = -dD/dR is in units of D per nat, s = 1/beta."
DOWN = "The curve falls, so dD/dR is negative, and beta is minus it."

ENTROPY_MISTAKES = (
    common.wrong_sign(_entropy),
    common.in_bits(_entropy),
    CommonMistake("even mean of the logs", LOGS, lambda p_x: -float(np.log(p_x[p_x > 0]).mean())),
)
EXPECTED_MISTAKES = (
    CommonMistake("source left out", EVEN, lambda p_x, **of: _expected(np.full(len(p_x), 1 / len(p_x)), **of), 0.25),
    CommonMistake(
        "encoder left out", CODES, lambda p_x, encoder, distortion: float((p_x[p_x > 0] @ distortion[p_x > 0]).mean())
    ),
    CommonMistake("mean of the table", SIZE, lambda **of: _expected(**of) / of["encoder"].size, 0.25),
)
RATE_MISTAKES = (
    CommonMistake("no cut", UNCUT, lambda p, distortion: binary_entropy(p) - binary_entropy(distortion), 0.5),
    CommonMistake("wrong sign", FALLS, lambda p, distortion: -bernoulli_rate(p, distortion), 0.25),
    common.in_bits(bernoulli_rate),
    CommonMistake("nothing lost", LOSSLESS, lambda p, distortion: binary_entropy(p)),
)
STEP_MISTAKES = (
    CommonMistake(
        "marginal left out", NO_MARGINAL, lambda marginal, **of: _step(**of, marginal=np.ones(len(marginal))), 0.25
    ),
    CommonMistake("normalised over x", AXIS, partial(_step, axis=0), 0.25),
    CommonMistake("beta for s", INVERSE, lambda slope, **of: _step(**of, slope=1 / slope), 0.25),
    CommonMistake(
        "source left out", EVEN, lambda **of: _step(**of) | {"marginal": _step(**of)["encoder"].mean(0)}, 0.5
    ),
)
CERTIFICATE_MISTAKES = (
    CommonMistake("no logarithm", NO_LOG, lambda **of: float(_ratios(**of).max()), 0.5),
    common.in_bits(_certificate),
    CommonMistake("mean of c", AVERAGE, lambda **of: float(np.log(_ratios(**of).mean())), 0.25),
    CommonMistake("beta for s", INVERSE, lambda slope, **of: _certificate(**of, slope=1 / slope), 0.25),
)
POINT_MISTAKES = (
    CommonMistake("beta for s", INVERSE, lambda slope, **of: _point(**of, slope=1 / slope), 0.25),
    CommonMistake("rate in bits", BITS, lambda **of: _point(**of) | {"rate": bits(_point(**of)["rate"])}, 0.5),
    CommonMistake("first step only", FIRST, partial(_after, 1)),
)
SLOPES_MISTAKES = (
    CommonMistake("wrong sign", DOWN, common.scaled(_slopes, -1), 0.5),
    CommonMistake("points not sorted", ORDER, lambda **of: _slopes(**of, order=np.arange(len(of["rates"]))), 0.25),
    CommonMistake(
        "beta and s swapped", BOTH, lambda **of: dict(zip(("slope", "beta"), _slopes(**of).values(), strict=True)), 0.5
    ),
)
ASSIGNMENT = Assignment(
    name="rate_distortion",
    title="Rate-distortion by Blahut-Arimoto",
    minutes=170,
    questions=(
        Question("source_entropy", 5, _source, _entropy, _entropy_invariant, ENTROPY_MISTAKES),
        Question("expected_distortion", 5, _coded, _expected, _expected_invariant, EXPECTED_MISTAKES),
        Question(
            "bernoulli_rate",
            8,
            _bernoulli,
            bernoulli_rate,
            _rate_invariant,
            RATE_MISTAKES,
            instances=8,
        ),
        Question("blahut_arimoto_step", 13, _with_marginal, _step, _step_invariant, STEP_MISTAKES),
        Question(
            "certificate",
            10,
            _with_marginal,
            _certificate,
            _certificate_invariant,
            CERTIFICATE_MISTAKES,
        ),
        Question("frontier_point", 9, _quick, _point, _point_invariant, POINT_MISTAKES, tolerance=2e-3),
        Question("beta_and_slope", 5, _curve, _slopes, _slopes_invariant, SLOPES_MISTAKES),
    ),
    manual=(
        ManualQuestion(
            "silence",
            {
                "an order of all four reports with a reason, whether right or wrong": 1,
                "drizzle is last because it does the least harm of all constant reports, with the numbers": 3,
                "rain goes before storm because drizzle can stand in for rain at little harm, with the numbers": 3,
            },
        ),
        ManualQuestion(
            "paper",
            {
                "c(z) = 1 for the uniform marginal, and that the certificate is 0 for it": 3,
                "D as a function of s, solved for s, and R(D) with its range": 4,
                "both directions of the condition: the certificate for if, a lower F for only if": 4,
                "the coin's beta, no finite beta for the K symbols, and a reason": 3,
            },
        ),
        ManualQuestion(
            "stall",
            {
                "a source and a table of one's own, five symbols or more, with reasons for the numbers": 5,
                "one picture over 25 slopes or more: probabilities of codes and steps, with labelled axes": 6,
                "ties peaks to slopes at which a code comes in, and says why steps are short there": 5,
                "a slope at which the friend stops too early, with the certificate and both distortions": 4,
                "one threshold checked in a second way, and whether it agrees": 4,
            },
        ),
    ),
)
