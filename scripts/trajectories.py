"""Follow the categories of a grid's runs through training.

    python scripts/trajectories.py book/results/vmi_mnist.toml [--seed 0] [--every 100]

Trains the runs of one seed anew and writes a row for every so many steps of each to
``book/results/vmi_mnist_trajectories.csv``, beside its provenance (``companion.studies.record_trajectory``).
"""

import argparse
from pathlib import Path

from companion import data
from companion.learn import threads
from companion.results import write_provenance, write_rows
from companion.studies import record_trajectory
from companion.sweeps import read_grid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grid", type=Path, help="a grid of runs with categories")
    parser.add_argument("--seed", type=int, default=0, help="whose runs to follow (default %(default)s)")
    parser.add_argument("--every", type=int, default=100, help="steps between two rows (default %(default)s)")
    asked = parser.parse_args()
    configs = [config for config in read_grid(asked.grid) if config.seed == asked.seed]
    if not configs:
        parser.error(f"--seed: expected one of {asked.grid}, got {asked.seed}")
    table = asked.grid.with_name(f"{asked.grid.stem}_trajectories.csv")
    rows = []
    with threads(1):
        for config in configs:
            rows += record_trajectory(config, data.load(config.data, config.binarise), asked.every)
            write_rows(table, rows)
    write_provenance(table.with_suffix(".json"), every=asked.every, runs={c.hash: c.settings() for c in configs})


if __name__ == "__main__":
    main()
