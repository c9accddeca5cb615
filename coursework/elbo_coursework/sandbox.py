"""Running a student's function in a process of its own, within limits; every way in which it may end has its sentence.

The process starts with an empty environment in an empty folder, in a session of its own, and where the system lets it,
without a network. It is told one question's code and inputs, never the seed or the answers, and what it returns is
parsed as JSON. Processor time is limited, so that a busy machine wrongs nobody; code that sleeps is left more time by
the clock, and then stopped too.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

import companion
from elbo_coursework.submissions import Code

if sys.platform != "win32":
    import resource

FORBIDDEN_MODULES = ("elbo_coursework", "companion.cli", "otter")
START_SECONDS = 30.0  # seconds of processor time to import what the code names, PyTorch included
KILL_AFTER = 5  # more seconds of it until the process is killed
GRACE_SECONDS = 3.0  # seconds between the last word of a process and its end
UNKNOWN = "; grading keeps imports by name, functions, classes and constants only"


@dataclass(frozen=True)
class Limits:
    """What a student's function may use.

    Attributes:
        cpu_per_call: seconds of processor time for one call
        cpu_total: seconds of processor time for one question, besides the start
        memory: bytes of address space, of which PyTorch alone takes 0.7 GB
        output: characters of one answer
        wall_clock_factor: how many times ``cpu_per_call`` may pass by the clock
    """

    cpu_per_call: float = 10.0
    cpu_total: float = 30.0
    memory: int = 2**31
    output: int = 10**6
    wall_clock_factor: float = 10.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"{name}: expected above 0, got {value}")


@dataclass(frozen=True)
class Answer:
    """What a call gave: a value, or a sentence on why there is none."""

    value: Any = None
    error: str = ""


class EndedError(Exception):
    """The process ended; its text is the sentence."""


def call(code: Code, name: str, inputs: Sequence[dict[str, Any]], limits: Limits) -> list[Answer]:
    """Call the function ``name`` of ``code`` with each of ``inputs``; once the process has ended, it stays so.

    Raises ``ValueError`` on a system other than Linux.
    """
    if sys.platform != "linux":
        raise ValueError(f"platform: expected Linux to limit what a student's code may do, got {sys.platform}")
    answers: list[Answer] = []
    try:
        with Process(code, name, limits).started() as process:
            loaded = process.receive()
            for one in inputs if not loaded.error else ():
                process.send(one)
                answers.append(process.receive())
    except EndedError as ended:
        loaded = Answer(error=str(ended))
    return answers + [loaded] * (len(inputs) - len(answers))


class Process:
    """A child, from its start to its end."""

    def __init__(self, code: Code, name: str, limits: Limits) -> None:
        self.limits, self.spent, self.buffer = limits, 0.0, b""
        self.started_at: float | None = None
        self.allowed, self.total = START_SECONDS, int(np.ceil(START_SECONDS + limits.cpu_total))
        self.setup: dict[str, Any] = {"name": name, "source": code.source, "modules": code.modules}
        self.setup |= {"AS": limits.memory, "CPU": self.total, "CORE": 0, "output": limits.output}
        self.setup |= {"forbidden": FORBIDDEN_MODULES, "path": [str(Path(companion.__file__).parents[1])]}

    @contextmanager
    def started(self) -> Iterator["Process"]:
        """Start the child in an empty folder, and end it and all that it started."""
        reading, writing = os.pipe()
        child = Path(__file__).with_name("sandbox_child.py")
        command = [*without_network(), sys.executable, "-I", "-B", str(child), str(writing)]
        kept: dict[str, Any] = {"pass_fds": [writing], "stdin": subprocess.PIPE, "start_new_session": True}
        kept |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, os.fdopen(reading, "rb", 0) as answers:
            self.answers = answers
            self.child = subprocess.Popen(command, cwd=folder, env=environment(folder), **kept)
            os.close(writing)
            try:
                self.wait = 10 * START_SECONDS
                self.send(self.setup)
                yield self
            finally:
                self.end()

    def send(self, message: dict[str, Any]) -> None:
        """Write a line to the child, and set its clock."""
        if self.started_at is not None:
            left = self.started_at + self.limits.cpu_total - self.spent
            self.allowed = self.limits.cpu_per_call if left > self.limits.cpu_per_call else self.limits.cpu_total
            self.wait, most = (
                self.limits.wall_clock_factor * self.limits.cpu_per_call,
                self.spent + min(left, self.limits.cpu_per_call),
            )
            with suppress(ProcessLookupError):
                resource.prlimit(self.child.pid, resource.RLIMIT_CPU, (int(np.ceil(most)), self.total + KILL_AFTER))
        assert self.child.stdin is not None
        with suppress(BrokenPipeError):
            self.child.stdin.write(json.dumps(message, default=plain).encode() + b"\n")
            self.child.stdin.flush()

    def receive(self) -> Answer:
        """The next answer; raises ``EndedError`` where none will come."""
        try:
            found = json.loads(self.line())
            message = next(iter(found["violations"]), None) or found.get("error")
            self.clock(float(found["cpu"]))
            answer = Answer(found["value"] if not message and "memory" not in found else None)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EndedError("The code wrote something else in place of its answer.") from error
        if found.get("memory"):
            message = self.memory()
        return Answer(error=f"The code {message}{UNKNOWN if found.get('unknown') else ''}.") if message else answer

    def clock(self, spent: float) -> None:
        """Note the processor time that the child says it has used; raises ``ValueError`` for what cannot be."""
        if not self.spent <= spent <= self.total + KILL_AFTER:
            raise ValueError(f"spent: expected from {self.spent} to {self.total + KILL_AFTER}, got {spent}")
        self.spent = spent
        self.started_at = spent if self.started_at is None else self.started_at

    def line(self) -> bytes:
        """A whole line from the child."""
        until = monotonic() + self.wait
        with selectors.DefaultSelector() as selector:
            selector.register(self.answers, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if not selector.select(max(0.0, until - monotonic())):
                    raise EndedError(f"The code ran longer than {self.wait:g} s.")
                piece = os.read(self.answers.fileno(), 2**16)
                if not piece:
                    raise EndedError(self.ending())
                self.buffer += piece
                if len(self.buffer) > 2 * self.limits.output + 10_000:
                    raise EndedError(f"The code returned more than {self.limits.output} characters.")
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def ending(self) -> str:
        """The sentence on the status with which the child ended."""
        try:
            status = self.child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "The code closed the pipe on which it answers."
        if status == -signal.SIGXCPU:
            return f"The code ran longer than {self.allowed:g} s."
        if status < 0:
            return f"The code ended its own process by {signal.Signals(-status).name}."
        return f"The code ended its own process with status {status}."

    def memory(self) -> str:
        """The words for too little of it."""
        return f"used more than {self.limits.memory / 2**30:.3g} GiB of memory"

    def end(self) -> None:
        """Kill the child's whole session."""
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):
            self.child.communicate()


def environment(folder: str) -> dict[str, str]:
    """All that the child sees of the environment."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return threads | {"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}


@cache
def without_network() -> tuple[str, ...]:
    """The command before another that takes its network away, where the system has and allows one."""
    for words in (("unshare", "-rn"), ("unshare", "-n")):
        with suppress(OSError):
            if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
                return words
    return ()


def plain(value: Any) -> Any:
    """An array or a number of NumPy as JSON can hold it; for ``json.dumps``."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"inputs: expected numbers, texts, arrays and dicts, got {type(value).__name__}")
