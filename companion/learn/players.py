"""The players of a training run: each has a loss, an optimiser and a learning rate of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn

from companion.learn.objectives import lagrangian
from companion.models import VAE, ForwardOutput
from companion.terms import Terms

MULTIPLIER_LIMIT = 1e3  # a learned multiplier stays between its inverse and itself
LOG_LIMIT = log(MULTIPLIER_LIMIT)
MULTIPLIER_RATE = 0.03  # of Adam, on its logarithm; Adam forgets in ten steps, lest a first, far miss slow the rest


class TrainingError(RuntimeError):
    """A loss or a validation term stopped being finite; the message names the step and the term."""


@dataclass
class Player:
    """One side of the training: at every step its optimiser descends its loss.

    ``loss(x, rng, step)`` returns a scalar for a batch of binary images ``[n, H, W]``. With ``normalised``, the
    optimiser sees each parameter tensor's gradient divided by its norm.
    """

    name: str
    loss: Callable[[Tensor, torch.Generator, int], Tensor]
    optimizer: torch.optim.Optimizer
    normalised: bool = False


class Opponent(nn.Module):
    """What is learned beside a model, against it or for it: it gives the model's loss and is a player itself.

    title : its name among the players; its weights are stored under it
    first : whether its turn at each batch comes before the model's
    """

    title = ""
    first = False

    def objective(self, passage: ForwardOutput, step: int) -> Tensor:
        """The loss that the model descends, of one passage of a batch; a scalar."""
        raise NotImplementedError

    def player(self, model: VAE) -> Player:
        """The player that learns this opponent of ``model``."""
        raise NotImplementedError

    def players(self, model: VAE) -> list[Player]:
        """All who play beside ``model``, in their order: ``player`` alone, unless it brings others."""
        return [self.player(model)]


class Multiplier(Opponent):
    """A multiplier that learns to hold the rate at ``target`` nats: 1 at first, always within 1/1000 and 1000.

    What is learned is its logarithm, so it stays positive. It ascends the Lagrangian along R - target of the batch the
    model has just been weighed on, and is put back to its limit, before it is used, where a step led outside, so that a
    target out of reach leaves it at the limit, free to come back.
    """

    title = "multiplier"
    excess: Tensor

    def __init__(self, target: float) -> None:
        super().__init__()
        self.target = target
        self.log = nn.Parameter(torch.zeros(()))

    def forward(self) -> Tensor:
        """The multiplier, a scalar."""
        return self.log.clamp(-LOG_LIMIT, LOG_LIMIT).exp()

    def objective(self, passage: ForwardOutput, step: int) -> Tensor:
        """See ``weigh``."""
        return self.weigh(passage.terms)

    def player(self, model: VAE | None = None) -> Player:
        """It rises while the rate is too high and falls while it is too low."""
        optimizer = torch.optim.Adam(self.parameters(), lr=MULTIPLIER_RATE, betas=(0.9, 0.9))
        return Player("the multiplier", lambda x, rng, step: self.ascent(), optimizer)

    def weigh(self, terms: Terms) -> Tensor:
        """The Lagrangian that the model descends; remembers the batch's R - target for ``ascent``."""
        self.excess = (terms.rate.mean() - self.target).detach()
        return lagrangian(terms, self.target, self().detach())

    def ascent(self) -> Tensor:
        """The loss of the multiplier: descending it raises the multiplier where the rate is above its target."""
        with torch.no_grad():
            self.log.clamp_(-LOG_LIMIT, LOG_LIMIT)
        return -self.log * self.excess


def normalise_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Divide the gradient of each parameter tensor by its Euclidean norm (Yu et al., 2017); a zero gradient stays.

    Its largest entry is divided out first: the squares of entries below 1e-19 underflow.
    """
    for group in optimizer.param_groups:
        for gradient in (p.grad for p in group["params"] if p.grad is not None):
            largest = gradient.abs().max()
            gradient /= torch.where(largest > 0, largest, 1.0)
            gradient /= gradient.norm().clamp_min(1.0)  # 1 or more, unless the gradient is zero


def require_finite(step: int, **terms: Tensor) -> None:
    """Raise ``TrainingError`` naming ``step`` and the first of ``terms`` that holds a value that is not finite."""
    for name, values in terms.items():
        if not bool(torch.isfinite(values).all()):
            bad = values.detach()[~torch.isfinite(values)].flatten()[0].item()
            raise TrainingError(
                f"training stopped at step {step}: the {name} is {bad}: try a lower learning_rate, or fp32 precision"
            )
