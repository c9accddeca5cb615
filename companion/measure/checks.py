"""What is wrong with the three callables of a model, said before it is measured."""

from collections.abc import Callable
from math import prod
from typing import Any
from warnings import warn

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent

from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE, draw, generator

EXAMPLES = 8  # images of the trial
SPREAD = 0.3  # of logits from 0 to 1 that are probabilities: those of an untrained network lie in one place
PROBABILITIES = (
    "decoder: all logits of the pixels lie between 0 and 1, as probabilities do: "
    'if that is what they are, say likelihood="probabilities"'
)


@in_evaluation_mode
def validate_model(model: VAE, images: np.ndarray) -> None:
    """Try ``model`` on a few of ``images`` ``[n, ...]``, and say in one sentence what does not fit.

    Raises ``ValueError`` naming the encoder, the decoder or the marginal where it raises an error, returns no
    distribution, or one of another batch or event shape (one log probability for every pixel, say, in place of their
    sum), or a density that is not finite; and naming the images where their pixels are outside the decoder's support.
    Warns where the logits of binary pixels all lie between 0 and 1, as probabilities do.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> validate_model(model, data.load("digits").test)
    """
    x = model.check_data(image_batches(images, EXAMPLES)[0])
    n, shape = len(x), tuple(x.shape[1:])
    e = _returned("encoder", model.encoder, x)
    _check_shapes("encoder", e, (n,), None)
    m = _returned("marginal", model.marginal)
    _check_shapes("marginal", m, (), tuple(e.event_shape))
    rng = generator(0, device=model.device)
    z = draw(e, rng)
    d = _returned("decoder", model.decoder, z)
    _check_shapes("decoder", d, (n,), shape)
    _check_support(d, x)
    for name, found in (("encoder", e), ("marginal", m)):
        _check_finite(name, found.log_prob(z))
    _check_finite("decoder", d.log_prob(x))
    _check_shapes("decoder", _returned("decoder", model.decoder, draw(m, rng, (n,))), (n,), shape)
    if takes_probabilities_for_logits(d):
        warn(PROBABILITIES, stacklevel=3)


def takes_probabilities_for_logits(d: Distribution) -> bool:
    """Whether the logits of Bernoulli pixels spread over a good part of 0 to 1, and none lies outside."""
    base = d.base_dist if isinstance(d, Independent) else d
    if not isinstance(base, Bernoulli):
        return False
    low, high = base.logits.min().item(), base.logits.max().item()
    return low >= 0 and high <= 1 and high - low > SPREAD


def _returned(name: str, call: Callable[..., Any], *given: Tensor) -> Distribution:
    """What the callable returns, a distribution."""
    what = f" for a tensor {list(given[0].shape)}" if given else ""
    try:
        found = call(*given)
    except Exception as error:
        said = str(error).strip().split("\n")[0]
        if said.startswith(f"{name}: "):  # an adapter's own
            raise
        raise ValueError(f"{name}: expected a distribution{what}, got {type(error).__name__}: {said}") from error
    if not isinstance(found, Distribution):
        kind = type(found).__name__
        hint = " (companion.adapters.plain takes mean and log variance)" if isinstance(found, tuple) else ""
        raise ValueError(f"{name}: expected a torch.distributions.Distribution{what}, got a {kind}{hint}")
    return found


def _check_shapes(name: str, found: Distribution, batch: tuple[int, ...], event: tuple[int, ...] | None) -> None:
    got = tuple(found.batch_shape), tuple(found.event_shape)
    if event is None:  # of a code, which is one axis
        if got[0] == batch and len(got[1]) > 1:
            raise ValueError(f"{name}: expected codes of one axis, got event shape {list(got[1])}: flatten them")
        event = got[1] if len(got[1]) == 1 else (prod(got[0][1:]),)
    if got == (batch, event):
        return
    extra = len(got[0]) - len(batch)
    hint = ""
    if got[0] + got[1] == batch + event and extra > 0:
        hint = f": its log probability is not summed, wrap it in Independent(..., {extra})"
    raise ValueError(
        f"{name}: expected batch shape {list(batch)} and event shape {list(event)}, "
        f"got {list(got[0])} and {list(got[1])}{hint}"
    )


def _check_support(d: Distribution, x: Tensor) -> None:
    try:
        inside = d.support.check(x)  # type: ignore[union-attr]
    except NotImplementedError:
        return
    if not bool(inside.all()):
        base = d.base_dist if isinstance(d, Independent) else d
        raise ValueError(
            f"images: expected pixels in the support of the decoder's {type(base).__name__}, "
            f"got values from {x.min().item():g} to {x.max().item():g}"
        )


def _check_finite(name: str, values: Tensor) -> None:
    bad = ~torch.isfinite(values)
    if bool(bad.any()):
        worst = values[bad][0].item()
        raise ValueError(
            f"{name}: expected finite log densities, got {worst} for {int(bad.sum())} of {len(values)} images"
        )
