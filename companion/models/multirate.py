"""One network for the whole rate-distortion curve: a VAE whose weights are functions of beta.

After the multi-rate VAE of Bae et al. (2023): the channels that go into a layer and those that come out of it are
scaled by gates, each a function of log beta with a few parameters of its own. A gate on the way out scales a
pre-activation, one on the way in a column of the weights; both multiply the weights. So at any one beta the model is an
ordinary VAE of the same size, with weights of its own: ``MultiRateVAE.at``.

The dimensions of the code have gates of another kind. Each closes as beta passes a threshold of its own, as the
dimensions of an optimal linear model do: its e(z|x) becomes N(0, 1) whatever x is, and the decoder no longer hears it.
So the batches at a large beta, which cannot use a dimension, do not take it away from those at a small one.
"""

from copy import deepcopy
from math import expm1, log
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from companion.models.encoders import GaussianEncoder
from companion.models.vae import VAE, ForwardOutput
from companion.terms import Terms

DEGREE = 2  # of the polynomials of log beta
SHARPNESS = 3.0  # of the closing of a dimension: it takes about one unit of log beta
UNIT = log(expm1(1.0))  # softplus makes a variance of 1 of it
LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


class Gates(nn.Module):
    """The gates of one layer: exp of a polynomial of ``position`` without constant term, for every channel in and out.

    Args:
        layer: its channels are counted
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        outputs, inputs = layer.weight.shape[:2]  # type: ignore[index]
        if isinstance(layer, nn.ConvTranspose2d):
            outputs, inputs = inputs, outputs
        self.transposed = isinstance(layer, nn.ConvTranspose2d)
        self.going_in = nn.Parameter(torch.zeros(inputs, DEGREE))
        self.coming_out = nn.Parameter(torch.zeros(outputs, DEGREE))

    def forward(self, weight: Tensor, bias: Tensor, position: float) -> tuple[Tensor, Tensor]:
        """The layer's weight and bias at ``position``: 0 at the middle of the range, where they are as they are."""
        powers = weight.new_tensor([position ** (i + 1) for i in range(DEGREE)])
        inputs, outputs = ((gate @ powers).exp() for gate in (self.going_in, self.coming_out))
        scale = inputs[:, None] * outputs if self.transposed else outputs[:, None] * inputs
        return weight * scale.reshape(*scale.shape, *[1] * (weight.ndim - 2)), bias * outputs


class MultiRateVAE(VAE):
    """A VAE for every beta between ``centre / span`` and ``centre * span``, beginning with the weights of ``model``.

    Without a beta its terms are those of the VAE at ``centre``. Every other measure asks for a member, ``at(beta)``:
    its own encoder and decoder, which are those of ``model``, have the weights before any gate.

    Args:
        model: a Gaussian encoder, and a decoder whose first layer takes the codes; all layers linear or convolutional,
            with biases

    Raises ``ValueError`` for another model, a ``centre`` that is not positive, or a ``span`` of 1 or less.

    >>> from companion.models import family
    >>> model = MultiRateVAE(family("---", image_shape=(8, 8), width=0.1, latent_dim=2))
    >>> type(model.at(0.3)).__name__
    'VAE'
    """

    def __init__(self, model: VAE, centre: float = 1.0, span: float = 10.0) -> None:
        super().__init__(model.encoder, model.decoder, model.marginal, model.image_shape)
        if not (centre > 0 and span > 1):
            raise ValueError(f"centre, span: expected more than 0, and more than 1, got {centre!r} and {span!r}")
        self.centre, self.span = centre, span
        self.layers = [
            f"{part}.{name}"
            for part in ("encoder", "decoder")
            for name, layer in getattr(model, part).named_modules()
            if isinstance(layer, LAYERS)
        ]
        self.gates = nn.ModuleList(Gates(self.get_submodule(name)) for name in self.layers)
        inner = [name for name in self.layers if name.startswith("decoder.")]
        if not (isinstance(model.encoder, GaussianEncoder) and inner):
            raise ValueError(
                "model: expected a Gaussian encoder, and a decoder of layers, "
                f"got {type(model.encoder).__name__} and {type(model.decoder).__name__}"
            )
        self.opening, dims = inner[0], model.encoder.mean.out_features  # what the codes go into
        # the log beta at which each dimension of the code closes: at first all are open up to the centre.
        self.closing = nn.Parameter(torch.linspace(log(2 * centre * span), log(centre), dims))

    def weights_at(self, beta: float) -> dict[str, Tensor]:
        """The weights and biases of all gated layers at ``beta``, by their names, with gradients."""
        position, found = log(beta / self.centre) / log(self.span), {}
        for name, gates in zip(self.layers, self.gates, strict=True):
            layer: Any = self.get_submodule(name)
            found[f"{name}.weight"], found[f"{name}.bias"] = gates(layer.weight, layer.bias, position)
        opened = torch.sigmoid(SHARPNESS * (self.closing - log(beta)))
        for head, closed in (("mean", 0.0), ("variance", UNIT)):
            found[f"encoder.{head}.weight"] = found[f"encoder.{head}.weight"] * opened[:, None]
            found[f"encoder.{head}.bias"] = found[f"encoder.{head}.bias"] * opened + closed * (1 - opened)
        weight = found[f"{self.opening}.weight"]
        into = [1] * weight.ndim
        into[0 if isinstance(self.get_submodule(self.opening), nn.ConvTranspose2d) else 1] = len(opened)
        found[f"{self.opening}.weight"] = weight * opened.view(into)
        return found

    def terms(self, x: Tensor, rng: torch.Generator, closed_form: bool = True) -> Terms:
        """As ``VAE.terms``, of the VAE at ``centre``."""
        return self(x, rng, closed_form, self.centre).terms

    def forward(
        self, x: Tensor, rng: torch.Generator, closed_form: bool = True, beta: float | None = None
    ) -> ForwardOutput:
        """As ``VAE.forward``, of the VAE at ``beta``, or with the weights as they are."""
        if beta is None:
            return super().forward(x, rng, closed_form)
        return functional_call(self, self.weights_at(beta), (x, rng, closed_form))

    @torch.no_grad()
    def at(self, beta: float) -> VAE:
        """The VAE at ``beta``: an ordinary one, of the same size, that shares no weights with this model.

        Raises ``ValueError`` for a ``beta`` outside the range that was trained.
        """
        if not self.centre / self.span * (1 - 1e-9) <= beta <= self.centre * self.span * (1 + 1e-9):
            low, high = self.centre / self.span, self.centre * self.span
            raise ValueError(f"beta: expected one from {low:g} to {high:g}, as trained, got {beta!r}")
        model = deepcopy(self)
        plain = VAE(model.encoder, model.decoder, model.marginal, self.image_shape)
        plain.load_state_dict(plain.state_dict() | self.weights_at(beta))
        return plain
