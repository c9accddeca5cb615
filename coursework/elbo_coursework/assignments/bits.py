"""The assignment *Pay the rate*: bits back on a whole number, and one sample by its place in a list."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from companion.exact.discrete import DiscreteModel
from companion.exact.tables import cross_entropy, entropy, kl
from companion.units import bits, nats
from elbo_coursework.assignments import common, stack
from elbo_coursework.questions import Assignment, CommonMistake, Inputs, ManualQuestion, Question

Array = np.ndarray


def _target(rng: np.random.Generator, trap: str) -> Inputs:
    """A set that comes often, or one code that is ``rare``: the sum over places is then long."""

    def draw() -> Inputs:
        size, total = int(rng.integers(4, 8)), int(rng.integers(30, 35))
        marginal, inside = stack.weights(rng, size, total, least=2), np.zeros(size, int)
        inside[rng.permutation(size)[: 1 if trap == "rare" else rng.integers(2, size)]] = 1
        if trap == "rare":
            marginal[inside.argmax()] = 1
        return {"marginal": marginal, "inside": inside}

    def holds(marginal: Array, inside: Array) -> bool:
        share = float(_shares(marginal) @ inside)
        return abs(share - inside.mean()) > 0.02 and (trap == "rare" or share > 0.3)

    return common.until(draw, holds)


def _list(rng: np.random.Generator, trap: str) -> Inputs:
    return {key: table for key, table in stack.model(rng, trap).items() if key != "decoder"}


def _shares(weights: Array) -> Array:
    return weights / weights.sum(-1, keepdims=True)


def _model(frequency: Array, encoder: Array, decoder: Array, marginal: Array) -> DiscreteModel:
    return DiscreteModel(*map(_shares, (frequency, encoder, decoder, marginal)))


def _cost(**tables: Array) -> float:
    return float(bits(-_model(**tables).elbo))


def _account(**tables: Array) -> dict[str, float]:
    model = _model(**tables)
    paid = model.distortion + cross_entropy(model.aggregate, model.marginal)
    return {"paid": float(bits(paid)), "borrowed": float(bits(entropy(model.joint) - entropy(model.p_x)))}


def _borrowed_as(borrowed: Callable[[DiscreteModel], float]) -> Callable[..., dict[str, float]]:
    """What is paid, and another number of nats, a mistake's own, as borrowed."""
    return lambda **tables: _account(**tables) | {"borrowed": float(bits(borrowed(_model(**tables))))}


