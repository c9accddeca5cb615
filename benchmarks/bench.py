"""Measure the speed of the package beside its alternatives: every contender takes turns with the others in one process.

    python benchmarks/bench.py [--only training] [--repeats 7] [--base COMMIT] [--out TABLE] [--quick]

A turn is a fixed piece of work (``contenders``). After one that does not count, all contenders take ``--repeats`` turns
in an order that shifts every round, so that what slows the machine down for a while slows all of them. The table has
medians with the least and the largest value; a ratio is taken within each round, before its median. CPU seconds are
those of all threads. With ``--base``, the package of another commit takes turns too, in a process of its own; the table
then says how many times as fast the present one is.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import torch
from torch.autograd.profiler_util import FunctionEvent

import companion
import contenders as c
from companion.learn import threads
from companion.results import write_provenance, write_rows
from companion.results.schema import Row
from contenders import FULL, QUICK, Scale, Turn

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "book" / "results" / "speed.csv"
MEASUREMENTS = ("training", "profile", "aggregate", "sampling", "coding")
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
NATIVE_BF16 = {"avx512_bf16", "amx_bf16"}
METHODS = (c.PRODUCT, c.SINGLE, c.BROADCAST, c.IN_BLOCKS)  # to an aggregate
OURS = (*c.SETTINGS, c.PRODUCT, c.SINGLE, c.STORED)  # the contenders that another commit may have, too
#: What the operators of a profile are for, the first that fits, from the outermost operator inwards.
GROUPS = {
    "optimiser": ("optimizer",),
    "convolutions, backward": ("convolutionbackward", "convolution_backward"),
    "convolutions, forward": ("conv",),
    "gates": ("glu",),
    "padding, slices and copies": ("pad", "slice", "cat", "copy", "zero", "fill", "clone", "contiguous"),
}
REST = "the rest, Python included"


class Spent(NamedTuple):
    """What a turn took: CPU seconds of all threads, wall seconds, and by how many MiB the process grew at its peak."""

    cpu: float
    wall: float
    peak: float


def spent(turn: Turn, count: int = 1) -> Spent:
    """Let ``turn`` run with ``count`` threads."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    with threads(count):
        before, cpu, wall = peak(), process_time(), perf_counter()
        turn()
        return Spent(process_time() - cpu, perf_counter() - wall, peak() - before)


def peak() -> float:
    """The most memory that this process has held, in MiB; NaN where the system does not tell.

    ``resource`` would not do: its peak is inherited from the parent.
    """
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))
    return float("nan")


