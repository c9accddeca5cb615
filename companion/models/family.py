"""The families of Alemi et al. (2018): a name such as ``---`` picks encoder, decoder and marginal."""

import torch
from torch import nn

from companion.models.decoders import DeconvDecoder
from companion.models.encoders import GaussianEncoder
from companion.models.marginals import FixedGaussian
from companion.models.vae import VAE

ENCODERS: dict[str, type[nn.Module]] = {"-": GaussianEncoder}
DECODERS: dict[str, type[nn.Module]] = {"-": DeconvDecoder}
MARGINALS: dict[str, type[nn.Module]] = {"-": FixedGaussian}
FAMILIES = tuple(e + d + m for e in ENCODERS for d in DECODERS for m in MARGINALS)


def family(
    name: str,
    *,
    image_shape: tuple[int, int] = (28, 28),
    width: float = 1.0,
    latent_dim: int = 64,
    pseudo_inputs: int = 100,
    conditioned: bool = False,
    seed: int = 0,
) -> VAE:
    """A new model of the family ``name``: encoder, decoder and marginal, each by its sign in Alemi et al. (2018).

    ``---`` is the Gaussian convolutional encoder, the deconvolutional decoder and the fixed Gaussian marginal of
    appendix F. ``width`` multiplies the channels: 1 is their network, 1/4 the laptop's. ``seed`` fixes the
    initial weights and leaves torch's global generator alone.

    Raises ``ValueError`` for an unknown family, image sides that are no positive multiples of 4, or a ``width`` or
    ``latent_dim`` that is not positive.

    >>> model = family("---", width=0.25)
    >>> sum(p.numel() for p in model.parameters())
    269641
    """
    if name not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {name!r}")
    if len(image_shape) != 2 or any(side < 4 or side % 4 for side in image_shape):
        raise ValueError(f"image_shape: expected two positive multiples of 4, got {tuple(image_shape)}")
    if not width > 0:
        raise ValueError(f"width: expected a positive multiplier, got {width!r}")
    if latent_dim < 1:
        raise ValueError(f"latent_dim: expected at least 1, got {latent_dim!r}")
    if pseudo_inputs < 1:
        raise ValueError(f"pseudo_inputs: expected at least 1, got {pseudo_inputs!r}")
    if conditioned:
        raise ValueError(f"conditioned: expected an encoder + whose steps can see x, got the family {name!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = ENCODERS[name[0]](image_shape, latent_dim, width)
        decoder = DECODERS[name[1]](image_shape, latent_dim, width)
        return VAE(encoder, decoder, MARGINALS[name[2]](latent_dim), (image_shape[0], image_shape[1]))
