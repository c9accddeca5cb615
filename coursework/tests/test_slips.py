"""A slip costs the same under every secret and is caught under nearly all; honest code of any form costs nothing."""

import numpy as np
import pytest
from examples import load
from scipy import stats
from scipy.special import entr, log_expit, logsumexp, rel_entr, softmax

from elbo_coursework import NAMES, assignment
from elbo_coursework.questions import PUBLIC_SEED, judge

slips = load("coursework/scripts/slips.py")
QUICK = 25  # secrets in a quick run, and 100 in a full one
ASSIGNMENTS = [assignment(name) for name in NAMES]
QUESTIONS = [pytest.param(a.name, q, id=f"{a.name}-{q.name}") for a in ASSIGNMENTS for q in a.questions]


def test_the_table_has_every_question_of_every_assignment():
    asked = {(a.name, q.name) for a in ASSIGNMENTS for q in a.questions}
    assert {(slip.assignment, slip.question) for slip in slips.SLIPS} == asked
    assert len(slips.SLIPS) >= 79


@pytest.mark.parametrize("secrets", [QUICK, pytest.param(100, marks=pytest.mark.full)])
@pytest.mark.parametrize("slip", slips.SLIPS, ids=lambda slip: f"{slip.question}-{slip.name}")
def test_a_slip_costs_the_same_whatever_the_secret(slip, secrets):
    cost = slips.costs(slip, secrets)
    assert len(set(cost.points)) == 1
    assert cost.caught >= 0.99


#: The share of the points that slips keep, counted by hand from the traps; it used to depend on the secret.
KEPT = {
    ("index_information", "no 0 log 0"): 2 / 5,
    ("rate", "no 0 log 0"): 4 / 8,
    ("rate", "nan_to_num"): (7 + 1 / 2) / 8,
    ("marginal_kl", "a large number for infinity"): (6 + 2 / 2) / 8,
    ("elbo_three_ways", "evidence over the encoder"): 1 / 2,
    ("elbo_three_ways", "one number for all"): 0,
    ("expected_distortion", "no 0 times infinity"): 3 / 5,
    ("class_information", "no 0 log 0"): 3 / 5,
    ("barber_agakov", "no 0 log 0"): 6 / 8,
    ("marginal_kl", "no 0 log 0"): 6 / 8,
    ("certificate", "codes in use alone"): (3 + 2 / 2) / 5,
    ("pop", "border slot"): (5 + 3 / 4) / 8,
}


@pytest.mark.parametrize(("question", "name"), KEPT)
def test_a_slip_costs_what_its_traps_say(question, name):
    slip = next(slip for slip in slips.SLIPS if (slip.question, slip.name) == (question, name))
    worth = slips.remembered(slip.assignment, question).points
    assert slips.costs(slip, 10).points == (round(KEPT[question, name] * worth, 2),) * 10


def test_a_trap_that_depends_on_the_secret_is_seen():
    slip = next(slip for slip in slips.SLIPS if (slip.question, slip.name) == ("index_information", "no 0 log 0"))
    question = assignment("surgery").question("index_information")

    def earned(secret):
        rng = np.random.default_rng(secret)  # as it was: the generator says which instance holds a zero
        drawn = [question.draw(rng, str(rng.choice(["", "zeros"]))) for _ in range(5)]
        with np.errstate(all="ignore"):
            return sum(judge(question, inputs, slip.code(**inputs)).credit for inputs in drawn)

    assert len({earned(secret) for secret in range(20)}) > 1


