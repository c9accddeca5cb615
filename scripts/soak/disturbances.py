"""What happens to a command, and the count of what is lost by it."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import sleep

from companion import data
from soak.commands import Command, Entry, entries
from soak.processes import Ended, Moment, become_nobody, burst_of_nan, set_clock_back, workers_of

COLUMNS = ("command", "disturbance", "times", "results", "lost", "doubled", "altered", "leftovers", "unclear")
PAGE = 4096  # bytes in which a disk in memory counts
WORST = 3  # disturbances, one after another, before a command is let to its end


@dataclass
class Tally:
    """One row of the table."""

    command: Command
    disturbance: str
    times: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def took_effect(self, ended: Ended) -> None:
        """Count a disturbance, and a message that does not say what to do."""
        self.times += 1
        self.counts["unclear"] += ended.unclear
        if ended.unclear:
            print(*ended.said, sep="\n", file=sys.stderr)

    def finish(self) -> None:
        """Let the command go on to its end, compare what it made, and clear it away."""
        ended = self.command.start().ended()
        if ended.status:
            raise RuntimeError(f"{self.command.name}: expected it to go on to its end, got {ended}")
        self.compare(entries(self.command.folder))
        for path in self.command.folder.iterdir():  # the folder itself may be a disk of its own
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def compare(self, found: list[Entry]) -> None:
        """Count what is lost, doubled or altered among what was found, and what is left over."""
        keys, known = dict(found), dict(self.command.truth)
        self.counts["results"] += len(known)
        self.counts["lost"] += len(known.keys() - keys.keys())
        self.counts["altered"] += sum(keys[key] != value for key, value in known.items() if key in keys)
        self.counts["doubled"] += len(found) - len(keys)
        self.counts["leftovers"] += len(keys.keys() - known.keys())

    def row(self) -> dict[str, object]:
        """The row."""
        counts = {name: self.counts[name] for name in COLUMNS[3:]}
        return {"command": self.command.name, "disturbance": self.disturbance, "times": self.times} | counts


def at_random_points(command: Command, act: str, times: int, rng: random.Random) -> Tally:
    """Let ``act`` happen so many times: up to ``WORST`` times before the command is let to its end."""
    tally = Tally(command, act)
    while tally.times < times:
        left = command.events
        for _ in range(min(rng.randint(1, WORST), times - tally.times)):
            event = rng.randint(1, max(1, left))
            delay = rng.choice([0.0, rng.uniform(0, 0.02)]) if act == "killed" else 0.0
            ended = command.start(Moment(act, event, delay)).ended()
            if not ended.status and (act != "folder deleted" or ended.events < event):
                break  # it came to its end before
            tally.took_effect(ended)
            left = max(1, left - event)
        tally.finish()
    return tally


def with_bursts_of_nan(command: Command, times: int, rng: random.Random) -> Tally:
    """Let losses, or their gradients alone, be NaN for some steps."""
    tally = Tally(command, "burst of NaN")
    for number in range(times):
        burst = partial(burst_of_nan, rng.randrange(4), rng.randint(1, 3), gradient=bool(number % 2))
        tally.took_effect(command.start(None, burst).ended())
        tally.finish()
    return tally


def with_the_clock_set_back(command: Command, times: int) -> Tally:
    """Let the wall clock run backwards."""
    tally = Tally(command, "clock set back")
    for _ in range(times):
        tally.took_effect(command.start(None, set_clock_back).ended())
        tally.finish()
    return tally


def twice_at_once(command: Command, times: int) -> Tally:
    """Start it twice in one folder."""
    tally = Tally(command, "two at once")
    for _ in range(times):
        for started in [command.start(), command.start(name="-other")]:
            tally.took_effect(started.ended())
        tally.finish()
    return tally


def without_permission(command: Command) -> Tally:
    """Run it as a user who may not write in its folder."""
    tally = Tally(command, "no permission")
    command.folder.mkdir(mode=0o755, exist_ok=True)
    ready = partial(data.load, "digits")  # what it imports may be where nobody may read
    tally.took_effect(command.start(None, ready, become_nobody).ended())
    tally.finish()
    return tally


def on_a_small_disk(command: Command, times: int, rng: random.Random) -> Tally:
    """Run it on a disk that is full or soon will be, or that cannot be written at all, and then give it space."""
    tally = Tally(command, "full disk")
    for number in range(times):
        size = 4 * command.size + 2**20
        with disk(command.folder, size) as change:
            filler = command.folder / ".filler"
            filler.write_bytes(bytes(size - (rng.randrange(PAGE, command.size, PAGE) if number else 0)))
            tally.took_effect(command.start().ended())
            if not number:
                change("ro")
                tally.took_effect(command.start().ended())
                change("rw")
            filler.unlink()
            tally.finish()
    return tally


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Callable[[str], object]]:
    """A file system of its own in memory; gives what changes its options."""
    folder.mkdir(mode=0o755, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", folder], check=True)
    try:
        yield lambda option: subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)


def with_workers_killed(command: Command, engine: str, times: int, rng: random.Random) -> Tally:
    """Kill one of two workers in the middle of a run."""
    tally = Tally(command, f"{engine} worker killed")
    several = replace(command, arguments=[*command.arguments, "--jobs", "2", "--engine", engine])
    while tally.times < times:
        started = several.start()
        while started.process.is_alive() and not list(command.folder.glob("runs/*/checkpoint.safetensors")):
            sleep(0.005)
        if workers := workers_of(started.process.pid):
            os.kill(rng.choice(workers), signal.SIGKILL)
            tally.took_effect(started.ended())
        tally.finish()
    return tally
