"""Penalties against values computed by hand, enumerations and known truths."""

from itertools import permutations
from math import log, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from companion.measure.decomposition import gaussian_surgery
from companion.models import generator
from companion.models.critics import Discriminator, logistic_loss
from companion.objectives import penalised, penalties, permute_dimensions
from companion.studies import (
    blockwise_mmd,
    discriminator_total_correlation,
    fit_discriminator,
    minibatch_total_correlation,
)
from companion.terms import Terms

BATCH = Terms(log_e=np.array([2.0, 6.0]), log_d=np.array([-70.0, -80.0]), log_m=np.array([-3.0, -1.0]))  # R 6, D 75


def randn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def five_errors(values: torch.Tensor) -> float:
    return 5 * values.std().item() / sqrt(len(values))


def test_the_form_of_all_relatives_by_hand():
    """Tolstikhin et al. (2018), eq. 4: the penalty is added; Serdega (2019), eq. 5.7, prints a minus."""
    assert penalised(BATCH, 0.0, 3.0, 0.5) == 75 + 1.5
    assert penalised(BATCH, 1.0, 3.0, 0.5) == 75 + 6 + 1.5


def test_infovae_in_its_own_letters():
    """Zhao et al. (2019), section 3: D + (1 - alpha) R + (alpha + lambda - 1) MMD at alpha = 0.25, lambda = 10."""
    alpha, strength, mmd = 0.25, 10.0, 0.2
    by_hand = 75 + 0.75 * 6 + 9.25 * 0.2
    assert penalised(BATCH, 1 - alpha, alpha + strength - 1, mmd) == pytest.approx(by_hand)


def test_infomax_is_a_small_beta():
    """Jambor & Huszar (2018): R + (1 + lambda) D has the minimiser of D + R / (1 + lambda), on any plane."""
    rates = np.linspace(0, 8, 801)
    points = [Terms(np.array([r]), -np.array([90 * np.exp(-r / 9)]), np.zeros(1)) for r in rates]
    for weight in (0.5, 3.0):
        rewarded = [penalised(t, 1.0, weight, t.distortion.mean()) for t in points]
        small = [penalised(t, 1 / (1 + weight), 0.0, 0.0) for t in points]
        assert np.allclose(rewarded, (1 + weight) * np.array(small), rtol=1e-13)
        assert np.argmin(rewarded) == np.argmin(small)


def test_moments_by_hand():
    """Kumar et al. (2018), eqs. 6 and 7: means (1, 0), (-1, 0), (0, 3), (0, -3) have covariance diag(1/2, 9/2)."""
    mean = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    scale = torch.tensor([1.0, 2.0]).expand(4, 2)
    assert penalties.dip_i(mean, scale).item() == pytest.approx(10 * (0.5**2 + 3.5**2))
    assert penalties.dip_ii(mean, scale).item() == pytest.approx(0.5**2 + 7.5**2)
    tilted = mean @ torch.tensor([[1.0, 1.0], [0.0, 1.0]])  # covariance [[1/2, 1/2], [1/2, 5]]
    assert penalties.dip_i(tilted, scale).item() == pytest.approx(2 * 0.25 + 10 * (0.5**2 + 4.0**2))
    assert penalties.dip_ii(tilted, scale).item() == pytest.approx(2 * 0.25 + 0.5**2 + 8.0**2)


def test_the_second_moments_are_those_of_the_codes_and_the_first_of_the_means():
    """Cov[z] = E[variance] + Cov[mean]: the covariance of many codes against what ``dip_ii`` is made of."""
    mean, scale = randn(0, 6, 2), randn(1, 6, 2).abs() + 0.2
    codes = (mean + scale * randn(2, 200_000, 6, 2)).flatten(0, 1)
    assert penalties.dip_ii(mean, scale).item() == pytest.approx(
        penalties.moment_penalty(torch.cov(codes.T), 1.0).item(), rel=0.01
    )
    assert penalties.dip_i(mean, scale).item() == penalties.dip_i(mean, 9 * scale).item()


def test_the_discrepancy_is_the_double_loop():
    """Tolstikhin et al. (2018), algorithm 2, kernel C / (C + |z - z'|^2), C = 2 k: term by term."""
    z, others = randn(3, 5, 3), 2 * randn(4, 7, 3)

    def kernel(a, b):
        return 6 / (6 + float(((a - b) ** 2).sum()))

    within = [
        sum(kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) / (len(s) * (len(s) - 1))
        for s in (z, others)
    ]
    across = sum(kernel(a, b) for a in z for b in others) / 35
    found = penalties.maximum_mean_discrepancy(z, others)
    assert found.item() == pytest.approx(sum(within) - 2 * across, rel=1e-12)


