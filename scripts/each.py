"""Write down the rate of every number of the code in every run of a table: which are in use, asked about or not.

    python scripts/each.py book/results/numbers_mnist.csv RUNS

RUNS is the folder of the sweep's finished runs. A line for each run, with the mean rate of each number over the test
images, in closed form, goes to ``book/results/numbers_mnist_each.csv``, beside its provenance.
"""

import argparse
import csv
from pathlib import Path

from companion import data, learn
from companion.atomic import atomic_write
from companion.learn.records import write_provenance
from companion.measure.numbers import rates

COLUMNS = ("seed", "lambda", "informed", "config_hash")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV of a sweep whose runs ask about numbers of the code")
    parser.add_argument("runs", type=Path, help="folder of its finished runs")
    asked = parser.parse_args()
    found = asked.table.with_name(f"{asked.table.stem}_each.csv")
    lines = []
    with learn.threads(1):
        for row in (row for row in learn.read_rows(asked.table) if row["split"] == "test"):
            config, model = learn.load_run(asked.runs / row["config_hash"])
            each = rates(model, data.load(config.data, config.binarise).test)
            told = {f"rate_{i}": round(float(rate), 6) for i, rate in enumerate(each)}
            lines.append({name: row[name] for name in COLUMNS} | told)
    with atomic_write(found) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    write_provenance(found.with_suffix(".json"), split="test", table=asked.table.name)


if __name__ == "__main__":
    main()
