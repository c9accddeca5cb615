"""The assignment *A beta sweep of your own*: measure trained models, and compare them without fooling yourself."""

from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit

from companion.exact import fronts
from elbo_coursework.assignments import common
from elbo_coursework.questions import Assignment, CommonMistake, Inputs, ManualQuestion, Question

Array = np.ndarray


def _codes(rng: np.random.Generator, trap: str) -> Inputs:
    """Codes of which a dimension is as ``sharp`` as trained ones can be, or an image has the ``prior`` itself."""
    n, j = common.sizes(rng, 3, 7)
    mean, log_variance = rng.normal(0, 1.5, (n, j)), rng.uniform(-4, 0.5, (n, j))
    if trap == "sharp":
        log_variance[:, rng.integers(j)] = rng.uniform(-30, -25, n)
    if trap == "prior":
        row = rng.integers(n)
        mean[row], log_variance[row] = 0.0, 0.0
    return {"mean": mean, "log_variance": log_variance}


def _pixels(rng: np.random.Generator, trap: str) -> Inputs:
    """A decoder that is ``sure`` of a pixel in each image, as trained ones are, or sure of the ``wrong`` thing."""
    (height, width), n = common.sizes(rng, 2, 5), int(rng.integers(6, 9))
    pixels = rng.integers(0, 2, (n, height, width)).astype(float)
    logits = rng.normal(0, 2, pixels.shape)
    if trap:
        pixels[:2, 0, 0] = rng.permutation([0.0, 1.0])
        logits[:, 0, 0] = 900 * (2 * pixels[:, 0, 0] - 1) * (1 if trap == "sure" else -1)
    return {"pixels": pixels, "logits": logits}


def _dimensions(rng: np.random.Generator, trap: str) -> Inputs:
    """Live dimensions, one that equals the prior, one of the same code for all, and one of little activity.

    Or, with a ``tie``, one whose activity is the threshold, exactly so in floating point.
    """
    n, j, threshold = 2 * int(rng.integers(4, 6)), int(rng.integers(4, 7)), 0.01
    mean, log_variance = rng.normal(0, 1, (n, j)), np.tile(rng.uniform(-4, -2, j), (n, 1))
    mean[:, 0], log_variance[:, 0] = 0.0, 0.0
    mean[:, 1], log_variance[:, 1] = 1.5, -1.0
    mean[:, 2] *= 0.04
    if trap == "tie":
        mean[:, 3], threshold = rng.permutation(np.resize([-0.5, 0.5], n)), 0.25
    order = rng.permutation(j)
    return {"mean": mean[:, order], "log_variance": log_variance[:, order], "threshold": threshold}


def _points(rng: np.random.Generator, trap: str) -> Inputs:
    """A falling staircase with a point that the hull cuts, ties in one coordinate, and dominated points.

    Of two points that tie in a coordinate the dominated one comes last in the list, or first with ``worse first``. Two
    edges of the hull have slopes that are ``close``: no coarse grid of beta tells them apart.
    """
    n = int(rng.integers(4, 7))
    falls = 0.4 * np.cumprod(rng.uniform(1.4, 1.9, n - 1))[::-1]
    if trap == "close":
        i = int(rng.integers(1, n - 1))
        falls[i] = 0.9995 * falls[i - 1]
    rates = np.cumsum(rng.uniform(1, 3, n))
    distortions = 80 - np.append(0.0, np.cumsum(falls * np.diff(rates)))
    left = int(rng.integers(n - 1))  # a point of the front, above the edge to the next corner
    rate = rates[left] + rng.uniform(0.3, 0.7) * (rates[left + 1] - rates[left])
    above = (np.interp(rate, rates, distortions) + distortions[left]) / 2
    ties = [(rates[1], (distortions[0] + distortions[1]) / 2), (rates[-1] + 1.0, distortions[-1])]
    points = [*zip(rates, distortions, strict=True), (rate, above), (rates[0] + 1.5, 81.0)]
    points = [points[i] for i in rng.permutation(len(points))]
    points = ties + points if trap == "worse first" else points + ties
    return dict(zip(("rates", "distortions"), np.array(points).T.copy(), strict=True))