@pytest.mark.verifies("thm-relatives-mmd")
def test_the_discrepancy_of_equal_distributions_is_zero_on_average_and_below_it_at_times():
    pairs = zip(randn(5, 400, 20, 3), randn(6, 400, 20, 3), strict=True)
    found = torch.stack([penalties.maximum_mean_discrepancy(*pair) for pair in pairs])
    assert abs(found.mean().item()) < five_errors(found)
    assert found.min() < 0


def test_the_discrepancy_is_that_of_two_gaussians_by_quadrature():
    """N(1, 1/4) against N(0, 1) in one dimension: differences of two draws are Gaussian, too."""
    grid = np.linspace(-15, 15, 60_001)

    def expected(mean, variance):
        return float(np.sum(2 / (2 + grid**2) * norm.pdf(grid, mean, sqrt(variance))) * (grid[1] - grid[0]))

    truth = expected(0, 0.5) + expected(0, 2.0) - 2 * expected(1, 1.25)
    pairs = zip(1 + randn(7, 400, 20, 1) / 2, randn(8, 400, 20, 1), strict=True)
    found = torch.stack([penalties.maximum_mean_discrepancy(*pair) for pair in pairs])
    assert truth > 0.1
    assert found.mean().item() == pytest.approx(truth, abs=five_errors(found))


@pytest.mark.parametrize(
    ("z", "others"), [((1, 2), (3, 2)), ((3, 2), (1, 2)), ((3, 2), (3, 1)), ((3,), (3,)), ((3, 2), (3, 2, 4))]
)
def test_codes_that_have_no_discrepancy_are_refused(z, others):
    with pytest.raises(ValueError, match=r"others: expected \[n, k\] beside \[m, k\]"):
        penalties.maximum_mean_discrepancy(torch.zeros(z), torch.zeros(others))


def test_the_stratified_total_correlation_by_hand():
    """Chen et al. (2018), appendix C.2, B = 3 of n = 5: 1/5 on the diagonal, 1/2 - 1/5 behind it, 1/2 elsewhere."""
    z, mean, scale = randn(9, 3, 2), randn(10, 3, 2), randn(11, 3, 2).abs() + 0.3
    weights = np.array([[0.2, 0.3, 0.5], [0.5, 0.2, 0.3], [0.3, 0.5, 0.2]])
    densities = norm.pdf(z.numpy()[:, None], mean.numpy(), scale.numpy())
    columns = np.log((weights[..., None] * densities).sum(1)).sum(1)
    by_hand = np.log((weights * densities.prod(2)).sum(1)) - columns
    found = penalties.total_correlation_mss(z, mean, scale, n=5)
    assert found.item() == pytest.approx(by_hand.mean(), rel=1e-6)


def test_the_densities_of_all_minibatches_average_to_the_aggregate():
    """Chen et al. (2018), appendix C.2: every ordered minibatch of 3 of 5; the own density weighs 1/5, on the diagonal.

    Codes stay where they are, one an example; of both terms' densities, what is unbiased is the exponential.
    """
    z, mean, scale = randn(12, 5, 2), randn(13, 5, 2), randn(14, 5, 2).abs() + 0.5
    log_e = torch.distributions.Normal(mean, scale).log_prob(z[:, None])
    for each in (log_e.sum(2), log_e[..., 0], log_e[..., 1]):
        found: dict[int, list[float]] = {i: [] for i in range(5)}
        for chosen in map(list, permutations(range(5), 3)):
            densities = penalties.log_qz_mss(each[chosen][:, chosen], 5).exp()
            for i, density in zip(chosen, densities.tolist(), strict=True):
                found[i].append(density)
        averages = torch.tensor([np.mean(found[i]) for i in range(5)])
        assert torch.allclose(averages, each.exp().mean(1), rtol=1e-6)


def test_the_total_correlation_of_all_minibatches_is_off_by_what_the_logarithms_lose():
    """All ordered minibatches of 3 of 5: by Jensen's inequality, every logarithm is too small on average."""
    mean = torch.tensor([[-4.0, -4.0], [-2.0, -2.0], [0.0, 0.0], [2.0, 2.0], [4.0, 4.0]], dtype=torch.float64)
    apart, wide, batches = torch.full_like(mean, 0.1), torch.ones_like(mean), list(map(list, permutations(range(5), 3)))
    each = [penalties.total_correlation_mss(mean[c], mean[c], apart[c], 5).item() for c in batches]
    assert np.allclose(each, log(5))  # where codes do not overlap, a code meets its own encoder alone
    assert gaussian_surgery(mean, apart**2).total_correlation == pytest.approx(log(5))
    z = mean + randn(15, 5, 2)
    each = [penalties.total_correlation_mss(z[c], mean[c], wide[c], 5).item() for c in batches]
    densities = torch.distributions.Normal(mean, wide).log_prob(z[:, None])
    lost = [lost_nats(e) for e in (densities.sum(2), densities[..., 0], densities[..., 1])]
    exact = (aggregate(densities.sum(2)) - aggregate(densities[..., 0]) - aggregate(densities[..., 1])).mean().item()
    assert min(lost) > 0
    assert np.mean(each) == pytest.approx(exact - lost[0] + lost[1] + lost[2], rel=1e-6)


