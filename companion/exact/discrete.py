"""A model of four finite tables, for which rate, distortion and every information are exact sums.

With data p*(x), encoder e(z|x), decoder d(x|z) and marginal m(z), two joint distributions exist: the encoder's
p*(x) e(z|x) and the generative m(z) d(x|z). Each has a mutual information, and the other two tables bound it:

    H - D <= I <= R    (Alemi et al. (2018), eq. 2 and 3)
    E <= I_gen <= G    (ibid., eq. 9)

Terms of probability 0 add 0 (0 log 0 = 0). A quantity is infinite where a table gives probability 0 to something that
occurs. No quantity is ever NaN.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.special import xlogy

from companion.exact import tables
from companion.exact.tables import mean_kl


@dataclass(frozen=True, eq=False)
class DiscreteModel:
    """Four tables over X data values and Z codes. All quantities are exact, in nats.

    Attributes:
        p_x: data p*(x), ``[X]``
        encoder: e(z|x), ``[X, Z]``, one distribution over codes a row
        decoder: d(x|z), ``[Z, X]``, one distribution over data a row
        marginal: m(z), ``[Z]``

    The tables are copied as float64, normalised to machine precision and made read-only.
    Raises ``ValueError`` naming the table for a wrong shape, an empty table, an entry that is negative or not finite,
    or a row whose sum misses one by more than 1e-9.

    >>> model = DiscreteModel([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]], [0.25, 0.75])
    >>> bool(model.entropy - model.distortion <= model.mutual_information <= model.rate)
    True
    >>> round(model.rate, 4), round(model.distortion, 4)
    (0.837, 0.1054)
    """

    p_x: np.ndarray
    encoder: np.ndarray
    decoder: np.ndarray
    marginal: np.ndarray

    def __post_init__(self) -> None:
        for field in fields(self):
            ndim = 2 if field.name in ("encoder", "decoder") else 1
            table = tables.check_distribution(field.name, getattr(self, field.name), ndim)
            table = table / table.sum(-1, keepdims=True)
            table.setflags(write=False)
            object.__setattr__(self, field.name, table)
        x, z = len(self.p_x), len(self.marginal)
        tables.check_shapes(encoder=(self.encoder, (x, z)), decoder=(self.decoder, (z, x)))

    @property
    def joint(self) -> np.ndarray:
        """The encoder's joint distribution p*(x) e(z|x), ``[X, Z]``."""
        return self.p_x[:, None] * self.encoder

    @property
    def entropy(self) -> float:
        """H = -E log p*(x), between 0 and log X."""
        return tables.entropy(self.p_x)

    @property
    def rate(self) -> float:
        """R = E log e(z|x) / m(z) (Alemi et al. (2018), eq. 2): an upper bound on the mutual information.

        Infinite where the marginal gives probability 0 to a code that the encoder uses.
        """
        return mean_kl(self.p_x, self.encoder, self.marginal)

    @property
    def distortion(self) -> float:
        """D = -E log d(x|z) (Alemi et al. (2018), eq. 3), 0 or more; H - D bounds the mutual information from below.

        Infinite where the decoder gives probability 0 to data that the encoder gives this code.
        """
        return 0.0 - float(xlogy(self.joint, self.decoder.T).sum())

    @property
    def elbo(self) -> float:
        """-(R + D), a lower bound on E log g(x) and on -H."""
        return -(self.rate + self.distortion)

    @property
    def aggregate(self) -> np.ndarray:
        """p_e(z) = sum_x p*(x) e(z|x), ``[Z]``: the distribution of the codes of the data (aggregate posterior)."""
        return self.p_x @ self.encoder

    @property
    def mutual_information(self) -> float:
        """I(X; Z) of p*(x) e(z|x) (Alemi et al. (2018), eq. 1), between 0 and the smaller of H and log Z."""
        return tables.mutual_information(self.joint)

    @property
    def inverted_encoder(self) -> np.ndarray:
        """p_e(x|z) = p*(x) e(z|x) / p_e(z), ``[Z, X]``. For a code of probability 0, the row is p*(x)."""
        joint = self.joint.T
        total = joint.sum(1, keepdims=True)
        return np.divide(joint, total, out=np.tile(self.p_x, (len(total), 1)), where=total > 0)

    @property
    def generated(self) -> np.ndarray:
        """g(x) = sum_z m(z) d(x|z), ``[X]``: the data that the model generates."""
        return self.marginal @ self.decoder

    @property
    def generative_mutual_information(self) -> float:
        """I_gen(X; Z) of the joint distribution m(z) d(x|z) (Alemi et al. (2018), eq. 6)."""
        return tables.mutual_information(self.marginal[:, None] * self.decoder)

    @property
    def generative_lower_bound(self) -> float:
        """E = sum_z m(z) sum_x d(x|z) log e(z|x) / m(z) <= I_gen (Alemi et al. (2018), eq. 7 and B.5).

        A lower bound on the information of generated data about their code. It may be negative, and is minus infinity
        where the encoder gives probability 0 to a code that can have generated x. An equality when
        e(z|x) = m(z) d(x|z) / g(x) wherever g(x) > 0.
        """
        joint = self.marginal[:, None] * self.decoder
        return float(xlogy(joint, self.encoder.T).sum()) + tables.entropy(self.marginal)

    def generative_upper_bound(self, q_x: Any = None) -> float:
        """G = sum_z m(z) sum_x d(x|z) log d(x|z) / q(x) >= I_gen (Alemi et al. (2018), eq. 8 and B.6).

        Args:
            q_x: estimate q(x) of the data, ``[X]``; by default the model's own g(x), which makes the bound an equality

        Infinite where q gives probability 0 to data that the model generates. Raises ``ValueError`` for a ``q_x`` that
        is no distribution over the X data values.

        >>> model = DiscreteModel([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]], [0.25, 0.75])
        >>> least = model.generative_upper_bound()
        >>> bool(model.generative_upper_bound([0.5, 0.5]) > least == model.generative_mutual_information)
        True
        """
        if q_x is None:
            return self.generative_mutual_information
        return mean_kl(self.marginal, self.decoder, self._estimate(q_x))

    def reparametrised(self, q_x: Any) -> tuple[float, float]:
        """U = E log d(x|z) / q(x) and S = KL(p* || q), for which U - S = H - D (Alemi et al. (2018), eq. 11 to 13).

        Args:
            q_x: estimate q(x) of the data, ``[X]``

        Equation 10 there prints e(z|x) where d(x|z) is meant. Both are infinite where q gives probability 0 to data of
        p*, whatever D is; elsewhere U is minus infinity if D is infinite. Raises ``ValueError`` for a ``q_x`` that is
        no distribution over the X data values.

        >>> model = DiscreteModel([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]], [0.25, 0.75])
        >>> u, s = model.reparametrised([0.2, 0.8])
        >>> bool(np.isclose(u - s, model.entropy - model.distortion))
        True
        """
        q = self._estimate(q_x)
        excess = tables.kl(self.p_x, q)
        return (np.inf if np.isinf(excess) else excess + self.entropy - self.distortion), excess

    def _estimate(self, q_x: Any) -> np.ndarray:
        q = tables.check_distribution("q_x", q_x)
        tables.check_shapes(q_x=(q, self.p_x.shape))
        return q / q.sum()

    def with_optimal_marginal(self) -> "DiscreteModel":
        """The same model with m(z) = p_e(z): its rate is I, the least for this encoder (Alemi et al. (2018), B.3).

        >>> model = DiscreteModel([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]], [0.25, 0.75])
        >>> bool(np.isclose(model.with_optimal_marginal().rate, model.mutual_information))
        True
        """
        return replace(self, marginal=self.aggregate)

    def with_optimal_decoder(self) -> "DiscreteModel":
        """The same model with d(x|z) = p_e(x|z): its distortion is H - I, the least for this encoder (ibid., B.4).

        >>> model = DiscreteModel([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]], [0.25, 0.75])
        >>> model.with_optimal_decoder().distortion
        0.0
        """
        return replace(self, decoder=self.inverted_encoder)
