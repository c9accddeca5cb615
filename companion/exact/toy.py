"""The toy process of Alemi et al. (2018), appendix E, as tables; a model of it that is optimal; the panels of figure 2.

A hidden class z* sets the mean of a Gaussian h ~ N(mean of z*, sigma), and the observation x is the bin that h falls
into. The noise sigma is solved for, so that I(X; Z*) is a chosen number of nats. All tables are float64.

The paper gives neither means, nor grid, nor sigma. Chosen here: means -1 and +1, bins of equal width on [-3, 3], and by
default outer bins that take the tails. The paper's text draws z* from Ber(0.7) and
gives 70 % of the mass to class 0; here class 0 has probability 0.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from companion.exact.tables import check_distribution, check_shapes, entropy, mutual_information

MEANS = np.array([-1.0, 1.0])
REACH = 3.0  # the bins cover [-REACH, REACH]
NOISE = (0.02, 200.0)  # bracket of sigma
DISCRETISATIONS = ("tails", "centres")


@dataclass(frozen=True)
class ToyProcess:
    """The data-generating process: a class z*, and a bin x that depends on it.

    Attributes:
        p_z: ``[2]``, the probabilities of the classes
        conditional: ``[2, X]``, p(x | z*)
        centres: ``[X]``, the middle of each bin
        sigma: standard deviation of the Gaussian noise
    """

    p_z: np.ndarray
    conditional: np.ndarray
    centres: np.ndarray
    sigma: float

    @property
    def joint(self) -> np.ndarray:
        """``[2, X]``, p(z*, x)."""
        return self.p_z[:, None] * self.conditional

    @property
    def p_x(self) -> np.ndarray:
        """``[X]``, the data distribution p*(x)."""
        return self.joint.sum(0)

    @property
    def posterior(self) -> np.ndarray:
        """``[X, 2]``, p(z* | x)."""
        return (self.joint / self.p_x).T

    @property
    def entropy(self) -> float:
        """H(X) of the bins, in nats."""
        return entropy(self.p_x)

    @property
    def information(self) -> float:
        """I(X; Z*), the mutual information of bin and class, in nats."""
        return mutual_information(self.joint)


class ModelTables(NamedTuple):
    """A model of finite data: ``p_x`` ``[X]``, ``encoder`` ``[X, Z]``, ``decoder`` ``[Z, X]``, ``marginal`` ``[Z]``."""

    p_x: np.ndarray
    encoder: np.ndarray
    decoder: np.ndarray
    marginal: np.ndarray


def toy_process(
    bins: int = 30, information: float = 0.5, discretisation: str = "tails", p_z: Sequence[float] = (0.7, 0.3)
) -> ToyProcess:
    """The process whose noise is such that I(X; Z*) = ``information`` nats (Alemi et al., 2018, appendix E).

    Args:
        bins: the number of bins, at least 2
        information: I(X; Z*) in nats
        discretisation: ``tails``, each bin has the Gaussian's probability of it and the outer two take the tails;
            ``centres``, the density at the bins' centres, normalised
        p_z: the probabilities of the two classes

    Raises ``ValueError`` for fewer than 2 bins, another ``discretisation``, a ``p_z`` that is no distribution over two
    classes, or an information that no noise gives.

    >>> process = toy_process()
    >>> round(process.sigma, 4), round(process.entropy, 4), round(process.information, 4)
    (0.5984, 3.0184, 0.5)
    """
    if bins < 2:
        raise ValueError(f"bins: expected at least 2, got {bins!r}")
    if discretisation not in DISCRETISATIONS:
        raise ValueError(f"discretisation: expected one of {', '.join(DISCRETISATIONS)}, got {discretisation!r}")
    classes = check_distribution("p_z", p_z)
    check_shapes(p_z=(classes, (2,)))

    def excess(sigma: float) -> float:
        return mutual_information(classes[:, None] * _conditional(bins, sigma, discretisation)) - information

    most, least = (excess(sigma) + information for sigma in NOISE)
    if not least < information < most:
        raise ValueError(f"information: expected between {least:.3g} and {most:.3g} nats, got {information!r}")
    sigma = float(brentq(excess, *NOISE, xtol=1e-13))
    edges = np.linspace(-REACH, REACH, bins + 1)
    return ToyProcess(classes, _conditional(bins, sigma, discretisation), (edges[1:] + edges[:-1]) / 2, sigma)


def _conditional(bins: int, sigma: float, discretisation: str) -> np.ndarray:
    edges = np.linspace(-REACH, REACH, bins + 1)
    if discretisation == "centres":
        squares = ((edges[1:] + edges[:-1]) / 2 - MEANS[:, None]) ** 2 / (2 * sigma**2)
        density = np.exp(squares.min(1, keepdims=True) - squares)
        return density / density.sum(1, keepdims=True)
    edges[[0, -1]] = -np.inf, np.inf
    low, high = (edges[:-1] - MEANS[:, None]) / sigma, (edges[1:] - MEANS[:, None]) / sigma
    above = low > 0  # differences are taken in the smaller tail, where they lose no digits
    return np.where(above, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))


def optimal_toy_model(process: ToyProcess, codes: int = 30) -> ModelTables:
    """The model whose code is a draw from p(z* | x) and nothing else: R = I(X; Z*), D = H(X | Z*), so R + D = H(X).

    Each class has a group of the ``codes``, in proportion to its probability. Within the group the encoder is uniform:
    e(z | x) is p(z* | x) divided by the size of the group, and d(x | z) is p(x | z*).

    Raises ``ValueError`` for fewer than 2 codes.

    >>> model = optimal_toy_model(toy_process())
    >>> model.encoder.shape, model.marginal[:2].round(4).tolist()
    ((30, 30), [0.0333, 0.0333])
    """
    if codes < 2:
        raise ValueError(f"codes: expected at least 2, got {codes!r}")
    first = min(max(round(codes * float(process.p_z[0])), 1), codes - 1)
    sizes = np.array([first, codes - first])
    owner = np.repeat([0, 1], sizes)
    encoder = process.posterior[:, owner] / sizes[owner]
    return ModelTables(process.p_x, encoder, process.conditional[owner], process.p_z[owner] / sizes[owner])


@dataclass(frozen=True)
class ToyPanels:
    """What figure 2 of Alemi et al. (2018) shows of one model, as data.

    Attributes:
        p_x, generated, reconstructed: ``[X]``: p*(x), g(x) = sum_z m(z) d(x|z), d(x) = sum_x' sum_z p*(x') e(z|x')
            d(x|z)
        marginal, aggregate: ``[Z]``: m(z), and e(z) = sum_x p*(x) e(z|x)
        class_weights, class_aggregates: ``[C]`` and ``[C, Z]``: p(z*), and e(z0), e(z1), the codes of each class's
            data; weighted, they sum to the aggregate
        encoder, decoder, reconstruction: ``[X, Z]``, ``[Z, X]``, ``[X, X]``: e(z|x), d(x|z), and p(x'|x) = sum_z e(z|x)
            d(x'|z)
    """

    p_x: np.ndarray
    generated: np.ndarray
    reconstructed: np.ndarray
    marginal: np.ndarray
    aggregate: np.ndarray
    class_weights: np.ndarray
    class_aggregates: np.ndarray
    encoder: np.ndarray
    decoder: np.ndarray
    reconstruction: np.ndarray


def toy_panels(p_x: Any, class_posterior: Any, encoder: Any, decoder: Any, marginal: Any) -> ToyPanels:
    """The panels of figure 2 of Alemi et al. (2018) for one model.

    Args:
        p_x: ``[X]``; class_posterior : ``[X, C]``, p(z* | x); encoder : ``[X, Z]``; decoder : ``[Z, X]``;
        marginal: ``[Z]``

    Raises ``ValueError`` for tables that are no distributions, whose shapes do not fit, or for a class without data.

    >>> process = toy_process()
    >>> shown = toy_panels(process.p_x, process.posterior, *optimal_toy_model(process)[1:])
    >>> bool(np.allclose(shown.generated, process.p_x)), shown.class_weights.round(2).tolist()
    (True, [0.7, 0.3])
    """
    p, m = check_distribution("p_x", p_x), check_distribution("marginal", marginal)
    classes = check_distribution("class_posterior", class_posterior, 2)
    e, d = check_distribution("encoder", encoder, 2), check_distribution("decoder", decoder, 2)
    check_shapes(
        class_posterior=(classes, (len(p), classes.shape[1])),
        encoder=(e, (len(p), len(m))),
        decoder=(d, (len(m), len(p))),
    )
    joint = p[:, None] * classes
    weights = joint.sum(0)
    if not (weights > 0).all():
        raise ValueError(f"class_posterior: expected every class to have data, got probabilities {weights.tolist()}")
    aggregate = p @ e
    return ToyPanels(p, m @ d, aggregate @ d, m, aggregate, weights, (joint / weights).T @ e, e, d, e @ d)
