"""Models written elsewhere, as a ``VAE`` that every measure takes; neither pythae nor diffusers is imported.

- ``plain``: an encoder that returns mean and log variance, and a decoder that returns a tensor: the form of nearly
  every public repository.
- ``pythae``, for the models of ``PYTHAE``, and ``diffusers``: trained models of these libraries.

A model whose parts return distributions already needs no adapter: ``models.VAE(encoder, decoder, marginal)``. Codes are
vectors ``[n, k]`` here, whatever shape the model gives them. ``measure.validate_model`` says what does not fit.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from companion.measure import evaluation_mode
from companion.models import VAE, DiagonalGaussianMixture, StandardNormal
from companion.models.likelihoods import LIKELIHOODS, same_layout
from companion.models.vae import adopt

__all__ = ["PYTHAE", "diffusers", "plain", "pythae"]

Shape = tuple[int, ...]
#: Models of pythae whose code is a Gaussian and whose marginal is N(0, I), and the one with a mixture of encoders.
PYTHAE = (
    *("VAE", "BetaVAE", "DisentangledBetaVAE", "BetaTCVAE", "FactorVAE", "INFOVAE_MMD"),
    *("IWAE", "CIWAE", "MIWAE", "PIWAE", "VAMP"),
)


def plain(
    encoder: Callable[[Tensor], Any],
    decoder: Callable[[Tensor], Any],
    *,
    image_shape: Shape,
    input_shape: Shape | None = None,
    latent_shape: Shape | None = None,
    likelihood: str = "bernoulli",
    marginal: Callable[[], Distribution] | None = None,
    **settings: Any,
) -> VAE:
    """A VAE of ``encoder(x) -> (mean, log variance)`` and ``decoder(z) -> tensor``, modules or their methods.

    Of any other function the modules that it calls stay hidden: their parameters are not the model's, and no measure
    can put them into evaluation mode.

    Args:
        image_shape: of one example as the measures get it, ``[28, 28]`` for MNIST
        input_shape: of one example as the encoder wants it, ``(1, 28, 28)`` or ``(784,)``; by default ``image_shape``
        latent_shape: of one code; by default what the encoder gives for one blank image
        likelihood: what the decoder's tensor is: the logits ("bernoulli") or the "probabilities" of binary pixels, the
            mean of a "gaussian", the logits of a "categorical", ``[n, K, ...]``, or mean and log scale of a
            "discretised logistic", ``[n, 2, ...]``
        marginal: by default N(0, I)
        settings: of the likelihood: ``sd`` of a Gaussian, ``levels`` of a discretised logistic

    Raises ``ValueError`` for another likelihood, or shapes that are not the same but for axes of 1, or flat.

    >>> class Encoder(nn.Linear):
    ...     def forward(self, x):
    ...         return super().forward(x).chunk(2, 1)
    >>> model = plain(Encoder(64, 4), nn.Linear(2, 64), image_shape=(8, 8), input_shape=(64,))
    >>> model.terms(torch.zeros(3, 8, 8), torch.Generator()).rate.shape
    torch.Size([3])
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"likelihood: expected one of {', '.join(LIKELIHOODS)}, got {likelihood!r}")
    shape = tuple(input_shape or image_shape)
    if not same_layout(shape, tuple(image_shape)):
        raise ValueError(f"input_shape: expected {image_shape} but for axes of 1, or a flat one, got {shape}")
    e = _MeanLogVariance(encoder, shape)
    code = e.code_shape if latent_shape is None else tuple(latent_shape)
    d = _Decoder(decoder, code, partial(LIKELIHOODS[likelihood], shape=tuple(image_shape), **settings))
    like = next(e.parameters(), torch.zeros(()))
    return VAE(e, d, marginal or StandardNormal(prod(code)).to(like), tuple(image_shape))


def pythae(model: Any, image_shape: Shape | None = None) -> VAE:
    """A VAE of pythae (``PYTHAE`` lists which), its decoder as its configuration says.

    With ``reconstruction_loss="bce"`` pixels are binary. With "mse" they are N(mean, 1): pythae's own loss leaves out
    the constant 1/2 log(2 pi) of every pixel, so the distortion here is larger by that.

    Args:
        image_shape: of one example; by default pythae's ``input_dim``, without a first axis of one channel

    Raises ``ValueError`` for another model, or another reconstruction loss.
    """
    name, config = getattr(model, "model_name", type(model).__name__), getattr(model, "model_config", None)
    if name not in PYTHAE or config is None:
        raise ValueError(f"model: expected one of pythae's {', '.join(PYTHAE)}, got {name}")
    likelihoods = {"bce": "probabilities", "mse": "gaussian"}
    if config.reconstruction_loss not in likelihoods:
        raise ValueError(f"reconstruction_loss: expected bce or mse, got {config.reconstruction_loss!r}")
    shape = tuple(config.input_dim or image_shape or ())
    if not shape:
        raise ValueError("image_shape: expected the shape of one example, as the model's input_dim is None, got None")
    parts = _PythaeEncoder(model.encoder), _PythaeDecoder(model.decoder)
    found = plain(
        *parts,
        image_shape=image_shape or (shape[1:] if shape[0] == 1 else shape),
        input_shape=shape,
        latent_shape=(config.latent_dim,),
        likelihood=likelihoods[config.reconstruction_loss],
    )
    if name == "VAMP":
        found.marginal = _PythaeVamp(model, found.encoder)
    return found


