"""The process in which a student's code runs: run as a file, it imports nothing of the grader and no answer.

The first line on standard input says what to run, each further line is a call; an answer to each goes to a pipe of its
own, as one line of JSON. Before the code is executed, the process gives up memory, files and processes beyond its
limits, and sets an audit hook. The hook stops what is done by mistake and what is tried openly; Python cannot hold a
determined attacker, and the page for instructors says so.
"""

import json
import os
import signal
import sys
import traceback
from ctypes import CDLL
from importlib import import_module
from typing import Any

if sys.platform != "win32":  # where it can be read, and not run
    import resource

PDEATHSIG = 1
KILL_AFTER = 5  # seconds from the signal that ends the process, which the code can catch, to the one that it cannot
CODE = "<submission>"
FORBIDDEN_EVENTS = {
    "ctypes": "tried to call the system's libraries",
    "os.exec": "tried to start another program",
    "os.fork": "tried to start another process",
    "os.forkpty": "tried to start another process",
    "os.kill": "tried to end a process",
    "os.killpg": "tried to end a process",
    "os.posix_spawn": "tried to start another program",
    "os.system": "tried to start another program",
    "pickle.find_class": "tried to unpickle",
    "resource": "tried to change its limits",
    "signal": "tried to send a signal",
    "socket": "tried to open a socket",
    "subprocess": "tried to start another program",
}
FILE_CHANGES = (
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
)
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
LENGTH = "returned more than {} characters"


class ForbiddenError(Exception):
    """What the code tried and may not do."""


class AuditHook:
    """The audit hook, and what it has stopped."""

    def __init__(self, roots: list[str], forbidden: list[str]) -> None:
        self.roots, self.forbidden = tuple(os.path.realpath(root) + os.sep for root in roots), tuple(forbidden)
        self.violations: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise ``ForbiddenError`` where the event is not allowed."""
        message = self.violation(event, arguments)
        if message:
            self.violations.append(message)
            raise ForbiddenError(message)

    def violation(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """What the event is, in a few words, if it is not allowed."""
        if event == "open":
            return self.open_violation(*arguments)
        if event == "import":
            forbidden = any(f"{arguments[0]}.".startswith(f"{name}.") for name in self.forbidden)
            return f"tried to import {arguments[0]}" if forbidden else None
        if event in FILE_CHANGES or event.startswith("shutil."):
            return f"tried to change the file {arguments[0]}"
        return FORBIDDEN_EVENTS.get(event) or FORBIDDEN_EVENTS.get(event.split(".")[0])

    def open_violation(self, path: object, mode: object, flags: int) -> str | None:
        """The sentence on a file opened to write, or outside of Python's own folders."""
        if flags & WRITE_FLAGS:
            return f"tried to write the file {path}"
        if isinstance(path, int) or os.path.realpath(os.fsdecode(path)).startswith(self.roots):  # type: ignore[arg-type]
            return None
        return f"tried to read the file {path}"


def main(answers: int) -> None:
    """Serve calls until standard input ends; ``answers`` is the descriptor to write to."""
    pipe = os.fdopen(answers, "w")
    setup = json.loads(sys.stdin.readline())
    limit(setup)
    sys.path[:0] = setup["path"]  # its modules are found by its own path then, and nothing that lies beside it
    attempt(lambda: import_module("companion"))
    del sys.path[: len(setup["path"])]
    for module in ("numpy", *setup["modules"]):
        attempt(lambda module=module: import_module(module))
    CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)  # no process outlives the one that grades
    own = [os.path.join(path, "companion") for path in setup["path"]]
    hook = AuditHook([sys.prefix, sys.base_prefix, *own], setup["forbidden"])
    for name in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):  # imports may write where the system lets them
        resource.setrlimit(name, (0, 0))
    sys.addaudithook(hook)
    space: dict[str, Any] = {"__name__": "submission"}
    answer = attempt(lambda: exec(compile(setup["source"], CODE, "exec"), space))
    while True:
        pipe.write(json.dumps(answer | {"violations": hook.violations[:1], "cpu": sum(os.times()[:2])}) + "\n")
        pipe.flush()
        if not (line := sys.stdin.readline()):
            return
        inputs = {name: decoded(value) for name, value in json.loads(line).items()}
        answer = attempt(lambda inputs=inputs: encoded(space[setup["name"]](**inputs)), setup["output"])


def limit(setup: dict[str, Any]) -> None:
    """Give up what is beyond the limits; the parent lowers that on the processor's time before each call."""
    for name, more in (("AS", 0), ("CPU", KILL_AFTER), ("CORE", 0)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (setup[name], setup[name] + more))


def attempt(work: Any, longest: int | None = None) -> dict[str, Any]:
    """What ``work`` gives, as JSON can hold it, or what it raised."""
    try:
        value = work()
        if longest is None:
            return {"value": None}
        text = json.dumps(value)
        return {"value": value} if len(text) <= longest else {"error": LENGTH.format(longest)}
    except MemoryError:
        return {"memory": True}
    except ForbiddenError as error:
        return {"error": str(error)}
    except SystemExit:
        return {"error": "tried to end its process"}
    except BaseException as error:
        return {"error": raised(error), "unknown": isinstance(error, NameError)}


def raised(error: BaseException) -> str:
    """The error, and the line of the submission in which it arose."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == CODE]
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == CODE]
    text = f"raised {type(error).__name__}: {str(error)[:200]}"
    if not frames or frames[-1].f_code.co_name == "<module>":
        return text
    place = frames[-1].f_code
    return f"{text}, in line {lines[-1] - place.co_firstlineno + 1} of {place.co_name}"


def decoded(value: Any) -> Any:
    """JSON's lists as arrays."""
    import numpy as np

    if isinstance(value, dict):
        return {name: decoded(inner) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    try:
        return np.array(value)
    except ValueError:  # of different lengths
        return [decoded(inner) for inner in value]


def encoded(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON can hold it; raises ``TypeError`` for what it cannot."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): encoded(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, (list, tuple)) and depth < 20:
        return [encoded(inner, depth + 1) for inner in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return float(value) if abs(value) > 2**53 else value
    raise TypeError(f"the answer is or holds a {type(value).__name__}, and should be made of numbers and arrays")


if __name__ == "__main__":
    main(int(sys.argv[1]))
