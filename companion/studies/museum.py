"""A museum of wrong numbers: mistakes of kinds that public programs have had, each small enough to know its truth.

An ``Exhibit`` holds two estimators of one number, a wrong one and a right one that calls the package, and the truth:
a closed form, a finite sum or an integral, computed apart from both. ``EXHIBITS`` are all of them, ``exhibit`` finds
one by its name, and ``agrees`` holds an estimator against the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import comb, inf, log, pi, sqrt
from typing import Any

import numpy as np
import torch
from scipy.special import erfcx
from torch.distributions import Bernoulli, Independent

from companion import exact
from companion.measure import ImportanceBound
from companion.stats import Estimate
from companion.studies import museum_models as models
from companion.studies import museum_samples as samples

__all__ = ["ERRORS", "EXHIBITS", "Exhibit", "agrees", "exhibit"]

Estimator = Callable[[int], Estimate | ImportanceBound | float]

#: How many standard errors an estimate may be from the truth.
ERRORS = 5


@dataclass(frozen=True)
class Exhibit:
    """A wrong number beside the right one.

    Attributes:
        title: what is wrong, in a few words
        wrong, right: estimators of one number. Each takes a seed and gives an ``Estimate``, or a number without error
        truth: the number itself
        units: of all three; empty for a number without a unit
        tolerance: what rounding may add to the ``ERRORS`` standard errors
    """

    title: str
    wrong: Estimator
    right: Estimator
    truth: float
    units: str = "nats"
    tolerance: float = 1e-9

    @property
    def name(self) -> str:
        """The name of the wrong estimator, by which ``exhibit`` finds it."""
        return getattr(self.wrong, "__name__", "")

    @property
    def notice(self) -> str:
        """How one notices the mistake in practice: the docstring of the wrong estimator."""
        return self.wrong.__doc__ or ""


def agrees(shown: Exhibit, estimator: Estimator, seed: int = 0) -> bool:
    """Whether ``estimator`` gives the truth of ``shown``, within ``ERRORS`` standard errors and the tolerance.

    An estimate whose standard error is infinite, for want of units, agrees with nothing.

    >>> shown = exhibit("mean_over_pixels")
    >>> agrees(shown, shown.right), agrees(shown, shown.wrong)
    (True, False)
    """
    found: Any = estimator(seed)
    value, error = float(getattr(found, "value", found)), float(getattr(found, "se", 0.0))
    return error < inf and abs(value - shown.truth) <= ERRORS * error + shown.tolerance


def exhibit(name: str) -> Exhibit:
    """The exhibit of that name; raises ``ValueError`` for one that the museum does not have."""
    found = {each.name: each for each in EXHIBITS}
    if name not in found:
        raise ValueError(f"name: expected one of {', '.join(found)}, got {name!r}")
    return found[name]


def _importance_bound() -> float:
    """The mean of IWAE-K over all images of three dots: a sum over how many draws are the second code."""
    e, k = models.DOT_MODEL.encoder(models.DOTS).probs.double().numpy(), models.K
    log_d = [Independent(Bernoulli(ink), 1).log_prob(models.DOTS) for ink in models.INK]
    w = 0.5 * torch.stack(log_d, 1).double().exp().numpy() / e
    terms = [comb(k, j) * e[:, 0] ** (k - j) * e[:, 1] ** j * np.log(w @ [k - j, j] / k) for j in range(k + 1)]
    return float(np.sum(terms, 0).mean())


def _overlapping_codes() -> float:
    """I(n; z), by an integral over z."""
    z = np.linspace(-12, 12, 4001)
    e = np.exp(-((z - models.MEANS.numpy()) ** 2) / 2) / sqrt(2 * pi)
    return float(np.trapezoid((e * np.log(e / e.mean(0))).mean(0), z))


def _grey_samples() -> float:
    """I(c; x), by a sum over all 4096 pictures."""
    x = torch.tensor(list(product((0.0, 1.0), repeat=12)), dtype=torch.float64)
    d = Bernoulli(models.GREY[:, None]).log_prob(x).sum(2).exp()
    return exact.mutual_information(d.numpy() / len(d))


def _discrepancy() -> float:
    """MMD^2 of N(0, 1/4) and N(0, 1): the mean of C / (C + d^2), C = 2, for differences d of three variances."""
    codes, prior, between = (sqrt(pi / v) * erfcx(sqrt(1 / v)) for v in (0.5, 2.0, 1.25))
    return float(codes + prior - 2 * between)


def _new_images() -> float:
    """The rate of a uniform population of 40 images."""
    uniform = np.full(40, 1 / 40)
    return exact.DiscreteModel(uniform, models.ENCODER.numpy(), np.tile(uniform, (40, 1)), models.LEARNED.numpy()).rate


def _drawn_pixels() -> float:
    """The entropy of the images whose pixels are drawn, by a sum over all 64."""
    log_p = models.log_drawn(torch.tensor(list(product((0.0, 1.0), repeat=6)), dtype=torch.float64))
    return exact.entropy(log_p.exp().numpy())


def _exhibits() -> tuple[Exhibit, ...]:
    m, s, at = models, samples, models.LINEAR
    drawers, labels = (exact.mutual_information(t / len(t)) for t in (m.DRAWERS.numpy(), s.READ))
    return (
        Exhibit("A mean over pixels", m.mean_over_pixels, m.distortion, at.distortion),
        Exhibit("A mean over code dimensions", m.mean_over_dimensions, m.rate, at.rate),
        Exhibit("A beta that is not read", m.unread_beta, m.beta_objective, at.distortion + at.beta * at.rate),
        Exhibit("A sum of importance weights", m.sum_of_weights, m.importance_bound, _importance_bound()),
        Exhibit("The prior's entropy", m.prior_entropy, m.aggregate_entropy, drawers),
        Exhibit("Means in place of codes", m.means_for_codes, m.drawn_codes, _overlapping_codes()),
        Exhibit("Grey pictures in place of samples", m.means_for_samples, m.samples, _grey_samples()),
        Exhibit("Weights beside the diagonal", s.weights_in_column_zero, s.weights_on_the_diagonal, log(s.N)),
        Exhibit("Minibatches of one label", s.sorted_labels, s.shuffled_labels, labels),
        Exhibit("A permutation of dimensions", s.dimensions_swapped, s.dimensions_permuted, s.PAIR.information),
        Exhibit("The sign of a distance", s.negated_discrepancy, s.discrepancy, _discrepancy(), "", 1e-6),
        Exhibit("A ceiling for an information", s.contrast_for_information, s.known_entropy, s.FIVE.information),
        Exhibit("Information in nothing", s.empty_counts, s.constant_densities, 0.0),
        Exhibit("The rate of the training set", m.rate_in_training, m.rate_on_new_images, _new_images()),
        Exhibit("Pixels drawn once and for all", m.binarised_once, m.binarised_anew, _drawn_pixels()),
    )


#: All exhibits, in the order of the page.
EXHIBITS = _exhibits()
