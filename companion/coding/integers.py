"""A VAE as tables of whole numbers, the same on both sides of a file.

An entropy coder must be given the same probabilities when it writes and when it reads: one that differs in its last
digit, and everything after it is noise. Networks do not promise that. So the weights are taken in double precision, one
image is coded at a time, and what the networks say is rounded before a table is made of it: so coarsely that two
orders of summation all but never round to different sides. A table holds whole numbers.
"""

from copy import deepcopy
from functools import cached_property
from math import exp, prod
from typing import Any

import numpy as np
import torch
from scipy.special import expit, ndtr, ndtri
from torch.distributions import Distribution, Independent, Normal

from companion.models import VAE, DiagonalGaussianMixture
from companion.models.decoders import is_bernoulli

#: The bins of each dimension of the code, of equal probability under a Gaussian with the marginal's mean and variance.
BIN_BITS = 12
BINS = 2**BIN_BITS
MASS = 2**24  # what the weights of a table add up to, about: the coder's own resolution
PIXEL = 2**16  # parts in which the probability of a pixel is counted
MEAN_STEP, SCALE_STEP = 2.0**-14, 2.0**-8  # of a mean, and of the logarithm of a standard deviation
EDGES, MIDDLES = ndtri(np.arange(BINS + 1) / BINS), ndtri((np.arange(BINS) + 0.5) / BINS)  # of a standard normal


class IntegerModel:
    """The tables of ``model`` for coding images of shape ``image_shape``.

    Raises ``ValueError`` for an encoder that is no diagonal Gaussian, a marginal that is neither one nor a mixture of
    them, a decoder whose pixels are not Bernoullis, independent given the code, and for shapes that do not fit.
    """

    def __init__(self, model: VAE, image_shape: tuple[int, ...]) -> None:
        self.model = deepcopy(model).cpu().double().eval()
        self.image_shape = image_shape
        with torch.no_grad():
            loc, scale = self._read_marginal(self.model.marginal())
        self.centre = self.weights @ loc
        self.spread = np.sqrt(self.weights @ (scale**2 + (loc - self.centre) ** 2))
        self.means, self.scales = self.rounded(loc, scale)

    def _read_marginal(self, m: Distribution) -> tuple[np.ndarray, np.ndarray]:
        """Means and scales ``[K, k]`` of the components, one for a plain Gaussian; their weights ``[K]`` are kept."""
        components = m.components if isinstance(m, DiagonalGaussianMixture) else m
        loc, scale = (np.atleast_2d(a) for a in _gaussian("marginal", "a Gaussian or a mixture of them", components))
        log_weights = m.log_weights.numpy() if isinstance(m, DiagonalGaussianMixture) else np.zeros(1)
        self.weights = np.rint(np.exp(log_weights) * MASS).clip(1) / MASS
        self.weights /= self.weights.sum()
        return loc, scale

    @property
    def components(self) -> int:
        """How many Gaussians the marginal is made of."""
        return len(self.weights)

    @torch.no_grad()
    def encoder(self, x: np.ndarray) -> np.ndarray:
        """The weights ``[k, BINS]`` of the bins under e(z|x), for one image."""
        e = self.model.encoder(self.model.check_data(torch.as_tensor(x[None])))
        loc, scale = _gaussian("encoder", "a Gaussian with independent dimensions", e)
        if loc.shape != (1, len(self.centre)):
            raise ValueError(f"encoder: expected codes of shape [{len(self.centre)}], got {list(loc.shape[1:])}")
        return self.masses(*self.rounded(loc[0], scale[0]))

    @torch.no_grad()
    def decoder(self, bins: np.ndarray) -> np.ndarray:
        """The probability of a one for every pixel, flat, at the middle of the bins ``[k]``: ``parts``."""
        dtype = next((p.dtype for p in self.model.parameters()), torch.float32)
        d = self.model.decoder(torch.from_numpy(self.codes(bins)[None]).to(dtype))
        if not is_bernoulli(d):
            raise ValueError(
                "decoder: expected Bernoulli pixels that are independent given the code, "
                f"got {type(d).__name__}: its pixels would take one pass of the network each"
            )
        logits = d.base_dist.logits if isinstance(d, Independent) else d.logits
        p = expit(logits.double().numpy())
        if np.isnan(p).any():
            raise ValueError("decoder: expected probabilities of pixels, got NaN")
        if p.size != prod(self.image_shape):
            raise ValueError(f"decoder: expected images {list(self.image_shape)}, got {list(p.shape[1:])}")
        return parts(p)

    def component(self, which: int) -> np.ndarray:
        """The weights ``[k, BINS]`` of the bins under a component of the marginal."""
        return self.only if self.components == 1 else self.masses(self.means[which], self.scales[which])

    @cached_property
    def only(self) -> np.ndarray:
        """The weights under the first component, kept, since every image asks for those of a plain Gaussian."""
        return self.masses(self.means[0], self.scales[0])

    def mixing(self) -> np.ndarray:
        """The weights ``[1, K]`` of the components."""
        return np.rint(self.weights * MASS).clip(1)[None]

    def responsibilities(self, bins: np.ndarray) -> np.ndarray:
        """The weights ``[1, K]`` of the components given the code: from which of them it may have come."""
        squares = (((MIDDLES[bins] - self.means) / self.scales) ** 2 / 2 + np.log(self.scales)).sum(1)
        log_share = np.log(self.weights) - squares
        share = np.exp(log_share - log_share.max())
        return np.rint(share / share.sum() * MASS).clip(1)[None]

    def codes(self, bins: np.ndarray) -> np.ndarray:
        """The code ``[k]`` in the middle, by probability, of each bin."""
        return self.centre + self.spread * MIDDLES[bins]

    def rounded(self, loc: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations in units of the marginal's, on a grid that two machines all but share."""
        loc, scale = (loc - self.centre) / self.spread, scale / self.spread
        steps = np.rint(np.log(scale) / SCALE_STEP)
        return np.rint(loc / MEAN_STEP) * MEAN_STEP, np.vectorize(exp, otypes=[float])(steps * SCALE_STEP)

    def masses(self, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """The weights ``[k, BINS]`` of the bins under independent Gaussians, in units of the marginal's."""
        return np.rint(np.diff(ndtr((EDGES - loc[:, None]) / scale[:, None]), axis=1) * MASS)


def parts(p: np.ndarray) -> np.ndarray:
    """The probabilities of pixels, flat, in whole parts of 2^16, none of them 0 or 1."""
    return np.rint(p.astype(float).reshape(-1) * PIXEL).clip(1, PIXEL - 1) / PIXEL


def _gaussian(name: str, wanted: str, distribution: Any) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of independent Gaussians."""
    inner = distribution.base_dist if isinstance(distribution, Independent) else distribution
    if not isinstance(inner, Normal):
        raise ValueError(f"{name}: expected {wanted}, whose bins have known probabilities, got {type(inner).__name__}")
    loc, scale = inner.mean.double().numpy(), inner.stddev.double().numpy()
    if not (np.isfinite(loc).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(
            f"{name}: expected finite means, and standard deviations above 0, "
            f"got {loc.min():g} to {loc.max():g}, and {scale.min():g} to {scale.max():g}"
        )
    return loc, scale
