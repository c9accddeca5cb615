"""The linear VAE trained by the package's own loop, on minibatches, lands on the closed form."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Independent

from companion.exact.linear import linear_beta_vae
from companion.learn import fit
from companion.models import draw, generator
from companion.models.linear import LinearDecoder, LinearVAE
from companion.objectives import TrainingUnit, beta_vae

SPECTRUM = np.array([4.0, 2.0, 1.0, 0.5, 0.25])
ROWS, BATCH = 512, 128
STEPS, LEARNING_RATE = 2000, 0.02


def rows() -> torch.Tensor:
    """Data whose empirical covariance is exactly a rotated diagonal of SPECTRUM."""
    white = np.random.default_rng(1).normal(size=(ROWS, len(SPECTRUM)))
    left, _, _ = np.linalg.svd(white - white.mean(0), full_matrices=False)
    turn = stats.ortho_group.rvs(len(SPECTRUM), random_state=0)
    return torch.from_numpy(np.sqrt(ROWS) * left * np.sqrt(SPECTRUM) @ turn.T)


def trained(beta: float, noise: float | None, latent_dim: int) -> LinearVAE:
    """Stochastic in x: minibatches in a new order every epoch. Exact in z: no draws."""
    x, model = rows(), LinearVAE(len(SPECTRUM), latent_dim, noise).double()
    free = [p for p in model.parameters() if p.requires_grad]
    adam = torch.optim.Adam(free, lr=LEARNING_RATE)
    unit = TrainingUnit("linear VAE", lambda batch, rng, step: beta_vae(model.terms(batch), beta), adam)

    def batch(step: int) -> torch.Tensor:
        epoch, position = divmod(step, ROWS // BATCH)
        order = np.random.default_rng([0, epoch]).permutation(ROWS)
        return x[order[position * BATCH : (position + 1) * BATCH]]

    for _ in fit([unit], batch, steps=STEPS):
        pass
    return model


@pytest.mark.parametrize(
    ("beta", "noise", "latent_dim"),
    [
        (1.4, 0.5, 5),
        (0.5, None, 2),
        *(pytest.param(*more, marks=pytest.mark.full) for more in ((0.25, 0.5, 5), (6.0, 0.5, 5), (2.5, None, 2))),
    ],
)
@pytest.mark.verifies("thm-linear-frontier")
@pytest.mark.verifies("thm-linear-noise")
def test_training_meets_the_closed_form_within_a_thousandth_of_a_nat_a_dimension(beta, noise, latent_dim):
    model, best = trained(beta, noise, latent_dim), linear_beta_vae(SPECTRUM, beta, noise, latent_dim)
    with torch.no_grad():
        terms = model.terms(rows())
    tolerance = 1e-3 * len(SPECTRUM)
    assert terms.rate.mean().item() == pytest.approx(best.rate, abs=tolerance)
    assert terms.distortion.mean().item() == pytest.approx(best.distortion, abs=tolerance)
    rates = np.sort(model.latent_rates(rows()).numpy())[::-1]
    assert (rates > 1e-3).sum() == best.active
    np.testing.assert_allclose(rates, best.latent_rates[:latent_dim], atol=5e-3)  # each code takes one principal axis
    assert model.decoder.log_noise.exp().item() == pytest.approx(best.noise, rel=1e-3)


def test_the_exact_terms_are_the_expectations_of_draws():
    model, x = LinearVAE(5, latent_dim=3, noise=0.7, seed=2).double(), rows()[:4]
    with torch.no_grad():
        exact, e, rng = model.terms(x), model.encoder(x), generator(5)
        z = draw(e, rng, (20_000,))
        draws = {
            "log_e": e.log_prob(z),
            "log_d": model.decoder(z.flatten(0, 1)).log_prob(x.repeat(20_000, 1)).view(20_000, 4),
            "log_m": model.marginal().log_prob(z),
        }
    for name, values in draws.items():
        error = values.std(0) / 20_000**0.5
        assert ((values.mean(0) - getattr(exact, name)).abs() < 5 * error).all(), name


def test_rates_of_dimensions_sum_to_the_rate():
    model, x = LinearVAE(5, latent_dim=3, seed=4).double(), rows()
    with torch.no_grad():
        assert model.latent_rates(x).sum().item() == pytest.approx(model.terms(x).rate.mean().item())


def test_conditionals_return_distributions():
    model = LinearVAE(5, latent_dim=3)
    for d in (model.encoder(torch.zeros(7, 5)), model.decoder(torch.zeros(7, 3)), model.marginal()):
        assert isinstance(d, Independent)
    torch.testing.assert_close(LinearVAE(5, 3, seed=1).encoder.weight, LinearVAE(5, 3, seed=1).encoder.weight)
    assert not torch.equal(LinearVAE(5, 3, seed=1).encoder.weight, LinearVAE(5, 3, seed=2).encoder.weight)
    assert not model.decoder.log_noise.isnan()
    assert not LinearDecoder(5, 3, noise=0.5).log_noise.requires_grad


@pytest.mark.parametrize("noise", [0.0, -1.0, float("nan")])
def test_an_impossible_noise_is_named(noise):
    with pytest.raises(ValueError, match="noise: expected a positive variance, or None to learn it, got"):
        LinearVAE(5, latent_dim=3, noise=noise)
