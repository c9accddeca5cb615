"""Running a student's function in a process of its own, within limits; every way in which it may end has its sentence.

The process is told one submission and the inputs of one question, never the seed or the answers, and what it returns is
parsed as JSON. ``confinement`` says what it cannot reach, ``Limits`` what it may use. Processor time is limited, so
that a busy machine wrongs nobody; code that sleeps is left more time by the clock, and then stopped too.
"""

import json
import os
import selectors
import signal
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from elbo_coursework.confinement import GRACE_SECONDS, Isolation, started

MOST_ASKED = 10_000  # questions to references, for all calls of one function
LARGEST_FILE = 2**24  # bytes that the code may write in a file of its own folder


@dataclass(frozen=True)
class Limits:
    """What a student's function may use.

    Attributes:
        cpu_per_call: seconds of processor time for one call
        cpu_total: seconds of processor time for one question, besides the start
        cpu_start: seconds of processor time to read the submission and to run what the function needs
        memory: bytes of address space, of which PyTorch alone takes 0.7 GB
        output: characters of one answer
        wall_clock: seconds by the clock for one question
        submission: seconds by the clock for one submission; what is not marked by then has a second for each question
    """

    cpu_per_call: float = 10.0
    cpu_total: float = 30.0
    cpu_start: float = 20.0
    memory: int = 2**31
    output: int = 10**6
    wall_clock: float = 180.0
    submission: float = 900.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"{name}: expected above 0, got {value}")


@dataclass(frozen=True)
class Answer:
    """What a call gave: a value, or a sentence on why there is none.

    Attributes:
        told: whether the sentence is the process's own, so that it may hold anything
    """

    value: Any = None
    error: str = ""
    told: bool = False


FORGED = "The code wrote something else in place of its answer."
DEEPEST = 40  # of lists in lists, above what ``child.encoded`` lets through


class EndedError(Exception):
    """The process ended; its text is the sentence."""


def call(
    submission: Mapping[str, Any],
    name: str,
    inputs: Sequence[dict[str, Any]],
    limits: Limits,
    isolated: Isolation,
    references: Mapping[str, Callable[..., Any]] | None = None,
) -> tuple[list[Answer], set[str]]:
    """Call the function ``name`` of a submission with each of ``inputs``; once the process has ended, it stays so.

    Args:
        submission: its ``content``, ``file`` and ``helpers``
        references: functions that stand in place of the submission's own, by name

    Returns the answers, and the names that the function leads to.
    """
    answers: list[Answer] = []
    uses: set[str] = set()
    try:
        with Process(submission, name, limits, isolated, references or {}).started() as process:
            loaded = process.receive()
            uses = process.uses
            process.allowed = limits.cpu_per_call
            for one in inputs if not loaded.error else ():
                process.send(one)
                answers.append(process.receive())
    except EndedError as ended:
        loaded = Answer(error=str(ended))
    return answers + [loaded] * (len(inputs) - len(answers)), uses


def survey(submission: Mapping[str, Any], limits: Limits, isolated: Isolation) -> dict[str, Any]:
    """What a submission holds: ``functions``, their names; ``answers`` in words by question; ``problems``, sentences.

    A file that cannot be read holds nothing but the problem.
    """
    try:
        with Process(submission, None, limits, isolated, {}).started() as process:
            found = process.receive(longest=10 * 2**20)
    except EndedError as ended:
        found = Answer(error=str(ended))
    if found.error:
        why = found.error.removeprefix("The code raised UnreadableError: ").removesuffix(".")
        why = why.replace("The code", "reading it") if why == found.error.removesuffix(".") else why
        return {"functions": [], "answers": {}, "problems": [f"The file cannot be read: {why}."]}
    return checked_survey(found.value)


def checked_survey(value: Any) -> dict[str, Any]:
    """A survey's parts, of the kinds they should have, whatever the process wrote."""
    value = value if isinstance(value, dict) else {}
    found: dict[str, Any] = {"functions": [], "problems": [], "answers": {}}
    for key in ("functions", "problems"):
        listed = value.get(key)
        found[key] = [one_line(text, 300) for text in listed] if isinstance(listed, list) else []
    for name, pieces in value.get("answers", {}).items() if isinstance(value.get("answers"), dict) else ():
        pairs = [p for p in pieces if isinstance(p, list) and len(p) == 2] if isinstance(pieces, list) else []
        found["answers"][str(name)] = [(one_line(kind, 20), whole(text)) for kind, text in pairs]
    return found


