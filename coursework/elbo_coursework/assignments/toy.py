"""The assignment *The toy that the ELBO cannot solve*: tables of equal ELBO that keep all of the class, or nothing."""

from typing import Any

import numpy as np
from scipy.special import ndtr

from companion.exact.discrete import DiscreteModel
from companion.exact.tables import entropy, mutual_information
from elbo_coursework.assignments import common
from elbo_coursework.questions import Assignment, CommonMistake, Inputs, ManualQuestion, Question

Array = np.ndarray
TOLERANCE = 1e-3  # nats, of a point on the line


def _process(rng: np.random.Generator, trap: str) -> Inputs:
    """Bins that are even or ``uneven``, and a class whose mean lies ``outside`` them; both tails always weigh."""
    k, bins, sigma = int(rng.integers(2, 4)), int(rng.integers(5, 9)), float(rng.uniform(0.5, 0.9))
    means = np.linspace(-1, 1, k) + rng.uniform(-0.2, 0.2, k)
    edges = np.linspace(-2, 2, bins + 1)
    if trap == "uneven":
        edges += rng.uniform(-0.4, 0.4, bins + 1) * 4 / bins
    if trap == "outside":
        means[0] = -2.2 - rng.uniform(0, 1)
    return {"p_z": common.distribution(rng, k), "means": means, "sigma": sigma, "edges": edges}


def _tables(rng: np.random.Generator, trap: str) -> Inputs:
    """An encoder with ``zeros``, a decoder that has ``missed`` what happens, or ``neither`` gives some x a code."""
    x, z = common.sizes(rng, 3, 5)
    encoder, decoder = common.table(rng, x, z, zeros=int(trap in ("zeros", "neither"))), common.table(rng, z, x)
    if trap == "neither":
        decoder = decoder * (encoder.T > 0)
    if trap == "missed":
        decoder[rng.integers(z), rng.integers(x)] = 0
    p_x, marginal = common.distribution(rng, x), common.distribution(rng, z)
    return {"p_x": p_x, "encoder": encoder, "decoder": _rows(decoder), "marginal": marginal}


def _classes(rng: np.random.Generator, trap: str) -> Inputs:
    """A code with an ``idle`` value, or a class that never has one of the values, ``hole``."""
    k, x, z = int(rng.integers(2, 4)), int(rng.integers(4, 7)), int(rng.choice([2, 3, 7]))
    joint = common.distribution(rng, k)[:, None] * common.table(rng, k, x)
    encoder = common.table(rng, x, 3 if trap == "idle" else z, zeros=int(trap == "zeros"))
    if trap == "idle":
        encoder = common.without(rng, encoder)
    if trap == "hole":
        seen = rng.permutation(x)[:2]
        joint[0, seen], encoder[:, 0] = 0, 0
        encoder[seen, 0] = rng.uniform(0.3, 0.7, 2)
        encoder[:, 1] += 0.1
    return {"joint": joint / joint.sum(), "encoder": _rows(encoder)}


def _blend(rng: np.random.Generator, trap: str) -> Inputs:
    """A share between 0 and 1, or ``all``, or ``none``."""
    shares = {"all": 1.0, "none": 0.0}
    return {"joint": _classes(rng, "")["joint"], "share": shares.get(trap, float(rng.uniform(0.2, 0.8)))}


def _points(rng: np.random.Generator, trap: str) -> Inputs:
    """Points on the line within the tolerance, on either side, above it and below it, and two that cannot be.

    With ``ends`` two more lie on the very ends of the line.
    """
    h, r, order = rng.uniform(1.5, 3.0), rng.uniform(0.2, 1.2, 10), rng.permutation(10)
    near, far, large = rng.uniform(1e-4, 4e-4, 2), rng.uniform(6e-4, 9e-4, 2), rng.uniform(0.1, 0.4)
    total = h + np.array([near[0], -near[1], far[0], -far[1], 0.3, 0.6, -large, 0.002, 0.0, 0.0])
    r[-2:] = -0.3, h + 0.2
    r, d = r[order], (total - r)[order]
    if trap == "ends":
        r, d = np.append(r, [0.0, h]), np.append(d, [h, 0.0])
    return {"rates": r, "distortions": d, "entropy": float(h)}


