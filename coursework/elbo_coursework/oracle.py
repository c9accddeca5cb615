"""Reference solutions in a process of its own: they stand in place of a student's earlier functions.

Their arguments then come from a student's code, so that they may be anything: the process that computes has limits,
and is started anew where it breaks them.
"""

import atexit
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from select import select
from threading import local
from typing import Any

from elbo_coursework import questions
from elbo_coursework.sandbox import plain

SECONDS = 5  # of processor time for one answer
WAIT = 60.0  # seconds by the clock, the start included
MEMORY = 2**31
SECRET = "COMPANION_SEED"  # which no reference needs
LONGEST = 10**6
HERE = local()  # an oracle for each thread


@dataclass
class Oracle:
    """Answers with the references of one assignment."""

    assignment: str
    process: subprocess.Popen[bytes] | None = field(default=None)

    def function(self, name: str) -> Callable[..., Any]:
        """The reference of the question ``name``; it raises ``RuntimeError`` where it has no value."""

        def reference(*given: Any, **named: Any) -> Any:
            return self.ask({"name": name, "given": given, "named": named})

        return reference

    def ask(self, question: dict[str, Any]) -> Any:
        """The value of a reference; raises ``RuntimeError`` where there is none."""
        line = json.dumps(question).encode() + b"\n"
        if len(line) > LONGEST:
            raise RuntimeError("arguments too long")
        found = self.exchange(line)
        if "value" not in found:
            raise RuntimeError(str(found.get("error", "the process ended")))
        return found["value"]

    def exchange(self, line: bytes) -> dict[str, Any]:
        """Send a line and read one; nothing where the process has ended, or takes too long."""
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-m", "elbo_coursework.oracle", self.assignment]
            kept = {name: value for name, value in os.environ.items() if name != SECRET}
            kept["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
            streams: dict[str, Any] = {
                "stdin": subprocess.PIPE,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.DEVNULL,
            }
            self.process = subprocess.Popen(command, env=kept, **streams)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(OSError, ValueError):
            self.process.stdin.write(line)
            self.process.stdin.flush()
            if select([self.process.stdout], [], [], WAIT)[0] and (answer := self.process.stdout.readline()):
                return dict(json.loads(answer))
        self.close()
        return {}

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def oracle(assignment: str) -> Oracle:
    """The oracle of this thread for an assignment; one that answered for another is ended."""
    found: Oracle | None = getattr(HERE, "oracle", None)
    if found is None or found.assignment != assignment:
        if found is not None:
            found.close()
        found = HERE.oracle = Oracle(assignment)
        atexit.register(found.close)
    return found


def main(name: str) -> None:
    """Answer lines of standard input, until it ends."""
    import resource  # a student's system may lack it, and does not grade

    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # not to outlive the process that asks
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    references = {question.name: question.reference for question in questions.assignment(name).questions}
    import numpy as np

    for line in sys.stdin:
        resource.setrlimit(resource.RLIMIT_CPU, (int(sum(os.times()[:2])) + SECONDS + 1, resource.RLIM_INFINITY))
        try:
            asked = json.loads(line)
            given = [_array(value) for value in asked["given"]]
            named = {key: _array(value) for key, value in asked["named"].items()}
            with np.errstate(all="ignore"):
                text = json.dumps({"value": references[asked["name"]](*given, **named)}, default=plain)
        except Exception as error:  # the arguments are the code's
            text = json.dumps({"error": type(error).__name__})
        print(text if len(text) <= LONGEST else json.dumps({"error": "too long"}), flush=True)


def _array(value: Any) -> Any:
    import numpy as np

    return np.array(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main(sys.argv[1])