class Server:
    """Contenders in a fresh process, with the package that lies in ``folder``."""

    def __init__(self, scale: Scale, folder: Path = ROOT) -> None:
        told = {**os.environ, "PYTHONPATH": str(folder)}
        command = [sys.executable, __file__, "--serve", *["--quick"] * (scale is QUICK)]
        self.process = subprocess.Popen(command, env=told, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert Path(self._answer()).is_relative_to(folder), "another package than that of the folder"

    def _answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def spent(self, count: int, *key: Any) -> Spent | None:
        """What a turn of the contender ``key`` took; None where there is none such, or it failed."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps([count, *key]) + "\n")
        self.process.stdin.flush()
        found = self._answer()
        return Spent(*found) if isinstance(found, list) else None

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


def serve(scale: Scale) -> None:
    """The other side of ``Server``: a line asks for a turn, a line answers."""
    answers, sys.stdout = sys.stdout, sys.stderr
    makers: dict[str, Any] = {"training": c.training, "aggregate": c.aggregates, "sampling": c.sampling}
    made: dict[str, Turn | None] = {}
    print(json.dumps(str(companion.__file__)), file=answers, flush=True)
    for line in sys.stdin:
        count, measurement, *key = json.loads(line)
        answer: Spent | None = None
        try:
            if line not in made:
                made[line] = makers[measurement](scale, *key)
            answer = spent(turn, count) if (turn := made[line]) else None
        except Exception as error:  # an older package may lack anything
            print(f"{measurement}, {key}: {error!r}", file=sys.stderr)
        print(json.dumps(answer), file=answers, flush=True)


@contextmanager
def other_commit(scale: Scale, commit: str | None) -> Iterator[dict[str, Server]]:
    """The contenders of ``commit`` by its short name; none without one."""
    if commit is None:
        yield {}
        return
    git = partial(subprocess.run, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    name = git(["git", "rev-parse", "--short", commit]).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        git(["git", "worktree", "add", "--quiet", "--detach", folder, commit])
        try:
            server = Server(scale, Path(folder).resolve())
            yield {name: server}
            server.stop()
        finally:
            git(["git", "worktree", "remove", "--force", folder])


class Bench:
    """Takes the measurements and keeps their rows."""

    def __init__(self, scale: Scale, repeats: int, bases: Mapping[str, Server], compiled: bool = True) -> None:
        self.scale, self.repeats, self.bases, self.compiled = scale, repeats, bases, compiled
        self.rows: list[Row] = []
        self.turns: list[Spent] = []  # of one thread

    def record(self, *names: str, values: Sequence[float], count: int = 1) -> None:
        """Enter the median of ``values``; ``names`` are the measurement, the case, the method and the quantity."""
        digits = [float(f"{value:.4g}") for value in (median(values), min(values), max(values))]
        told = dict(zip(("measurement", "case", "method", "quantity"), names, strict=True))
        self.rows.append({**told, "threads": count} | dict(zip(("median", "low", "high"), digits, strict=True)))
        self.rows[-1]["n"] = len(values)
        print(*self.rows[-1].values(), flush=True)

    def interleaved(self, turns: Mapping[str, Turn], key: Sequence[Any], count: int = 1) -> dict[str, list[Spent]]:
        """What each contender's turns took, the first of which does not count; those of other commits join them.

        Args:
            turns: by the method's name
            key: what leads to the contenders of ``turns``, but for the method
        """
        own = {name: partial(spent, turn, count) for name, turn in turns.items()}
        ours = [name for name in own if name in OURS]
        named = {f"{name}, at {commit}": (server, name) for commit, server in self.bases.items() for name in ours}
        others = {name: partial(server.spent, count, *key, method) for name, (server, method) in named.items()}
        calls: dict[str, Callable[[], Spent | None]] = {**own, **others}
        firsts = {name: call() for name, call in calls.items()}
        names = [name for name, first in firsts.items() if first]
        found = {name: [first] for name, first in firsts.items() if first}
        for i in range(self.repeats):
            for name in names[i % len(names) :] + names[: i % len(names)]:
                taken = calls[name]()
                assert taken, f"{name}: failed"
                found[name].append(taken)
        self.turns += [each for name in own for each in found[name][1:] if count == 1]
        return found

    def training(self) -> None:
        """Images a CPU second of every case and setting, beside pythae's and the rate of matrix products."""
        for case, told in self.scale.cases.items():
            turns = {name: c.training(self.scale, case, name) for name in self.settings()}
            if find_spec("pythae"):
                turns[c.PYTHAE] = c.training(self.scale, case, c.PYTHAE)
            works = {sum(c.flops(c.training(self.scale.taking(1), case, name)).values()) for name in uncompiled(turns)}
            assert len(works) == 1, f"{case}: contenders that do different work, {works} FLOP a step"
            self.record("training", case, "default", "MFLOP an image", values=[works.pop() / told["batch_size"] / 1e6])
            if self.compiled:
                torch._dynamo.reset()  # or the sizes of one case would make those of the next dynamic
            turns[c.SQUARES] = c.matrix_product(self.scale)
            found = self.interleaved(turns, ("training", case))
            self.matrix_rate("training", case, found.pop(c.SQUARES)[1:])
            for name, (first, *rest) in found.items():
                speeds = [told["batch_size"] * told["steps"] / each.cpu for each in rest]
                self.record("training", case, name, "images a CPU second", values=speeds)
                self.ratios(("training", case, name), found, c.PYTHAE, "default")
                if "compile" in name:
                    later = median(each.wall for each in rest)
                    self.record("training", case, name, "seconds to compile", values=[first.wall - later])

    def settings(self) -> list[str]:
        """Those of ``SETTINGS`` that are worth while here."""
        kept = [name for name in c.SETTINGS if NATIVE_BF16 & set(instructions()) or "bf16" not in name]
        return kept if self.compiled else uncompiled(kept)

    def matrix_rate(self, measurement: str, case: str, found: Sequence[Spent]) -> None:
        """The floating-point operations a second of ``matrix_product``."""
        rates = [2 * 20 * self.scale.matrix**3 / each.cpu / 1e9 for each in found]
        self.record(measurement, case, c.SQUARES, "GFLOP a CPU second", values=rates)

    def ratios(
        self, names: tuple[str, str, str], found: Mapping[str, list[Spent]], *others: str, count: int = 1
    ) -> None:
        """How many times as fast as each of ``others``, and as the same method of another commit, round by round."""
        if names[2].partition(", at ")[0] not in OURS:
            return
        commits = [f"{names[2]}, at {commit}" for commit in self.bases]
        for other in [name for name in (*others, *commits) if name in found and name != names[2]]:
            pairs = zip(found[names[2]][1:], found[other][1:], strict=True)
            self.record(*names, f"times as fast as {other}", values=[b.cpu / a.cpu for a, b in pairs], count=count)

    def profile(self) -> None:
        """Where the time of a training step goes, in milliseconds, and how fast its convolutions are."""
        case, steps = self.scale.profiled, self.scale.profiled_steps
        turn, product = c.training(self.scale.taking(steps), case, "default"), c.matrix_product(self.scale)
        work, found, rates = c.flops(turn), [], []
        for _ in range(self.repeats):
            rates.append(spent(product))
            with threads(1):
                found.append(profiled(turn))
        self.matrix_rate("profile", case, rates)
        for name in found[0]:
            self.record("profile", case, name, "ms a step", values=[1e3 * each[name] / steps for each in found])
        for way, operator in (("forward", "aten.convolution"), ("backward", "aten.convolution_backward")):
            speeds = [work[operator] / each[f"convolutions, {way}"] / 1e9 for each in found]
            self.record("profile", case, f"convolutions, {way}", "GFLOP a second", values=speeds)

    def aggregate(self) -> None:
        """Time by pair of a code and a component, memory, and rounding, of the aggregate's density."""
        for n in self.scale.examples:
            made = {name: c.aggregates(self.scale, n, name) for name in METHODS}
            turns = {name: turn for name, turn in made.items() if turn}
            for count in (1, 2):
                found = self.interleaved(turns, ("aggregate", n), count)
                for name, taken in found.items():
                    pairs = n * c.aggregated(self.scale, n, name.partition(", at ")[0])
                    found[name] = [Spent(each.cpu / pairs, each.wall / pairs, each.peak) for each in taken]
                for name, (_, *rest) in found.items():
                    for kind in ("cpu", "wall"):
                        values = [1e9 * getattr(each, kind) for each in rest]
                        self.record("aggregate", str(n), name, f"{kind} ns a pair", values=values, count=count)
                    self.ratios(("aggregate", str(n), name), found, c.BROADCAST, c.IN_BLOCKS, count=count)
            for name in turns:
                server = Server(self.scale)
                alone = server.spent(1, "aggregate", n, name)
                server.stop()
                if alone and alone.peak == alone.peak:
                    self.record("aggregate", str(n), name, "peak MiB", values=[alone.peak])
        self.rounding(self.scale.checked, c.BROADCAST, c.PRODUCT)
        self.rounding(self.scale.examples[0], c.PRODUCT, c.SINGLE)

    def rounding(self, n: int, true: str, method: str) -> None:
        """By how much log q of ``n`` codes by ``method`` differs from that by the method ``true``."""
        by, exact = c.density(method), c.density(true)
        if by and exact:
            told = *c.posteriors(n, self.scale.latent_dim), torch.arange(n)
            error = by(*told) - exact(*told)
            self.record("aggregate", str(n), method, "largest error in nats", values=[error.abs().max().item()])
            self.record("aggregate", str(n), method, "mean error in nats", values=[abs(error.mean().item())])

    def sampling(self) -> None:
        """Drawing from stored stages against full passes, and whether both draw the same."""
        drawn: dict[str, torch.Tensor] = {}
        makers = {name: c.sampling(self.scale, name) for name in (c.STORED, c.FULL_PASSES)}
        turns = {name: partial(lambda name: drawn.update({name: makers[name]()}), name) for name in makers}
        case = f"{self.scale.drawn} images, {self.scale.side} x {self.scale.side}"
        found = self.interleaved(turns, ("sampling",))
        for name, (_, *rest) in found.items():
            self.record("sampling", case, name, "CPU seconds", values=[each.cpu for each in rest])
            self.ratios(("sampling", case, name), found, c.FULL_PASSES)
        equal = (drawn[c.STORED] == drawn[c.FULL_PASSES]).double().mean().item()
        self.record("sampling", case, c.STORED, "share of equal pixels", values=[equal])

    def coding(self) -> None:
        """Images a second that are written to and read from a file by bits back, and how much memory that takes."""
        case = f"{self.scale.coded} images, {self.scale.side} x {self.scale.side}"
        for name, (_, *rest) in self.interleaved(c.coders(self.scale), ("coding",)).items():
            speeds = [self.scale.coded / each.cpu for each in rest]
            self.record("coding", case, name, "images a CPU second", values=speeds)
            self.record("coding", case, name, "MiB more at the peak", values=[each.peak for each in rest])


def uncompiled(names: Iterable[str]) -> list[str]:
    """The settings that need no compiler."""
    return [name for name in names if "compile" not in name]


def profiled(turn: Turn) -> dict[str, float]:
    """The seconds of ``turn`` by ``GROUPS`` of its operators, and the rest: wall seconds, which the profiler takes."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as recorded:
        start = perf_counter()
        turn()
        total = perf_counter() - start
    found = dict.fromkeys(GROUPS, 0.0)
    for event in recorded.events():
        if name := group(event):
            found[name] += event.self_cpu_time_total / 1e6
    return found | {REST: total - sum(found.values())}


def group(event: FunctionEvent | None) -> str | None:
    """Which of ``GROUPS`` an operator belongs to, or the outermost operator around it that belongs to one."""
    if event is None:
        return None
    own = (name for name, parts in GROUPS.items() if any(part in event.name.lower() for part in parts))
    return group(event.cpu_parent) or next(own, None)


def instructions() -> list[str]:
    """Those of ``INSTRUCTIONS`` that the processor has, as far as the system tells."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        flags = next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
        return [name for name in INSTRUCTIONS if name in flags]
    return []


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure as the command line says, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=MEASUREMENTS, help="one measurement, printed; written where --out says so")
    parser.add_argument("--repeats", type=int, default=5, help="turns of every contender (default %(default)s)")
    parser.add_argument("--base", metavar="COMMIT", help="let the package of this commit take turns, too")
    parser.add_argument("--out", type=Path, help=f"the table (default {TABLE.relative_to(ROOT)}, of a whole run)")
    parser.add_argument("--peers", type=Path, default=ROOT / "_build" / "pythae", help="where pythae is installed")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled settings out")
    parser.add_argument("--quick", action="store_true", help="everything very small, to see that it works")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    scale = QUICK if told.quick else FULL
    if told.serve:
        serve(scale)
        return []
    sys.path.append(str(told.peers))
    whole = not (told.only or told.quick or told.no_compile)
    seconds = []
    with tempfile.TemporaryDirectory() as cache, other_commit(scale, told.base) as bases:
        bench = Bench(scale, told.repeats, bases, compiled=not (told.quick or told.no_compile))
        if bench.compiled:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # empty: compiling is timed
        for name in [told.only] if told.only else MEASUREMENTS:
            start = perf_counter()
            getattr(bench, name)()
            seconds.append(round(perf_counter() - start, 1))
            print(f"{name}: {seconds[-1]:.0f} s", file=sys.stderr)
    if out := told.out or (TABLE if whole else None):
        write_rows(out, [row for row in bench.rows if ", at " not in row["method"]])  # of a commit, the ratios stay
        waited = median(each.wall / each.cpu for each in bench.turns) if bench.turns else None  # 1 where it is quiet
        facts = {"instructions": instructions(), "pythae": version("pythae") if find_spec("pythae") else None}
        facts |= {"torch_capability": torch.backends.cpu.get_cpu_capability(), "base": told.base}
        write_provenance(out.with_suffix(".json"), **facts, wall_seconds_a_cpu_second=waited, seconds=seconds)
    return bench.rows


if __name__ == "__main__":
    main()