#: What an instance of a trap must show, whatever the seed.
HOLDS = {
    ("rate", ""): lambda encoder, prior: encoder.min() > 0 and prior.min() > 0,
    ("rate", "zeros"): lambda encoder, prior: (
        (encoder.min(1) == 0).all() and encoder.mean(0).min() > 0 and prior.min() > 0
    ),
    ("rate", "neither"): lambda encoder, prior: ((prior == 0) == (encoder.max(0) == 0)).all() and prior.min() == 0,
    ("rate", "missed"): lambda encoder, prior: encoder.min() > 0 and prior.min() == 0,
    ("rate", "once"): lambda encoder, prior: (
        ((encoder > 0) & (prior == 0)).sum() == 1 and encoder.min(0)[prior > 0].min() > 0
    ),
    ("marginal_kl", "idle"): lambda encoder, prior: (encoder.max(0) == 0).sum() == 1 and prior.min() > 0,
    ("by_dimension", "hole"): lambda encoder, first, second: (
        (encoder.mean(0) == 0).sum() == 1 and encoder.sum((0, 1)).min() > 0 and encoder.sum((0, 2)).min() > 0
    ),
    ("by_dimension", "idle"): lambda encoder, first, second: (
        (encoder.sum((0, 1)) == 0).sum() + (encoder.sum((0, 2)) == 0).sum() == 1
    ),
    ("source_entropy", "zeros"): lambda p_x: (p_x == 0).sum() == 1,
    ("expected_distortion", "forbidden"): lambda p_x, encoder, distortion: (
        np.isinf(distortion).any() and (encoder[np.isinf(distortion)] == 0).all() and p_x.min() > 0
    ),
    ("expected_distortion", "absent"): lambda p_x, encoder, distortion: (
        np.isinf(distortion).any() and (p_x[np.isinf(distortion).any(1)] == 0).all() and encoder.min() > 0
    ),
    ("expected_distortion", "drawn"): lambda p_x, encoder, distortion: (
        np.isinf(distortion).any() and p_x.min() > 0 and encoder.min() > 0
    ),
    ("bernoulli_rate", "exact"): lambda p, distortion: distortion == 0,
    ("bernoulli_rate", "few"): lambda p, distortion: 0 < distortion < p < 0.5,
    ("bernoulli_rate", "many"): lambda p, distortion: 0 < distortion < 1 - p < 0.5,
    ("bernoulli_rate", "few beyond"): lambda p, distortion: p < distortion < 1 - p,
    ("bernoulli_rate", "many beyond"): lambda p, distortion: 1 - p < distortion < p,
    ("bernoulli_rate", "few above"): lambda p, distortion: 0.5 < 1 - p < distortion < 1,
    ("bernoulli_rate", "many above"): lambda p, distortion: 0.5 < p < distortion < 1,
    ("blahut_arimoto_step", "forbidden"): lambda distortion, **of: np.isinf(distortion).sum() == 1,
    ("certificate", "dropped"): lambda marginal, **of: (marginal == 0).sum() == 1,
    ("certificate", "wanted"): lambda marginal, **of: (marginal == 0).sum() == 1,
    ("toy_tables", "uneven"): lambda edges, **of: np.ptp(np.diff(edges)) > 1e-3 and np.diff(edges).min() > 0,
    ("toy_tables", "outside"): lambda edges, means, **of: means[0] < edges[0],
    ("rate_and_distortion", "missed"): lambda encoder, decoder, **of: ((encoder.T > 0) & (decoder == 0)).sum() == 1,
    ("rate_and_distortion", "neither"): lambda encoder, decoder, **of: (
        ((encoder.T == 0) == (decoder == 0)).all() and decoder.min() == 0
    ),
    ("class_information", "idle"): lambda joint, encoder: (encoder.max(0) == 0).sum() == 1 and joint.min() > 0,
    ("class_information", "hole"): lambda joint, encoder: (
        (joint @ encoder == 0).sum() == 1 and encoder.sum(0).min() > 0
    ),
    ("on_the_line", "ends"): lambda rates, distortions, **of: (rates == 0).any() and (distortions == 0).any(),
    ("bernoulli_distortion", ""): lambda pixels, logits: np.abs(logits).max() < 20,
    ("bernoulli_distortion", "sure"): lambda pixels, logits: ((logits > 0) == (pixels > 0))[
        np.abs(logits) == 900
    ].all(),
    ("bernoulli_distortion", "wrong"): lambda pixels, logits: (
        ((logits > 0) != (pixels > 0))[np.abs(logits) == 900].sum() == len(pixels)
    ),
    ("active_dimensions", "tie"): lambda mean, threshold, **of: (mean.var(0) == threshold).any(),
    ("category_report", "zeros"): lambda batches: (batches.min(-1) == 0).all() and batches.mean((0, 1)).min() > 0,
    ("category_report", "idle"): lambda batches: batches.mean((0, 1)).min() == 0,
    ("barber_agakov", "zeros"): lambda encoder, reader, **of: encoder.min() == 0 and reader.min() > 0,
    ("barber_agakov", "right"): lambda encoder, reader, **of: ((encoder == 0) == (reader == 0)).all(),
    ("barber_agakov", "idle"): lambda encoder, reader, **of: (encoder.max(0) == 0).any() and reader.min() > 0,
    ("barber_agakov", "missed"): lambda encoder, reader, **of: encoder.min() > 0 and reader.min() == 0,
    ("entropy_floor", "idle"): lambda probs, risk: (probs.max(0) == 0).any(),
    ("three_informations", "zeros"): lambda encoder, decoder, **of: encoder.min() == 0 and decoder.min() == 0,
    ("three_informations", "idle"): lambda encoder, **of: (encoder.max(0) == 0).any(),
    ("three_informations", "blindly"): lambda encoder, **of: np.ptp(encoder, 0).max() == 0,
    ("bits_an_image", ""): lambda encoder, **of: encoder.min() > 0,
    ("bits_an_image", "zeros"): lambda encoder, **of: (encoder.min(1) == 0).all() and encoder.max(0).min() > 0,
    ("bits_an_image", "idle"): lambda encoder, **of: (encoder.max(0) == 0).any(),
    ("bits_an_image", "totals"): lambda encoder, decoder, **of: len({*encoder.sum(1), *decoder.sum(1)}) > 2,
    ("pop", "zero"): lambda number, weights: weights.min() == 0,
    ("pop", "border"): lambda number, weights: number % weights.sum() in weights.cumsum(),
    ("pop", "zero border"): lambda number, weights: number % weights.sum() in weights.cumsum() and weights.min() == 0,
    ("pop", "large"): lambda number, weights: 2**44 < number < 2**53,
    ("receive", ""): lambda decoder, **of: decoder.min() > 0 and len({*decoder.sum(-1).ravel()}) == 1,
    ("receive", "zeros"): lambda decoder, **of: (decoder.min(-1) == 0).any(1).all(),
    ("place", "rare"): lambda marginal, inside: marginal @ inside == 1,
}


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_an_instance_holds_its_trap_under_every_seed(name, question):
    for seed in (PUBLIC_SEED, *map(str, range(20))):
        for trap, inputs in zip(question.traps, slips.drawn(name, question.name, seed), strict=True):
            assert HOLDS.get((question.name, trap), lambda **of: True)(**inputs), (trap, inputs)