def _runs(rng: np.random.Generator, trap: str) -> Inputs:
    """A sweep in which the model trained at one beta serves another beta better, and every yardstick counts."""

    def draw() -> Inputs:
        n = int(rng.integers(4, 7))
        betas = np.geomspace(0.2, 4, n) * rng.uniform(0.9, 1.1, n)
        rates, distortions = 12 - 6 * np.log(betas / betas[0]), 70 + 6 * betas
        rates[rng.integers(n)] += 4.0
        order = rng.permutation(n)
        return {"betas": betas[order], "rates": rates[order], "distortions": distortions[order]}

    def holds(**of: Array) -> bool:
        betas, found = of["betas"], _compared(**of)
        others = [
            found["elbo"].argmin(),
            _own_objective(**of)["best"],
            of["distortions"].argmin(),
            of["rates"].argmin(),
        ]
        chosen = [_chosen(weights, **of) for weights in (1 / betas, np.ones(len(betas)))]
        told = all((found["chosen"] != other).any() for other in [*chosen, np.arange(len(betas))])
        return bool(told and found["best"] not in others and np.any(np.diff(betas) < 0))

    return common.until(draw, holds)


def _elements(mean: Array, log_variance: Array) -> Array:
    return (mean**2 + np.exp(log_variance) - 1 - log_variance) / 2


def _rate(mean: Array, log_variance: Array) -> Array:
    return _elements(mean, log_variance).sum(1)


def _rate_with(mean: Array, log_variance: Array, small: float) -> Array:
    variance = np.exp(log_variance)
    return ((mean**2 + variance - 1 - np.log(variance + small)) / 2).sum(1)


def _rate_invariant(answer: Array, **inputs: Any) -> str | None:
    return common.check_nonnegative("A KL divergence", float(np.min(answer)))


def _surprise(pixels: Array, logits: Array) -> Array:
    return np.logaddexp(0, logits) - pixels * logits


def _distortion(pixels: Array, logits: Array) -> Array:
    return _surprise(pixels, logits).sum((1, 2))


def _clipped(pixels: Array, logits: Array, small: float = 1e-7) -> Array:
    p = np.clip(expit(logits), small, 1 - small)
    return -(pixels * np.log(p) + (1 - pixels) * np.log(1 - p)).sum((1, 2))


def _distortion_invariant(answer: Array, pixels: Array, logits: Array) -> str | None:
    lost = np.flatnonzero(np.isinf(np.asarray(answer, float)))
    if lost.size:
        most = np.abs(logits[lost[0]]).max()
        return f"Image {lost[0]} has logits of {most:.4g} at most, which is finite, and yours costs infinitely much."
    worst = np.max(np.abs(logits) * ((logits > 0) != (pixels > 0)), (1, 2))
    low = int((np.asarray(answer) - worst).argmin())
    if answer[low] < worst[low] - 1e-6:
        least, found = common.apart(worst[low], float(answer[low]))
        return f"A pixel of image {low} costs {least} nats at least, and your image costs {found}."
    return None


def _activity(mean: Array, log_variance: Array, threshold: float, spread: Array | None = None) -> dict[str, Array]:
    spread = mean.var(0) if spread is None else spread
    rates = _elements(mean, log_variance).mean(0)
    return {"rates": rates, "activity": spread, "active": (spread > threshold).astype(float)}


def _by_rate(mean: Array, log_variance: Array, threshold: float) -> dict[str, Array]:
    right = _activity(mean, log_variance, threshold)
    return right | {"active": (right["rates"] > threshold).astype(float)}


