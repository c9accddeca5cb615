"""Networks beside the model: they judge pairs (x, z), read z off x, or tell codes of two kinds apart.

The first two kinds serve the bounds of ``companion.measure.mi_bounds``; a discriminator knows a ratio of densities.
"""

from torch import Tensor, nn
from torch.distributions import Independent, Normal, OneHotCategorical
from torch.nn import functional

from companion.models.draws import seeded

SCALE_FLOOR = 1e-6  # keeps log Q(z|x) finite where softplus underflows
SLOPE = 0.2  # of the leaky rectifiers below zero


class Critic(nn.Module):
    """f(x, z), a network of two hidden layers that reads both: large for pairs that came together.

    The first layer is a sum of a part for x and a part for z, so each is computed once and not for every pair.

    Args:
        dim_x, dim_z: numbers in x and in z
        units: of each hidden layer
        seed: of the initial weights

    >>> import torch
    >>> Critic(3, 2, units=16)(torch.zeros(5, 3), torch.zeros(5, 2)).shape
    torch.Size([5, 5])
    """

    def __init__(self, dim_x: int, dim_z: int, units: int = 64, seed: int = 0) -> None:
        super().__init__()
        with seeded(seed):
            self.of_x, self.of_z = nn.Linear(dim_x, units), nn.Linear(dim_z, units, bias=False)
            self.rest = nn.Sequential(nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Scores of all pairs of ``x``, ``[m, dim_x]``, and ``z``, ``[n, dim_z]``: ``scores[i, j]`` = f(x_j, z_i)."""
        return self.rest(self.of_x(x) + self.of_z(z)[:, None]).squeeze(-1)


class GaussianRecognitionNetwork(nn.Module):
    """Q(z|x), a diagonal Gaussian whose mean and scale are a network's of two hidden layers: it reads z off x.

    Args:
        dim_x, dim_z, units, seed: see ``Critic``

    >>> import torch
    >>> q = GaussianRecognitionNetwork(3, 2, units=16)(torch.zeros(5, 3))
    >>> q.batch_shape, q.event_shape
    (torch.Size([5]), torch.Size([2]))
    """

    def __init__(self, dim_x: int, dim_z: int, units: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.network = _hidden_twice(dim_x, 2 * dim_z, units, seed)

    def forward(self, x: Tensor) -> Independent:
        """Q(z|x) for ``x`` of shape ``[n, dim_x]``: batch shape ``[n]``, event shape ``[dim_z]``."""
        mean, scale = self.network(x).chunk(2, -1)
        return Independent(Normal(mean, functional.softplus(scale) + SCALE_FLOOR, validate_args=False), 1)


class CategoricalRecognitionNetwork(nn.Module):
    """Q(c|x), a one-hot category whose logits are a network's of two hidden layers: it reads c off x.

    Args:
        dim_x, units, seed: see ``Critic``
        categories: K

    >>> import torch
    >>> CategoricalRecognitionNetwork(3, 10, units=16)(torch.zeros(5, 3)).probs.shape
    torch.Size([5, 10])
    """

    def __init__(self, dim_x: int, categories: int, units: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.network = _hidden_twice(dim_x, categories, units, seed)

    def forward(self, x: Tensor) -> OneHotCategorical:
        """Q(c|x) for ``x`` of shape ``[n, dim_x]``: batch shape ``[n]``, event shape ``[K]``."""
        return OneHotCategorical(logits=self.network(x), validate_args=False)


class Discriminator(nn.Module):
    """A logit for each code: three layers, two of them hidden, of ``units`` leaky rectifiers.

    Where ``logistic_loss`` is least over all functions, the logit is log p(z) / q(z) for codes drawn as often from p,
    the true kind, as from q (Goodfellow et al. (2014), proposition 1).

    Args:
        dim: dimensions of a code
        seed: of the initial weights

    >>> import torch
    >>> Discriminator(16)(torch.zeros(5, 16)).shape
    torch.Size([5])
    """

    def __init__(self, dim: int, units: int = 256, seed: int = 0) -> None:
        super().__init__()
        with seeded(seed):
            hidden = [nn.Linear(dim, units), nn.LeakyReLU(SLOPE), nn.Linear(units, units), nn.LeakyReLU(SLOPE)]
            self.network = nn.Sequential(*hidden, nn.Linear(units, 1))

    def forward(self, z: Tensor) -> Tensor:
        """Logits of codes ``[n, dim]``: nats, ``[n]``."""
        return self.network(z).squeeze(-1)


def logistic_loss(true: Tensor, false: Tensor) -> Tensor:
    """The mean of -log s(logit) over ``true`` logits plus that of -log(1 - s(logit)) over ``false`` ones; nats.

    s is the logistic function. At chance, logits of 0, it is 2 log 2; with the best logits, 2 log 2 less twice the
    Jensen-Shannon divergence (Goodfellow et al. (2014), theorem 1).

    >>> import torch
    >>> round(logistic_loss(torch.zeros(3), torch.zeros(5)).item(), 4)
    1.3863
    """
    return functional.softplus(-true).mean() + functional.softplus(false).mean()


def _hidden_twice(inputs: int, outputs: int, units: int, seed: int) -> nn.Sequential:
    with seeded(seed):
        hidden = nn.Linear(inputs, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU()
        return nn.Sequential(*hidden, nn.Linear(units, outputs))
