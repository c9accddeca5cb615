"""References of the assignments that the package has in another form, against that form."""

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from companion.exact.rate_distortion import blahut_arimoto
from companion.exact.tables import entropy, mutual_information
from companion.exact.toy import toy_process
from companion.measure import categories
from companion.measure.mi_bounds import barber_agakov
from companion.stats import Estimate
from elbo_coursework.assignments import information, rate_distortion, sweep, toy
from elbo_coursework.questions import instances

SECRETS = ("one", "two", "three")


def test_the_toy_tables_are_those_of_the_process() -> None:
    process = toy_process(bins=12)
    question = toy.ASSIGNMENT.question("toy_tables")
    found = question.reference(process.p_z, np.array([-1.0, 1.0]), process.sigma, np.linspace(-3, 3, 13))
    np.testing.assert_allclose(found["conditional"], process.conditional, atol=1e-12)
    np.testing.assert_allclose(found["p_x"], process.p_x, atol=1e-12)


@pytest.mark.parametrize("secret", SECRETS)
def test_every_blended_model_has_the_best_elbo(secret: str) -> None:
    question, plane = (toy.ASSIGNMENT.question(name) for name in ("blended_model", "rate_and_distortion"))
    for inputs in instances("toy", question, secret):
        p_x = inputs["joint"].sum(0)
        assert sum(plane.reference(p_x=p_x, **question.reference(**inputs)).values()) == pytest.approx(
            entropy(p_x), abs=1e-12
        )


@pytest.mark.parametrize("secret", SECRETS)
def test_the_certificate_bounds_what_is_left_and_vanishes_at_the_end(secret: str) -> None:
    question = rate_distortion.ASSIGNMENT.question("certificate")
    for inputs in instances("rate_distortion", question, secret):
        best = blahut_arimoto(**{key: inputs[key] for key in ("p_x", "distortion", "slope")}, tolerance=1e-10)
        least = best.rate + inputs["slope"] * best.distortion
        likelihood = np.exp(-inputs["slope"] * inputs["distortion"])
        now = -inputs["p_x"] @ np.log(likelihood @ inputs["marginal"])
        assert -1e-9 <= now - least <= question.reference(**inputs) + 1e-9
        assert question.reference(**inputs | {"marginal": best.marginal}) < 1e-6


@pytest.mark.parametrize("secret", SECRETS)
def test_steps_lead_to_the_point_of_the_package(secret: str) -> None:
    step, point = (rate_distortion.ASSIGNMENT.question(name) for name in ("blahut_arimoto_step", "frontier_point"))
    for inputs in instances("rate_distortion", point, secret):
        m = np.full(inputs["distortion"].shape[1], 1 / inputs["distortion"].shape[1])
        for _ in range(3000):
            found = step.reference(**inputs, marginal=m)
            m = found["marginal"]
        joint = inputs["p_x"][:, None] * found["encoder"]
        assert (joint * inputs["distortion"]).sum() == pytest.approx(point.reference(**inputs)["distortion"], abs=5e-4)


@pytest.mark.parametrize("secret", SECRETS)
def test_rate_and_distortion_of_a_model_are_those_of_torch(secret: str) -> None:
    rate, distortion = (sweep.ASSIGNMENT.question(name) for name in ("gaussian_rate", "bernoulli_distortion"))
    for inputs in instances("sweep", rate, secret):
        mean, log_variance = (torch.from_numpy(inputs[key]) for key in ("mean", "log_variance"))
        prior = Normal(torch.zeros_like(mean), 1.0)
        expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), prior).sum(1)
        np.testing.assert_allclose(rate.reference(**inputs), expected.numpy(), rtol=1e-10)
    for inputs in instances("sweep", distortion, secret):
        d = Independent(Bernoulli(logits=torch.from_numpy(inputs["logits"])), 2)
        expected = -d.log_prob(torch.from_numpy(inputs["pixels"]))
        np.testing.assert_allclose(distortion.reference(**inputs), expected.numpy(), rtol=1e-10)


@pytest.mark.parametrize("secret", SECRETS)
def test_the_report_on_categories_is_that_of_the_measures(secret: str) -> None:
    question, floor = (information.ASSIGNMENT.question(name) for name in ("category_report", "entropy_floor"))
    for inputs in instances("information", question, secret):
        probs, found = torch.from_numpy(inputs["batches"]).flatten(0, 1), question.reference(**inputs)
        assert found["information"] == pytest.approx(categories.category_information(probs).value)
        assert found["mean_kl"] == pytest.approx(categories.category_kl(probs).value)
        assert found["entropy"] == pytest.approx(categories.category_entropy(probs).value)
    for inputs in instances("information", floor, secret):
        expected = categories.entropy_lower_bound(torch.from_numpy(inputs["probs"]), inputs["risk"])
        assert floor.reference(**inputs) == pytest.approx(expected)


@pytest.mark.parametrize("secret", SECRETS)
def test_the_bound_and_its_error_are_those_of_the_measures(secret: str) -> None:
    question, exact = (information.ASSIGNMENT.question(name) for name in ("bound_with_error", "barber_agakov"))
    for inputs in instances("information", question, secret):
        h = Estimate(inputs["entropy"], inputs["entropy_se"], 100, torch.zeros(100))
        expected, found = barber_agakov(torch.from_numpy(inputs["log_q"]), h), question.reference(**inputs)
        assert (found["value"], found["se"]) == pytest.approx((expected.value, expected.se))
    for inputs in instances("information", exact, secret):
        joint = inputs["p_x"][:, None] * inputs["encoder"]
        posterior = inputs | {"reader": joint / joint.sum(1, keepdims=True)}
        assert exact.reference(**inputs) <= exact.reference(**posterior) == pytest.approx(mutual_information(joint))