def diffusers(model: Any, image_shape: Shape, sd: float = 1.0) -> VAE:
    """An ``AutoencoderKL`` of diffusers, with a marginal N(0, I) and pixels N(mean, sd^2).

    Args:
        image_shape: of one example, channels first, as the model was trained: ``(3, 32, 32)``
        sd: of every pixel, in the pixels' own unit: the model has none, and rate and distortion compare only once you
            choose one
    """
    parts = _Autoencoder(model)
    return plain(parts.encode, parts.decode, image_shape=image_shape, likelihood="gaussian", sd=sd)


class _Autoencoder(nn.Module):
    """The two halves of an ``AutoencoderKL``, as methods of a module."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the code."""
        gaussian = self.model.encode(x).latent_dist
        return gaussian.mean, gaussian.logvar

    def decode(self, z: Tensor) -> Tensor:
        """The means of the pixels."""
        return self.model.decode(z).sample


class _MeanLogVariance(nn.Module):
    """e(z|x) of a callable that returns mean and log variance, over flat codes."""

    def __init__(self, call: Callable[[Tensor], Any], input_shape: Shape) -> None:
        super().__init__()
        self.call, self.input_shape = call, input_shape
        adopt(self, "network", call)

    @property
    def code_shape(self) -> Shape:
        """The shape of one code, by a blank image."""
        parameter = next(self.parameters(), torch.zeros(()))
        with evaluation_mode(self):
            mean, _ = self.pair(parameter.new_zeros(2, *self.input_shape))
        return tuple(mean.shape[1:])

    def pair(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance for ``x``, as the callable gives them; raises ``ValueError`` for anything else."""
        found = self.call(x.reshape(len(x), *self.input_shape))
        pair = isinstance(found, tuple | list) and len(found) == 2
        if not (pair and all(isinstance(part, Tensor) for part in found)):
            raise ValueError(f"encoder: expected a pair of tensors, mean and log variance, got {_described(found)}")
        mean, log_variance = found
        if mean.shape != log_variance.shape or len(mean) != len(x):
            raise ValueError(
                f"encoder: expected mean and log variance of one shape [{len(x)}, ...], "
                f"got {list(mean.shape)} and {list(log_variance.shape)}"
            )
        return mean, log_variance

    def forward(self, x: Tensor) -> Independent:
        mean, log_variance = (part.flatten(1) for part in self.pair(x))
        return Independent(Normal(mean, (log_variance / 2).exp(), validate_args=False), 1, validate_args=False)


class _Decoder(nn.Module):
    """d(x|z) of a callable that returns a tensor, for flat codes."""

    def __init__(
        self, call: Callable[[Tensor], Any], code: Shape, likelihood: Callable[[Tensor], Distribution]
    ) -> None:
        super().__init__()
        self.call, self.code, self.likelihood = call, code, likelihood
        adopt(self, "network", call)

    def forward(self, z: Tensor) -> Distribution:
        found = self.call(z.reshape(len(z), *self.code))
        if not isinstance(found, Tensor):
            raise ValueError(f"decoder: expected a tensor, the parameters of the likelihood, got {_described(found)}")
        return self.likelihood(found)


class _PythaeEncoder(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network(x)
        return found["embedding"], found["log_covariance"]


class _PythaeDecoder(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor) -> Tensor:
        return self.network(z)["reconstruction"]


class _PythaeVamp(nn.Module):
    """The mixture of a VAMP model of pythae: its encoder at its pseudo-inputs, with equal weights."""

    def __init__(self, model: Any, encoder: _MeanLogVariance) -> None:
        super().__init__()
        self.pseudo_inputs, self.idle, self.encode = model.pseudo_inputs, model.idle_input, encoder.__call__

    def forward(self) -> DiagonalGaussianMixture:
        weight = next(self.pseudo_inputs.parameters())  # of its device and precision
        components = self.encode(self.pseudo_inputs(self.idle.to(weight)))
        weights = components.base_dist.loc.new_zeros(len(self.idle)).log_softmax(0)
        return DiagonalGaussianMixture(weights, components)


def _described(value: Any) -> str:
    """What came in place of what was expected, in a few words."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {', '.join(_described(part) for part in value)}"
    return f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