def _candidates(rng: np.random.Generator, trap: str) -> Inputs:
    """Candidates of which the nearest to the target is best, or, where it is ``dear``, another one."""

    def draw() -> Inputs:
        rates = rng.permutation(np.linspace(0.1, 2.5, int(rng.integers(5, 9))))
        distortions = 3.0 - rates + rng.uniform(0, 1 if trap == "dear" else 0.3, len(rates))
        inputs = {"rates": rates, "distortions": distortions, "target": float(rng.uniform(0.8, 1.6))}
        return inputs | {"weight": float(rng.uniform(2, 4))}

    def holds(**of: Any) -> bool:
        values = np.sort(_objective(**of)["values"])
        best, nearest, least = (
            int(_objective(**of)["best"]),
            _nearest(of["rates"], of["target"]),
            of["distortions"].argmin(),
        )
        return bool(values[1] - values[0] > 0.02 and best != least and (best != nearest) == (trap == "dear"))

    return common.until(draw, holds)


def _even(values: Array) -> Array:
    return np.full(len(values), 1 / len(values))


def _rows(values: Array) -> Array:
    return values / values.sum(-1, keepdims=True)


def _toy(p_z: Array, means: Array, sigma: float, edges: Array, tails: bool = True) -> dict[str, Array]:
    inner = np.concatenate([[-np.inf], edges[1:-1], [np.inf]]) if tails else edges
    conditional = np.diff(ndtr((inner - means[:, None]) / sigma))
    return {"conditional": conditional, "p_x": p_z @ conditional}


def _spread(p_z: Array, **of: Any) -> dict[str, Array]:
    rows = _rows(_toy(p_z, **of, tails=False)["conditional"])
    return {"conditional": rows, "p_x": p_z @ rows}


def _centres(p_z: Array, means: Array, sigma: float, edges: Array) -> dict[str, Array]:
    density = np.exp(-(((edges[1:] + edges[:-1]) / 2 - means[:, None]) ** 2) / (2 * sigma**2))
    return {"conditional": _rows(density), "p_x": p_z @ _rows(density)}


def _toy_invariant(answer: dict[str, Array], p_z: Array, **inputs: Any) -> str | None:
    conditional, p_x = (np.asarray(answer[key], float) for key in ("conditional", "p_x"))
    message = common.check_distribution("A row of your p(x|z*)", conditional) or common.check_distribution(
        "Your p(x)", p_x
    )
    return message or common.check_equal("p(x), the mean of your rows weighted by p(z*),", p_x, p_z @ conditional)


def _plane(**tables: Any) -> dict[str, float]:
    model = DiscreteModel(**tables)
    return {"rate": model.rate, "distortion": model.distortion}


def _log_of_mean(p_x: Array, encoder: Array, decoder: Array, marginal: Array) -> dict[str, float]:
    likelihood = (encoder * decoder.T).sum(1)
    right = _plane(p_x=p_x, encoder=encoder, decoder=decoder, marginal=marginal)
    return right | {"distortion": -float(p_x @ np.log(likelihood))}


def _plane_invariant(answer: dict[str, float], **tables: Any) -> str | None:
    model, (rate, distortion) = DiscreteModel(**tables), (float(answer[key]) for key in ("rate", "distortion"))
    if np.isinf(model.distortion) and np.isfinite(distortion):
        return f"The decoder gives an x that comes with a code probability 0: what is D then? Not {distortion:.4g}."
    if np.isinf(distortion) and np.isfinite(model.distortion):
        return common.INFINITE.format("in the decoder")
    least = model.mutual_information, model.entropy - model.mutual_information
    for name, value, bound in zip(
        ("R is at least I(x; z)", "D is at least H - I"), (rate, distortion), least, strict=True
    ):
        if value < bound - common.TOLERANCE:
            limit, found = common.apart(bound, value)
            return f"{name} = {limit}, and yours is {found}."
    return None


