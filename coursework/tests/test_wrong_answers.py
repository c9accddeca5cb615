"""Wrong answers as students write them: what the rubric gives, and the hint that they get, under three secrets."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, xlogy

from elbo_coursework.questions import Assignment, instances, judge

SECRETS = ("a heron in the fog", "half past five", "0xfeed")
WRONG = {
    # bits, and the sum over examples
    ("surgery", "rate", "logarithm to base 2", 0.5): """
def rate(encoder, prior):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nansum(encoder * np.log2(encoder / prior)) / len(encoder)
""",
    ("surgery", "rate", "sum over examples", 0.5): """
def rate(encoder, prior):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nansum(encoder * np.log(encoder / prior))
""",
    ("surgery", "joint_and_marginals", "joint not divided by N", 0.25): """
def joint_and_marginals(encoder):
    return {"joint": encoder, "index": encoder.sum(axis=1), "code": encoder.sum(axis=0)}
""",
    ("surgery", "index_information", "entropy of the code", 0.0): """
def index_information(encoder):
    q = encoder.mean(axis=0)
    return -sum(p * np.log(p) for p in q if p > 0)
""",
    ("surgery", "by_dimension", "measured from the prior", 0.5): """
def by_dimension(encoder, first, second):
    q = encoder.mean(0)
    q1, q2 = q.sum(1), q.sum(0)
    total = xlogy(q, q).sum() - xlogy(q, np.outer(first, second)).sum()
    kls = [(xlogy(q, q) - q * np.log(p)).sum() for q, p in ((q1, first), (q2, second))]
    return {"total_correlation": total, "dimension_wise_kl": kls}
""",
    ("surgery", "rate", "infinity made a number", 0.5): """
def rate(encoder, prior):
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.nan_to_num(encoder * np.log(encoder / prior)).sum(axis=1).mean()
""",
    ("surgery", "elbo_three_ways", "evidence over the encoder", 0.5): """
def elbo_three_ways(encoder, prior, log_likelihood):
    n, q, d = len(encoder), encoder.mean(axis=0), np.exp(log_likelihood)
    kl = lambda a, b: (xlogy(a, a) - xlogy(a, b)).sum()
    evidence = (encoder * d).sum(axis=1)
    gap = kl(encoder, prior * d / evidence[:, None]) / n
    parts = {"reconstruction": (encoder * log_likelihood).sum() / n, "rate": kl(encoder, prior) / n}
    parts |= {"information": kl(encoder, q) / n, "marginal_kl": kl(q, prior)}
    return parts | {"log_evidence": np.log(evidence).mean(), "posterior_kl": gap}
""",
    ("rate_distortion", "source_entropy", "logarithm to base 2", 0.5): """
def source_entropy(p_x):
    return -sum(p * np.log2(p) for p in p_x if p > 0)
""",
    ("rate_distortion", "expected_distortion", "source left out", 0.25): """
def expected_distortion(p_x, encoder, distortion):
    finite = np.where(encoder > 0, distortion, 0)
    return (encoder * finite).sum(axis=1).mean()
""",
    ("rate_distortion", "bernoulli_rate", "no cut", 0.5): """
def bernoulli_rate(p, distortion):
    h = lambda q: -xlogy(q, q) - xlogy(1 - q, 1 - q)
    return h(p) - h(distortion)
""",
    ("rate_distortion", "blahut_arimoto_step", "normalised over x", 0.25): """
def blahut_arimoto_step(p_x, distortion, slope, marginal):
    w = np.exp(-slope * distortion) * marginal
    e = w / np.maximum(w.sum(axis=0), 1e-300)
    return {"encoder": e, "marginal": p_x @ e}
""",
    ("rate_distortion", "certificate", "no logarithm", 0.5): """
def certificate(p_x, distortion, slope, marginal):
    k = np.exp(-slope * distortion)
    return max(sum(p_x[x] * k[x, z] / (k[x] @ marginal) for x in range(len(p_x))) for z in range(k.shape[1]))
""",
    ("rate_distortion", "beta_and_slope", "beta and s swapped", 0.5): """
def beta_and_slope(rates, distortions):
    o = np.argsort(rates)
    s = -np.diff(distortions[o]) / np.diff(rates[o])
    return {"beta": 1 / s, "slope": s}
""",
    ("toy", "toy_tables", "tails lost", 0.5): """
def toy_tables(p_z, means, sigma, edges):
    rows = [ndtr((edges[1:] - m) / sigma) - ndtr((edges[:-1] - m) / sigma) for m in means]
    return {"conditional": np.array(rows), "p_x": p_z @ np.array(rows)}
""",
    ("toy", "rate_and_distortion", "own marginal", 0.5): """
