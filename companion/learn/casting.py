"""Who plays in a training run: the model under its objective, and the opponent that some objectives need."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from companion.learn.adversaries import ADVERSARIES
from companion.learn.config import Config
from companion.learn.objectives import RELATED, beta_vae, capacity, check_target, penalised, target_rate
from companion.learn.penalties import penalty_of
from companion.learn.players import Multiplier, Opponent, Player, require_finite
from companion.learn.readers import Reader
from companion.models import VAE, ForwardOutput, GaussianCategoricalEncoder
from companion.models.draws import seeded

OPPONENTS: dict[str, Callable[[VAE, Config], Opponent]] = {
    "multiplier": lambda model, config: Multiplier(check_target(config.target)),
    "mi_literal": Reader,
    "mi_valid": Reader,
    **ADVERSARIES,
}
TEMPERATURES = 1.0, 0.5  # of relaxed categories: at the first step, and from the middle of training on


def cast(model: VAE, config: Config) -> tuple[list[Player], dict[str, nn.Module]]:
    """Who plays under the objective of ``config``, in their order, and what is learned besides ``model``, by name."""
    if config.objective not in OPPONENTS:
        return [vae_player(model, config)], {}
    with seeded(config.seed):
        opponent = OPPONENTS[config.objective](model, config).to(config.device)
    own, others = [vae_player(model, config, opponent)], opponent.players(model)
    return others + own if opponent.first else own + others, {opponent.title: opponent}


def vae_player(model: VAE, config: Config, opponent: Opponent | None = None) -> Player:
    """The player that minimises the objective of ``config`` over all parameters of ``model``."""

    def loss(x: Tensor, rng: torch.Generator, step: int) -> Tensor:
        bf16 = torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=config.precision == "bf16")
        with bf16, relaxation(model, config, step):
            passage = model(x, rng)
        require_finite(step, rate=passage.terms.rate, distortion=passage.terms.distortion)
        return opponent.objective(passage, step) if opponent else objective(passage, config, step)

    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    return Player("the VAE", loss, optimizer, config.normalised_gradients)


def relaxation(model: VAE, config: Config, step: int) -> AbstractContextManager[None]:
    """Inside, a code with categories is drawn with gradients, at the temperature of ``step``."""
    if not isinstance(model.encoder, GaussianCategoricalEncoder):
        return nullcontext()
    first, last = TEMPERATURES
    return model.encoder.relaxed(last + (first - last) * max(0.0, 1 - 2 * step / config.steps))


def objective(passage: ForwardOutput, config: Config, step: int) -> Tensor:
    """The objective of ``config`` at ``step``, where no second player is needed."""
    terms = passage.terms
    if config.objective == "target_rate":
        return target_rate(terms, check_target(config.target), config.weight)
    if config.objective == "capacity":
        return capacity(terms, check_target(config.target), config.weight, step / config.steps)
    if config.objective in RELATED:
        return penalised(terms, config.beta, config.weight, penalty_of(passage, config, step))
    return beta_vae(terms, config.beta * warmth(config, step))


def warmth(config: Config, step: int) -> float:
    """The share of its whole beta that a run has at ``step``: 1, or less in the first quarter of an annealed one."""
    warm_up = config.steps / 4 if config.annealed else 0.0
    return min(1.0, step / warm_up) if warm_up else 1.0
