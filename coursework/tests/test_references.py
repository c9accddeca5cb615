"""References of the assignments that the package has in another form, against that form."""

from math import log

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from companion import coding
from companion.exact.rate_distortion import blahut_arimoto
from companion.exact.tables import entropy, mutual_information
from companion.exact.toy import toy_process
from companion.measure import categories
from companion.measure.mi_bounds import barber_agakov
from companion.stats import Estimate
from companion.units import bits
from elbo_coursework.assignments import bits as pay
from elbo_coursework.assignments import information, rate_distortion, stack, sweep, toy
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


@pytest.mark.parametrize("secret", SECRETS)
def test_what_an_image_costs_is_the_mean_of_the_three_steps(secret: str) -> None:
    cost, account = (pay.ASSIGNMENT.question(name) for name in ("bits_an_image", "without_bits_back"))
    for inputs in instances("bits", cost, secret):
        frequency, encoder, decoder, marginal = (table.tolist() for table in inputs.values())
        paid, borrowed = 0.0, 0.0
        for x, z in np.argwhere(inputs["encoder"]):
            share = frequency[x] / sum(frequency) * encoder[x][z] / sum(encoder[x])
            borrowed += share * bits(log(sum(encoder[x]) / encoder[x][z]))
            paid += share * bits(log(sum(decoder[z]) / decoder[z][x]) + log(sum(marginal) / marginal[z]))
        assert account.reference(**inputs) == pytest.approx({"paid": paid, "borrowed": borrowed})
        assert cost.reference(**inputs) == pytest.approx(paid - borrowed)


@pytest.mark.parametrize("weights", [[7, 2, 1], [0, 3, 0, 5], [1], [4, 4, 0]])
def test_every_number_is_the_push_of_one_symbol_onto_one_number(weights: list[int]) -> None:
    pushed = {stack.push(n, s, weights): (s, n) for s, w in enumerate(weights) if w for n in range(9 * w)}
    assert sorted(pushed) == list(range(9 * sum(weights)))
    assert all(stack.pop(number, weights) == pair for number, pair in pushed.items())


def test_a_long_file_takes_what_its_images_cost_and_bob_reads_it() -> None:
    codes = {
        "encoder": np.array([[14, 2], [13, 3], [3, 13], [2, 14]]),
        "decoder": np.array([[10, 4, 1, 1], [1, 1, 4, 10]]),
        "marginal": np.array([8, 8]),
    }
    frequency, start = np.array([5, 3, 3, 5]), 2**64 + 12345
    images = np.random.default_rng(0).choice(4, 4000, p=frequency / 16)
    sent = stack.send(images=images, start=start, **codes)
    assert stack.receive(sent, 4000, **codes) == (images.tolist(), start)
    cost = pay.ASSIGNMENT.question("bits_an_image").reference(frequency=frequency, **codes)
    assert (sent.bit_length() - start.bit_length()) / 4000 == pytest.approx(cost, abs=0.02)


@pytest.mark.parametrize("secret", SECRETS)
def test_the_mean_logarithm_of_the_place_is_its_integral_and_below_the_bound(secret: str) -> None:
    question = pay.ASSIGNMENT.question("place")
    for inputs in instances("bits", question, secret):
        p, found = inputs["marginal"] @ inputs["inside"] / inputs["marginal"].sum(), question.reference(**inputs)

        def integrand(t: float, p: float = p) -> float:  # log k is the integral of (e^-t - e^-kt) / t
            return float(np.exp(-t) * (1 - p / (1 - (1 - p) * np.exp(-t))) / t)

        assert found["mean_log"] == pytest.approx(bits(quad(integrand, 0, np.inf, limit=200)[0]), abs=1e-6)
        assert found["bound"] == pytest.approx(1 + bits(log(1 / p)))


def test_the_place_is_the_one_that_the_package_sends() -> None:
    question = pay.ASSIGNMENT.question("place")
    inputs = {"marginal": np.array([1, 3, 8, 4]), "inside": np.array([1, 1, 0, 0])}
    ratios = np.array([log(4), log(4), -np.inf, -np.inf])
    m = inputs["marginal"] / 16
    places = [
        coding.select(lambda z: ratios[z], lambda rng, n: rng.choice(4, n, p=m), log(4), seed)[0]
        for seed in range(2000)
    ]
    logs = bits(np.log(places))
    assert logs.mean() == pytest.approx(question.reference(**inputs)["mean_log"], abs=4 * logs.std() / 2000**0.5)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_list_has_a_bound_below_that_of_the_aggregate(secret: str) -> None:
    question, rng = pay.ASSIGNMENT.question("fee"), np.random.default_rng(0)
    for inputs in instances("bits", question, secret):
        p, e = (table / table.sum(-1, keepdims=True) for table in (inputs["frequency"], inputs["encoder"]))
        m, found = inputs["marginal"] / inputs["marginal"].sum(), question.reference(**inputs)

        def bound(q: np.ndarray, p: np.ndarray = p, e: np.ndarray = e) -> float:
            used = e > 0
            logs = np.log(e, out=np.zeros_like(e), where=used) - np.log(q, out=np.zeros_like(q), where=q > 0)
            return float(bits(p @ (e * logs).sum(1)) + 1)

        assert bound(p @ e) == pytest.approx(found["least"])
        assert bound(m) == pytest.approx(found["least"] + found["fee"])
        assert min(bound(rng.dirichlet(np.ones(len(m)))) for _ in range(50)) > found["least"]


@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_exact_is_told_apart_from_every_number_near_it(secret: str) -> None:
    popped, sent = (pay.ASSIGNMENT.question(name) for name in ("pop", "send"))
    steps = [*range(-30, 0), *range(1, 30)]
    for inputs in instances("bits", popped, secret):
        symbol, number = popped.reference(**inputs)
        for near in [(symbol, number + step) for step in steps] + [(symbol + step, number) for step in steps]:
            assert popped.invariant(np.array(near), **inputs)
    for inputs in instances("bits", sent, secret):
        number = sent.reference(**inputs)
        assert all(sent.invariant(near, **inputs) for near in (number / 2 + 0.25, *(number + step for step in steps)))


@pytest.mark.parametrize("secret", SECRETS)
def test_bob_reads_the_pixels_that_ann_sent(secret: str) -> None:
    question = pay.ASSIGNMENT.question("receive")
    for inputs in instances("bits", question, secret):
        found, tables = question.reference(**inputs), {key: inputs[key] for key in ("decoder", "marginal")}
        assert stack.send_pixels(found["images"], found["number"], **tables) == inputs["number"]
        assert 2**14 <= found["number"] < 2**18  # where Ann began
        for step in [*range(-30, 0), *range(1, 30)]:
            assert question.invariant(found | {"number": found["number"] + step}, **inputs)


def test_a_code_that_the_encoder_never_gives_is_named() -> None:
    tables = {"encoder": np.array([[4, 0], [2, 2]]), "decoder": np.full((2, 2), 2), "marginal": np.array([2, 2])}
    number = stack.push(stack.push(1000, 0, [2, 2]), 1, [2, 2])  # image 0 with code 1
    message = stack.send_invariant(number, images=np.array([1, 0]), start=1000, **tables)
    assert message == "Bob reads image 0 with a code that e(z|x) never gives it: what was pushed, and in which order?"