def _by_deviation(mean: Array, log_variance: Array, threshold: float) -> dict[str, Array]:
    return _activity(mean, log_variance, threshold, spread=mean.std(0))


def _activity_invariant(answer: dict[str, Any], mean: Array, threshold: float, **inputs: Any) -> str | None:
    activity, active = (np.asarray(answer[key], float) for key in ("activity", "active"))
    still = np.flatnonzero((np.ptp(mean, 0) == 0) & (activity > threshold))
    if still.size:
        return f"The mean of dimension {still[0]} never moves, and you give it an activity of {activity[still[0]]:.4g}."
    wrong = np.flatnonzero((activity > threshold) != (active > 0))
    if wrong.size:
        found, limit = common.apart(activity[wrong[0]], threshold)
        return (
            f"Active is what has an activity above {limit}. Yours of dimension {wrong[0]} is {found}, and you say "
            f"{active[wrong[0]]:g}."
        )
    return common.check_nonnegative("A KL divergence", float(np.min(answer["rates"])))


def _mask(places: Array, n: int) -> Array:
    return np.isin(np.arange(n), places).astype(float)


def _front(rates: Array, distortions: Array) -> Array:
    return _mask(fronts.pareto_front(rates, distortions), len(rates))


def _hull(rates: Array, distortions: Array) -> Array:
    return _mask(fronts.lower_hull(rates, distortions), len(rates))


def _ties_kept(rates: Array, distortions: Array) -> Array:
    worse = (rates < rates[:, None]) & (distortions < distortions[:, None])
    return (~worse.any(1)).astype(float)


def _least_sum(rates: Array, distortions: Array) -> Array:
    return _mask((rates + distortions).argmin(keepdims=True), len(rates))


def _front_invariant(answer: Array, rates: Array, distortions: Array) -> str | None:
    for i in np.flatnonzero(answer):
        no_worse = (rates <= rates[i]) & (distortions <= distortions[i])
        better = no_worse & ((rates < rates[i]) | (distortions < distortions[i]))
        if better.any():
            k = better.argmax()
            r, d = (common.apart(values[k], values[i]) for values in (rates, distortions))
            return f"Point {k}, ({r[0]}, {d[0]}), is better than point {i}, ({r[1]}, {d[1]}), and you keep {i}."
    if not np.any(answer):
        return NOTHING
    return UNBEATEN if (_front(rates, distortions) > np.asarray(answer)).any() else None


def _hull_invariant(answer: Array, rates: Array, distortions: Array) -> str | None:
    kept = np.maximum(answer, _front(rates, distortions) - _hull(rates, distortions))  # the hull may leave these out
    message = _front_invariant(kept if np.any(answer) else answer, rates, distortions)
    return MISSED if message == UNBEATEN else message


def _chosen(weights: Array, rates: Array, distortions: Array, **inputs: Any) -> Array:
    return (distortions + weights[:, None] * rates).argmin(1)


def _compared(betas: Array, rates: Array, distortions: Array) -> dict[str, Any]:
    elbo = -(rates + distortions)
    return {"elbo": elbo, "best": int(elbo.argmax()), "chosen": _chosen(betas, rates, distortions)}


def _own_objective(betas: Array, rates: Array, distortions: Array) -> dict[str, Any]:
    value = -(distortions + betas * rates)
    return _compared(betas, rates, distortions) | {"elbo": value, "best": int(value.argmax())}


def _compared_invariant(answer: dict[str, Any], betas: Array, rates: Array, distortions: Array) -> str | None:
    elbo, best = np.asarray(answer["elbo"], float), int(answer["best"])
    if elbo.max() > 0:
        return f"An ELBO is -(R + D), below 0 for binary images, and one of yours is {elbo.max():.4g}."
    if best != elbo.argmax():
        return f"'best' is the place of your largest ELBO, {elbo.argmax()}, and yours is {best}."
    return None


