"""The process in which a student's code runs, as a file by itself: it holds nothing that a student may not see.

The first line on standard input says what to read and what to run, each further line is a call; an answer to each goes
to a pipe of its own, as a line of JSON. Whatever the code does in here, it can change no more than its own answers.
"""

import ast
import json
import os
import signal
import sys
import threading
import traceback
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from errno import EAGAIN, ENETUNREACH, ENOENT
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from inspect import CO_COROUTINE, signature
from io import TextIOWrapper
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

if sys.platform != "win32":  # where grading cannot run, and the check in a notebook does without limits
    import resource

HARD = 5  # seconds from the signal that ends the process, which the code can catch, to the one that it cannot
LONGEST = 200  # characters of an error's message
MOST_QUESTIONS = 2000  # that the code may ask of a reference
#: What does the work of a question, by where it is found. Who digs deeper for it has written more than the answer.
WITHHELD = (
    *(f"scipy.stats.{name}" for name in ("entropy", "differential_entropy")),
    "scipy.spatial.ConvexHull",
    *(f"torch.distributions.{name}" for name in ("kl_divergence", "kl.kl_divergence")),
    *(f"torch.nn.{name}" for name in ("KLDivLoss", "BCELoss", "BCEWithLogitsLoss")),
    *(f"torch.{name}" for name in ("kl_div", "binary_cross_entropy_with_logits")),
    *(f"torch.nn.functional.{name}" for name in ("kl_div", "binary_cross_entropy", "binary_cross_entropy_with_logits")),
)


NO_FILE = "; grading has the notebook and the scripts beside it, and no other file: write the numbers into a cell"
NO_MODULE = "; grading has Python's own library, {} and the scripts handed in beside the notebook"
NO_NAME = "; no cell that Python can read gives it a value, so look whether one was deleted, renamed or moved"
NO_KEYS = "; nobody types while grading: write the value into a cell"
NO_HELP = "; an answer has neither network nor threads nor other programs"
SLOW = "ran longer than {:g} s: write what it finds into a cell, as numbers"
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/dev", "/System", "/Library", "C:\\Windows")  # as grading sees it
LIBRARIES = ("numpy", "scipy", "torch", "matplotlib", "pandas")
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")
PROGRAMS = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen")


class Lines:
    """The line to the parent: commands come, answers go."""

    def __init__(self) -> None:
        self.commands = TextIOWrapper(os.fdopen(os.dup(0), "rb"), encoding="utf-8")
        self.answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)

    def receive(self) -> Any:
        """The next command, or None at the end."""
        line = self.commands.readline()
        return json.loads(line) if line else None

    def send(self, answer: dict[str, Any]) -> None:
        """Write an answer."""
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()


class Reference:
    """Stands in place of an earlier function of the student's: it asks the parent for the right value."""

    def __init__(self, name: str, lines: Lines) -> None:
        self.__name__, self.lines, self.left = name, lines, MOST_QUESTIONS

    def __call__(self, *given: Any, **named: Any) -> Any:
        """The value of the reference; raises ``RuntimeError`` where it has none."""
        self.left -= 1
        if self.left < 0:
            raise RuntimeError(f"{self.__name__} was called more than {MOST_QUESTIONS} times")
        self.lines.send({"reference": self.__name__, "given": encoded(list(given)), "named": encoded(named)})
        found = self.lines.receive()
        if "value" not in found:
            raise RuntimeError(f"{self.__name__} has no value for these arguments")
        return decoded(found["value"])


class Allowed:
    """Finds no module but those of Python's own library and ``names``, where the libraries lie beside others."""

    def __init__(self, names: list[str]) -> None:
        self.names = {*names, *sys.stdlib_module_names, "inside"}
        self.finders = list(sys.meta_path)
        own = (*sys.path, sys.prefix, sys.base_prefix, os.getcwd(), os.path.dirname(__file__))
        self.folders = [os.path.realpath(path) for path in (*own, *SYSTEM)]

    def find_spec(self, name: str, *given: Any) -> Any:
        """What Python's own finders find, of these names; nothing of others, as if they were not there."""
        if name.split(".")[0] in self.names or name.startswith("_sysconfigdata"):
            return next((spec for finder in self.finders if (spec := finder.find_spec(name, *given))), None)
        return None

    def find_distributions(self, *given: Any) -> Any:
        """The versions of what is installed, which libraries ask for."""
        return PathFinder.find_distributions(*given)

    def audit(self, event: str, given: tuple[Any, ...]) -> None:
        """Refuse, in the words of the system, what grading does not have, though this machine has it."""
        if event == "open" and isinstance(given[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(given[0]))
            if not any(path == folder or path.startswith(folder + os.sep) for folder in self.folders):
                raise FileNotFoundError(ENOENT, os.strerror(ENOENT), os.fsdecode(given[0]))
        elif event in NETWORK:
            raise OSError(ENETUNREACH, os.strerror(ENETUNREACH))
        elif event in PROGRAMS:
            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))


