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
POINT_TOLERANCE = 2e-3  # of a point of the frontier, that of plain steps


def _source(rng: np.random.Generator, trap: str) -> Inputs:
    size = int(rng.integers(3, 7))
    return {"p_x": common.distribution(rng, size, zeros=int(trap == "zeros"))}


def _coded(rng: np.random.Generator, trap: str) -> Inputs:
    """An infinite distortion where the code never comes, ``forbidden``; the source, ``absent``; or both, ``drawn``."""
    x, z = common.sizes(rng, 3, 5)
    p_x, encoder, distortion = common.distribution(rng, x), common.table(rng, x, z), rng.uniform(0, 3, (x, z))
    row = int(rng.integers(x))
    if trap == "forbidden":
        encoder = common.table(rng, x, z, zeros=1)
        distortion[row, encoder[row] == 0] = np.inf
    if trap in ("absent", "drawn"):
        distortion[row, rng.integers(z)] = np.inf
    if trap == "absent":
        p_x[row] = 0
    return {"p_x": p_x / p_x.sum(), "encoder": encoder, "distortion": distortion}


def _bernoulli(rng: np.random.Generator, trap: str) -> Inputs:
    """A coin that shows ``few`` or ``many`` ones, and a distortion on the curve, ``exact`` where it is 0.

    Or the distortion lies ``beyond`` the end of the curve, between p and 1 - p, or ``above`` both.
    """
    least, gap = rng.uniform(0.1, 0.4), rng.uniform(0.2, 0.8)
    p = 1 - least if trap.startswith("many") else least
    if trap.endswith("beyond"):
        distortion = least + gap * (1 - 2 * least)
    elif trap.endswith("above"):
        distortion = 1 - gap * least
    else:
        distortion = 0.0 if trap == "exact" else gap * least
    return {"p": float(p), "distortion": float(distortion)}


def _searched(rng: np.random.Generator) -> Inputs:
    x, z = common.sizes(rng, 3, 5)
    slope = float(rng.uniform(1.5, 4.0))
    return {"p_x": common.distribution(rng, x), "distortion": rng.uniform(0, 3, (x, z)), "slope": slope}


def _with_marginal(rng: np.random.Generator, trap: str) -> Inputs:
    """A code that the marginal leaves out, ``dropped``, ``wanted`` back by the certificate; or one ``forbidden``."""

    def draw() -> Inputs:
        inputs = _searched(rng)
        x, z = inputs["distortion"].shape
        marginal = common.distribution(rng, z)
        if trap == "forbidden":
            inputs["distortion"][rng.integers(x), rng.integers(z)] = np.inf
        return inputs | {"marginal": common.without(rng, marginal) if trap in ("dropped", "wanted") else marginal}

    def holds(marginal: Array, **of: Any) -> bool:
        wanted = int(_ratios(**of, marginal=marginal).argmax())
        return bool(marginal[wanted] == 0) == (trap == "wanted")

    return common.until(draw, holds)


def _quick(rng: np.random.Generator, trap: str) -> Inputs:
    """An instance on which plain steps from the uniform marginal converge: ten, or, if it is ``slow``, 20 to 1200.

    A code that falls out of use does so slowly, so that no honest number of steps makes a probability 0.
    """

    def draw() -> Inputs:
        z, x = sorted(common.sizes(rng, 3, 5))
        distortion, slope = rng.uniform(1, 6, (x, z)), float(rng.uniform(0.5, 0.8))
        distortion[np.arange(x), np.resize(np.arange(z), x)] = rng.uniform(0, 1.5, x)
        return {"p_x": common.distribution(rng, x), "distortion": distortion, "slope": slope}

    def holds(slope: float, **of: Any) -> bool:
        one, ten, twenty, forty = _along((1, 10, 20, 40), **of, slope=slope)
        if abs(twenty - forty) < POINT_TOLERANCE if trap == "slow" else abs(ten - twenty) > POINT_TOLERANCE:
            return False
        left, ratios, m = _left(**of, slope=slope)
        if left > 1e-10 or ratios.min() < 0.9 or _left(**of, slope=1 / slope)[0] > 1e-10:
            return False
        end = _expected(of["p_x"], _step(**of, slope=slope, marginal=m)["encoder"], of["distortion"])
        far = POINT_TOLERANCE * (1 + end)
        late = abs(twenty - end) > 1.5 * far if trap == "slow" else max(abs(ten - end), abs(twenty - end)) < far / 10
        return bool(abs(one - end) > 2 * far and late)

    return common.until(draw, holds)


def _along(counts: tuple[int, ...], p_x: Array, distortion: Array, slope: float) -> list[float]:
    """The distortion after each number of steps from the uniform marginal."""
    m, likelihood, found = np.ones(distortion.shape[1]), np.exp(-slope * distortion), []
    for n in range(1, counts[-1] + 1):
        weights = m * likelihood
        joint = weights * (p_x / weights.sum(1))[:, None]
        m = joint.sum(0)
        found += [float((joint * distortion).sum())] * (n in counts)
    return found


def _left(p_x: Array, distortion: Array, slope: float) -> tuple[float, Array, Array]:
    """The certificate, c(z) and m(z) after 1200 plain steps, or where the certificate falls below 1e-11."""
    m, likelihood = np.full(distortion.shape[1], 1 / distortion.shape[1]), np.exp(-slope * distortion)
    for _ in range(1200):
        ratios = (p_x / (likelihood @ m)) @ likelihood
        if ratios.max() < 1 + 1e-11:
            break
        m = m * ratios
    return float(np.log(ratios.max())), ratios, m


