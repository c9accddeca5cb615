"""Wrong code as students write it, and what each slip costs under many secrets.

    python coursework/scripts/slips.py [--secrets N] [NAME ...]

A row says which question, the least and the most points under any secret, of how many, on which share of the secrets
the slip is caught, and which share of its wrong instances is told more than that it is wrong. The least and the most
are equal: what is hard about an instance does not depend on the secret.
"""

import argparse
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, rel_entr, xlogy

import elbo_coursework
from elbo_coursework.assignments import stack
from elbo_coursework.questions import UNSHOWN, Inputs, Question, instances, judge

Array = np.ndarray


@dataclass(frozen=True)
class Slip:
    """A slip: the function ``code`` in place of the answer to a question."""

    assignment: str
    question: str
    name: str
    code: Callable[..., Any]


def information(joint: Array) -> Any:
    """Mutual information without a word on 0 log 0."""
    return (joint * np.log(joint / (joint.sum(1, keepdims=True) * joint.sum(0)))).sum()


def h(p: Any) -> Any:
    """An entropy without a word on 0 log 0."""
    return -np.sum(p * np.log(p))


def coin(q: float) -> Any:
    return -q * np.log(q) - (1 - q) * np.log(1 - q)


def shares(weights: Array) -> Array:
    return weights / weights.sum(-1, keepdims=True)


def masked(p: Array, q: Array) -> float:
    """A sum of p log p / q over what both have."""
    used = (p > 0) & (q > 0)
    return float((p[used] * np.log(p[used] / q[used])).sum())


def running(rates: Array, distortions: Array) -> Array:
    """The front by sorting alone, with ties in the order of the list."""
    kept, least = np.zeros(len(rates)), np.inf
    for i in sorted(range(len(rates)), key=lambda i: float(rates[i])):
        if distortions[i] < least:
            kept[i], least = 1, distortions[i]
    return kept


def by_grid(rates: Array, distortions: Array) -> Array:
    """The hull by trying fifty prices."""
    best = (distortions + np.geomspace(0.01, 100, 50)[:, None] * rates).argmin(1)
    return np.isin(np.arange(len(rates)), best) * 1


def chain(rates: Array, distortions: Array) -> Array:
    """The lower hull from the least rate to the largest, without the front first."""
    corners: list[int] = []
    for i in np.argsort(rates, kind="stable").tolist():
        while len(corners) > 1:
            a, b = corners[-2:]
            left = (distortions[b] - distortions[a]) * (rates[i] - rates[a])
            if left < (distortions[i] - distortions[a]) * (rates[b] - rates[a]):
                break
            corners.pop()
        corners.append(i)
    return np.isin(np.arange(len(rates)), corners) * 1


def within(rates: Array, distortions: Array, entropy: float, tolerance: float, least: float = 0.0) -> list[int]:
    excess = rates + distortions - entropy
    wrong = (excess < -tolerance) | (rates < least) | (distortions < least)
    return [-1 if w else int(abs(e) <= tolerance) for w, e in zip(wrong, excess, strict=True)]


def report(batches: Array) -> dict[str, Any]:
    e = batches.reshape(-1, batches.shape[-1])
    q, most = e.mean(0), np.log(e.shape[1])
    rest = -(e * np.log(e)).sum(1).mean()
    return {"mean_kl": most - rest, "information": h(q) - rest, "marginal_kl": most - h(q), "entropy": h(q)}


def steps(count: int, p_x: Array, distortion: Array, slope: float) -> dict[str, Any]:
    m = np.full(distortion.shape[1], 1 / distortion.shape[1])
    for _ in range(count):
        e = shares(m * np.exp(-slope * distortion))
        m = p_x @ e
    joint = p_x[:, None] * e
    return {"rate": information(joint), "distortion": (joint * distortion).sum()}


def reversed_parts(encoder: Array, first: Array, second: Array) -> dict[str, Any]:
    q = encoder.mean(0)
    parts = [(q.sum(1), first), (q.sum(0), second)]
    return {"total_correlation": information(q), "dimension_wise_kl": [(a * np.log(a / b)).sum() for a, b in parts]}


