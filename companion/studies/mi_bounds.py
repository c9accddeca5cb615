"""A zoo of bounds on mutual information, on problems whose information is known.

Each critic is trained on fresh pairs, frozen, and judged on pairs that it has not seen. Beside it stands the exact
critic, made of the known densities: what it misses is not the training's fault.
"""

from collections.abc import Iterator
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from companion.exact import CorrelatedGaussians
from companion.learn import fit
from companion.measure.mi_bounds import barber_agakov, donsker_varadhan, infonce, leave_one_out, nwj
from companion.models import Critic, GaussianRecognitionNetwork
from companion.objectives import TrainingUnit
from companion.results.schema import Row
from companion.seeds import DRAWS, HELD_OUT, numpy_generator
from companion.stats import Estimate

#: Pairs in a minibatch: log 64 = 4.16 nats.
BATCH = 64
STEPS, LEARNING_RATE = 1000, 2e-3
EVALUATED = 100  # minibatches on which a critic is evaluated
#: The bounds that take the scores of a critic, by name.
BOUNDS = {"infonce": infonce, "nwj": nwj, "donsker_varadhan": donsker_varadhan, "leave_one_out": leave_one_out}
TRAINED = ("barber_agakov", "infonce", "nwj", "donsker_varadhan")


def mi_problems() -> list[CorrelatedGaussians]:
    """The 28 problems of the table: 1 to 20 dimensions, 0.5 to 20 nats, every other one transformed by sinh."""
    grid = [(d, nats) for nats in (0.5, 1.0, 2.0, 5.0, 10.0) for d in (1, 2, 5, 10, 20)]
    grid += [(d, 20.0) for d in (5, 10, 20)]
    return [CorrelatedGaussians.from_information(d, nats, bool(i % 2)) for i, (d, nats) in enumerate(grid)]


def train_critic(problem: CorrelatedGaussians, bound: str, seed: int = 0, steps: int = STEPS) -> nn.Module:
    """A critic that ascends ``bound`` (one of ``TRAINED``) on a fresh minibatch of ``problem`` at every step.

    For ``barber_agakov`` it is a ``GaussianRecognitionNetwork``, for the others a ``Critic``. Raises ``ValueError`` for
    a bound that needs no critic, or is none.
    """
    if bound not in TRAINED:
        raise ValueError(f"bound: expected one of {', '.join(TRAINED)}, got {bound!r}")
    d = problem.dimensions
    critic = (GaussianRecognitionNetwork if bound == "barber_agakov" else Critic)(d, d, seed=seed)

    def batch(step: int) -> Tensor:
        return _float(*minibatches(problem, 1, numpy_generator(seed, DRAWS, step)))

    def loss(pairs: Tensor, rng: torch.Generator, step: int) -> Tensor:
        return -_evaluated(problem, bound, critic, *pairs).each.mean()

    unit = TrainingUnit(f"critic of {bound}", loss, torch.optim.Adam(critic.parameters(), lr=LEARNING_RATE))
    for _ in fit([unit], batch, steps, seed):
        pass
    return critic.requires_grad_(False)


def evaluate_critic(
    problem: CorrelatedGaussians, bound: str, critic: nn.Module | None = None, seed: int = 0
) -> Estimate:
    """The ``bound`` that a frozen ``critic`` gives on ``EVALUATED`` fresh minibatches; without one, the exact one."""
    x, z = minibatches(problem, EVALUATED, numpy_generator(seed, HELD_OUT))
    if critic is not None:
        return _evaluated(problem, bound, critic, *_float(x, z))
    if bound == "barber_agakov":
        return barber_agakov(torch.from_numpy(problem.log_conditional(x, z)).flatten(), problem.entropy)
    return BOUNDS[bound](torch.from_numpy(exact_scores(problem, bound, x, z)))


def minibatches(problem: CorrelatedGaussians, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """``n`` minibatches of pairs: x and z, ``[n, BATCH, d]`` each."""
    x, z = problem.sample(n * BATCH, rng)
    return x.reshape(n, BATCH, -1), z.reshape(n, BATCH, -1)


def exact_scores(problem: CorrelatedGaussians, bound: str, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The scores of the critic that is best for ``bound``, ``[n, B, B]`` for pairs ``[n, B, d]``."""
    x, z = x[:, None], z[:, :, None]
    if bound in ("infonce", "leave_one_out"):
        return problem.log_conditional(x, z)
    return problem.log_ratio(x, z) + (bound == "nwj")


def measure_problem(problem: CorrelatedGaussians, seed: int, steps: int) -> Iterator[tuple[Row, float]]:
    """The rows of one problem, each with the seconds that it took: every bound, its critic trained, then exact."""
    critics = [(bound, "trained") for bound in TRAINED] + [(bound, "exact") for bound in ("barber_agakov", *BOUNDS)]
    told = {
        "dimensions": problem.dimensions,
        "nats": round(problem.information, 6),
        "sinh_transformed": problem.sinh_transformed,
    }
    for bound, kind in critics:
        started = perf_counter()
        taken = steps if kind == "trained" else 0
        found = evaluate_critic(problem, bound, train_critic(problem, bound, seed, taken) if taken else None, seed)
        row = {**told, "bound": bound, "critic": kind, "value": round(found.value, 6), "se": round(found.se, 6)}
        yield {**row, "n": found.n, "batch_size": BATCH, "steps": taken, "seed": seed}, perf_counter() - started


def _evaluated(problem: CorrelatedGaussians, bound: str, critic: nn.Module, x: Tensor, z: Tensor) -> Estimate:
    """The ``bound`` that ``critic`` gives on minibatches ``[n, B, d]``, with gradients."""
    if bound == "barber_agakov":
        return barber_agakov(critic(x.flatten(0, 1)).log_prob(z.flatten(0, 1)), problem.entropy)
    return BOUNDS[bound](torch.stack([critic(*pair) for pair in zip(x, z, strict=True)]))


def _float(x: np.ndarray, z: np.ndarray) -> Tensor:
    return torch.from_numpy(np.stack([x, z])).float()
