"""The closed forms of the linear-Gaussian beta-VAE against direct optimisation over all parameters."""

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from companion.exact.linear import linear_beta_vae

SPECTRUM = np.array([4.0, 2.0, 1.0, 0.5])


def objective(parameters, sigma, k, beta, noise):
    """D and R of any decoder, encoder, full encoder covariance and noise, straight from the definitions."""
    n = len(sigma)
    w, a, rest = parameters[: n * k].view(n, k), parameters[n * k : 2 * n * k].view(k, n), parameters[2 * n * k :]
    factor = torch.tril(rest[: k * k].view(k, k), -1) + torch.diag(torch.diagonal(rest[: k * k].view(k, k)).exp())
    log_noise = torch.log(torch.tensor(noise, dtype=torch.float64)) if noise else rest[k * k]
    s, miss = factor @ factor.T, torch.eye(n, dtype=torch.float64) - w @ a
    mse = torch.trace(miss @ sigma @ miss.T) + torch.trace(w @ s @ w.T)
    distortion = n / 2 * (np.log(2 * np.pi) + log_noise) + mse / (2 * log_noise.exp())
    rate = 0.5 * (torch.trace(a @ sigma @ a.T) + torch.trace(s) - k - torch.logdet(s))
    return distortion, rate


def best_by_descent(sigma, k, beta, noise, starts=2):
    """The least D + beta R that a quasi-Newton method finds over all parameters, its D and R, and where."""
    sigma = torch.from_numpy(sigma)
    found = []

    def value_and_gradient(flat):
        parameters = torch.tensor(flat, requires_grad=True)
        distortion, rate = objective(parameters, sigma, k, beta, noise)
        loss = distortion + beta * rate
        loss.backward()
        return loss.item(), parameters.grad.numpy()

    for seed in range(starts):
        start = 0.5 * np.random.default_rng(seed).normal(size=2 * len(sigma) * k + k * k + (noise is None))
        end = optimize.minimize(
            value_and_gradient,
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9},
        )
        terms = [term.item() for term in objective(torch.from_numpy(end.x), sigma, k, beta, noise)]
        found.append((end.fun, *terms, end.x))
    return min(found, key=lambda row: row[0])


def rotated(spectrum, seed=0):
    turn = stats.ortho_group.rvs(len(spectrum), random_state=seed)
    return turn @ np.diag(spectrum) @ turn.T


@pytest.mark.verifies("thm-linear-frontier")
@pytest.mark.parametrize("beta", [0.3, 1.0, 1.5, 3.0, 10.0])
@pytest.mark.parametrize("k", [2, 4])
def test_the_closed_form_is_the_minimum_over_all_parameters(beta, k):
    best = linear_beta_vae(SPECTRUM, beta, noise=0.6, latent_dim=k)
    found, distortion, rate, end = best_by_descent(rotated(SPECTRUM), k, beta, 0.6)
    assert found == pytest.approx(best.distortion + beta * best.rate, abs=1e-7)
    assert (distortion, rate) == pytest.approx((best.distortion, best.rate), abs=1e-4)
    # there the aggregate is the marginal, so that the rate is the information
    a, rest = end[4 * k : 8 * k].reshape(k, 4), end[8 * k :].reshape(k, k)
    factor = np.tril(rest, -1) + np.diag(np.exp(np.diag(rest)))
    np.testing.assert_allclose(a @ rotated(SPECTRUM) @ a.T + factor @ factor.T, np.eye(k), atol=1e-5)


@pytest.mark.verifies("thm-linear-noise")
@pytest.mark.parametrize(("beta", "k"), [(0.4, 2), (1.0, 1), (1.0, 3), (1.3, 4), (2.0, 2), (3.0, 3)])
def test_with_learned_noise_too(beta, k):
    best = linear_beta_vae(SPECTRUM, beta, latent_dim=k)
    found, distortion, rate, _ = best_by_descent(rotated(SPECTRUM), k, beta, None)
    assert found == pytest.approx(best.distortion + beta * best.rate, abs=1e-7)
    assert (distortion, rate) == pytest.approx((best.distortion, best.rate), abs=1e-4)
