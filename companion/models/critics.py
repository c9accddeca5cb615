"""Critics: networks that judge pairs (x, z) or read z off x, for the bounds of ``companion.measure.information``."""

from torch import Tensor, nn
from torch.distributions import Independent, Normal, OneHotCategorical
from torch.nn import functional

from companion.models.draws import seeded

SCALE_FLOOR = 1e-6  # keeps log Q(z|x) finite where softplus underflows


class Critic(nn.Module):
    """f(x, z), a network of two hidden layers that reads both: large for pairs that came together.

    The first layer is a sum of a part for x and a part for z, so each is computed once and not for every pair.

    dim_x, dim_z : numbers in x and in z
    units : of each hidden layer
    seed : of the initial weights

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


class GaussianRecogniser(nn.Module):
    """Q(z|x), a diagonal Gaussian whose mean and scale are a network's of two hidden layers: it reads z off x.

    dim_x, dim_z, units, seed : see ``Critic``

    >>> import torch
    >>> q = GaussianRecogniser(3, 2, units=16)(torch.zeros(5, 3))
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


class CategoricalRecogniser(nn.Module):
    """Q(c|x), a one-hot category whose logits are a network's of two hidden layers: it reads c off x.

    dim_x, units, seed : see ``Critic``
    categories : K

    >>> import torch
    >>> CategoricalRecogniser(3, 10, units=16)(torch.zeros(5, 3)).probs.shape
    torch.Size([5, 10])
    """

    def __init__(self, dim_x: int, categories: int, units: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.network = _hidden_twice(dim_x, categories, units, seed)

    def forward(self, x: Tensor) -> OneHotCategorical:
        """Q(c|x) for ``x`` of shape ``[n, dim_x]``: batch shape ``[n]``, event shape ``[K]``."""
        return OneHotCategorical(logits=self.network(x), validate_args=False)


def _hidden_twice(inputs: int, outputs: int, units: int, seed: int) -> nn.Sequential:
    with seeded(seed):
        hidden = nn.Linear(inputs, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU()
        return nn.Sequential(*hidden, nn.Linear(units, outputs))