ROOT = "The second argument is the log of the variance, not of the standard deviation: sigma squared is exp of it."
HALF = "The whole sum has a factor of one half."
ONE = "A term is missing: for the prior itself, mean 0 and variance 1, the divergence should be 0."
DIMENSIONS = "You took the mean over the dimensions of the code. A rate is their sum."
PIXELS = "You took the mean over the pixels. A log likelihood is their sum: a mean over n makes beta n times as heavy."
INK = "Pixels without ink count too: they cost -log(1 - p)."
CLIP = "You clipped the probabilities: a sure and wrong pixel costs too little. Compute with the logits themselves."
ALL = "You reduced over the examples as well. One number per image is asked for."
PAYS = "A dimension may pay a rate and tell nothing: a code that is the same for all images. Judge by the activity."
SPREAD = "This is the standard deviation of the means. The activity is their variance."
GIVEN = "You added a small number inside the logarithm. The log of the variance is given: use it as it is."
NOTHING = (
    "You keep no point, and one with the least rate is dominated by none. Does a point dominate itself in your code?"
)
MISSED = (
    "You leave out a point that has the least D + beta R for some beta. Between two prices there is always another."
)
UNBEATEN = "You leave out a point that no other dominates."
NOISE = "This is the encoder's own noise. Activity is how far the mean moves from image to image."
ONE_LESS = "Divide by N, not by N - 1: the images at hand are all that is asked about."
TIES = "With equal rates the higher distortion is dominated: no more of either and less of one is enough."
MORE = "A higher rate is no merit by itself: less of both is better."
SUM = "This is the best ELBO alone. The front has every point that nothing dominates."
CUT = "This is the hull. Points that the hull cuts off are dominated by no single point: keep them."
CORNERS = "This is the Pareto front. A point above the segment between two others is best for no beta."
ENDS = "The two ends belong to the hull: the least rate, and the least distortion."
OBJECTIVES = "Objectives with different beta are different yardsticks. The ELBO is -(R + D) for every model."
SWAPPED = "beta weighs the rate: D + beta R."
OWN = "That a model was trained at a beta does not make it the best of the list for that beta. Compare all of them."

