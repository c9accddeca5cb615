"""``python -m soak``: see the package."""

import argparse
import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import soak
from companion import results
from companion.atomic import atomic_write
from soak import disturbances
from soak.commands import commands
from soak.disturbances import COLUMNS, Tally
from soak.processes import superuser

TABLE = Path(__file__).parents[2] / "book" / "results" / "soak.csv"
#: How often each command is killed at scale 1, stopped, finds its disk full, or meets itself.
KILLS = {"train": 20, "sweep": 15, "path": 10, "data": 30, "compress": 12, "measure": 8, "grade": 10}
STOPS = {"train": 2, "sweep": 2, "grade": 1}
DISKS = {"train": 3, "sweep": 3, "path": 1, "data": 3, "compress": 1, "measure": 1, "grade": 1}
WORKERS = {"joblib": 2, "dask": 1}
PAIRS = {"train": 2, "sweep": 2, "path": 1, "data": 1, "grade": 1}


def disturbed(place: Path, seed: int, scale: float = 1.0) -> Iterator[Tally]:
    """All disturbances of all commands, one row after another."""

    def times(counts: dict[str, int], name: str) -> int:
        return -int(-counts.get(name, 0) * scale // 1)

    with commands(place) as found:
        for name, command in found.items():
            rng = random.Random(f"{seed} {name}")
            command.learn_truth()
            yield disturbances.at_random_points(command, "killed", times(KILLS, name), rng)
            if name in STOPS:
                for act in ("SIGTERM", "SIGINT", "folder deleted"):
                    yield disturbances.at_random_points(command, act, times(STOPS, name), rng)
            if name in ("train", "sweep"):
                yield disturbances.with_bursts_of_nan(command, times(STOPS, name), rng)
                yield disturbances.with_the_clock_set_back(command, 1)
            if name == "sweep":
                yield disturbances.with_workers_killed(command, "joblib", times(WORKERS, "joblib"), rng)
                yield disturbances.with_workers_killed(command, "dask", times(WORKERS, "dask"), rng)
            if name in PAIRS:
                yield disturbances.twice_at_once(command, times(PAIRS, name))
            if superuser():
                yield disturbances.without_permission(command)
                yield disturbances.on_a_small_disk(command, times(DISKS, name), rng)


def main() -> int:
    parser = argparse.ArgumentParser(description=str(soak.__doc__).splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?", default=TABLE, help="where to write (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the points (default %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="of how often, for a short look (default %(default)s)")
    asked = parser.parse_args()
    rows, seconds, started = [], [], perf_counter()
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for tally in disturbed(Path(folder), asked.seed, asked.scale):
            rows.append(tally.row())
            print(*rows[-1].values(), flush=True)
            seconds.append(round(perf_counter() - started, 1))
            started = perf_counter()
    with atomic_write(asked.table) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    results.write_provenance(asked.table.with_suffix(".json"), seed=asked.seed, scale=asked.scale, seconds=seconds)
    return int(any(row[name] for row in rows for name in COLUMNS[4:]))


if __name__ == "__main__":
    sys.exit(main())