def parts(encoder: Array, prior: Array, log_likelihood: Array, wrong: str = "") -> dict[str, Any]:
    """The parts of the ELBO: without a word on 0 log 0 by default, else right but for what is ``wrong``."""
    n, q, joint = len(encoder), encoder.mean(0), prior * np.exp(log_likelihood)
    each = (lambda a, b: a * np.log(a / b)) if not wrong else rel_entr
    evidence = (joint if wrong != "evidence" else encoder * np.exp(log_likelihood)).sum(1)
    found = {"reconstruction": (encoder * log_likelihood).sum() / n, "rate": each(encoder, prior).sum() / n}
    found |= {"information": each(encoder, q).sum() / n, "marginal_kl": each(q, prior).sum()}
    found |= {"log_evidence": np.log(evidence).mean()}
    found |= {"posterior_kl": each(encoder, joint / evidence[:, None]).sum() / n}
    if wrong == "bits":
        found["information"] /= np.log(2)
    return dict.fromkeys(found, found["reconstruction"] - found["rate"]) if wrong == "number" else found


def plane(small: float, encoder: Array, decoder: Array, p_x: Array, marginal: Array) -> dict[str, Any]:
    joint = p_x[:, None] * encoder
    rate = (joint * np.log((encoder + small) / marginal)).sum()
    return {"rate": rate, "distortion": -(joint * np.log(decoder.T + small)).sum()}


def three(p_x: Array, encoder: Array, decoder: Array) -> dict[str, Any]:
    seen = p_x[:, None] * encoder
    tables = {"data": seen, "reconstruction": seen.sum(0)[:, None] * decoder, "through": seen @ decoder}
    return {name: information(table) for name, table in tables.items()}


def place(last: int, marginal: Array, inside: Array) -> dict[str, Any]:
    p, k = (marginal * inside).sum() / marginal.sum(), np.arange(1, last)
    return {"mean_log": (p * (1 - p) ** (k - 1) * np.log2(k)).sum(), "bound": 1 - np.log2(p)}


def cost(total: bool, frequency: Array, encoder: Array, decoder: Array, marginal: Array) -> Any:
    p, e, d, m = (w / marginal.sum() if total else shares(w) for w in (frequency, encoder, decoder, marginal))
    joint = p[:, None] * e
    log_e = np.log2(np.where(e > 0, e, 1)) if total else np.log2(e)
    return (joint * (log_e - np.log2(m) - np.log2(d.T))).sum()


def fee(frequency: Array, encoder: Array, marginal: Array) -> dict[str, Any]:
    p, e, m = map(shares, (frequency, encoder, marginal))
    q = p @ e
    return {"least": information(p[:, None] * e) / np.log(2) + 1, "fee": (q * np.log2(q / m)).sum()}


def paid_and_borrowed(frequency: Array, encoder: Array, decoder: Array, marginal: Array) -> dict[str, Any]:
    p, e = shares(frequency), shares(encoder)
    paid = -(p[:, None] * e * (np.log2(shares(marginal)) + np.log2(shares(decoder)).T)).sum()
    return {"paid": paid, "borrowed": -(p @ (e * np.log2(e)).sum(1))}


def popped(number: int, weights: Array) -> tuple[int, int]:
    """Symbols that own no slot are forgotten, and the others counted anew."""
    return stack.pop(number, weights[weights > 0].tolist())


def active(mean: Array, log_variance: Array, threshold: float, **of: Any) -> dict[str, Any]:
    rates = (mean**2 + np.exp(log_variance) - 1 - log_variance).mean(0) / 2
    spread = mean.std(0) if of.get("root") else mean.var(0)
    kept = spread >= threshold if of.get("equal") else spread > threshold
    return {"rates": rates, "activity": spread, "active": kept}


def compared(betas: Array, rates: Array, distortions: Array, best: Any) -> dict[str, Any]:
    chosen = (distortions + betas[:, None] * rates).argmin(1)
    return {"elbo": -(rates + distortions), "best": int(best), "chosen": chosen}


def curve(rates: Array, distortions: Array, order: Array) -> dict[str, Any]:
    beta = -np.diff(distortions[order]) / np.diff(rates[order])
    return {"beta": beta, "slope": 1 / beta}