def rate_and_distortion(p_x, encoder, decoder, marginal):
    joint = p_x[:, None] * encoder
    rate = xlogy(joint, encoder).sum() - xlogy(joint, joint.sum(0)).sum()
    return {"rate": rate, "distortion": -xlogy(joint, decoder.T).sum()}
""",
    ("toy", "class_information", "all of x", 0.25): """
def class_information(joint, encoder):
    both = joint.sum(0)[:, None] * encoder
    return xlogy(both, both).sum() - xlogy(both, np.outer(both.sum(1), both.sum(0))).sum()
""",
    ("toy", "blended_model", "encoder turned", 0.25): """
def blended_model(joint, share):
    p_x, p_z = joint.sum(axis=0), joint.sum(axis=1)
    e = (share * joint / p_x + (1 - share) * p_z[:, None]).T
    return {"encoder": e, "decoder": e.T, "marginal": p_x @ e}
""",
    ("toy", "on_the_line", "below taken for above", 0.25): """
def on_the_line(rates, distortions, entropy):
    good = (abs(rates + distortions - entropy) <= 1e-3) & (rates >= 0) & (distortions >= 0)
    return [1 if g else 0 for g in good]
""",
    ("toy", "best_at_target", "squared distance", 0.5): """
def best_at_target(rates, distortions, target, weight):
    v = [d + weight * (r - target) ** 2 for r, d in zip(rates, distortions)]
    return {"values": v, "best": v.index(min(v))}
""",
    ("sweep", "gaussian_rate", "mean over dimensions", 0.5): """
def gaussian_rate(mean, log_variance):
    return -0.5 * np.mean(1 + log_variance - mean**2 - np.exp(log_variance), axis=1)
""",
    ("sweep", "bernoulli_distortion", "mean over pixels", 0.5): """
def bernoulli_distortion(pixels, logits):
    loss = np.maximum(logits, 0) - logits * pixels + np.log1p(np.exp(-np.abs(logits)))
    return loss.reshape(len(pixels), -1).mean(axis=1)
""",
    ("sweep", "active_dimensions", "judged by the rate", 0.5): """
def active_dimensions(mean, log_variance, threshold):
    kl = (mean**2 + np.exp(log_variance) - 1 - log_variance).mean(axis=0) / 2
    return {"rates": kl, "activity": np.var(mean, axis=0), "active": (kl > threshold) * 1}
""",
    ("sweep", "on_the_front", "ties kept", 0.5): """
def on_the_front(rates, distortions):
    points = list(zip(rates, distortions))
    return [0 if any(a < r and b < d for a, b in points) else 1 for r, d in points]
""",
    ("sweep", "on_the_hull", "front for hull", 0.5): """
def on_the_hull(rates, distortions):
    points = list(zip(rates, distortions))
    return [1 - any((a <= r and b < d) or (a < r and b <= d) for a, b in points) for r, d in points]
""",
    ("sweep", "compare_models", "own objectives", 0.5): """
def compare_models(betas, rates, distortions):
    elbo = -(distortions + betas * rates)
    chosen = [np.argmin(distortions + b * rates) for b in betas]
    return {"elbo": elbo, "best": elbo.argmax(), "chosen": chosen}
""",
    ("information", "category_report", "mean over minibatches", 0.25): """
def category_report(batches):
    log_k, reports = np.log(batches.shape[2]), []
    for e in batches:
        q = e.mean(axis=0)
        h, kl = -xlogy(q, q).sum(), log_k + xlogy(e, e).sum() / len(e)
        reports.append([kl, kl - log_k + h, log_k - h, h])
    return dict(zip(["mean_kl", "information", "marginal_kl", "entropy"], np.mean(reports, axis=0)))
""",
    ("information", "barber_agakov", "entropy of the prior", 0.25): """
def barber_agakov(p_x, encoder, reader):
    return (p_x[:, None] * xlogy(encoder, reader)).sum() + np.log(encoder.shape[1])
""",
    ("information", "counterexample", "honest claim", 0.5): """
def counterexample(images, categories):
    e = np.zeros((images, categories)) + (np.arange(categories) == 0)
    return {"encoder": e, "reader": e, "claimed": 0.0, "information": 0.0}
""",
    ("information", "bound_with_error", "errors added", 0.5): """
def bound_with_error(log_q, entropy, entropy_se):
    return {"value": np.mean(log_q) + entropy, "se": np.std(log_q, ddof=1) / len(log_q) ** 0.5 + entropy_se}
""",
    ("information", "entropy_floor", "two-sided", 0.5): """
def entropy_floor(probs, risk):
    n, k = probs.shape
    q = probs.mean(axis=0)
    return max(0, -sum(xlogy(q, q)) - np.log(n * k / 2) * np.sqrt(2 * np.log(2 / risk) / n))