def main(site: str) -> None:
    """Serve calls until standard input ends; ``site`` is the folder of the libraries."""
    lines = Lines()
    setup = lines.receive()
    limit(setup)
    limit_time(setup["start"], setup["total"])
    sys.path += [site] if site else []
    allowed = rehearse(setup) if setup["allowed"] is not None else None
    helpers = {name: b64decode(content) for name, content in setup["helpers"].items()}
    reading = attempt(lambda: load(setup, helpers))
    if "error" in reading or setup["name"] is None:
        lines.send(reading)
        return
    found = reading["value"]
    for name, content in {**found.files, **helpers}.items():
        with suppress(OSError, ValueError):  # a name that is none, or more than there is place for
            Path(name).write_bytes(content)
        if allowed is not None:
            allowed.names.add(module_of(name))
    statements = found.slice(setup["name"])
    failed: dict[str, str] = {}
    sources = [ast.unparse(statement.node) for statement in statements]
    sources += [content.decode("utf-8", "replace") for content in (*found.files.values(), *helpers.values())]
    withhold("\n".join(sources))
    space = execute(statements, setup["name"], failed)
    space |= {name: Reference(name, lines) for name in setup["references"]}
    answer: dict[str, Any] = {"value": None, "uses": sorted({name for each in statements for name in each.uses})}
    beside = sorted(name for name in helpers if module_of(name) in sys.modules and name not in found.files)
    answer |= {"helpers": beside, "stumbles": failed.pop("", "")}
    if setup["name"] not in space:
        nothing = f"gives {setup['name']} no value: define it on the level of a cell, by def or by ="
        answer = {"error": failed.get(setup["name"], nothing)}
    while True:
        lines.send(answer)
        if (command := lines.receive()) is None:
            return
        limit_time(setup["per_call"], setup["total"])
        inputs = {name: decoded(value) for name, value in command.items()}
        answer = attempt(lambda inputs=inputs: encoded(called(space[setup["name"]], inputs)), failed, setup["output"])


def rehearse(setup: dict[str, Any]) -> Allowed:
    """Have no more than grading has, as far as a machine of any kind can do so; for the check in a notebook."""
    allowed = Allowed([*setup["allowed"], *map(module_of, setup["helpers"])])
    sys.meta_path[:] = [allowed]
    sys.addaudithook(allowed.audit)
    for name in ("_start_new_thread", "_start_joinable_thread"):  # of one version of Python or another
        if hasattr(threading, name):
            setattr(threading, name, no_thread)
    if hasattr(signal, "setitimer"):  # to say which cell it was

        def late(*_given: object) -> None:
            raise TimeoutError(SLOW.format(setup["start"]))

        signal.signal(signal.SIGPROF, late)
        signal.setitimer(signal.ITIMER_PROF, setup["start"])
    return allowed


def no_thread(*_given: Any, **_named: Any) -> None:
    """In place of what starts a thread."""
    raise RuntimeError("can't start new thread")


def module_of(file: str) -> str:
    """The name by which a script is imported."""
    return file.rpartition(".")[0]


def limit(setup: dict[str, Any]) -> None:
    """Give up what is beyond the limits."""
    if sys.platform != "win32":
        for name in ("AS", "NPROC", "FSIZE", "CORE"):
            if (most := setup["limits"].get(name)) is not None:
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def limit_time(seconds: float, total: float) -> None:
    """End this process after so many more ``seconds`` of processor time, or ``total`` in all."""
    if sys.platform != "win32":
        most = int(min(sum(os.times()[:2]) + seconds, total)) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, int(total) + HARD))


def load(setup: dict[str, Any], helpers: dict[str, bytes]) -> Any:
    """What there is to read: for a function the ``Reading``, else what JSON can hold of it."""
    folder = Path(__file__).parent  # what it lies in may not be listed
    spec = spec_from_file_location("inside", folder / "__init__.py", submodule_search_locations=[str(folder)])
    sys.modules["inside"] = module_from_spec(spec)  # type: ignore[arg-type]
    reading = import_module("inside.reading")
    found = reading.read(b64decode(setup["content"]), setup["file"], helpers)
    if setup["name"] is not None:
        return found
    return {"functions": found.functions, "problems": found.problems[:20], "answers": found.answers}


def execute(statements: list[Any], asked: str, failed: dict[str, str]) -> dict[str, Any]:
    """Run ``statements`` one by one, as a notebook would; of one that fails, ``failed`` says why by what it binds."""
    sys.path.insert(0, "")
    module = sys.modules["__main__"] = ModuleType("__main__")
    checks = sys.modules["elbo_coursework"] = ModuleType("elbo_coursework")  # a script beside may import its check
    checks.__dict__.update(check=nothing)
    module.__dict__.update(display=nothing, clear_output=nothing, tqdm=lambda steps, *_, **__: steps, trange=range)
    for statement in statements:
        done = attempt(lambda each=statement: run(each, module.__dict__))
        if "error" in done:
            words = f"needs what {statement.location} should have made, and that {done['error']}"
            failed |= {name: words for name in statement.binds if name not in module.__dict__}
            failed.setdefault("", f"{statement.location} {done['error']}")
            if done["error"].startswith(SLOW[:15]):
                failed[asked] = words
                module.__dict__.pop(asked, None)
                break
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, 0)
    return module.__dict__