def blended(joint: Array, share: float) -> dict[str, Any]:
    """The class's own tables, right for a share of 1."""
    e = (joint / joint.sum(0)).T
    return {"encoder": e, "decoder": shares(joint), "marginal": joint.sum(1)}


def cut(p_z: Array, means: Array, sigma: float, edges: Array) -> dict[str, Any]:
    rows = shares(np.diff(ndtr((edges - means[:, None]) / sigma)))
    return {"conditional": rows, "p_x": p_z @ rows}


def chance(pixels: Array, logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-logits)))


# fmt: off
ROWS: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("surgery", "joint_and_marginals", "index as a mean", lambda encoder: {"joint": encoder / len(encoder)} |
     {"index": encoder.mean(1), "code": encoder.mean(0)}),
    ("surgery", "rate", "no 0 log 0", lambda encoder, prior: (encoder * np.log(encoder / prior)).sum(1).mean()),
    ("surgery", "rate", "xlogy of the ratio", lambda encoder, prior: xlogy(encoder, encoder / prior).sum(1).mean()),
    ("surgery", "rate", "KL reversed", lambda encoder, prior: rel_entr(prior, encoder).sum(1).mean()),
    ("surgery", "rate", "small number added", lambda encoder, prior: (encoder * (np.log(encoder + 1e-12) -
     np.log(prior + 1e-12))).sum(1).mean()),
    ("surgery", "rate", "zeros of the prior left out", lambda encoder, prior: masked(encoder, np.tile(prior,
     (len(encoder), 1))) / len(encoder)),
    ("surgery", "rate", "infinite for any zero", lambda encoder, prior: np.inf if (prior == 0).any() else
     rel_entr(encoder, prior).sum(1).mean()),
    ("surgery", "rate", "sum for the mean", lambda encoder, prior: rel_entr(encoder, prior).sum()),
    ("surgery", "index_information", "no 0 log 0", lambda encoder: information(encoder / len(encoder))),
    ("surgery", "index_information", "xlogy of the ratio", lambda encoder: xlogy(encoder, encoder /
     encoder.mean(0)).sum(1).mean()),
    ("surgery", "index_information", "H(z) alone", lambda encoder: -xlogy(encoder.mean(0), encoder.mean(0)).sum()),
    ("surgery", "marginal_kl", "no 0 log 0", lambda encoder, prior: (encoder.mean(0) * np.log(encoder.mean(0) /
     prior)).sum()),
    ("surgery", "marginal_kl", "mean over the codes", lambda encoder, prior: rel_entr(encoder.mean(0),
     prior).mean()),
    ("surgery", "marginal_kl", "nan_to_num", lambda encoder, prior: np.nan_to_num(rel_entr(encoder.mean(0), prior),
     posinf=0).sum()),
    ("surgery", "by_dimension", "no 0 log 0", reversed_parts),
    ("surgery", "by_dimension", "dimensions swapped", lambda encoder, first, second: {"total_correlation":
     rel_entr(encoder.mean(0), np.outer(encoder.mean(0).sum(1), encoder.mean(0).sum(0))).sum(), "dimension_wise_kl":
     [rel_entr(encoder.mean(0).sum(0), second).sum(), rel_entr(encoder.mean(0).sum(1), first).sum()]}),
    ("surgery", "rate", "nan_to_num", lambda encoder, prior: np.nan_to_num(encoder * np.log(encoder /
     prior)).sum(1).mean()),
    ("surgery", "marginal_kl", "a large number for infinity", lambda encoder, prior: np.nan_to_num(encoder.mean(0) *
     np.log(encoder.mean(0) / prior)).sum()),
    ("surgery", "elbo_three_ways", "no 0 log 0", parts),
    ("surgery", "elbo_three_ways", "evidence over the encoder", lambda **of: parts(**of, wrong="evidence")),
    ("surgery", "elbo_three_ways", "one number for all", lambda **of: parts(**of, wrong="number")),
    ("surgery", "elbo_three_ways", "information in bits", lambda **of: parts(**of, wrong="bits")),
    ("rate_distortion", "source_entropy", "no 0 log 0", lambda p_x: h(p_x)),
    ("rate_distortion", "source_entropy", "normalised by log X", lambda p_x: -xlogy(p_x, p_x).sum() /
     np.log(len(p_x))),
    ("rate_distortion", "expected_distortion", "no 0 times infinity", lambda p_x, encoder, distortion: (p_x[:, None]
     * encoder * distortion).sum()),
    ("rate_distortion", "expected_distortion", "mask on the encoder alone", lambda p_x, encoder, distortion: (p_x @
     np.where(encoder > 0, encoder * distortion, 0)).sum()),
    ("rate_distortion", "expected_distortion", "infinity always left out", lambda p_x, encoder, distortion: (p_x @
     (encoder * np.where(np.isinf(distortion), 0, distortion))).sum()),
    ("rate_distortion", "bernoulli_rate", "no 0 log 0", lambda p, distortion: coin(p) - coin(distortion) if
     distortion < min(p, 1 - p) else 0),
    ("rate_distortion", "bernoulli_rate", "never below zero", lambda p, distortion: max(0, coin(p) +
     xlogy(distortion, distortion) + xlogy(1 - distortion, 1 - distortion))),
    ("rate_distortion", "bernoulli_rate", "cut at p", lambda p, distortion: coin(p) + xlogy(distortion, distortion)
     + xlogy(1 - distortion, 1 - distortion) if distortion < p else 0),
    ("rate_distortion", "blahut_arimoto_step", "zero marginal made small", lambda p_x, distortion, slope, marginal:
     {"encoder": (e := shares((marginal + 0.001) * np.exp(-slope * distortion))), "marginal": p_x @ e}),
    ("rate_distortion", "blahut_arimoto_step", "encoder not normalised", lambda p_x, distortion, slope, marginal:
     {"encoder": (e := (marginal * np.exp(-slope * distortion))), "marginal": p_x @ e}),
    ("rate_distortion", "certificate", "codes in use alone", lambda p_x, distortion, slope, marginal: np.log((p_x /
     (np.exp(-slope * distortion) @ marginal) @ np.exp(-slope * distortion))[marginal > 0].max())),
    ("rate_distortion", "certificate", "mean under m", lambda p_x, distortion, slope, marginal: np.log(p_x /
     (np.exp(-slope * distortion) @ marginal) @ np.exp(-slope * distortion) @ marginal)),
    ("rate_distortion", "frontier_point", "one step", lambda **of: steps(1, **of)),
    ("rate_distortion", "frontier_point", "twenty steps", lambda **of: steps(20, **of)),
    ("rate_distortion", "beta_and_slope", "not sorted", lambda rates, distortions: curve(rates, distortions,
     np.arange(len(rates)))),
    ("rate_distortion", "beta_and_slope", "from the highest rate", lambda rates, distortions: curve(rates,
     distortions, np.argsort(-rates))),
    ("toy", "toy_tables", "tails cut and normalised", cut),
    ("toy", "rate_and_distortion", "no 0 log 0", lambda **of: plane(0.0, **of)),
    ("toy", "rate_and_distortion", "small number added", lambda **of: plane(1e-12, **of)),
    ("toy", "class_information", "no 0 log 0", lambda joint, encoder: information(joint @ encoder)),
    ("toy", "class_information", "xlogy of the ratio", lambda joint, encoder: xlogy((j := (joint @ encoder)), j /
     (j.sum(1, keepdims=True) * j.sum(0))).sum()),
    ("toy", "blended_model", "share forgotten", blended),
    ("toy", "on_the_line", "rounded to three digits", lambda rates, distortions, entropy: within(rates, distortions,
     entropy, 0.0005)),
    ("toy", "on_the_line", "tolerance of a hundredth", lambda rates, distortions, entropy: within(rates,
     distortions, entropy, 0.01)),
    ("toy", "on_the_line", "zero taken for negative", lambda rates, distortions, entropy: within(rates, distortions,
     entropy, 0.001, least=1e-12)),
    ("toy", "best_at_target", "nearest rate", lambda rates, distortions, target, weight: {"values": distortions +
     weight * abs(rates - target), "best": abs(rates - target).argmin()}),
    ("toy", "best_at_target", "least distortion", lambda rates, distortions, target, weight: {"values": distortions
     + weight * abs(rates - target), "best": distortions.argmin()}),
    ("sweep", "gaussian_rate", "small number added", lambda mean, log_variance: (mean ** 2 + np.exp(log_variance) -
     1 - np.log(np.exp(log_variance) + 1e-08)).sum(1) / 2),
    ("sweep", "gaussian_rate", "sum over the images", lambda mean, log_variance: (mean ** 2 + np.exp(log_variance) -
     1 - log_variance).sum(0) / 2),
    ("sweep", "bernoulli_distortion", "plain logarithms", lambda pixels, logits: -(pixels * np.log(chance(pixels,
     logits)) + (1 - pixels) * np.log(1 - chance(pixels, logits))).sum((1, 2))),
    ("sweep", "bernoulli_distortion", "where", lambda pixels, logits: -np.sum(np.where(pixels > 0,
     np.log(expit(logits)), np.log(1 - expit(logits))), (1, 2))),
    ("sweep", "bernoulli_distortion", "log of 1 + exp", lambda pixels, logits: (np.log(1 + np.exp(logits)) - pixels
     * logits).sum((1, 2))),
    ("sweep", "bernoulli_distortion", "clipped", lambda pixels, logits: -(pixels * np.log(np.clip(expit(logits),
     1e-07, 1 - 1e-07)) + (1 - pixels) * np.log(1 - np.clip(expit(logits), 1e-07, 1 - 1e-07))).sum((1, 2))),
    ("sweep", "bernoulli_distortion", "small number added", lambda pixels, logits: -(pixels * np.log(expit(logits) +
     1e-09) + (1 - pixels) * np.log(1 - expit(logits) + 1e-09)).sum((1, 2))),
    ("sweep", "active_dimensions", "deviation for variance", lambda **of: active(**of, root=True)),
    ("sweep", "active_dimensions", "threshold included", lambda **of: active(**of, equal=True)),
    ("sweep", "on_the_front", "ties in the order of the list", running),
    ("sweep", "on_the_front", "dominated by itself", lambda rates, distortions: [0 if ((rates <= r) & (distortions
     <= d)).any() else 1 for r, d in zip(rates, distortions, strict=True)]),
    ("sweep", "on_the_hull", "fifty prices", by_grid),
    ("sweep", "on_the_hull", "up to the largest rate", chain),
    ("sweep", "compare_models", "best by own objective", lambda betas, rates, distortions: compared(betas, rates,
     distortions, (distortions + betas * rates).argmin())),
    ("sweep", "compare_models", "least ELBO", lambda betas, rates, distortions: compared(betas, rates, distortions,
     (rates + distortions).argmax())),
    ("information", "category_report", "no 0 log 0", report),
    ("information", "barber_agakov", "no 0 log 0", lambda p_x, encoder, reader: (p_x[:, None] * encoder *
     np.log(reader)).sum() + h(p_x @ encoder)),
    ("information", "barber_agakov", "no 0 log 0 of the reader", lambda p_x, encoder, reader: (p_x[:, None] *
     encoder * np.log(reader)).sum() - xlogy(p_x @ encoder, p_x @ encoder).sum()),
    ("information", "barber_agakov", "small number added", lambda p_x, encoder, reader: (p_x[:, None] * encoder *
     np.log(reader + 1e-12)).sum() - xlogy(p_x @ encoder, p_x @ encoder).sum()),
    ("information", "counterexample", "the last category", lambda images, categories: {"encoder": (t :=
     np.tile(np.eye(categories)[-1], (images, 1))), "reader": t, "claimed": np.log(categories), "information": 0.0}),
    ("information", "bound_with_error", "variances without n", lambda log_q, entropy, entropy_se: {"value":
     log_q.mean() + entropy, "se": np.sqrt(log_q.var(ddof=1) + entropy_se ** 2)}),
    ("information", "entropy_floor", "no 0 log 0", lambda probs, risk: max(0.0, h(probs.mean(0)) - np.log(probs.size
     / 2) * np.sqrt(2 * np.log(1 / risk) / len(probs)))),
    ("information", "entropy_floor", "below zero", lambda probs, risk: -xlogy((q := probs.mean(0)), q).sum() -
     np.log(probs.size / 2) * np.sqrt(2 * np.log(1 / risk) / len(probs))),
    ("information", "entropy_floor", "root of a negative number", lambda probs, risk: max(0.0, -xlogy((q :=
     probs.mean(0)), q).sum() - np.log(probs.size / 2) * np.sqrt(2 * np.log(risk) / len(probs)))),
    ("information", "three_informations", "no 0 log 0", three),
    ("bits", "bits_an_image", "no 0 log 0", lambda **of: cost(False, **of)),
    ("bits", "bits_an_image", "one total for all", lambda **of: cost(True, **of)),
    ("bits", "without_bits_back", "no 0 log 0", paid_and_borrowed),
    ("bits", "pop", "border slot", stack.popped_late),
    ("bits", "pop", "zeros left out", popped),
    ("bits", "send", "border slot", lambda **of: stack.send(stack.borrow_late, **of)),
    ("bits", "send", "last image first", lambda images, **of: stack.send(images=images[::-1], **of)),
    ("bits", "receive", "pixels in Ann's order", lambda **of: stack.receive_pixels(**of, wrong="pixels turned")),
    ("bits", "receive", "m left out", lambda **of: stack.receive_pixels(**of, wrong="m left out")),
    ("bits", "place", "hundred places", lambda **of: place(101, **of)),
    ("bits", "place", "nats", lambda **of: {name: value * np.log(2) for name, value in place(5000, **of).items()}),
    ("bits", "fee", "no 0 log 0", fee),
]
# fmt: on
SLIPS = [Slip(*row) for row in ROWS]


