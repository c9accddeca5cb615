"""Try the bounds on mutual information on problems whose information is known.

    python scripts/mi_bounds.py [book/results/mi_bounds.csv]

Every critic is trained, frozen and judged on fresh pairs (``companion.studies``). The table is made anew, whole after
every problem; beside it stands its provenance, with the seconds that each row took. Some ten minutes of one core.
"""

import argparse
from pathlib import Path

from companion.learn import threads
from companion.results import write_provenance, write_rows
from companion.results.schema import Row
from companion.studies import mi_bounds

TABLE = Path(__file__).parents[1] / "book" / "results" / "mi_bounds.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?", default=TABLE, help="where to write (default %(default)s)")
    table = parser.parse_args().table
    rows: list[Row] = []
    seconds: list[float] = []
    settings = {"learning_rate": mi_bounds.LEARNING_RATE, "threads": 1}
    with threads(1):
        for seed, problem in enumerate(mi_bounds.mi_problems()):
            for row, taken in mi_bounds.measure_problem(problem, seed, mi_bounds.STEPS):
                rows.append(row)
                seconds.append(round(taken, 2))
                print(*row.values(), seconds[-1], flush=True)
            write_rows(table, rows)
            write_provenance(table.with_suffix(".json"), **settings, seconds=seconds)


if __name__ == "__main__":
    main()
