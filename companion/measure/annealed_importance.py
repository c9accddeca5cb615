"""Annealed importance sampling of log p(x), and its bounds from both sides where the data are the model's own.

The likelihood p(x) = E_m d(x|z) is the constant of the posterior, m(z) d(x|z) / p(x). One importance weight leaps from
a distribution q that can be drawn from to that posterior; annealed importance sampling (Neal (2001)) goes there by
small steps. With inverse temperatures 0 = t_0 < ... < t_T = 1 on the geometric path f_t = q^(1-t) (m d)^t it draws
z_0 ~ q, moves z_(i-1) to z_i by a transition that leaves f_(t_i) invariant, and multiplies the ratios on the way,

    w = prod_i f_(t_i)(z_(i-1)) / f_(t_(i-1))(z_(i-1)),        E w = p(x)  for any number of steps.

Hence the mean of several chains' w is unbiased for p(x), and its logarithm a lower bound on log p(x) on average, by
Jensen's inequality. The same path walked back from an exact draw of the posterior has E 1/w = 1/p(x), which gives an
upper bound; such a draw is at hand only where x was made from it (Grosse et al. (2015); Wu et al. (2017)).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from companion.measure.annealing import (
    STARTS,
    AnnealingPath,
    Weights,
    annealed_weights,
    check_codes,
    check_decoder,
    check_weights,
    sigmoidal_schedule,
)
from companion.measure.hamiltonian import WARM_UP, tuned_step_sizes
from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE, draw, generator
from companion.stats import mean_and_error

PILOT, COUNTED, SIMULATED = 0, 1, 2  # what is drawn under a seed
PILOT_CHAINS = 4  # whose acceptance tunes the step sizes of all


@dataclass(frozen=True)
class AnnealedLikelihood:
    """log p(x) of ``n`` images by annealed importance sampling, in nats: ``value``, the mean, is a bound on average.

    Attributes:
        value, se: the mean over the images and its standard error, which holds their spread and the chains' noise
        chains, temperatures, leapfrogs, start: how it was made
        acceptance: the mean share of accepted transitions; NaN where there were none
        each: the estimate of every image, ``[n]``
        effective: the effective sample size of every image's chains, (sum w)^2 / sum w^2, from 1 to ``chains``, ``[n]``
    """

    value: float
    se: float
    n: int
    chains: int
    temperatures: int
    leapfrogs: int
    start: str
    acceptance: float
    split: str
    seed: int
    each: np.ndarray = field(repr=False, compare=False)
    effective: np.ndarray = field(repr=False, compare=False)

    def __str__(self) -> str:
        made = f"{self.chains} chains, {self.temperatures} temperatures from the {self.start}"
        spread = f"effective sample size {self.effective.mean():.1f}, acceptance {self.acceptance:.2f}"
        return f"AIS {self.value:.2f} ± {self.se:.2f} nats, n = {self.n} ({made}; {spread})"


@dataclass(frozen=True)
class BidirectionalBounds:
    """log p(x) of images drawn from the model, from both sides, in nats; the truth lies between, on average.

    Attributes:
        forward: the lower bound, which ``annealed`` gives for any images
        reverse: the upper bound, from chains that start at the codes the images were made from
        gap, gap_se: reverse minus forward, the mean over the images, and its standard error
        images: what was drawn, ``[n, ...]``
    """

    forward: AnnealedLikelihood
    reverse: AnnealedLikelihood
    gap: float
    gap_se: float
    images: np.ndarray = field(repr=False, compare=False)

    def __str__(self) -> str:
        lower, upper = (f"{side.value:.2f} ± {side.se:.2f}" for side in (self.forward, self.reverse))
        return f"log p(x) from {lower} to {upper}, gap {self.gap:.3f} ± {self.gap_se:.3f} nats, n = {self.forward.n}"


@in_evaluation_mode
def annealed(
    model: VAE,
    images: np.ndarray,
    *,
    chains: int = 16,
    temperatures: int = 500,
    leapfrogs: int = 10,
    start: str = "marginal",
    split: str = "test",
    seed: int = 0,
    batch_size: int = 512,
    progress: bool = False,
) -> AnnealedLikelihood:
    """log p(x) of ``model`` at ``images`` ``[n, ...]`` by annealed importance sampling with HMC: nats.

    Args:
        chains: independent weights an image, whose mean estimates p(x)
        temperatures: of the schedule, both ends counted; 2 leave plain importance weights: from the encoder, IWAE's
        leapfrogs: steps of the one transition a temperature, each one pass through the decoder and back
        start: the distribution q that is annealed, ``marginal``, m(z), as in Wu et al. (2017), or ``encoder``,
            e(z|x), which is often far nearer to the posterior; one trained at a beta far below 1 is too narrow
        batch_size: codes at a time, images times chains; an image's chains stay together
        progress: show a bar of transitions

    The mean weight is unbiased for p(x), exactly so, with any settings: step sizes are tuned to an acceptance of
    ``ACCEPTANCE`` image by image in a pilot run under random numbers of its own, and are then held fixed. So its
    logarithm is a lower bound on log p(x) on average (Neal (2001), eqs. 4 and 10), and an upper bound on nothing. For
    images that are not the model's own nothing tells how far below it is: more temperatures raise it. A small
    ``effective`` sample size says that it is far, a large one not that it is near. From the marginal the transitions
    are measured in standard deviations of m, from the encoder in those of e(z|x), where torch knows them.

    It costs about (chains + 4) x temperatures x leapfrogs passes an image. The codes must fill R^k. The same ``seed``
    and ``batch_size`` give the same numbers, in any mode of the model.

    Raises ``ValueError`` for counts below 1 (temperatures: 2), another start, no images or images that do not fit the
    model, codes with discrete parts, a decoder without derivatives, or log weights that are not finite.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> found = annealed(model, data.load("digits").test[:5], chains=4, temperatures=20, leapfrogs=2)
    >>> found.n, bool(found.effective.max() <= 4)
    (5, True)
    """
    counts = {"chains": chains, "temperatures": temperatures, "leapfrogs": leapfrogs, "batch_size": batch_size}
    run = _Annealing(model, start, seed, **counts)
    batches = image_batches(images, run.images_at_once)
    with run.bar(len(batches), 1, progress) as bar:
        found = [run.bounds(x, None, bar.update) for x in batches]
    return run.record([forward for (forward,) in found], split)


@in_evaluation_mode
def bidirectional(
    model: VAE,
    n: int,
    *,
    chains: int = 16,
    temperatures: int = 500,
    leapfrogs: int = 10,
    start: str = "marginal",
    seed: int = 0,
    batch_size: int = 512,
    progress: bool = False,
) -> BidirectionalBounds:
    """Bidirectional Monte Carlo: log p(x) of ``n`` images x ~ d(x|z), z ~ m(z), between two bounds on average; nats.

    Forward chains give the lower bound of ``annealed``. Reverse chains start at the code z that the image was made
    from, which is an exact draw of the posterior; the mean of their 1/w is unbiased for 1/p(x), so that minus its
    logarithm is an upper bound on log p(x) on average (Grosse et al. (2015), section 3; Wu et al. (2017), section 2.3).
    Both use the same step sizes, of a pilot run that does not know z. The gap bounds what both are off by on the
    model's own images; that real images are as easy is an assumption.

    The arguments are those of ``annealed``; it costs about twice as much. Raises ``ValueError`` as that does, and for
    ``n`` below 1.

    >>> from companion import models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> found = bidirectional(model, 20, chains=4, temperatures=20, leapfrogs=2)
    >>> found.gap > -5 * found.gap_se
    True
    """
    counts = {"chains": chains, "temperatures": temperatures, "leapfrogs": leapfrogs, "batch_size": batch_size}
    run = _Annealing(model, start, seed, n=n, **counts)
    rng = generator(seed, SIMULATED, device=model.device)
    z = draw(run.marginal, rng, (n,))
    x = torch.cat([draw(model.decoder(some), rng) for some in z.split(batch_size)])
    batches = [*zip(x.split(run.images_at_once), z.split(run.images_at_once), strict=True)]
    with run.bar(len(batches), 2, progress) as bar:
        found = [run.bounds(*batch, bar.update) for batch in batches]
    forward = run.record([first for first, _ in found], "simulated")
    reverse = run.record([second for _, second in found], "simulated", -1)
    return BidirectionalBounds(forward, reverse, *mean_and_error(reverse.each - forward.each), x.cpu().numpy())


class _Annealing:
    """The settings of one call, checked, and its random numbers; ``batch_size`` is of codes."""

    def __init__(self, model: VAE, start: str, seed: int, **counts: int) -> None:
        for name, count in counts.items():
            least = 2 if name == "temperatures" else 1
            if int(count) != count or count < least:
                raise ValueError(f"{name}: expected a whole number, {least} or more, got {count!r}")
        if start not in STARTS:
            raise ValueError(f"start: expected one of {', '.join(STARTS)}, got {start!r}")
        self.model, self.marginal, self.start, self.seed = model, model.marginal(), start, seed
        check_codes(self.marginal)
        self.chains, self.leapfrogs = counts["chains"], counts["leapfrogs"]
        self.times = sigmoidal_schedule(counts["temperatures"])
        self.images_at_once = max(1, counts["batch_size"] // self.chains)
        self.pilot, self.rng = (generator(seed, stream, device=model.device) for stream in (PILOT, COUNTED))

    def bar(self, batches: int, directions: int, shown: bool) -> Any:
        """A bar of all transitions; ``TQDM_DISABLE`` in the environment hides one that would be shown."""
        inner = len(self.times) - 2
        total = batches * ((1 + directions) * inner + WARM_UP * (inner > 0))
        return tqdm(total=total, unit="transition", **({"mininterval": 0.5} if shown else {"disable": True}))

    def bounds(self, x: Tensor, z: Tensor | None, tick: Callable[[], object]) -> list[Weights]:
        """Weights of forward chains for images ``x``, and of reverse ones where the codes ``z`` behind x are given."""
        path = AnnealingPath(self.model, self.marginal, x, self.start)
        check_decoder(path)
        inner, pilot = self.times[1:-1].tolist(), path.draw(self.pilot, min(self.chains, PILOT_CHAINS))
        sizes = tuned_step_sizes(path, pilot, inner, path.scale, self.leapfrogs, self.pilot, tick)
        how = self.leapfrogs, self.rng, tick
        found = [annealed_weights(path, path.draw(self.rng, self.chains), self.times, sizes, *how)]
        if z is not None:
            found.append(annealed_weights(path, path.at(z, self.chains), self.times[::-1], sizes.flip(0), *how))
        return found

    def record(self, found: Iterable[Weights], split: str, way: int = 1) -> AnnealedLikelihood:
        """The estimates from the weights of all batches; ``way`` -1 for those of reverse chains."""
        log_w, acceptance = (np.concatenate(each, -1) for each in zip(*found, strict=True))
        check_weights(log_w)
        total = np.logaddexp.reduce(way * log_w, axis=0)
        each = way * (total - log(self.chains))
        value, se = mean_and_error(each)
        return AnnealedLikelihood(
            value,
            se,
            n=len(each),
            chains=self.chains,
            temperatures=len(self.times),
            leapfrogs=self.leapfrogs,
            start=self.start,
            acceptance=float(acceptance.mean()),
            split=split,
            seed=self.seed,
            each=each,
            effective=np.exp(2 * total - np.logaddexp.reduce(2 * way * log_w, axis=0)),
        )