def remembering(question: Question) -> Question:
    """The question with answers that are computed once for each instance."""

    def once(function: Callable[..., Any]) -> Callable[..., Any]:
        known: dict[bytes, Any] = {}

        def answer(**inputs: Any) -> Any:
            key = pickle.dumps(inputs)
            if key not in known:
                known[key] = function(**inputs)
            return known[key]

        return answer

    mistakes = tuple(replace(mistake, answer=once(mistake.answer)) for mistake in question.mistakes)
    return replace(question, reference=once(question.reference), mistakes=mistakes)


@cache
def remembered(assignment: str, question: str) -> Question:
    return remembering(elbo_coursework.assignment(assignment).question(question))


@cache
def drawn(assignment: str, question: str, secret: str) -> list[Inputs]:
    return instances(assignment, remembered(assignment, question), secret)


@dataclass(frozen=True)
class Cost:
    """What a slip costs: points under each secret, on which share it is caught, and which share has its own hint."""

    points: tuple[float, ...]
    caught: float
    hinted: float


def costs(slip: Slip, secrets: int) -> Cost:
    """What a slip costs under the secrets "0", "1" and so on."""
    question, earned, hints = remembered(slip.assignment, slip.question), [], []
    for secret in range(secrets):
        verdicts = []
        for inputs in drawn(slip.assignment, slip.question, str(secret)):
            with np.errstate(all="ignore"):
                answer = slip.code(**inputs)
            verdicts.append(judge(question, inputs, answer))
        credit = sum(verdict.credit for verdict in verdicts)
        earned.append(round(question.points * credit / question.instances, 2))
        hints += [verdict.hint for verdict in verdicts if verdict.credit < 1]
    told = [hint != UNSHOWN for hint in hints]
    return Cost(
        tuple(earned), float(np.mean(np.array(earned) < question.points)), float(np.mean(told)) if told else 1.0
    )


def rows(names: list[str], secrets: int) -> Iterator[tuple[Slip, Cost, Question]]:
    for slip in SLIPS:
        if slip.assignment in names:
            yield slip, costs(slip, secrets), remembered(slip.assignment, slip.question)


def main() -> None:
    parser = argparse.ArgumentParser(description="What each slip costs under many secrets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of the assignments (default: all)")
    parser.add_argument("--secrets", type=int, default=100, metavar="N")
    options = parser.parse_args()
    for slip, cost, question in rows(options.names or list(elbo_coursework.NAMES), options.secrets):
        found = f"{min(cost.points):5.2f} {max(cost.points):5.2f} of {question.points:2}"
        print(f"{slip.question:21} {slip.name:30} {found}  caught {cost.caught:4.0%}  told {cost.hinted:4.0%}")


if __name__ == "__main__":
    main()
