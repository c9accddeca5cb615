"""Try the bounds on mutual information on problems whose information is known.

    python scripts/zoo.py [book/results/mi_zoo.csv]

Every critic is trained, frozen and judged on fresh pairs (``companion.learn.zoo``). The table is made anew, whole after
every problem; beside it stands its provenance, with the seconds that each row took. Some ten minutes of one core.
"""

import argparse
from pathlib import Path

from companion.learn import threads, zoo
from companion.learn.records import write_provenance

TABLE = Path(__file__).parents[1] / "book" / "results" / "mi_zoo.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?", default=TABLE, help="where to write (default %(default)s)")
    table = parser.parse_args().table
    rows: list[zoo.Row] = []
    seconds: list[float] = []
    settings = {"learning_rate": zoo.LEARNING_RATE, "threads": 1}
    with threads(1):
        for seed, problem in enumerate(zoo.problems()):
            for row, taken in zoo.measure_problem(problem, seed, zoo.STEPS):
                rows.append(row)
                seconds.append(round(taken, 2))
                print(*row.values(), seconds[-1], flush=True)
            zoo.write_zoo(table, rows)
            write_provenance(table.with_suffix(".json"), **settings, seconds=seconds)


if __name__ == "__main__":
    main()
