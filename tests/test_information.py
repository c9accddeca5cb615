"""The bounds on mutual information: laws by enumeration of every minibatch of small tables, values by hand."""

from itertools import product
from math import inf, log, sqrt

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

from companion.exact.discrete import DiscreteModel
from companion.exact.tables import entropy
from companion.measure import mi_bounds as bounds
from companion.measure.minibatch import batch_information, log_qz_batch

X, Z = 3, 3
SEEDS = range(6)
FINITE = ("infonce", "nwj", "donsker_varadhan", "leave_one_out")


class Table:
    """A random table p*(x) e(z|x), seed 0 nearly deterministic, its information, and critics ``[Z, X]`` for it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        e = rng.dirichlet(np.full(Z, 0.5), X) if seed else 0.97 * np.eye(X) + 0.01
        p = rng.dirichlet(np.ones(X)) if seed else np.full(X, 1 / X)
        e = np.clip(e, 1e-6, None) / np.clip(e, 1e-6, None).sum(1, keepdims=True)
        self.model = DiscreteModel(p, e, np.full((Z, X), 1 / X), np.full(Z, 1 / Z))
        self.joint, self.log_e = self.model.joint.T, np.log(e).T  # [Z, X], as scores are
        self.apart = np.outer(self.joint.sum(1), self.joint.sum(0))
        self.information = self.model.mutual_information
        self.ratio = self.joint / self.apart
        self.others = [rng.normal(size=(Z, X)), 3 * rng.normal(size=(Z, X)), self.log_e + rng.normal(size=(Z, X))]

    def expected(self, name: str, critic: np.ndarray, size: int) -> float:
        """The mean of a bound over every ordered minibatch of ``size`` independent pairs."""
        cells = list(product(range(Z), range(X)))
        batches = np.array(list(product(cells, repeat=size)))  # [n, B, 2]
        z, x = batches[..., 0], batches[..., 1]
        scores = torch.from_numpy(critic[z[:, :, None], x[:, None]])
        return float(self.joint[z, x].prod(1) @ getattr(bounds, name)(scores).each.numpy())

    def population(self, name: str, critic: np.ndarray) -> float:
        """NWJ or Donsker-Varadhan with both means exact."""
        first, second = (self.joint * critic).sum(), logsumexp(critic, b=self.apart)
        return first - (np.exp(second - 1) if name == "nwj" else second)


@pytest.fixture(scope="module", params=SEEDS)
def table(request):
    return Table(request.param)


@pytest.mark.verifies("thm-zoo-guess", "thm-asking-bound")
def test_barber_agakov_is_low_by_the_divergence_of_its_posteriors(table):
    rng = np.random.default_rng(1)
    q = rng.dirichlet(np.ones(Z), X)
    gap = (table.model.p_x * (table.model.encoder * np.log(table.model.encoder / q)).sum(1)).sum()
    h = entropy(table.model.aggregate)
    cells = bounds.barber_agakov(torch.from_numpy(np.log(q.T).ravel()), h).each.numpy()
    assert table.joint.ravel() @ cells == pytest.approx(table.information - gap, abs=1e-12)
    exact = bounds.barber_agakov(torch.from_numpy(table.log_e.ravel()), h).each.numpy()
    assert table.joint.ravel() @ exact == pytest.approx(table.information, abs=1e-12)


@pytest.mark.verifies("thm-zoo-infonce")
@pytest.mark.parametrize("size", [2, 3])
def test_infonce_is_at_most_the_information_and_at_most_log_b(table, size):
    best = table.expected("infonce", table.log_e, size)
    assert best <= min(table.information, log(size)) + 1e-12
    for critic in table.others:
        assert table.expected("infonce", critic, size) <= best + 1e-12


@pytest.mark.verifies("thm-zoo-loo")
@pytest.mark.parametrize("size", [2, 3])
def test_leave_one_out_is_at_least_the_information(table, size):
    assert table.expected("leave_one_out", table.log_e, size) >= table.information - 1e-12


def test_more_pairs_tighten_both_sides(table):
    for name, sign in (("infonce", 1), ("leave_one_out", -1)):
        two, three = (table.expected(name, table.log_e, size) for size in (2, 3))
        assert sign * (three - two) >= -1e-12


@pytest.mark.verifies("thm-zoo-means")
def test_nwj_is_unbiased_for_a_lower_bound_that_the_ratio_attains(table):
    for critic in (*table.others, 1 + np.log(table.ratio)):
        population = table.population("nwj", critic)
        assert population <= table.information + 1e-12
        assert table.expected("nwj", critic, 2) == pytest.approx(population, abs=1e-9)
    assert population == pytest.approx(table.information, abs=1e-12)


@pytest.mark.verifies("thm-zoo-means")
def test_donsker_varadhan_is_a_lower_bound_for_exact_means_only(table):
    """From minibatches it is too large: above the information for the ratio itself."""
    for critic in (*table.others, np.log(table.ratio)):
        population = table.population("donsker_varadhan", critic)
        assert population <= table.information + 1e-12
        two, three = (table.expected("donsker_varadhan", critic, size) for size in (2, 3))
        assert two >= three >= population - 1e-12
    assert two > table.information + 1e-4
    for critic in (*table.others, 1 + np.log(table.ratio)):
        assert table.population("nwj", critic) <= table.population("donsker_varadhan", critic) + 1e-12
    for c in (-2.0, 0.0, 1.0, 3.0):
        found = table.population("donsker_varadhan", c + np.log(table.ratio))
        assert found == pytest.approx(table.information, abs=1e-12)


@pytest.mark.verifies("thm-zoo-variance")
def test_the_variance_of_the_ratio_grows_with_the_exponential_of_the_information(table):
    variance = (table.apart * (table.ratio - 1) ** 2).sum()
    assert variance == pytest.approx((table.joint * table.ratio).sum() - 1)
    assert variance >= np.exp(table.information) - 1 - 1e-12


def test_no_critic_passes_log_b():
    rng = torch.Generator().manual_seed(0)
    scores = 30 * torch.randn(50, 8, 8, generator=rng)
    scores[0] = 1e4 * torch.eye(8)
    found = bounds.infonce(scores).each
    assert found.max() <= log(8) + 1e-12
    assert found[0].item() == pytest.approx(log(8))


@pytest.fixture(scope="module")
def scores():
    return torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_hand(name: str, f: np.ndarray) -> float:
    """One minibatch, by loops."""
    size = len(f)
    own = [f[i, i] for i in range(size)]
    others = [[f[i, j] for j in range(size) if j != i] for i in range(size)]
    match name:
        case "infonce":
            return np.mean([own[i] - np.log(np.mean(np.exp(f[i]))) for i in range(size)])
        case "nwj":
            return np.mean(own) - np.mean(np.exp(others)) / np.e
        case "donsker_varadhan":
            return np.mean(own) - np.log(np.mean(np.exp(others)))
    return np.mean([own[i] - np.log(np.mean(np.exp(others[i]))) for i in range(size)])


@pytest.mark.parametrize("name", FINITE)
def test_values_and_errors_are_those_of_the_loops(name, scores):
    found = getattr(bounds, name)(scores)
    expected = [by_hand(name, f) for f in scores.numpy()]
    np.testing.assert_allclose(found.each, expected, rtol=1e-12)
    assert found.value == pytest.approx(np.mean(expected))
    assert found.se == pytest.approx(stats.sem(expected))
    assert found.n == 4


@pytest.mark.parametrize("name", FINITE)
def test_one_minibatch_has_a_value_and_no_error_to_offer(name, scores):
    bound = getattr(bounds, name)
    one = bound(scores[0])
    assert (one.value, one.se, one.n) == (bound(scores).each[0].item(), inf, 1)


@pytest.mark.parametrize("name", FINITE)
def test_a_bound_is_trained_through_its_units(name, scores):
    moving = scores.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: getattr(bounds, name)(s).each, (moving,))


def test_infonce_of_the_known_encoder_is_the_information_within_the_batch(scores):
    assert bounds.infonce(scores[0]).value == pytest.approx(
        batch_information(scores[0], log_qz_batch(scores[0])).item()
    )


def test_single_precision_scores_are_averaged_in_double():
    each = bounds.nwj(torch.full((3, 4, 4), 90.0)).each  # e^89 is infinite in single precision
    assert each.dtype == torch.float64
    assert torch.isfinite(each).all()


def test_the_error_of_the_entropy_counts():
    log_q = torch.tensor([-0.5, -1.5, -1.0])
    surprise = bounds.Estimate.of(torch.tensor([1.0, 3.0]))
    found, known = bounds.barber_agakov(log_q, surprise), bounds.barber_agakov(log_q, 2.0)
    assert found.value == known.value == pytest.approx(1.0)
    assert known.se == pytest.approx(stats.sem(log_q.numpy()))
    assert found.se == pytest.approx(sqrt(known.se**2 + 1))


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 1, 1), (4,)])
def test_scores_that_are_no_square_are_refused(name, shape):
    with pytest.raises(ValueError, match=r"scores: expected shape \[B, B\]"):
        getattr(bounds, name)(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(), (2, 2), (0,)])
def test_units_are_one_row(shape):
    with pytest.raises(ValueError, match=r"each: expected independent values of shape \[n\], got"):
        bounds.barber_agakov(torch.zeros(shape), 0.0)