def test_every_trap_is_one_of_a_question():
    traps = {(q.name, trap) for a in ASSIGNMENTS for q in a.questions for trap in q.traps}
    assert traps >= HOLDS.keys()


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_a_transposed_table_has_another_shape(name, question):
    for inputs in slips.drawn(name, question.name, "0"):
        for value in inputs.values():
            if np.ndim(value) > 1:
                assert len(set(np.shape(value))) == np.ndim(value)


def loop_rate(encoder, prior):
    total = 0.0
    for row in encoder:
        for e, p in zip(row, prior, strict=True):
            if e > 0:
                total += e * (np.log(e) - np.log(p)) if p > 0 else np.inf
    return total / len(encoder)


def entropies(joint):
    return entr(joint.sum(0)).sum() + entr(joint.sum(1)).sum() - entr(joint).sum()


def gaussian_loop(mean, log_variance):
    return [
        sum(-0.5 * (1 + v - m * m - np.exp(0.5 * v) ** 2) for m, v in zip(*rows, strict=True))
        for rows in zip(mean, log_variance, strict=True)
    ]


def log_domain_step(p_x, distortion, slope, marginal):
    encoder = softmax(np.log(marginal) - slope * distortion, axis=1)
    return {"encoder": encoder, "marginal": (p_x[:, None] * encoder).sum(0)}


def log_domain_certificate(p_x, distortion, slope, marginal):
    log_z = logsumexp(np.log(marginal) - slope * distortion, axis=1)
    return max(logsumexp(np.log(p_x) - slope * distortion[:, z] - log_z) for z in range(len(marginal)))


def plane_by_where(p_x, encoder, decoder, marginal):
    logs = np.log(np.where(encoder > 0, encoder, 1)) - np.log(marginal)
    costs = np.where(encoder > 0, -encoder * np.log(decoder.T), 0)
    return {"rate": np.einsum("x,xz,xz", p_x, encoder, logs), "distortion": p_x @ costs.sum(1)}


def floor_by_stats(probs, risk):
    n, k = probs.shape
    margin = (np.log(n) + np.log(k) - np.log(2)) * (2 / n * -np.log(risk)) ** 0.5
    return np.maximum(0, stats.entropy(probs.mean(0)) - margin)