def _kept(joint: Array, encoder: Array) -> float:
    return mutual_information(joint @ encoder)


def _all_kept(joint: Array, encoder: Array) -> float:
    return mutual_information(joint.sum(0)[:, None] * encoder)


def _kept_invariant(answer: float, joint: Array, encoder: Array) -> str | None:
    message = common.check_nonnegative("An information", answer)
    message = message or common.check_at_most(
        "What the code keeps of the class", answer, "I(x; z*)", mutual_information(joint)
    )
    return message or common.check_at_most(
        "What the code keeps of the class", answer, "I(x; z)", _all_kept(joint, encoder)
    )


def _blended(joint: Array, share: float, blind: Array | None = None) -> dict[str, Array]:
    """An encoder that draws from p(z*|x) with probability ``share``, else from ``blind``, and its best mates."""
    p_x, p_z = joint.sum(0), joint.sum(1)
    encoder = share * (joint / p_x).T + (1 - share) * (p_z if blind is None else blind)
    k, x = joint.shape
    model = DiscreteModel(p_x, encoder, np.full((k, x), 1 / x), _even(p_z))
    best = model.with_optimal_marginal().with_optimal_decoder()
    return {"encoder": best.encoder, "decoder": best.decoder, "marginal": best.marginal}


def _blended_invariant(answer: dict[str, Array], joint: Array, share: float) -> str | None:
    tables = {key: np.asarray(value, float) for key, value in answer.items()}
    message = (common.check_distribution(f"A row of your {key}", value) for key, value in tables.items())
    if found := next((sentence for sentence in message if sentence), None):
        return found
    model = DiscreteModel(joint.sum(0), **{key: _rows(value) for key, value in tables.items()})
    return common.check_equal("R + D of your tables", model.rate + model.distortion, model.entropy)


def _verdicts(rates: Array, distortions: Array, entropy: float, tolerance: float = TOLERANCE) -> Array:
    excess = rates + distortions - entropy
    found = np.where(np.abs(excess) <= tolerance, 1, np.where(excess < 0, -1, 0))
    return np.where((rates < 0) | (distortions < 0), -1, found)


def _sum_alone(rates: Array, distortions: Array, entropy: float) -> Array:
    return _verdicts(np.zeros(len(rates)), np.maximum(rates + distortions, 0), entropy)


def _verdicts_invariant(answer: Array, rates: Array, distortions: Array, entropy: float) -> str | None:
    for found, r, d in zip(np.asarray(answer), rates, distortions, strict=True):
        if found >= 0 and r + d < entropy - TOLERANCE:
            sum_, limit = common.apart(r + d, entropy)
            return f"R + D = {sum_} is below H = {limit}, and you call it {found:g}."
        if found == 1 and r + d > entropy + TOLERANCE:
            return "R + D = {} is above H = {}, and you call it 1.".format(*common.apart(r + d, entropy))
        if found < 1 and r >= 0 and d >= 0 and abs(r + d - entropy) <= TOLERANCE:
            return f"R = {r:.6g} and D = {d:.6g} are within 0.001 of H = {entropy:.6g}, and you call them {found:g}."
    return None


def _objective(rates: Array, distortions: Array, target: float, weight: float, power: int = 1) -> dict[str, Any]:
    return _best(distortions + weight * np.abs(rates - target) ** power)


def _best(values: Array) -> dict[str, Any]:
    return {"values": values, "best": int(values.argmin())}


def _nearest(rates: Array, target: float) -> int:
    return int(np.abs(rates - target).argmin())


def _objective_invariant(answer: dict[str, Any], distortions: Array, **inputs: Any) -> str | None:
    values = np.asarray(answer["values"], float)
    if message := common.check_nonnegative("The penalty", (values - distortions).min()):
        return message
    if int(answer["best"]) != values.argmin():
        return f"'best' is the place of your least value, {values.argmin()}, and yours is {answer['best']}."
    return None