def _curve(rng: np.random.Generator, trap: str) -> Inputs:
    """Points in a mixed order, or from the highest rate down, ``falling``."""
    n = int(rng.integers(4, 7))
    rates, falls = np.cumsum(rng.uniform(0.2, 1.0, n)), np.sort(rng.uniform(0.5, 5.0, n - 1))[::-1]
    distortions = 20 - np.append(0.0, np.cumsum(falls * np.diff(rates)))
    order = np.arange(n)
    while (np.diff(order) == 1).all() or (np.diff(order) == -1).all():
        order = rng.permutation(n)
    order = np.arange(n)[::-1] if trap == "falling" else order
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
    if np.isinf(drawn).any() or np.isinf(answer):
        if np.isfinite(answer):
            return f"An infinite distortion comes here, with a probability above 0, and your mean is {answer:.4g}."
        none = "Nothing that comes here has an infinite distortion, and your mean is infinite."
        return None if np.isinf(drawn).any() else none
    if not drawn.min() - common.SLACK <= answer <= drawn.max() + common.SLACK:
        return "A mean of {} to {} lies between them; yours is {}.".format(
            *common.apart(drawn.min(), drawn.max(), answer)
        )
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
    return message or common.check_equal(
        "The new marginal, the aggregate of your encoder,", marginal, inputs["p_x"] @ encoder
    )


def _ratios(p_x: Array, distortion: Array, slope: float, marginal: Array) -> Array:
    likelihood = np.exp(-slope * distortion)
    return (p_x / (likelihood @ marginal)) @ likelihood


def _certificate(p_x: Array, distortion: Array, slope: float, marginal: Array) -> float:
    return float(np.log(_ratios(p_x, distortion, slope, marginal).max()))


def _in_use(p_x: Array, distortion: Array, slope: float, marginal: Array) -> float:
    return float(np.log(_ratios(p_x, distortion, slope, marginal)[marginal > 0].max()))


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
    if not message and abs(excess) > 1e-4:
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
    return common.check_equal("As beta and s are each other's inverse, their product", beta * slope, np.ones(len(beta)))


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
IN_USE = (
    "You took the maximum over the codes that m(z) uses. One that it leaves out may be wanted back: ask all of them."
)
AVERAGE = "c(z) averages to 1 under m(z), whatever m(z) is. What certifies is its maximum."
BITS = "The distortion is right, and the rate is in bits. The course counts in nats: use the natural logarithm."
FIRST = "This is the encoder of the uniform marginal. Replace it by the aggregate until the certificate holds."
ORDER = "Neighbours on the curve are neighbours in R: sort the points by rate before taking differences."
RISING = "The answer goes from the lowest rate to the highest, and yours goes the other way."
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
    CommonMistake("codes in use alone", IN_USE, _in_use, 0.5),
    CommonMistake("mean of c under m", AVERAGE, lambda **of: 0.0, 0.25),
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
    CommonMistake("order reversed", RISING, lambda **of: _slopes(**of, order=np.argsort(-of["rates"])), 0.5),
    CommonMistake(
        "beta and s swapped", BOTH, lambda **of: dict(zip(("slope", "beta"), _slopes(**of).values(), strict=True)), 0.5
    ),
)
SOURCE_TRAPS = ("", "", "", "zeros", "zeros")
CODED_TRAPS = ("", "", "forbidden", "absent", "drawn")
COIN_TRAPS = ("few", "few", "many", "exact", "few beyond", "many beyond", "few above", "many above")
STEP_TRAPS = ("", "", "dropped", "wanted", "forbidden")
CERTIFICATE_TRAPS = ("", "", "dropped", "wanted", "wanted")
POINT_TRAPS = ("", "", "", "slow", "slow")
CURVE_TRAPS = ("", "", "", "", "falling")
ASSIGNMENT = Assignment(
    name="rate_distortion",
    title="Rate-distortion by Blahut-Arimoto",
    minutes=170,
    questions=(
        Question("source_entropy", 5, _source, _entropy, _entropy_invariant, ENTROPY_MISTAKES, traps=SOURCE_TRAPS),
        Question(
            "expected_distortion", 5, _coded, _expected, _expected_invariant, EXPECTED_MISTAKES, traps=CODED_TRAPS
        ),
        Question(
            "bernoulli_rate",
            8,
            _bernoulli,
            bernoulli_rate,
            _rate_invariant,
            RATE_MISTAKES,
            traps=COIN_TRAPS,
        ),
        Question("blahut_arimoto_step", 13, _with_marginal, _step, _step_invariant, STEP_MISTAKES, traps=STEP_TRAPS),
        Question(
            "certificate",
            10,
            _with_marginal,
            _certificate,
            _certificate_invariant,
            CERTIFICATE_MISTAKES,
            traps=CERTIFICATE_TRAPS,
        ),
        Question(
            "frontier_point",
            9,
            _quick,
            _point,
            _point_invariant,
            POINT_MISTAKES,
            tolerance=POINT_TOLERANCE,
            traps=POINT_TRAPS,
        ),
        Question(
            "beta_and_slope", 5, _curve, _slopes, _slopes_invariant, SLOPES_MISTAKES, tolerance=1e-4, traps=CURVE_TRAPS
        ),
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