""",
    ("information", "three_informations", "x for its code", 0.5): """
def three_informations(p_x, encoder, decoder):
    mi = lambda j: xlogy(j, j).sum() - xlogy(j.sum(0), j.sum(0)).sum() - xlogy(j.sum(1), j.sum(1)).sum()
    j = p_x[:, None] * encoder
    return {"data": mi(j), "reconstruction": mi(j @ decoder), "through": mi(j @ decoder)}
""",
    ("bits", "bits_an_image", "nothing back", 0.25): """
def bits_an_image(frequency, encoder, decoder, marginal):
    joint = encoder / encoder.sum(axis=1, keepdims=True) * (frequency / frequency.sum())[:, None]
    code = -np.log2(marginal / marginal.sum())
    pixels = -np.log2(decoder.T / decoder.sum(axis=1))
    return (joint * (code + pixels)).sum()
""",
    ("bits", "without_bits_back", "entropy of the aggregate", 0.5): """
def without_bits_back(frequency, encoder, decoder, marginal):
    joint = frequency[:, None] / frequency.sum() * encoder / encoder.sum(axis=1, keepdims=True)
    q = joint.sum(axis=0)
    paid = -(joint * np.log2(marginal / marginal.sum() * decoder.T / decoder.sum(axis=1))).sum()
    return {"paid": paid, "borrowed": -sum(q[q > 0] * np.log2(q[q > 0]))}
""",
    ("bits", "pop", "border slot", 0.25): """
def pop(number, weights):
    ends = np.cumsum(weights)
    slot = number % ends[-1]
    s = next(i for i, end in enumerate(ends) if slot <= end)
    return [s, number // ends[-1] * weights[s] + slot - (ends[s] - weights[s])]
""",
    ("bits", "send", "bits not taken off", 0.25): """
def push(n, s, w):
    return n // w[s] * sum(w) + sum(w[:s]) + n % w[s]

def send(images, start, encoder, decoder, marginal):
    n = start
    for x in images:
        slots = np.repeat(np.arange(len(marginal)), encoder[x])
        z = slots[n % len(slots)]
        n = push(push(n, x, decoder[z]), z, marginal)
    return n
""",
    ("bits", "receive", "code not given back", 0.25): """
def pop(n, w):
    slots = np.repeat(np.arange(len(w)), w)
    s = slots[n % len(slots)]
    return s, n // len(slots) * w[s] + n % len(slots) - sum(w[:s])

def receive(number, count, decoder, marginal):
    images = []
    for _ in range(count):
        z, number = pop(number, marginal)
        x = []
        for w in decoder[z][::-1]:
            pixel, number = pop(number, w)
            x = [pixel] + x
        images = [x] + images
    return {"images": images, "number": number}
""",
    ("bits", "place", "places from zero", 0.5): """
def place(marginal, inside):
    p = sum(m for m, i in zip(marginal, inside) if i) / sum(marginal)
    mean_log = sum(p * (1 - p) ** k * np.log2(k) for k in range(1, 2000))
    return {"mean_log": mean_log, "bound": 1 - np.log2(p)}
""",
    ("bits", "fee", "whole rate", 0.5): """
def fee(frequency, encoder, marginal):
    p, e, m = frequency / frequency.sum(), encoder / encoder.sum(axis=1, keepdims=True), marginal / marginal.sum()
    kl = lambda q: (xlogy(e, e) - xlogy(e, q)).sum(axis=1) / np.log(2)
    return {"least": p @ kl(p @ e) + 1, "fee": p @ kl(m)}
""",
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(("case", "text"), WRONG.items(), ids=["-".join(case[:3]) for case in WRONG])
def test_a_wrong_answer_gets_the_points_and_the_hint_of_its_mistake(
    case: tuple[str, str, str, float], text: str, secret: str
) -> None:
    name, asked, mistake_name, credit = case
    assignment: Assignment = import_module(f"elbo_coursework.assignments.{name}").ASSIGNMENT
    question = assignment.question(asked)
    mistake = next(mistake for mistake in question.mistakes if mistake.name == mistake_name)
    names: dict[str, Any] = {"np": np, "ndtr": ndtr, "xlogy": xlogy}
    exec(text, names)
    drawn = instances(name, question, secret)
    verdicts = [judge(question, inputs, names[asked](**inputs)) for inputs in drawn]
    wrong = [verdict for verdict in verdicts if verdict.credit < 1]
    assert wrong
    assert {(verdict.credit, verdict.hint) for verdict in wrong} == {(credit, mistake.told)}
    assert mistake.credit == credit
