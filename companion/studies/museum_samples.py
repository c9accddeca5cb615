"""The museum's estimators from minibatches and pairs: sampling and permutation, ceilings and floors.

A wrong and a right estimator of each number, as in ``companion.studies.museum_models``.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from companion import exact, measure
from companion.models import draw, generator
from companion.objectives import permute_dimensions
from companion.seeds import numpy_generator
from companion.stats import Estimate
from companion.studies.museum_models import information_of_counts
from companion.studies.penalised import blockwise_mmd

# Sampling and permutation: 1024 codes that never meet; labels read with noise; two numbers that are correlated.
N, B = 1024, 32
READ = np.full((4, 4), 0.1) + 0.6 * np.eye(4)
PAIR = exact.CorrelatedGaussians(1, 0.6)


def _index_information(log_q: Callable[[Tensor], Tensor], seed: int) -> Estimate:
    """I(n; z) from 20 minibatches, whose aggregate ``log_q`` makes of log e(z_i|x_j).

    The codes of any two images are 16 standard deviations apart, or more.
    """
    rng = generator(seed)
    codes = [Normal(16.0 * torch.randperm(N, generator=rng)[:B].double(), 1.0) for _ in range(20)]
    log_e = [e.log_prob(draw(e, rng)[:, None]) for e in codes]
    return Estimate.of(torch.stack([measure.batch_information(f, log_q(f)) for f in log_e]))


def _sorted_pairs(seed: int) -> tuple[Tensor, Tensor]:
    """Labels and their codes in the order of the labels, as published sets often are."""
    rng = generator(seed)
    label = torch.randint(4, (2048,), generator=rng).sort().values
    return label, torch.multinomial(torch.from_numpy(READ)[label], 1, generator=rng)[:, 0]


def _nwj(label: Tensor, code: Tensor) -> Estimate:
    """NWJ by the exact critic, each code held against all labels of its minibatch of 16."""
    critic = 1 + torch.from_numpy(READ * 4).log()
    return measure.nwj(critic[label.view(-1, 1, 16), code.view(-1, 16, 1)])


def _total_correlation(permute: Callable[[Tensor, torch.Generator], Tensor], seed: int) -> Estimate:
    """NWJ by the exact critic: E f(codes) - E e^(f(permuted codes) - 1), with f = 1 + log p(z) / p(z_1) p(z_2)."""

    def critic(z: Tensor) -> Tensor:
        return 1 + torch.from_numpy(PAIR.log_ratio(z[:, :1].numpy(), z[:, 1:].numpy()))

    rng, codes = generator(seed), torch.from_numpy(np.hstack(PAIR.sample(20_000, numpy_generator(seed))))
    each = [critic(z).mean() - (critic(permute(z, rng)) - 1).exp().mean() for z in codes.split(500)]
    return Estimate.of(torch.stack(each))


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return 2 / (2 + (a[:, :, None] - b[:, None]) ** 2)


def weights_in_column_zero(seed: int) -> Estimate:
    """The information stays near log(B - 1), whatever the code, and moves with the size of the minibatch."""
    weights = torch.full((B, B), 1 / (B - 1))
    weights.view(-1)[::B] = 1 / N  # the diagonal would be [:: B + 1]
    weights.view(-1)[1::B] = weights[B - 2, 0] = 1 / (B - 1) - 1 / N
    log_w = weights.log()
    return _index_information(lambda f: (f + log_w).logsumexp(1), seed)


def weights_on_the_diagonal(seed: int) -> Estimate:
    """On average from I(n; z) to log N: the same number for codes that never meet."""
    return _index_information(lambda f: measure.log_qz_mss(f, N), seed)


def sorted_labels(seed: int) -> Estimate:
    """The estimate changes once the data are shuffled; before, it may be negative by many standard errors."""
    label, code = _sorted_pairs(seed)
    return _nwj(label, code)


def shuffled_labels(seed: int) -> Estimate:
    """Unbiased for the information, since this critic is the best one."""
    label, code = _sorted_pairs(seed)
    order = torch.randperm(len(label), generator=generator(seed, 1))
    return _nwj(label[order], code[order])


def dimensions_swapped(seed: int) -> Estimate:
    """A discriminator cannot tell the permuted codes from the others, however long it is trained."""

    def permute(z: Tensor, rng: torch.Generator) -> Tensor:
        return z[:, torch.randperm(z.shape[1], generator=rng)]

    return _total_correlation(permute, seed)


def dimensions_permuted(seed: int) -> Estimate:
    """Unbiased but for the permuted codes that stay as they were, one of 500: low by 0.001 nats here."""
    return _total_correlation(permute_dimensions, seed)


def negated_discrepancy(seed: int) -> Estimate:
    """A squared distance comes out negative by many standard errors, and training drives it further down."""
    z, m = torch.randn(2, 20, 100, generator=generator(seed))
    z = 0.5 * z
    between = _kernel(z, m).mean((1, 2))
    within = (_kernel(z, z) + _kernel(m, m)).sum((1, 2)) - 2 * 100
    return Estimate.of(2 * between - within / (100 * 99))


def discrepancy(seed: int) -> Estimate:
    """Unbiased for MMD^2."""
    mean, scale = torch.zeros(2000, 1), torch.full((2000, 1), 0.5)
    return blockwise_mmd(mean, scale, seed)


# Ceilings and floors: pairs that share 5 nats; ten labels and a code that does not look at them.
FIVE = exact.CorrelatedGaussians.from_information(4, 5.0)


def contrast_for_information(seed: int) -> Estimate:
    """The estimate stops just below log B, and higher up in larger minibatches."""
    pairs = FIVE.sample(1024, numpy_generator(seed))
    x, z = (a.reshape(64, 16, 4) for a in pairs)
    scores = FIVE.log_conditional(x[:, None], z[:, :, None])
    return measure.infonce(torch.from_numpy(scores))


def known_entropy(seed: int) -> Estimate:
    """Unbiased for the information, since the conditional density is the true one."""
    x, z = FIVE.sample(1024, numpy_generator(seed))
    log_e = FIVE.log_conditional(x, z)
    return measure.barber_agakov(torch.from_numpy(log_e), FIVE.entropy)


def empty_counts(seed: int) -> float:
    """Shuffled labels get as much information as the true ones, and about half of it with twice as many pairs."""
    rng = numpy_generator(seed)
    label, z = rng.integers(10, size=200), rng.standard_normal(200)
    place = np.digitize(z, np.linspace(-2, 2, 19))
    return information_of_counts(label, place)


def constant_densities(seed: int) -> Estimate:
    """An upper bound in general; here every image has the same density, so that nothing is left of it."""
    z = torch.randn(10, 20, 1, generator=generator(seed))
    log_e = Normal(0.0, 1.0).log_prob(z).expand(10, 20, 20)
    return measure.leave_one_out(log_e)
