"""Many models of one finite data distribution, trained as one batch with exact expectations.

A model is an encoder e(z|x), a decoder d(x|z) and a marginal m(z), all tables. Appendix E of Alemi et al. (2018) gives
encoder and decoder a form with two parameters w, b, printed as "∝ -exp[(w_i x_j - b_i)^2]"; that is negative, so it is
read as exp[-(w_i x_j - b_i)^2]. Four parametrisations differ in what owns the parameters, and in how x and z enter:

printed : the code owns w and b in the encoder and in the decoder. Every d(x|z) is a single bump in x.
output : what is predicted owns them, the code in the encoder and the bin in the decoder, where the code enters by
    its position. A decoder that ignores the code can be any distribution.
one-hot : what is predicted owns them, as in ``output``, and symbol j enters as the j-th unit vector, entry by entry:
    log e(z=i|x=j) = -(w_i [i = j] - b_i)^2 + const. It can ignore its input, and it can copy it.
table : no form; every entry of encoder and decoder has a logit of its own.

The marginal has free logits, as in the paper, that start at zero. Rates and distortions are sums over all x and z, in
nats, in double precision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import numpy as np
import torch
from torch import Tensor

from companion.exact.tables import check_distribution
from companion.exact.toy import REACH, ModelTables
from companion.learn import TrainingError, threads
from companion.models import generator
from companion.objectives.base import check_beta

Parameters = dict[str, Tensor]
Objective = Callable[[Tensor, Tensor], Tensor]
PARAMETRISATIONS = ("printed", "output", "one-hot", "table")
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def elbo(rate: Tensor, distortion: Tensor) -> Tensor:
    """D + R, the negative ELBO, to be minimised: the objective of a variational autoencoder."""
    return distortion + rate


def beta_vae(beta: float) -> Objective:
    """The objective D + beta R (Alemi et al., 2018, eq. 4); raises ``ValueError`` unless ``beta`` is finite, >= 0."""
    check_beta(beta)
    return lambda rate, distortion: distortion + beta * rate


def target_rate(target: float, multiplier: float = 2.0) -> Objective:
    """The objective D + multiplier |R - target|: least distortion at the rate ``target``, exactly.

    Where a nat of rate saves a nat of distortion the multiplier must exceed 1: at 1 every rate above the target does as
    well as the target. Raises ``ValueError`` for a negative target or a multiplier of 1 or less.

    >>> target_rate(0.5)(torch.tensor(0.75), torch.tensor(2.25)).item()
    2.75
    """
    _check_target(target)
    if not multiplier > 1:
        raise ValueError(
            f"multiplier: expected more than 1, or rates above the target cost nothing, got {multiplier!r}"
        )
    return lambda rate, distortion: distortion + multiplier * (rate - target).abs()


def target_rate_squared(target: float, weight: float) -> Objective:
    """The objective D + weight (R - target)^2. On the line D + R = H it is least at R = target + 1 / (2 weight).

    Raises ``ValueError`` for a negative target or a weight of 0 or less.
    """
    _check_target(target)
    if not weight > 0:
        raise ValueError(f"weight: expected a positive number, got {weight!r}")
    return lambda rate, distortion: distortion + weight * (rate - target) ** 2


def _check_target(target: float) -> None:
    if not target >= 0:
        raise ValueError(f"target: expected a rate in nats, 0 or more, got {target!r}")


def rates_and_distortions(
    p_x: Tensor, log_encoders: Tensor, log_decoders: Tensor, log_marginals: Tensor
) -> tuple[Tensor, Tensor]:
    """Exact R and D, each ``[S]``, in nats, of S models at once (Alemi et al., 2018, eqs. 2 and 3).

    Args:
        p_x: ``[X]``; log_encoders : ``[S, X, Z]``; log_decoders : ``[S, Z, X]``; log_marginals : ``[S, Z]``, all finite
    """
    joint = p_x[:, None] * log_encoders.exp()
    rates = (joint * (log_encoders - log_marginals[:, None])).sum((1, 2))
    return rates, -(joint * log_decoders.mT).sum((1, 2))


@dataclass(frozen=True)
class ToyModels:
    """S trained models of one distribution, in the order of their seeds.

    Attributes:
        p_x: ``[X]``
        rates, distortions: ``[S]``, exact, in nats
        history: ``[steps, 2, S]``, rate and distortion before each step
        encoders, decoders, marginals: ``[S, X, Z]``, ``[S, Z, X]``, ``[S, Z]``
    """

    p_x: np.ndarray
    rates: np.ndarray
    distortions: np.ndarray
    history: np.ndarray
    encoders: np.ndarray
    decoders: np.ndarray
    marginals: np.ndarray

    def tables(self, i: int) -> ModelTables:
        """The model number ``i``."""
        return ModelTables(self.p_x, self.encoders[i], self.decoders[i], self.marginals[i])


@threads(1)
def train_toys(
    p_x: Any,
    parametrisation: str = "table",
    objective: Objective = elbo,
    *,
    seeds: Sequence[int] = range(32),
    init_scale: Any = 1.0,
    codes: int = 30,
    steps: int = 500,
    learning_rate: float = 0.1,
    optimiser: str = "adam",
) -> ToyModels:
    """Train one model a seed, all as one batch. No model's result depends, beyond rounding, on the others in it.

    Args:
        p_x: ``[X]``, the data distribution
        parametrisation: ``printed``, ``output``, ``one-hot`` or ``table``, see above
        objective: from the rates and distortions ``[S]`` to what each model minimises, ``[S]``
        seeds: one a model; the same seed gives the same start up to its scale
        init_scale: of the normal draws that start every parameter but the marginal's, one number or one a seed
        optimiser, learning_rate: ``adam`` or ``sgd``; the rate falls to zero along half a cosine

    It runs on one thread: tables this small are not worth sharing.

    Raises ``ValueError`` naming the argument, and ``TrainingError`` where a rate or distortion ceases to be finite.

    >>> models = train_toys([0.5, 0.25, 0.25], seeds=range(4), codes=3, steps=200)
    >>> models.rates.shape, bool((models.rates + models.distortions < 1.0397 + 1e-3).all())  # H = 1.0397 nats
    ((4,), True)
    """
    p, scales = torch.from_numpy(check_distribution("p_x", p_x)), _scales(init_scale, len(seeds))
    _check(parametrisation, optimiser, len(seeds), codes, steps, learning_rate)
    q = _start(parametrisation, seeds, scales, len(p), codes)
    steer = OPTIMISERS[optimiser](list(q.values()), lr=learning_rate, fused=True)
    history = []
    for step in range(steps):
        steer.param_groups[0]["lr"] = learning_rate * (1 + cos(pi * step / steps)) / 2
        rate, distortion = rates_and_distortions(p, *_log_tables(parametrisation, q, len(p)))
        if not torch.isfinite(rate + distortion).all():
            raise TrainingError(f"step {step + 1}: a rate or distortion is not finite: lower the learning rate")
        history.append(torch.stack([rate, distortion]).detach())
        steer.zero_grad()
        objective(rate, distortion).sum().backward()
        steer.step()
    return _finish(parametrisation, q, p, torch.stack(history))


def _finish(parametrisation: str, q: Parameters, p: Tensor, history: Tensor) -> ToyModels:
    with torch.no_grad():
        logs = _log_tables(parametrisation, q, len(p))
        rates, distortions = rates_and_distortions(p, *logs)
    arrays = (p, rates, distortions, history, *(log.exp() for log in logs))
    return ToyModels(*(array.numpy() for array in arrays))


def _start(parametrisation: str, seeds: Sequence[int], scales: np.ndarray, bins: int, codes: int) -> Parameters:
    owner = codes if parametrisation == "printed" else bins
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(("encoder_w", "encoder_b"), (codes,)),
        **dict.fromkeys(("decoder_w", "decoder_b"), (owner,)),
    }
    if parametrisation == "table":
        shapes = {"encoder": (bins, codes), "decoder": (codes, bins)}
    generators = [generator(seed) for seed in seeds]
    q = {}
    for name, shape in shapes.items():
        draws = [torch.randn(shape, generator=rng, dtype=torch.float64) for rng in generators]
        q[name] = torch.stack([scale * draw for scale, draw in zip(scales.tolist(), draws, strict=True)])
    q["marginal"] = torch.zeros(len(seeds), codes, dtype=torch.float64)
    return {name: values.requires_grad_() for name, values in q.items()}


def _log_tables(parametrisation: str, q: Parameters, bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """log e ``[S, X, Z]``, log d ``[S, Z, X]``, log m ``[S, Z]``."""
    codes = q["marginal"].shape[1]
    if parametrisation == "table":
        encoder, decoder = q["encoder"], q["decoder"]
    elif parametrisation == "one-hot":
        same = torch.eye(bins, codes, dtype=torch.float64)
        encoder = _bump(same, q["encoder_w"][:, None], q["encoder_b"][:, None])
        decoder = _bump(same.T, q["decoder_w"][:, None], q["decoder_b"][:, None])
    else:
        encoder = _bump(_positions(bins)[:, None], q["encoder_w"][:, None], q["encoder_b"][:, None])
        if parametrisation == "printed":
            decoder = _bump(_positions(bins), q["decoder_w"][..., None], q["decoder_b"][..., None])
        else:
            decoder = _bump(_positions(codes)[:, None], q["decoder_w"][:, None], q["decoder_b"][:, None])
    return encoder.log_softmax(-1), decoder.log_softmax(-1), q["marginal"].log_softmax(-1)


def _bump(position: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return -((w * position - b) ** 2)


def _positions(n: int) -> Tensor:
    edges = torch.linspace(-REACH, REACH, n + 1, dtype=torch.float64)
    return (edges[1:] + edges[:-1]) / 2


def _scales(init_scale: Any, models: int) -> np.ndarray:
    scales = np.asarray(init_scale, np.float64)
    if scales.shape not in ((), (models,)):
        raise ValueError(
            f"init_scale: expected one number or one for each of the {models} seeds, got shape {scales.shape}"
        )
    if not ((scales >= 0) & np.isfinite(scales)).all():
        raise ValueError(f"init_scale: expected finite numbers, 0 or more, got {scales.tolist()}")
    return np.broadcast_to(scales, (models,))


def _check(parametrisation: str, optimiser: str, models: int, codes: int, steps: int, learning_rate: float) -> None:
    for name, value, choices in (
        ("parametrisation", parametrisation, PARAMETRISATIONS),
        ("optimiser", optimiser, tuple(OPTIMISERS)),
    ):
        if value not in choices:
            raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")
    for name, count in (("seeds", models), ("codes", codes), ("steps", steps)):
        if count < 1:
            raise ValueError(f"{name}: expected at least 1, got {count!r}")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate: expected a positive number, got {learning_rate!r}")
