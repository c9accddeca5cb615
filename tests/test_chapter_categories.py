"""What the page on categories without labels proves, on tables and by integrals."""

from math import log

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import logistic
from torch.distributions import Independent, Normal, OneHotCategorical
from torch.distributions.relaxed_categorical import ExpRelaxedCategorical

from companion.exact import tables
from companion.measure.categories import category_information, category_kl, majority_accuracy
from companion.models import GaussianCategorical, draw, generator

LABELS = np.arange(100) // 10


def onehot(category):
    return torch.eye(10, dtype=torch.float64)[torch.as_tensor(category)]


@pytest.mark.verifies("thm-categories-relaxed")
@pytest.mark.parametrize(("seed", "k"), [(0, 2), (1, 4), (2, 10)])
def test_relaxed_codes_have_one_rate_at_every_temperature_and_no_less_than_the_category(seed, k):
    """The densities are torch's."""
    logits = torch.from_numpy(2 * np.random.default_rng(seed).normal(size=(1, k)))
    numbers = Independent(Normal(torch.zeros(1, 1, dtype=torch.float64), 1.0), 1)
    each = {}
    for t in (1.0, 0.5, 2.0):
        code = GaussianCategorical(numbers, OneHotCategorical(logits=logits), t)
        soft = code.split(draw(code, generator(0), (100_000,)))[1].log()
        e, m = (ExpRelaxedCategorical(torch.tensor(t), logits=v, validate_args=False) for v in (logits, 0 * logits))
        each[t] = e.log_prob(soft) - m.log_prob(soft)
        torch.testing.assert_close(each[1.0], each[t])
    rate, error = each[1.0].mean().item(), each[1.0].std().item() / len(each[1.0]) ** 0.5
    assert rate - 5 * error > category_kl(logits.softmax(1).repeat(2, 1)).value


@pytest.mark.verifies("thm-categories-relaxed")
@pytest.mark.parametrize("logit", [0.3, 2.0, 8.0])
def test_the_rate_of_two_relaxed_categories_grows_with_the_logit(logit):
    """Quadrature of the divergence between two logistic densities."""

    def density(u):
        return logistic.pdf(u - logit) * (logistic.logpdf(u - logit) - logistic.logpdf(u))

    found = quad(density, logit - 60, logit + 60, points=[0, logit], limit=500)[0]
    assert found == pytest.approx(logit / np.tanh(logit / 2) - 2, abs=1e-7)
    p = logistic.cdf(logit)
    assert found > log(2) - tables.entropy(np.array([p, 1 - p]))


@pytest.mark.verifies("thm-categories-heaps")
def test_ten_equal_heaps_have_all_information_whatever_is_in_them():
    named_anew = np.random.default_rng(0).permutation(10)[LABELS]
    for heap, purity in ((LABELS, 1.0), (np.arange(100) % 10, 0.1), (named_anew, 1.0)):
        assert category_information(onehot(heap)).value == pytest.approx(log(10))
        assert majority_accuracy(onehot(heap), LABELS).value == purity


@pytest.mark.verifies("thm-categories-heaps")
@pytest.mark.parametrize("tilt", [0.1, 0.01, 0.001])
def test_a_slight_tilt_has_all_purity_and_no_information(tilt):
    probs = (1 - tilt) / 10 + tilt * onehot(LABELS)
    assert majority_accuracy(probs, LABELS).value == 1
    assert 0 < category_information(probs).value < 5 * tilt**2


@pytest.mark.verifies("thm-categories-heaps")
@pytest.mark.parametrize("seed", range(20))
def test_the_purity_of_a_hard_code_is_paid_in_information(seed):
    rng = np.random.default_rng(seed)
    heap = np.where(rng.random(100) < rng.random(), rng.permutation(10)[LABELS], rng.integers(0, 10, 100))
    joint = np.zeros((10, 10))
    np.add.at(joint, (LABELS, heap), 0.01)
    purity = majority_accuracy(onehot(heap), LABELS).value
    floor = log(10) - tables.entropy(np.array([purity, 1 - purity])) - (1 - purity) * log(9)
    told = tables.mutual_information(joint)
    assert floor <= told + 1e-9
    assert told <= category_information(onehot(heap)).value + 1e-9
    assert category_information(onehot(heap)).value == pytest.approx(tables.entropy(joint.sum(0)))
