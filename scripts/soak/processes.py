"""A command is started, something happens to it at a chosen point, and what it said and left is told.

Commands run in processes that are forked from one which has imported everything, so that a start costs a few
milliseconds in place of seconds. A point is the number of an event in the file system (a file opened, moved or
removed, a folder made below ``folder``), before which, or some milliseconds after which, something happens: so it falls
between any two of them, or into the middle of writing.
"""

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from threading import RLock, Timer
from typing import Any

from tqdm import tqdm

CONTEXT = get_context("forkserver") if sys.platform != "win32" else get_context()
PRELOADED = ["__main__", "companion.cli", "companion.show.plane", "companion.sweeps", "elbo_coursework.__main__"]
PRELOADED += ["sklearn.datasets", "torch._dynamo", "matplotlib.backends.backend_agg"]  # what is imported when needed
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}
NOBODY = 65534
#: What a message that says what to do says.
REMEDY = re.compile(r"call(ed)? again|train it again|choose another|lower learning_rate|wait until|set COMPANION_")
BAR = re.compile(r"(.*: )?\s*\d+%\||\s*$")

Main = Callable[[list[str]], int]


@dataclass(frozen=True)
class Moment:
    """When what happens: ``act`` at the event of that number, or ``delay`` seconds after it."""

    act: str
    event: int
    delay: float = 0.0


@dataclass(frozen=True)
class Ended:
    """A command that ended: its status, negative where a signal ended it, its events, and what it said of errors."""

    status: int
    events: int
    said: tuple[str, ...]

    @property
    def unclear(self) -> bool:
        """Whether it failed in other words than one sentence that says what to do."""
        one = len(self.said) == 1 and re.match(r"(companion|elbo_coursework): \S", self.said[0])
        return self.status > 0 and not (one and REMEDY.search(self.said[0]))


class Started:
    """A command under way in ``folder``, which writes what it says beside it."""

    def __init__(
        self,
        main: Main,
        arguments: Sequence[str],
        folder: Path,
        moment: Moment | None = None,
        prepare: Sequence[Callable[[], object]] = (),
        name: str = "",
    ) -> None:
        CONTEXT.set_forkserver_preload(PRELOADED)
        self.log = folder.with_name(f"{folder.name}{name}.log")
        given = (main, list(arguments), folder, self.log, moment, tuple(prepare))
        self.process = CONTEXT.Process(target=child, args=given)
        self.process.start()

    def ended(self) -> Ended:
        """Wait for its end."""
        self.process.join()
        lines = self.log.read_text().splitlines()
        events = [int(line.removeprefix("events ")) for line in lines if line.startswith("events ")]
        said = tuple(line for line in lines if not line.startswith("events ") and not BAR.match(line))
        return Ended(self.process.exitcode or 0, events[0] if events else 0, said)


def child(
    main: Main, arguments: list[str], folder: Path, log: Path, moment: Moment | None, prepare: Sequence[Callable]
) -> None:
    """The process: errors go to ``log``, and with them at the end the number of events."""
    with log.open("w") as file, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs in the background ignore it
    tqdm.set_lock(RLock())  # a semaphore that a killed process would leave to the system
    for call in prepare:
        call()
    seen = watch(folder, moment)
    status = main(arguments)
    print(f"events {next(seen)}", file=sys.stderr, flush=True)
    sys.exit(status)


def watch(folder: Path, moment: Moment | None) -> Iterator[int]:
    """Count the events from now on, and act at ``moment``."""
    seen, below = count(), f"{folder}/"

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in EVENTS and f"{given[0]}/".startswith(below) and next(seen) + 1 == (moment and moment.event):
            assert moment is not None
            act = ACTS[moment.act]
            Timer(moment.delay, act, [folder]).start() if moment.delay else act(folder)

    sys.addaudithook(hook)
    return seen


def delete(folder: Path) -> None:
    """Delete what the command works in, and give a file that appears meanwhile no second thought."""
    shutil.rmtree(folder, ignore_errors=True)


ACTS: dict[str, Callable[[Path], None]] = {
    "killed": lambda folder: os.kill(os.getpid(), signal.SIGKILL),
    "SIGTERM": lambda folder: os.kill(os.getpid(), signal.SIGTERM),
    "SIGINT": lambda folder: os.kill(os.getpid(), signal.SIGINT),
    "folder deleted": delete,
}


def set_environment(**values: str) -> None:
    """Set variables of the environment; "" unsets one."""
    for name, value in values.items():
        if value:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)


def superuser() -> bool:
    """Whether this is the superuser, who may mount disks and become others."""
    return sys.platform != "win32" and os.geteuid() == 0


def become_nobody() -> None:
    """Give up the superuser's rights, who is refused nothing."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def set_clock_back() -> None:
    """Let every look at the wall clock find it an hour before the last one."""
    now, hours = time.time(), count()
    time.time = lambda: now - 3600 * next(hours)


def burst_of_nan(first: int, length: int, gradient: bool) -> None:
    """Let the loss be NaN in some steps, or its gradient alone."""
    from companion.learn import training

    made = training.vae_unit

    def unit(*given: Any) -> Any:
        found = made(*given)

        def loss(x: Any, rng: Any, step: int) -> Any:
            value = found.loss(x, rng, step)
            if not first <= step < first + length:
                return value
            if gradient:
                value.register_hook(lambda slope: slope * float("nan"))
                return value
            return value * float("nan")

        return replace(found, loss=loss)

    training.vae_unit = unit  # type: ignore[assignment]


def workers_of(parent: int | None) -> list[int]:
    """The processes of joblib or Dask that work for a process, as Linux tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            number, above = int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
            told = (path.parent / "cmdline").read_bytes()
            if above == parent and (b"popen_loky" in told or b"spawn_main" in told):
                found.append(number)
    return found