def aggregate(log_e: torch.Tensor) -> torch.Tensor:
    return log_e.logsumexp(1) - log(len(log_e))


def lost_nats(log_e: torch.Tensor) -> float:
    """log q(z_i) of the aggregate minus its estimate, averaged over all ordered minibatches of 3 and their codes."""
    chosen = list(map(list, permutations(range(len(log_e)), 3)))
    found = [aggregate(log_e)[c] - penalties.log_qz_mss(log_e[c][:, c], len(log_e)) for c in chosen]
    return torch.stack(found).mean().item()


def test_the_best_discriminator_knows_the_total_correlation_of_a_correlated_gaussian():
    """Kim & Mnih (2018), eq. 3: with the true ratio for a logit the mean is -1/2 log(1 - rho^2)."""
    rho = 0.8
    covariance = np.array([[1, rho], [rho, 1]])
    z = randn(16, 20_000, 2) @ torch.from_numpy(np.linalg.cholesky(covariance)).T
    ratio = multivariate_normal(np.zeros(2), covariance).logpdf(z) - norm.logpdf(z).sum(1)
    truth = -0.5 * log(1 - rho**2)
    assert ratio.mean() == pytest.approx(truth, abs=five_errors(torch.from_numpy(ratio)))
    code = (z.float(), torch.full((20_000, 2), 1e-3))
    found = discriminator_total_correlation(fit_discriminator(code), *code)
    assert found.value == pytest.approx(truth, abs=0.05)
    assert found.se < 0.01


def test_the_best_logits_give_the_loss_its_least_value():
    """Goodfellow et al. (2014), proposition 1, on tables: no logits do better than log p - log q."""
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])

    def loss(logits: np.ndarray) -> float:
        return float(p @ np.logaddexp(0, -logits) + q @ np.logaddexp(0, logits))

    best = np.log(p / q)
    counts = (10 * p).astype(int), (10 * q).round().astype(int)
    drawn = [torch.from_numpy(np.repeat(best, c)) for c in counts]
    assert logistic_loss(*drawn).item() == pytest.approx(loss(best))
    rng = np.random.default_rng(0)
    assert all(loss(best) < loss(best + 0.3 * rng.normal(size=3)) for _ in range(50))
    mixture = (p + q) / 2
    divergence = (p @ np.log(p / mixture) + q @ np.log(q / mixture)) / 2
    assert loss(best) == pytest.approx(2 * log(2) - 2 * divergence)


def test_permuting_keeps_every_dimension_and_breaks_what_ties_them():
    z = randn(17, 4000, 1).expand(4000, 3)
    found = permute_dimensions(z, generator(0))
    assert torch.equal(found.sort(0).values, z.sort(0).values)
    assert torch.corrcoef(found.T).triu(1).abs().max() < 5 / sqrt(4000)


def test_a_discriminator_gives_each_code_one_logit():
    network = Discriminator(3).double()
    z = randn(18, 6, 3)
    assert torch.allclose(network(z)[2:3], network(z[2:3]))
    assert sum(p.numel() for p in network.parameters()) == 4 * 256 + 257 * 256 + 257


def test_the_estimates_of_a_table_against_truths_that_are_known():
    """Encoders N(mu_n, 1 - rho^2 of a correlated Gaussian): the aggregate has known moments and correlation."""
    n, rho, inner = 6000, 0.6, 0.5
    covariance = np.array([[1, rho], [rho, 1]])
    mean = randn(19, n, 2) @ torch.from_numpy(np.linalg.cholesky(covariance - inner**2 * np.eye(2))).T
    code = mean.float(), torch.full((n, 2), inner)
    truth = -0.5 * log(1 - rho**2)
    minibatch = minibatch_total_correlation(*code)
    exact = gaussian_surgery(code[0], code[1].double() ** 2).total_correlation
    assert exact == pytest.approx(truth, abs=0.02)
    assert minibatch.value == pytest.approx(exact, abs=0.05)
    assert minibatch.n == n // 64
    independent = randn(20, n, 2).float() * sqrt(1 - inner**2), code[1]
    found = blockwise_mmd(*independent)
    assert abs(found.value) < 5 * found.se
    assert blockwise_mmd(code[0] + 1, code[1]).value > 0.1
