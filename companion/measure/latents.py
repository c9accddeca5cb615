"""What some dimensions of a Gaussian code carry, and what they change in the decoded image."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from companion.measure.aggregate import sample_aggregate, standard_normal_kl
from companion.measure.decomposition import encode
from companion.measure.passes import in_evaluation_mode
from companion.models import VAE
from companion.stats import Estimate

#: The values that a dimension of the code is set to in ``traversal_variance``; two of them run over the square.
TRAVERSAL = torch.linspace(-3, 3, 7)
IMAGES = 200  # whose codes are traversed


@in_evaluation_mode
def traversal_variance(model: VAE, images: np.ndarray, indices: Sequence[int]) -> Estimate:
    """How much the decoded image changes while some dimensions of the code run over a grid: a mean of squared changes.

    The code is the mean of e(z|x), of the first ``IMAGES`` of a fixed random order of ``images``; the dimensions
    ``indices`` run together over ``TRAVERSAL``, all others stay. The change is the variance of the decoder's means over
    the grid, summed over pixels: half the mean squared distance of two images of the traversal. 0 says that the decoder
    does not look at these dimensions.

    Raises ``ValueError`` for no index, or one beyond the code.
    """
    order = np.random.default_rng(0).permutation(len(images))[:IMAGES]
    codes = encode(model, images[np.sort(order)])[0]
    if not indices or not all(0 <= index < codes.shape[1] for index in indices):
        raise ValueError(f"indices: expected some from 0 to {codes.shape[1] - 1}, got {list(indices)}")
    grid = torch.cartesian_prod(*[TRAVERSAL] * len(indices)).view(-1, len(indices)).to(codes)
    return Estimate.of(torch.stack([_spread(model, code, grid, list(indices)) for code in codes]))


def _spread(model: VAE, code: Tensor, grid: Tensor, indices: list[int]) -> Tensor:
    moved = code.repeat(len(grid), 1)
    moved[:, indices] = grid
    return model.decoder(moved.float()).mean.double().var(0, correction=0).sum()


def least_active_latents(model: VAE, images: np.ndarray, count: int) -> tuple[int, ...]:
    """The ``count`` dimensions of the code that have the smallest ``traversal_variance`` one by one, in their order."""
    size = encode(model, images[:1])[0].shape[1]
    effects = [traversal_variance(model, images, [index]).value for index in range(size)]
    return tuple(sorted(int(index) for index in np.argsort(effects)[:count]))


@in_evaluation_mode
def latent_information(model: VAE, images: np.ndarray, indices: Sequence[int], seed: int = 0) -> dict[str, Estimate]:
    """What the dimensions ``indices`` of the code tell about which image it is, and what their rate is made of; nats.

    mi_exact : I(n; c), at most log N, of the exact aggregate over the N ``images``
    kl_c, kl_aggregate : mean KL(e(c|x) || N(0, I)), in closed form, and KL(q(c) || N(0, I)): the first is the sum of
        the other and the information, up to the noise of the draws
    entropy_aggregate : the differential entropy of q(c), which may be negative

    Two codes an image are drawn; the standard errors are over images.
    """
    mean, variance, _ = encode(model, images)
    mean, variance = mean[:, list(indices)].double(), variance[:, list(indices)]
    codes, log_e, log_q = sample_aggregate(mean, variance, seed, 2)
    log_m = Independent(Normal(torch.zeros_like(mean), 1.0), 1).log_prob(codes)
    each = {
        "mi_exact": log_e.sum(2) - log_q,
        "kl_c": standard_normal_kl(mean, variance).sum(1)[None],
        "kl_aggregate": log_q - log_m,
        "entropy_aggregate": -log_q,
    }
    return {name: Estimate.of(values.mean(0)) for name, values in each.items()}


@in_evaluation_mode
def latent_rates(model: VAE, images: np.ndarray) -> np.ndarray:
    """The rate of each dimension of the code, ``[k]`` in nats: mean KL(e(z_i|x) || N(0, 1)), in closed form.

    Their sum is the mean rate of ``images`` where the marginal is N(0, I). Each is at least the information I(n; z_i).

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> latent_rates(model, data.load("digits").test).shape
    (4,)
    """
    mean, variance, _ = encode(model, images)
    return np.asarray(standard_normal_kl(mean.double(), variance).mean(0).cpu())