RATE_MISTAKES = (
    common.wrong_sign(_rate),
    common.in_bits(_rate),
    CommonMistake(
        "mean over dimensions", DIMENSIONS, lambda mean, log_variance: _elements(mean, log_variance).mean(1), 0.5
    ),
    CommonMistake("log of the deviation", ROOT, lambda mean, log_variance: _rate(mean, 2 * log_variance), 0.25),
    *(
        CommonMistake(f"{small:g} added to the variance", GIVEN, partial(_rate_with, small=small), 0.5)
        for small in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
    ),
    CommonMistake("no half", HALF, common.scaled(_rate, 2), 0.5),
    CommonMistake(
        "constant missing", ONE, lambda mean, log_variance: _rate(mean, log_variance) + mean.shape[1] / 2, 0.25
    ),
)
PIXEL_MISTAKES = (
    common.wrong_sign(_distortion),
    common.in_bits(_distortion),
    CommonMistake("mean over pixels", PIXELS, lambda **of: _surprise(**of).mean((1, 2)), 0.5),
    CommonMistake("ink alone", INK, lambda pixels, logits: (pixels * np.logaddexp(0, -logits)).sum((1, 2)), 0.25),
    *(
        CommonMistake(f"clipped at {at:g}", CLIP, partial(_clipped, small=at), 0.5)
        for at in (1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
    ),
    CommonMistake("sum over all", ALL, lambda **of: _surprise(**of).sum(), 0.25),
)
ACTIVITY_MISTAKES = (
    CommonMistake("judged by the rate", PAYS, _by_rate, 0.5),
    CommonMistake(
        "noise for activity", NOISE, lambda **of: _activity(**of, spread=np.exp(of["log_variance"]).mean(0)), 0.25
    ),
    CommonMistake("deviation for variance", SPREAD, _by_deviation, 0.5),
    CommonMistake("one less", ONE_LESS, lambda **of: _activity(**of, spread=of["mean"].var(0, ddof=1)), 0.5),
)
FRONT_MISTAKES = (
    CommonMistake("ties kept", TIES, _ties_kept, 0.5),
    CommonMistake("more rate taken for better", MORE, lambda rates, distortions: _front(-rates, distortions)),
    CommonMistake("hull for front", CUT, _hull, 0.5),
    CommonMistake("best sum alone", SUM, _least_sum),
)
HULL_MISTAKES = (
    CommonMistake("front for hull", CORNERS, _front, 0.5),
    CommonMistake("ends left out", ENDS, lambda **of: _mask(fronts.lower_hull(**of)[1:-1], len(of["rates"])), 0.5),
    CommonMistake("best sum alone", SUM, _least_sum),
)
COMPARED_MISTAKES = (
    CommonMistake("own objectives", OBJECTIVES, _own_objective, 0.5),
    CommonMistake("beta on D", SWAPPED, lambda **of: _compared(**of) | {"chosen": _chosen(1 / of["betas"], **of)}, 0.5),
    CommonMistake("each its own", OWN, lambda **of: _compared(**of) | {"chosen": np.arange(len(of["betas"]))}, 0.5),
)
PIXEL_TRAPS = ("", "", "", "", "sure", "sure", "wrong", "wrong")
FRONT_TRAPS = ("", "", "worse first", "worse first", "worse first")
HULL_TRAPS = ("", "", "worse first", "close", "close")
ASSIGNMENT = Assignment(
    name="sweep",
    title="A beta sweep of your own",
    minutes=200,
    questions=(
        Question(
            "gaussian_rate", 8, _codes, _rate, _rate_invariant, RATE_MISTAKES, traps=("", "", "", "sharp", "prior")
        ),
        Question(
            "bernoulli_distortion",
            10,
            _pixels,
            _distortion,
            _distortion_invariant,
            PIXEL_MISTAKES,
            traps=PIXEL_TRAPS,
        ),
        Question(
            "active_dimensions",
            10,
            _dimensions,
            _activity,
            _activity_invariant,
            ACTIVITY_MISTAKES,
            traps=("", "", "", "", "tie"),
        ),
        Question("on_the_front", 7, _points, _front, _front_invariant, FRONT_MISTAKES, traps=FRONT_TRAPS),
        Question("on_the_hull", 12, _points, _hull, _hull_invariant, HULL_MISTAKES, traps=HULL_TRAPS),
        Question("compare_models", 8, _runs, _compared, _compared_invariant, COMPARED_MISTAKES),
    ),
    manual=(
        ManualQuestion(
            "prediction",
            {
                "the prediction commits itself before the picture": 1,
                "says what came, in numbers with their errors": 1,
                "dimensions save unequally, and each closes when beta passes what it saves for a nat": 3,
                "the ELBO is the loss of beta = 1, and neighbours within their error are not told apart": 1,
            },
        ),
        ManualQuestion(
            "threshold",
            {
                "expands D to second order and names the order of what is dropped": 4,
                "R to second order": 2,
                "finds the best mean for given slopes": 3,
                "arrives at the largest eigenvalue of the correlations": 3,
                "both extreme cases, the other eigenvalues, and that large codes are not covered": 2,
                "the number for the digits": 1,
            },
        ),
        ManualQuestion(
            "experiment",
            {
                "six prices or more, two seeds each, test images, in one picture with named axes and units": 5,
                "the threshold is drawn in, and compared with where the rate vanishes, in numbers": 4,
                "rates, activity and swap of a silent model, and what each of the three tells alone": 6,
                "an intervention that can tell the reasons apart, and a control that differs in nothing else": 5,
                "a conclusion that rests on the picture, and what you would have seen if it were wrong": 4,
            },
        ),
    ),
)