TAILS = "Your bins are cut off at the outer edges. The outer two take the tails, so that each row sums to one."
SPREAD = "You normalised rows without their tails. The tails belong to the outer two bins, not to all of them."
ALONE = "This is the model of t = 1, which draws from p(z*|x) always. Blend it with p(z*)."
CENTRES = "This is the density at the bins' centres, normalised. Asked for is the probability of each bin."
SCALE = "sigma is the standard deviation; you used it as the variance."
PRIOR = "p(x) weights the classes by p(z*); you averaged them evenly."
GAIN = "D is minus the mean of log d(x|z): 0 or more."
OWN = "You measured the rate from the aggregate. That is I(x; z); the rate is measured from the model's marginal m(z)."
JENSEN = "You averaged d(x|z) over z inside the logarithm. The distortion averages the logarithm."
EVEN = "You averaged evenly over x. Weight each by p(x)."
EVERYTHING = "This is I(x; z), all that the code keeps of x. Asked for is what it keeps of the class: sum x out first."
OPEN = "This is H(z*), what there is to know of the class, whatever the code."
RAW = "The best decoder for a blended code is the inverse of the blended encoder: p_e(x|z), not p(x|z*)."
UNIFORM = "With probability 1 - t the code is drawn from p(z*), not evenly."
LEVEL = "The best marginal is the aggregate of the encoder; a uniform one costs KL(p_e(z) || m(z))."
TURNED = "Each row of the decoder is a distribution over x. Weight e(z|x) by p(x), and divide by the sum over x."
EXACT = "No computed sum equals H to the last digit: allow the tolerance, on both sides."
NEAREST = "You took the candidate whose rate is nearest to the target. A cheaper one may be worth its distance."
BELOW = "R + D below H is impossible, not merely off the line: those points are -1."
SUM = "A rate or a distortion below 0 is impossible too, even where the sum is right."
SQUARE = "You squared the distance. The square is flat at the target, so that the minimum sits 1/(2 weight) beside it."
ONE_SIDE = "Rates below the target cost too: take the distance on both sides."
BETA = "This is D + beta R: it has no target. Penalise the distance of R from it."

