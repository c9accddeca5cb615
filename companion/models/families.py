"""The families of Alemi et al. (2018): a name such as ``---`` picks encoder, decoder and marginal."""

from collections.abc import Callable, Sequence
from math import inf
from numbers import Integral

from torch import nn

from companion.models.decoders import DeconvDecoder, DenseDecoder
from companion.models.draws import seeded
from companion.models.encoders import FlowEncoder, GaussianEncoder
from companion.models.joint import GaussianCategoricalEncoder, GaussianCategoricalMarginal
from companion.models.marginals import FlowMarginal, StandardNormal, VampPrior
from companion.models.pixelcnn import PixelCNNDecoder
from companion.models.vae import VAE

Part = Callable[..., nn.Module]
#: What makes each part of a family, by its sign; a marginal is given all that might matter to it.
ENCODERS: dict[str, Part] = {
    "-": lambda shape, latent_dim, width, conditioned: GaussianEncoder(shape, latent_dim, width),
    "+": FlowEncoder,
}
DECODERS: dict[str, Part] = {"-": DeconvDecoder, "+": PixelCNNDecoder}
MARGINALS: dict[str, Part] = {
    "-": lambda encoder, latent_dim, width, pseudo_inputs, shape: StandardNormal(latent_dim),
    "+": lambda encoder, latent_dim, width, pseudo_inputs, shape: FlowMarginal(latent_dim, width),
    "v": lambda encoder, latent_dim, width, pseudo_inputs, shape: VampPrior(encoder, pseudo_inputs, shape),
}
#: The names of the families: encoder, decoder, marginal.
FAMILIES = tuple(e + d + m for e in ENCODERS for d in DECODERS for m in MARGINALS)


def family(
    name: str,
    *,
    image_shape: tuple[int, int] = (28, 28),
    width: float = 1.0,
    latent_dim: int = 64,
    pseudo_inputs: int = 100,
    conditioned: bool = False,
    categories: int = 0,
    dense: bool = False,
    seed: int = 0,
) -> VAE:
    """A new model of the family ``name``: encoder, decoder and marginal, each by its sign in Alemi et al. (2018).

    Args:
        name: encoder ``-`` (Gaussian) or ``+`` (inverse autoregressive flow), decoder ``-`` (deconvolutions), marginal
            ``-`` (N(0, I)), ``+`` (masked autoregressive flow) or ``v`` (VampPrior), as in appendix F
        image_shape: height and width, positive multiples of 4
        width: multiplier of channels and units: 1 is their network, 1/4 the laptop's
        latent_dim: dimensions of z
        pseudo_inputs: of the marginal ``v``
        conditioned: whether the steps of the encoder ``+`` see x; as printed in appendix F.1 they do not
        categories: with the family ``---``, K of a one-hot part c of the code beside z; 0 for none
        dense: with the family ``---``, plain networks in place of the convolutions
        seed: of the initial weights; torch's global generators, on every device, are left alone

    Raises ``ValueError`` for an unknown family, image sides that are no positive multiples of 4, a ``width`` that
    is not positive and finite, a ``latent_dim`` or ``pseudo_inputs`` that is no positive whole number, a ``width`` too
    small for a flow to have a hidden unit of every degree (see ``MADE``), ``conditioned`` without the encoder
    ``+``, or with the marginal ``v``, or ``categories`` or
    ``dense`` of another family, or a single category.

    >>> model = family("---", width=0.25)
    >>> sum(p.numel() for p in model.parameters())
    269641
    """
    _check(name, image_shape, width, latent_dim, pseudo_inputs, conditioned)
    check_plain(name, categories, dense)
    shape = (image_shape[0], image_shape[1])
    if categories or dense:
        return _plain(shape, latent_dim, width, categories, dense, seed)
    with seeded(seed):
        encoder = ENCODERS[name[0]](shape, latent_dim, width, conditioned)
        decoder = DECODERS[name[1]](shape, latent_dim, width)
        marginal = MARGINALS[name[2]](encoder, latent_dim, width, pseudo_inputs, shape)
        return VAE(encoder, decoder, marginal, shape)


def _plain(shape: tuple[int, int], latent_dim: int, width: float, categories: int, dense: bool, seed: int) -> VAE:
    decoder = DenseDecoder if dense else DeconvDecoder
    with seeded(seed):
        if not categories:
            encoder = GaussianEncoder(shape, latent_dim, width, dense)
            return VAE(encoder, decoder(shape, latent_dim, width), StandardNormal(latent_dim), shape)
        encoder = GaussianCategoricalEncoder(shape, latent_dim, width, categories, dense)
        code = latent_dim + categories
        return VAE(encoder, decoder(shape, code, width), GaussianCategoricalMarginal(latent_dim, categories), shape)


def _check(
    name: str, image_shape: tuple[int, int], width: float, latent_dim: int, pseudo_inputs: int, conditioned: bool
) -> None:
    if name not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {name!r}")
    sides = image_shape if isinstance(image_shape, Sequence) else ()
    if len(sides) != 2 or any(not _whole(side) or side < 4 or side % 4 for side in sides):
        raise ValueError(f"image_shape: expected two positive multiples of 4, got {image_shape!r}")
    if not 0 < width < inf:
        raise ValueError(f"width: expected a positive multiplier, and a finite one, got {width!r}")
    for argument, size in (("latent_dim", latent_dim), ("pseudo_inputs", pseudo_inputs)):
        if not _whole(size):
            raise ValueError(f"{argument}: expected a whole number, got {size!r}")
        if size < 1:
            raise ValueError(f"{argument}: expected at least 1, got {size!r}")
    check_conditioned(name, conditioned)


def check_plain(name: str, categories: int, dense: bool) -> None:
    """Raise ``ValueError`` unless the family ``name`` has so many categories, and dense networks where asked."""
    if not _whole(categories) or categories < 0 or categories == 1:
        raise ValueError(f"categories: expected 0, for none, or a whole number from 2 on, got {categories!r}")
    if (categories or dense) and name != "---":
        raise ValueError(f"categories, dense: expected the family --- beside them, got {name}")


def _whole(value: object) -> bool:
    return isinstance(value, Integral)


def check_conditioned(name: str, conditioned: bool) -> None:
    """Raise ``ValueError`` where the family ``name`` has no steps that may see x."""
    if conditioned and (name[0] != "+" or name[2] == "v"):
        raise ValueError(
            f"conditioned: expected the encoder + and the marginal - or +, got the family {name}: "
            "a VampPrior would invert a flow of its own for every pseudo-input at every code"
        )