def one_line(text: Any, most: int) -> str:
    """A text of at most ``most`` characters without those that control a terminal or are none in UTF-8."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[:most])


def whole(text: Any) -> str:
    """A text in which every character is one in UTF-8."""
    return str(text).encode("utf-8", "replace").decode()


def deep(value: Any) -> bool:
    """Whether lists and dicts are nested so deep that whatever walks through them could fail."""
    level = [value]
    for _ in range(DEEPEST):
        held = [inner.values() if isinstance(inner, dict) else inner for inner in level]
        level = [inner for values in held for inner in values if isinstance(inner, (dict, list))]
        if not level:
            return False
    return True


class Process:
    """A child, from its start to its end."""

    def __init__(
        self,
        submission: Mapping[str, Any],
        name: str | None,
        limits: Limits,
        isolated: Isolation,
        references: Mapping[str, Callable[..., Any]],
    ) -> None:
        self.limits, self.isolated, self.references, self.buffer = limits, isolated, references, b""
        self.uses: set[str] = set()
        self.asked = 0
        self.allowed = limits.cpu_start
        self.setup = setup(submission, name, limits, sorted(references))

    @contextmanager
    def started(self) -> Iterator["Process"]:
        """Start the child, and end it and all that it started."""
        self.until = monotonic() + self.limits.wall_clock
        with started(["{inside}/child.py", "{site}"], self.isolated) as self.child:
            self.send(self.setup)
            yield self

    def send(self, message: dict[str, Any]) -> None:
        """Write a line to the child, which need not read it; raises ``EndedError`` where time is up."""
        assert self.child.stdin is not None
        left, pipe = json.dumps(message, default=plain).encode() + b"\n", self.child.stdin.fileno()
        os.set_blocking(pipe, False)
        with suppress(BrokenPipeError), selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while left:
                if not selector.select(self.remaining()):
                    raise EndedError(self.too_long())
                left = left[os.write(pipe, left[: 2**20]) :]

    def receive(self, longest: int | None = None) -> Answer:
        """The next answer; what the code asks of a reference is answered meanwhile. Raises ``EndedError``."""
        while True:
            found = self.parsed(longest or self.limits.output)
            name = found.get("reference")
            if name is None:
                break
            self.asked += 1
            if self.asked > MOST_ASKED:
                raise EndedError(f"The code called earlier functions more than {MOST_ASKED} times.")
            self.send(self.referred(name, found.get("given"), found.get("named")))
        if isinstance(uses := found.get("uses"), list):
            self.uses = {name for name in uses if isinstance(name, str)}
        if found.get("memory") is True:
            return Answer(error=f"The code used more than {self.limits.memory / 2**30:.3g} GiB of memory.")
        if "error" in found:
            return Answer(error=f"The code {one_line(found['error'], 400)}.", told=True)
        return Answer(found.get("value"))

    def parsed(self, longest: int) -> dict[str, Any]:
        """A line as JSON; raises ``EndedError`` where there is none."""
        try:
            found = json.loads(self.line(longest))
        except (ValueError, RecursionError) as error:
            raise EndedError(FORGED) from error
        if not isinstance(found, dict) or deep(found):
            raise EndedError(FORGED)
        return found

    def referred(self, name: Any, given: Any, named: Any) -> dict[str, Any]:
        """What a reference gives for these arguments, if anything."""
        try:
            value = self.references[name](*given, **named)
            return {"value": value}
        except Exception as error:  # the arguments are the code's
            return {"error": type(error).__name__}

    def line(self, longest: int) -> bytes:
        """A whole line from the child."""
        assert self.child.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.stdout, selectors.EVENT_READ)
            remaining = self.remaining()  # looked at even where a line is there: there may be one always
            while b"\n" not in self.buffer:
                if not selector.select(remaining):
                    raise EndedError(self.too_long())
                remaining = self.remaining()
                piece = os.read(self.child.stdout.fileno(), 2**16)
                if not piece:
                    raise EndedError(self.ending())
                self.buffer += piece
                if len(self.buffer) > 2 * longest + 10_000:
                    raise EndedError(f"The code returned more than {longest} characters.")
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def remaining(self) -> float:
        """Seconds by the clock that are left; raises ``EndedError`` where none are."""
        seconds = self.until - monotonic()
        if seconds <= 0:
            raise EndedError(self.too_long())
        return seconds

    def too_long(self) -> str:
        """The sentence on time by the clock."""
        return f"The code ran longer than {self.limits.wall_clock:.3g} s by the clock."

    def ending(self) -> str:
        """The sentence on the status with which the child ended."""
        try:
            status = self.child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "The code closed the pipe on which it answers."
        status = 128 - status if status < 0 else status
        if status == 128 + signal.SIGXCPU:
            return f"The code ran longer than {self.allowed:g} s."
        if status > 128 and status - 128 in {int(s) for s in signal.Signals}:
            return f"The code ended its own process by {signal.Signals(status - 128).name}."
        return f"The code ended its own process with status {status}."


def setup(submission: Mapping[str, Any], name: str | None, limits: Limits, references: Sequence[str]) -> dict[str, Any]:
    """What a child is told first."""
    most = {"AS": limits.memory, "NPROC": 0, "FSIZE": LARGEST_FILE, "CORE": 0}
    times = {"start": limits.cpu_start, "total": limits.cpu_start + limits.cpu_total, "per_call": limits.cpu_per_call}
    helpers = {Path(key).name: b64encode(held).decode() for key, held in submission["helpers"].items()}
    files = {"file": submission["file"], "content": b64encode(submission["content"]).decode(), "helpers": helpers}
    asked = {"name": name, "references": references, "output": limits.output, "allowed": None}
    return {"limits": most, **times, **files, **asked}


def plain(value: Any) -> Any:
    """An array or a number of NumPy as JSON can hold it; for ``json.dumps``."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"inputs: expected numbers, texts, arrays and dicts, got {type(value).__name__}")
