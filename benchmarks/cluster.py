"""A grid on machines that are taken away: simulated event by event, beside what a formula says.

    python benchmarks/cluster.py [--repeats 5] [--out TABLE]

The seconds that a run trains and is measured are those of the committed tables; how long machines live, and how many
there are, is assumed. A machine trains one run after another. It stores the run after every twentieth of its training,
as ``learn.train`` does, and when it is taken away without warning, the run goes on from there on the next machine.
"""

import argparse
import heapq
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import exp, inf
from pathlib import Path
from statistics import fmean, median, stdev

import numpy as np

from companion.results import load, write_provenance, write_rows
from companion.results.schema import Row

RESULTS = Path(__file__).resolve().parents[1] / "book" / "results"
TABLE = RESULTS / "cluster.csv"
SEGMENTS = 20  # of a training, between which it is stored
RUNS, MACHINES, GAP = 10_000, 100, 120.0
LIVES = (inf, 24.0, 4.0, 1.0, 0.25)  # hours that a machine lives on average


@dataclass(frozen=True)
class Plan:
    """Equal ``runs`` on ``machines``; seconds but for these two.

    Attributes:
        training, segments: of a run, and into how many parts it is divided by what is stored
        measuring: after the training; what is not finished of it is lost
        start: until a new machine works
        life: of a machine on average; its end comes at any moment with the same probability, without warning
        gap: until another takes its place
    """

    runs: int
    machines: int
    training: float
    measuring: float
    start: float
    life: float = inf
    gap: float = GAP
    segments: int = SEGMENTS

    @property
    def parts(self) -> list[float]:
        """The seconds of each part of a run that is done whole or again."""
        return [self.training / self.segments] * self.segments + [self.measuring]

    @property
    def expected(self) -> float:
        """Seconds from the first machine to the last run, on average, if all machines stay busy to the end.

        A part of length t that is begun anew after every failure, each at rate 1 / life and followed by a gap and a
        start, which may fail too, takes (life + gap) exp(start / life) (exp(t / life) - 1) on average (Daly, 2006).
        """
        if self.life == inf:
            return self.start + self.runs * sum(self.parts) / self.machines
        each = sum(exp(part / self.life) - 1 for part in self.parts)
        return self.start + self.runs / self.machines * (self.life + self.gap) * exp(self.start / self.life) * each


@dataclass
class Outcome:
    """What happened: seconds to the end, machines that were taken away, and seconds of work that was done again."""

    makespan: float = 0.0
    lost: int = 0
    repeated: float = 0.0


def simulate(plan: Plan, rng: np.random.Generator) -> Outcome:
    """Let the machines of ``plan`` work until every run is done; one that finds nothing left to do is given back."""
    outcome, done, waiting = Outcome(), [0] * plan.runs, deque(range(plan.runs))
    events: list[tuple[float, int, float, float, int | None]] = []  # time, order, its end, since when, the run it holds
    order = count()

    def begin(time: float) -> None:
        """A new machine starts to work, if it lives so long."""
        end = time + rng.exponential(plan.life) if plan.life < inf else inf
        heapq.heappush(events, (min(time + plan.start, end), next(order), end, time, None))

    for _ in range(plan.machines):
        begin(0.0)
    while events:
        time, _, end, since, run = heapq.heappop(events)
        if time == end:  # it is taken away
            outcome.lost += 1
            if run is not None:
                waiting.appendleft(run)
                outcome.repeated += time - since
            begin(time + plan.gap)
            continue
        if run is not None:
            done[run] += 1
            if done[run] == len(plan.parts):
                outcome.makespan, run = time, None
        if run is None and waiting:
            run = waiting.popleft()
        if run is not None:
            heapq.heappush(events, (min(time + plan.parts[done[run]], end), next(order), end, time, run))
    return outcome


def rows(plan: Plan, repeats: int, seed: int = 0) -> list[Row]:
    """What ``repeats`` simulations of ``plan`` give, with standard errors, and the formula."""
    outcomes = [simulate(plan, np.random.default_rng([seed, turn])) for turn in range(repeats)]
    work = plan.runs * sum(plan.parts)
    found: dict[str, list[float]] = {
        "hours to the end": [each.makespan / 3600 for each in outcomes],
        "hours to the end, by the formula": [plan.expected / 3600],
        "machines taken away": [each.lost for each in outcomes],
        "share of the work that is done again": [each.repeated / work for each in outcomes],
    }
    about = {"life_hours": "" if plan.life == inf else plan.life / 3600, "runs": plan.runs, "machines": plan.machines}
    about["segments"] = plan.segments
    return [{**about, "quantity": name, **entry(values)} for name, values in found.items()]


def entry(values: list[float]) -> Row:
    """The mean of ``values`` and its standard error, which a single one lacks."""
    error = f"{stdev(values) / len(values) ** 0.5:.6f}" if len(values) > 1 else ""
    return {"value": f"{fmean(values):.6f}", "se": error, "n": len(values)}


def of_tables() -> Plan:
    """The plan's seconds: training from the runs of ``mnist.json``, the rest as ``scale.csv`` has it."""
    found = load("scale").set_index(["quantity", "case"])["median"]
    runs = json.loads((RESULTS / "mnist.json").read_text())["runs"].values()
    return Plan(
        runs=RUNS,
        machines=MACHINES,
        training=median(run["seconds"] for run in runs),
        measuring=found["seconds", "measure both splits"],
        start=found["seconds", "start a worker"],
    )


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Simulate as the command line says, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="simulations of every plan (default %(default)s)")
    parser.add_argument("--out", type=Path, default=TABLE, help=f"the table (default {TABLE.name} of the book)")
    told = parser.parse_args(arguments)
    plan = of_tables()
    plans = [replace(plan, life=3600 * hours, segments=parts) for parts in (SEGMENTS, 1) for hours in LIVES]
    found = [row for each in plans for row in rows(each, told.repeats)]
    write_rows(told.out, found)
    assumed = {"training": plan.training, "measuring": plan.measuring, "start": plan.start, "gap": plan.gap}
    write_provenance(told.out.with_suffix(".json"), **assumed)
    return found


if __name__ == "__main__":
    main()
