"""The assignment *A beta sweep of your own*: measure trained models, and compare them without fooling yourself."""

from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit

from companion.exact import fronts
from elbo_coursework.assignments import common
from elbo_coursework.questions import Assignment, CommonMistake, Inputs, ManualQuestion, Question

Array = np.ndarray


def _codes(rng: np.random.Generator) -> Inputs:
    n, j = common.sizes(rng, 3, 7)
    return {"mean": rng.normal(0, 1.5, (n, j)), "log_variance": rng.uniform(-4, 0.5, (n, j))}


def _pixels(rng: np.random.Generator) -> Inputs:
    (height, width), n = common.sizes(rng, 2, 5), int(rng.integers(6, 9))
    pixels = rng.integers(0, 2, (n, height, width)).astype(float)
    logits = rng.normal(0, 2, pixels.shape)
    if rng.random() < 0.5:  # as sure as a trained decoder, and once sure of the wrong thing
        logits[0] = np.where(pixels[0] > 0, 900.0, -900.0)
        logits[0, 0, 0] *= -1
    return {"pixels": pixels, "logits": logits}


def _dimensions(rng: np.random.Generator) -> Inputs:
    """Live dimensions, one that equals the prior, one of the same code for all, and one of little activity."""
    n, j = int(rng.integers(8, 12)), int(rng.integers(4, 7))
    mean, log_variance = rng.normal(0, 1, (n, j)), np.tile(rng.uniform(-4, -2, j), (n, 1))
    mean[:, 0], log_variance[:, 0] = 0.0, 0.0
    mean[:, 1], log_variance[:, 1] = 1.5, -1.0
    mean[:, 2] *= 0.05
    order = rng.permutation(j)
    return {"mean": mean[:, order], "log_variance": log_variance[:, order], "threshold": 0.01}


def _points(rng: np.random.Generator) -> Inputs:
    """A falling staircase with a corner that the hull cuts, ties in one coordinate, and dominated points."""
    n = int(rng.integers(4, 7))
    rates, falls = np.cumsum(rng.uniform(1, 3, n)), np.sort(rng.uniform(0.4, 6, n - 1))[::-1]
    distortions = 80 - np.append(0.0, np.cumsum(falls * np.diff(rates)))
    dented = int(rng.integers(1, n - 1))
    chord = np.interp(rates[dented], rates[[dented - 1, dented + 1]], distortions[[dented - 1, dented + 1]])
    distortions[dented] = (chord + distortions[dented - 1]) / 2
    rates = np.concatenate([rates, [rates[1], rates[-1] + 1.0, rates[0] + 1.5]])
    distortions = np.concatenate([distortions, [distortions[1] + 2.0, distortions[-1], 81.0]])
    order = rng.permutation(len(rates))
    return {"rates": rates[order], "distortions": distortions[order]}


def _runs(rng: np.random.Generator) -> Inputs:
    """A sweep in which the model trained at one beta serves another beta better."""
    n = int(rng.integers(4, 7))
    betas = np.geomspace(0.2, 4, n) * rng.uniform(0.9, 1.1, n)
    rates, distortions = 12 - 6 * np.log(betas / betas[0]), 70 + 6 * betas
    rates[rng.integers(n)] += 4.0
    order = rng.permutation(n)
    return {"betas": betas[order], "rates": rates[order], "distortions": distortions[order]}


def _elements(mean: Array, log_variance: Array) -> Array:
    return (mean**2 + np.exp(log_variance) - 1 - log_variance) / 2


def _rate(mean: Array, log_variance: Array) -> Array:
    return _elements(mean, log_variance).sum(1)


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
    worst = np.max(np.abs(logits) * ((logits > 0) != (pixels > 0)), (1, 2))
    low = int((np.asarray(answer) - worst).argmin())
    if answer[low] < worst[low] - 1e-6:
        return f"A pixel of image {low} costs {worst[low]:.4g} nats at least, and your image costs {answer[low]:.4g}."
    return None


def _activity(mean: Array, log_variance: Array, threshold: float, spread: Array | None = None) -> dict[str, Array]:
    spread = mean.var(0) if spread is None else spread
    rates = _elements(mean, log_variance).mean(0)
    return {"rates": rates, "activity": spread, "active": (spread > threshold).astype(float)}


def _by_rate(mean: Array, log_variance: Array, threshold: float) -> dict[str, Array]:
    right = _activity(mean, log_variance, threshold)
    return right | {"active": (right["rates"] > threshold).astype(float)}


def _activity_invariant(answer: dict[str, Any], mean: Array, threshold: float, **inputs: Any) -> str | None:
    activity, active = (np.asarray(answer[key], float) for key in ("activity", "active"))
    still = np.flatnonzero((np.ptp(mean, 0) == 0) & (activity > threshold))
    if still.size:
        return f"The mean of dimension {still[0]} never moves, and you give it an activity of {activity[still[0]]:.4g}."
    wrong = np.flatnonzero((activity > threshold) != (active > 0))
    if wrong.size:
        return f"Your activity {activity[wrong[0]]:.4g} and your verdict {active[wrong[0]]:g} on {wrong[0]} disagree."
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
            return f"Point {k}, ({rates[k]:.4g}, {distortions[k]:.4g}), is better than point {i}, and you keep {i}."
    return None


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
ASSIGNMENT = Assignment(
    name="sweep",
    title="A beta sweep of your own",
    minutes=120,
    questions=(
        Question("gaussian_rate", 15, _codes, _rate, _rate_invariant, RATE_MISTAKES),
        Question(
            "bernoulli_distortion",
            20,
            _pixels,
            _distortion,
            _distortion_invariant,
            PIXEL_MISTAKES,
            instances=8,
        ),
        Question("active_dimensions", 15, _dimensions, _activity, _activity_invariant, ACTIVITY_MISTAKES),
        Question("on_the_front", 10, _points, _front, _front_invariant, FRONT_MISTAKES),
        Question("on_the_hull", 15, _points, _hull, _front_invariant, HULL_MISTAKES),
        Question("compare_models", 15, _runs, _compared, _compared_invariant, COMPARED_MISTAKES),
    ),
    manual=(
        ManualQuestion("reading", {"what beta does to R, D and the active dimensions": 3, "states split and error": 2}),
        ManualQuestion("yardstick", {"ELBO and objective are told apart": 3, "names what one seed cannot show": 2}),
    ),
)