def _evenly(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The answer for images that are equally frequent."""
    return lambda frequency, **of: answer(frequency=np.ones_like(frequency), **of)


def _cost_invariant(answer: float, **tables: Array) -> str | None:
    least = float(bits(_model(**tables).entropy))
    if answer < least - common.SLACK:
        shown, found = common.apart(least, answer)
        return f"No file takes fewer bits an image than the entropy of the images, {shown}; yours takes {found}."
    if answer > _account(**tables)["paid"] + common.SLACK:
        return f"Bits that come back shorten a file, and your {answer:.4g} bits are more than it takes without them."
    return None


def _account_invariant(answer: dict[str, float], **tables: Array) -> str | None:
    paid, borrowed = float(answer["paid"]), float(answer["borrowed"])
    most = float(bits(np.log(len(tables["marginal"]))))
    message = common.check_nonnegative("What is borrowed", borrowed)
    message = message or common.check_at_most("What is borrowed", borrowed, "the log of the number of codes", most)
    if not message and abs(paid - borrowed - _cost(**tables)) > 1e-6:
        return f"Paid less borrowed should be R + D, as in question 1, and is not your {paid - borrowed:.4g}."
    return message


def _place(marginal: Array, inside: Array) -> dict[str, float]:
    share, rate = float(_shares(marginal) @ inside), float(bits(kl(_shares(marginal * inside), _shares(marginal))))
    return {"mean_log": _mean_log(share), "bound": rate + 1}


def _mean_log(share: float, first: int = 1) -> float:
    """E log K in bits, where the first entry of the list has the place ``first``, and log 0 is left out."""
    k = np.arange(1, 5000)
    return float(bits(share * (1 - share) ** (k - first) @ np.log(k)))


def _from_zero(**of: Array) -> dict[str, float]:
    return _place(**of) | {"mean_log": _mean_log(float(_shares(of["marginal"]) @ of["inside"]), first=0)}


def _log_of_mean(**of: Array) -> dict[str, float]:
    right = _place(**of)
    return right | {"mean_log": right["bound"] - 1}


def _place_invariant(answer: dict[str, float], **of: Array) -> str | None:
    mean_log, rate = float(answer["mean_log"]), float(answer["bound"]) - 1
    message = common.check_nonnegative("A rate, here your bound less 1,", rate)
    message = message or common.check_nonnegative("The logarithm of a place, counted from 1,", mean_log)
    message = message or common.check_at_most(
        "The mean of log K, by Jensen's inequality,", mean_log, "the log of the mean place, your bound less 1,", rate
    )
    if not message and mean_log < 1 - 2**-rate - common.SLACK:
        return f"By your R the first entry is outside with probability {1 - 2**-rate:.4g}, and log K is then 1 or more."
    right = _place(**of)
    if not message and abs(rate + 1 - right["bound"]) < common.TOLERANCE and mean_log < right["mean_log"]:
        return "Your bound is right and the mean of log K too low: a rare code lies far down the list. Sum further."
    return message


def _fee(frequency: Array, encoder: Array, marginal: Array) -> dict[str, float]:
    model = _model(frequency, encoder, np.ones_like(encoder.T), marginal)
    least, fee = bits(model.mutual_information) + 1, bits(kl(model.aggregate, model.marginal))
    return {"least": float(least), "fee": float(fee)}


def _reversed(frequency: Array, encoder: Array, marginal: Array) -> dict[str, float]:
    aggregate = _shares(frequency) @ _shares(encoder)
    return _fee(frequency, encoder, marginal) | {"fee": float(bits(kl(_shares(marginal), aggregate)))}


def _whole_rate(**of: Array) -> dict[str, float]:
    right = _fee(**of)
    return right | {"fee": right["least"] - 1 + right["fee"]}


def _fee_invariant(answer: dict[str, float], **of: Array) -> str | None:
    least, fee, right = float(answer["least"]), float(answer["fee"]), sum(_fee(**of).values())
    message = common.check_nonnegative("An information, here your least bound less 1,", least - 1)
    message = message or common.check_nonnegative("A fee, which is a KL divergence,", fee)
    return message or common.check_equal("The sum of the two, R + 1 with the list from m,", least + fee, right)


def _without_bit(reference: Callable[..., dict[str, float]], key: str) -> Callable[..., dict[str, float]]:
    """The answer with the one bit left out that the bound adds to the rate."""
    return lambda **of: (right := reference(**of)) | {key: right[key] - 1}


def _in_nats(reference: Callable[..., dict[str, float]], key: str) -> Callable[..., dict[str, float]]:
    """The answer with natural logarithms, and with the 1 of the bound ``key`` still 1."""

    def answer(**of: Array) -> dict[str, float]:
        found = {name: nats(value) for name, value in reference(**of).items()}
        return found | {key: found[key] - nats(1) + 1}

    return answer


NATS = "Your value is the right one in nats. A file is counted in bits: take the logarithm to base 2."
RATE = "This is R, what the code costs. The pixels are written too, with d(x|z)."
NO_RETURN = "Nothing has come back here: you count the pixels and the code, and not what e(z|x) takes off the stack."
ADDED = "You added what was borrowed. Popping with e(z|x) makes the stack shorter."
EVEN = "You averaged evenly over the images. Some come more often: weight each by its frequency."
CHANGED = "The two have changed places: 'paid' is what is pushed, 'borrowed' what is popped."
RETURNED = "This 'paid' has the borrowed bits taken off already. Without bits back nothing is popped."
AGGREGATE = (
    "You took the entropy of the aggregate. Ann knows the image, and pops with e(z|x): average the rows' entropies."
)
MARGINAL = "You counted -log m(z), what the code takes when it is pushed. It is popped with e(z|x)."
SLOT = (
    "You lose the place of the slot among those of its symbol. It is n mod w_s of the number before, and must be added."
)
FIRST = "You add the slot itself. The place is counted from the first slot that the symbol owns."
WEIGHT = "The push divided by w_s and multiplied by the total. You divide by the total and do not multiply by w_s."
DIGIT = "You took a digit off, which makes every symbol cost the same. A likely one owns many slots, and takes little."
TEN = "You read among ten slots, as for digits. The number of slots is the sum of the weights."
LATE = (
    "A slot on the border goes to the wrong symbol. The slots of s begin at the sum of the weights before s, included."
)
WRONG_TABLE = "You popped the code with m(z). Then Ann sends a code that has nothing to do with the image."
WRONG_ORDER = "You pushed the code before the pixels. Bob pops the last first, and needs z before he can read x."
CERTAIN = "You took the likeliest code and borrowed nothing. A free choice is what carries the bits that come back."
PEEKED = "You read the code and left its bits on the stack. They have to be taken off, or nothing comes back."
BACKWARDS = "You sent the last image first. The images go onto the stack in the order of the list."
READ_LAST = "Your images are right, and the last one comes first. Give them in the order in which Ann sent them."
TURNED = "The pixels come off the stack in the reverse of Ann's order: the first that you pop is the last of its image."
KEPT_BITS = "You read the code and the pixels, and did not give back what Ann popped: push the code with e(z|x)."
BACK_WITH_M = "You pushed the code back with m(z). Ann had popped it with e(z|x), which you know once you know x."
LIKELIHOOD = "Your e(z|x) is the product over the pixels alone. Its weights have the factor m(z) too."
CONCAVE = "This is the logarithm of the mean place, 1/p. The logarithm is concave: its mean is less."
ZERO = "You count places from 0. The first entry of the list has place 1, and log 1 = 0."
ONE_BIT = "The bound is R + 1: you left out the bit that it adds to the rate."
COUNTED = "You counted the codes inside. They do not come equally often in the list: add up their probabilities."
BASE = "You took natural logarithms. Count in bits, so that the 1 in the bound is one bit."
WHOLE = "This is the whole rate. Even the best list costs I(x; z), and the fee is what m adds to it."

COST_MISTAKES = (
    common.wrong_sign(_cost),
    CommonMistake("natural logarithm", NATS, common.scaled(_cost, nats(1.0)), 0.5),
    CommonMistake("rate alone", RATE, lambda **of: float(bits(_model(**of).rate)), 0.25),
    CommonMistake("nothing back", NO_RETURN, lambda **of: _account(**of)["paid"], 0.25),
    CommonMistake("borrowed bits added", ADDED, lambda **of: sum(_account(**of).values()), 0.25),
    CommonMistake("even mean over images", EVEN, _evenly(_cost), 0.25),
)
ACCOUNT_MISTAKES = (
    CommonMistake("natural logarithm", NATS, common.scaled(_account, nats(1.0)), 0.5),
    CommonMistake(
        "changed places",
        CHANGED,
        lambda **of: dict(zip(("borrowed", "paid"), _account(**of).values(), strict=True)),
        0.5,
    ),
    CommonMistake("paid with bits back", RETURNED, lambda **of: _account(**of) | {"paid": _cost(**of)}, 0.5),
    CommonMistake("entropy of the aggregate", AGGREGATE, _borrowed_as(lambda model: entropy(model.aggregate)), 0.5),
    CommonMistake(
        "popped with m", MARGINAL, _borrowed_as(lambda model: cross_entropy(model.aggregate, model.marginal)), 0.5
    ),
    CommonMistake("even mean over images", EVEN, _evenly(_account), 0.25),
)
POP_MISTAKES = (
    CommonMistake("place of the slot lost", SLOT, stack.leaving(lambda n, slot, first, w: n * w), 0.5),
    CommonMistake("first slot not subtracted", FIRST, stack.leaving(lambda n, slot, first, w: n * w + slot), 0.5),
    CommonMistake("weight left out", WEIGHT, stack.leaving(lambda n, slot, first, w: n + slot - first), 0.25),
    CommonMistake("plain digit", DIGIT, stack.leaving(lambda n, slot, first, w: n), 0.25),
    CommonMistake("ten slots", TEN, stack.popped_of_ten, 0.25),
    CommonMistake("border slot", LATE, stack.popped_late, 0.25),
)
SEND_MISTAKES = (
    CommonMistake("code popped with m", WRONG_TABLE, partial(stack.send, stack.borrow_blindly)),
    CommonMistake("code pushed first", WRONG_ORDER, partial(stack.send, code_first=True), 0.25),
    CommonMistake("likeliest code", CERTAIN, partial(stack.send, stack.likeliest), 0.25),
    CommonMistake("bits not taken off", PEEKED, partial(stack.send, stack.peek), 0.25),
    CommonMistake("last image first", BACKWARDS, lambda images, **of: stack.send(images=images[::-1], **of), 0.5),
)
RECEIVE_MISTAKES = (
    CommonMistake("last image first", READ_LAST, partial(stack.receive_pixels, wrong="last first"), 0.5),
    CommonMistake("pixels turned", TURNED, partial(stack.receive_pixels, wrong="pixels turned"), 0.25),
    CommonMistake("code not given back", KEPT_BITS, partial(stack.receive_pixels, wrong="not given back"), 0.25),
    CommonMistake("given back with m", BACK_WITH_M, partial(stack.receive_pixels, wrong="given back with m"), 0.25),
    CommonMistake("m left out", LIKELIHOOD, partial(stack.receive_pixels, wrong="m left out"), 0.5),
)
PLACE_MISTAKES = (
    CommonMistake("natural logarithm", BASE, _in_nats(_place, "bound"), 0.5),
    CommonMistake("logarithm of the mean", CONCAVE, _log_of_mean, 0.5),
    CommonMistake("places from zero", ZERO, _from_zero, 0.5),
    CommonMistake("one bit left out", ONE_BIT, _without_bit(_place, "bound"), 0.5),
    CommonMistake("codes counted", COUNTED, lambda marginal, inside: _place(np.ones_like(marginal), inside), 0.25),
)
FEE_MISTAKES = (
    CommonMistake("natural logarithm", BASE, _in_nats(_fee, "least"), 0.5),
    CommonMistake("KL reversed", common.REVERSED, _reversed, 0.5),
    CommonMistake("whole rate", WHOLE, _whole_rate, 0.5),
    CommonMistake("one bit left out", ONE_BIT, _without_bit(_fee, "least"), 0.5),
    CommonMistake("even mean over images", EVEN, _evenly(_fee), 0.25),
)
MODEL_TRAPS = ("", "", "zeros", "idle", "totals")
POP_TRAPS = ("", "", "", "border", "border", "zero", "zero border", "large")
SEND_TRAPS = ("", "", "zeros", "border", "border")
ASSIGNMENT = Assignment(
    name="bits",
    title="Pay the rate",
    minutes=240,
    questions=(
        Question("bits_an_image", 10, stack.model, _cost, _cost_invariant, COST_MISTAKES, traps=MODEL_TRAPS),
        Question(
            "without_bits_back", 9, stack.model, _account, _account_invariant, ACCOUNT_MISTAKES, traps=MODEL_TRAPS
        ),
        Question(
            "pop",
            6,
            stack.number,
            stack.popped,
            stack.popped_invariant,
            POP_MISTAKES,
            tolerance=0.0,
            traps=POP_TRAPS,
        ),
        Question(
            "send", 8, stack.message, stack.send, stack.send_invariant, SEND_MISTAKES, tolerance=0.0, traps=SEND_TRAPS
        ),
        Question(
            "receive",
            12,
            stack.pixels,
            stack.receive_pixels,
            stack.received_invariant,
            RECEIVE_MISTAKES,
            tolerance=0.0,
            traps=("", "", "", "zeros", "zeros"),
        ),
        Question("place", 5, _target, _place, _place_invariant, PLACE_MISTAKES, traps=("", "", "", "rare", "rare")),
        Question("fee", 5, _list, _fee, _fee_invariant, FEE_MISTAKES, traps=MODEL_TRAPS),
    ),
    manual=(
        ManualQuestion(
            "prediction",
            {
                "the prediction commits itself before the picture": 1,
                "push and pop undo each other on every number, by no chance": 2,
                "the first code is no draw, and what it costs": 2,
                "from a few bits on the code is nearly a draw, and later images have earlier ones to borrow from": 2,
            },
        ),
        ManualQuestion(
            "many_codes",
            {
                "an order that Bob can undo, with his steps and what he knows at each": 5,
                "the growth, term by term": 4,
                "not below -log p(x), ordinary bits back for K = 1, and no growth from K to K + 1": 4,
                "what grows with K, and when it matters": 2,
            },
        ),
        ManualQuestion(
            "experiment",
            {
                "Bob reads all images from number, model and count, and is left with the start; code asserts both": 5,
                "one picture with units: length, n (R + D), the line without bits back, and a compressor": 5,
                "the length against n (R + D) in percent, and reasons for the difference, in numbers": 5,
                "one thing changed and nothing else: picture or table, and an explanation by R, D or the coins": 5,
                "what Bob needs beside the file, with its size, and training images against test images": 3,
            },
        ),
    ),
)