TOY_MISTAKES = (
    CommonMistake("tails lost", TAILS, lambda **of: _toy(**of, tails=False), 0.5),
    CommonMistake("tails spread", SPREAD, _spread, 0.5),
    CommonMistake("density at the centres", CENTRES, _centres, 0.25),
    CommonMistake("variance for deviation", SCALE, lambda sigma, **of: _toy(**of, sigma=np.sqrt(sigma)), 0.5),
    CommonMistake("classes averaged", PRIOR, lambda **of: _toy(**of) | {"p_x": _toy(**of)["conditional"].mean(0)}, 0.5),
)
PLANE_MISTAKES = (
    common.in_bits(_plane),
    CommonMistake(
        "wrong sign of D", GAIN, lambda **of: _plane(**of) | {"distortion": -_plane(**of)["distortion"]}, 0.5
    ),
    CommonMistake("own marginal", OWN, lambda **of: _plane(**of | {"marginal": of["p_x"] @ of["encoder"]}), 0.5),
    CommonMistake("log of the mean", JENSEN, _log_of_mean, 0.25),
    CommonMistake("even over x", EVEN, lambda **of: _plane(**of | {"p_x": _even(of["p_x"])}), 0.25),
)
KEPT_MISTAKES = (
    common.in_bits(_kept),
    CommonMistake("all of x", EVERYTHING, _all_kept, 0.25),
    CommonMistake("entropy of the class", OPEN, lambda joint, encoder: entropy(joint.sum(1))),
)
BLEND_MISTAKES = (
    CommonMistake("decoder of the class", RAW, lambda **of: _blended(**of) | {"decoder": _rows(of["joint"])}, 0.5),
    CommonMistake("share left out", ALONE, lambda joint, share: _blended(joint, 1.0), 0.25),
    CommonMistake("blended evenly", UNIFORM, lambda **of: _blended(**of, blind=_even(of["joint"])), 0.5),
    CommonMistake("uniform marginal", LEVEL, lambda **of: _blended(**of) | {"marginal": _even(of["joint"])}, 0.5),
    CommonMistake(
        "encoder turned", TURNED, lambda **of: _blended(**of) | {"decoder": _blended(**of)["encoder"].T}, 0.25
    ),
)
VERDICTS_MISTAKES = (
    CommonMistake("no tolerance", EXACT, lambda **of: _verdicts(**of, tolerance=1e-9), 0.25),
    CommonMistake("below taken for above", BELOW, lambda **of: np.maximum(_verdicts(**of), 0), 0.25),
    CommonMistake("sum alone", SUM, _sum_alone, 0.5),
)
OBJECTIVE_MISTAKES = (
    CommonMistake("squared distance", SQUARE, lambda **of: _objective(**of, power=2), 0.5),
    CommonMistake("one-sided", ONE_SIDE, lambda rates, **of: _objective(np.maximum(rates, of["target"]), **of), 0.25),
    CommonMistake(
        "nearest rate", NEAREST, lambda **of: _objective(**of) | {"best": _nearest(of["rates"], of["target"])}, 0.5
    ),
    CommonMistake("beta-VAE", BETA, lambda rates, distortions, target, weight: _best(distortions + weight * rates)),
)
PLANE_TRAPS = ("", "", "", "zeros", "zeros", "neither", "missed", "missed")
ASSIGNMENT = Assignment(
    name="toy",
    title="The toy that the ELBO cannot solve",
    minutes=170,
    questions=(
        Question(
            "toy_tables", 10, _process, _toy, _toy_invariant, TOY_MISTAKES, traps=("", "", "", "uneven", "outside")
        ),
        Question("rate_and_distortion", 12, _tables, _plane, _plane_invariant, PLANE_MISTAKES, traps=PLANE_TRAPS),
        Question(
            "class_information",
            9,
            _classes,
            _kept,
            _kept_invariant,
            KEPT_MISTAKES,
            traps=("", "", "zeros", "idle", "hole"),
        ),
        Question(
            "blended_model",
            12,
            _blend,
            _blended,
            _blended_invariant,
            BLEND_MISTAKES,
            traps=("", "", "", "", "all", "none"),
        ),
        Question(
            "on_the_line",
            6,
            _points,
            _verdicts,
            _verdicts_invariant,
            VERDICTS_MISTAKES,
            traps=("", "", "", "ends", "ends"),
        ),
        Question(
            "best_at_target",
            6,
            _candidates,
            _objective,
            _objective_invariant,
            OBJECTIVE_MISTAKES,
            traps=("", "", "", "dear", "dear"),
        ),
    ),
    manual=(
        ManualQuestion(
            "halfway",
            {
                "two numbers, whether right or wrong": 1,
                "below one half: a divergence is convex in t and vanishes at t = 0, as the aggregate stays the same": 3,
                "near one quarter: the slope vanishes at t = 0 too, so both begin like the square of t": 3,
            },
        ),
        ManualQuestion(
            "waste",
            {
                "the identity, by the chain rule and because z is made from x alone": 4,
                "no waste means that e(z|x) depends on z* only, and so on nothing, where no entry is zero": 5,
                "all of the class means equal posteriors behind a code, so that the least rate is H": 5,
            },
        ),
        ManualQuestion(
            "meaning",
            {
                "a hypothesis, and four settings or more that differ in one thing at a time, 16 starts each": 6,
                "one picture with every start, labelled axes and a yardstick; what misses the line is marked": 6,
                "the conclusion is what the picture shows, with the spread among starts": 6,
                "another explanation, a run that could tell the two apart, and what came of it": 6,
            },
        ),
    ),
)
