"""Networks that judge pairs (x, z), for the bounds of ``companion.measure.information``."""

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.nn import functional

SCALE_FLOOR = 1e-6  # keeps log Q(z|x) finite where softplus underflows


class Critic(nn.Module):
    """f(x, z), a network of two hidden layers that reads both: large for pairs that came together.

    The first layer is a sum of a part for x and a part for z, so each is computed once and not for every pair.

    dim_x, dim_z : numbers in x and in z
    units : of each hidden layer
    seed : of the initial weights

    >>> Critic(3, 2, units=16)(torch.zeros(5, 3), torch.zeros(5, 2)).shape
    torch.Size([5, 5])
    """

    def __init__(self, dim_x: int, dim_z: int, units: int = 64, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.of_x, self.of_z = nn.Linear(dim_x, units), nn.Linear(dim_z, units, bias=False)
            self.rest = nn.Sequential(nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Scores of all pairs of ``x``, ``[m, dim_x]``, and ``z``, ``[n, dim_z]``: ``scores[i, j]`` = f(x_j, z_i)."""
        return self.rest(self.of_x(x) + self.of_z(z)[:, None]).squeeze(-1)


class GaussianRecogniser(nn.Module):
    """Q(z|x), a diagonal Gaussian whose mean and scale are a network's of two hidden layers: it reads z off x.

    dim_x, dim_z, units, seed : see ``Critic``

    >>> q = GaussianRecogniser(3, 2, units=16)(torch.zeros(5, 3))
    >>> q.batch_shape, q.event_shape
    (torch.Size([5]), torch.Size([2]))
    """

    def __init__(self, dim_x: int, dim_z: int, units: int = 64, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            hidden = nn.Linear(dim_x, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU()
            self.network = nn.Sequential(*hidden, nn.Linear(units, 2 * dim_z))

    def forward(self, x: Tensor) -> Independent:
        """Q(z|x) for ``x`` of shape ``[n, dim_x]``: batch shape ``[n]``, event shape ``[dim_z]``."""
        mean, scale = self.network(x).chunk(2, -1)
        return Independent(Normal(mean, functional.softplus(scale) + SCALE_FLOOR, validate_args=False), 1)