def nothing(*_given: Any, **_named: Any) -> None:
    """In place of what shows a value in a notebook, where nobody looks."""


def run(statement: Any, space: dict[str, Any]) -> None:
    """Run one statement, also one that awaits, as a notebook does."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | statement.flags
    code = compile(ast.Module([statement.node], []), statement.location, "exec", flags, dont_inherit=True)
    if code.co_flags & CO_COROUTINE:
        import asyncio

        asyncio.run(eval(code, space))
    else:
        exec(code, space)


def called(function: Callable[..., Any], inputs: dict[str, Any]) -> Any:
    """What ``function`` gives for ``inputs``, by their names, or in their order where it has other names for them."""
    try:
        known = signature(function, follow_wrapped=False)
        known.bind(**inputs)
    except TypeError:
        try:
            known.bind(*inputs.values())
        except (TypeError, UnboundLocalError):  # it takes neither: what Python says of the names
            return function(**inputs)
        return function(*inputs.values())
    except ValueError:  # it has no signature
        pass
    return function(**inputs)


def withhold(source: str) -> None:
    """Put what does the work of a question out of the way, wherever it lies, where ``source`` names it."""
    for path in WITHHELD:
        parent, _, name = path.rpartition(".")
        if name in source and parent.split(".")[0] in source:
            try:
                found = getattr(import_module(parent), name)
            except (ImportError, AttributeError):
                continue
            for module in list(sys.modules.values()):
                if getattr(module, "__dict__", {}).get(name) is found:
                    setattr(module, name, withheld(path))


def withheld(path: str) -> Callable[..., Any]:
    """A function that says what was called."""

    def refuse(*_given: Any, **_named: Any) -> Any:
        raise PermissionError(f"{path} does the work of the question: write the sum yourself")

    return refuse


def attempt(work: Any, failed: dict[str, str] | None = None, longest: int | None = None) -> dict[str, Any]:
    """What ``work`` gives, as JSON can hold it, or what it raised, in the words after *The code*."""
    try:
        value = work()
        if longest is not None and len(json.dumps(value)) > longest:
            return {"error": f"returned more than {longest} characters"}
        return {"value": value}
    except MemoryError:
        return {"memory": True, "error": "used more memory than it may"}
    except SystemExit:
        return {"error": "tried to end its process"}
    except NameError as error:
        why = failed or {}
        return {"error": why.get(str(error.name), why.get("*", raised(error)))}
    except TimeoutError as error:
        return {"error": str(error) if str(error).startswith(SLOW[:15]) else raised(error)}
    except BaseException as error:
        return {"error": raised(error)}


def raised(error: BaseException) -> str:
    """The error, and the line of the submission in which it arose."""
    kind, words = type(error).__name__[:60], "".join(c if c.isprintable() else " " for c in str(error)[:LONGEST])
    text = f"raised {kind}: {words}" if words else f"raised {kind}"
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    frames = [(code, line) for code, line in frames if code.co_filename.startswith(("cell ", "the file"))]
    if frames and frames[-1][0].co_name != "<module>":
        code, line = frames[-1]
        cell = code.co_filename.partition(",")[0]
        text += f", in line {line - code.co_firstlineno + 1} of {code.co_name}"
        text += "" if cell == "the file" else f" in {cell}"
    return text + advice(error)


def advice(error: BaseException) -> str:
    """What to do about an error that arises in grading alone."""
    if isinstance(error, ModuleNotFoundError):
        root = str(error.name).split(".")[0]
        if root == "companion":
            return "; grading has no companion, as it holds the answers"
        return "" if root in LIBRARIES else NO_MODULE.format(", ".join(LIBRARIES))
    if isinstance(error, FileNotFoundError) or (isinstance(error, PermissionError) and error.filename is not None):
        return NO_FILE
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        return NO_NAME
    if isinstance(error, EOFError):
        return NO_KEYS
    alone = isinstance(error, OSError) and error.errno in (ENETUNREACH, EAGAIN)
    resolved = type(error).__name__ in ("gaierror", "URLError")
    return NO_HELP if alone or resolved or str(error) == "can't start new thread" else ""


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
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, range):
        value = list(value)
    if isinstance(value, dict):
        return {str(name): encoded(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, (list, tuple)) and depth < 20:
        return [encoded(inner, depth + 1) for inner in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return int(value)
    if isinstance(value, (Real, Decimal)) or type(value).__name__ == "longdouble":
        return float(value)
    raise TypeError(f"the answer is or holds a {type(value).__name__}, and should be made of numbers and arrays")


if __name__ == "__main__":
    main(sys.argv[1])