def account(frequency, encoder, decoder, marginal):
    total, paid, borrowed = frequency.sum(), 0.0, 0.0
    for x, f in enumerate(frequency):
        for z, e in enumerate(encoder[x]):
            if e:
                share = f / total * e / encoder[x].sum()
                borrowed -= share * np.log2(e / encoder[x].sum())
                paid -= share * np.log2(decoder[z, x] / decoder[z].sum() * marginal[z] / marginal.sum())
    return {"paid": paid, "borrowed": borrowed}


HONEST = {
    ("surgery", "rate", "a loop"): loop_rate,
    ("surgery", "rate", "nansum"): lambda encoder, prior: np.nansum(encoder * np.log(encoder / prior)) / len(encoder),
    ("surgery", "rate", "entropies"): lambda encoder, prior: (
        -entr(encoder).sum(1).mean() - np.where(encoder > 0, encoder * np.log(prior), 0).sum() / len(encoder)
    ),
    ("surgery", "rate", "stats"): lambda encoder, prior: np.mean([stats.entropy(row, prior) for row in encoder]),
    ("surgery", "index_information", "entropies"): lambda encoder: entropies(encoder / len(encoder)),
    ("surgery", "index_information", "small number"): lambda encoder: (
        (encoder * np.log((encoder + 1e-15) / (encoder.mean(0) + 1e-15))).sum() / len(encoder)
    ),
    ("surgery", "marginal_kl", "where"): lambda encoder, prior: np.sum(
        np.where(encoder.mean(0) > 0, encoder.mean(0) * (np.log(encoder.mean(0)) - np.log(prior)), 0)
    ),
    ("rate_distortion", "source_entropy", "float of a list"): lambda p_x: float(-sum(p * np.log(p) for p in p_x if p)),
    ("rate_distortion", "expected_distortion", "nan_to_num"): lambda p_x, encoder, distortion: np.nansum(
        p_x[:, None] * encoder * distortion
    ),
    ("rate_distortion", "blahut_arimoto_step", "in logarithms"): log_domain_step,
    ("rate_distortion", "certificate", "in logarithms"): log_domain_certificate,
    ("rate_distortion", "frontier_point", "1500 steps"): lambda **of: slips.steps(1500, **of),
    ("toy", "rate_and_distortion", "where"): plane_by_where,
    ("toy", "class_information", "entropies"): lambda joint, encoder: entropies(joint @ encoder),
    ("sweep", "gaussian_rate", "a loop"): gaussian_loop,
    ("sweep", "bernoulli_distortion", "log_expit"): lambda pixels, logits: (
        -(pixels * log_expit(logits) + (1 - pixels) * log_expit(-logits)).sum((1, 2))
    ),
    ("sweep", "bernoulli_distortion", "the stable form"): lambda pixels, logits: (
        np.maximum(logits, 0) - logits * pixels + np.log1p(np.exp(-np.abs(logits)))
    ).sum((1, 2)),
    ("sweep", "active_dimensions", "mean of squares"): lambda mean, log_variance, threshold: {
        "rates": -0.5 * np.mean(1 + log_variance - mean**2 - np.exp(log_variance), axis=0),
        "activity": ((mean - mean.mean(0)) ** 2).mean(0),
        "active": ((mean - mean.mean(0)) ** 2).sum(0) / len(mean) > threshold,
    },
    ("information", "barber_agakov", "where"): lambda p_x, encoder, reader: (
        p_x @ np.where(encoder > 0, encoder * np.log(reader), 0.0).sum(1) + entr(p_x @ encoder).sum()
    ),
    ("information", "entropy_floor", "stats"): floor_by_stats,
    ("bits", "without_bits_back", "a loop"): account,
    ("bits", "fee", "rel_entr"): lambda frequency, encoder, marginal: {
        "least": 1
        + slips.shares(frequency)
        @ rel_entr(slips.shares(encoder), slips.shares(frequency) @ slips.shares(encoder)).sum(1)
        / np.log(2),
        "fee": rel_entr(slips.shares(frequency) @ slips.shares(encoder), slips.shares(marginal)).sum() / np.log(2),
    },
}


@pytest.mark.parametrize("case", HONEST, ids="-".join)
def test_honest_code_of_any_form_earns_everything_under_every_secret(case):
    name, asked, _ = case
    question = slips.remembered(name, asked)
    for secret in range(QUICK):
        for inputs in slips.drawn(name, asked, str(secret)):
            with np.errstate(all="ignore"):
                verdict = judge(question, inputs, HONEST[case](**inputs))
            assert verdict.credit == 1, verdict
