"""Write down the rate of every dimension of the code in every run of a table: which are in use, rewarded or not.

    python scripts/latent_rates.py book/results/latents_mnist.csv RUNS

RUNS is the folder of the sweep's finished runs. A line for each run, with the mean rate of each dimension over the test
images, in closed form, goes to ``book/results/latents_mnist_rates.csv``, beside its provenance.
"""

import argparse
from pathlib import Path

from companion import data, learn, measure, results

COLUMNS = ("seed", "lambda", "latent_indices", "config_hash")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV of a sweep whose runs reward dimensions of the code")
    parser.add_argument("runs", type=Path, help="folder of its finished runs")
    asked = parser.parse_args()
    found = asked.table.with_name(f"{asked.table.stem}_rates.csv")
    lines = []
    with learn.threads(1):
        for row in (row for row in results.read_rows(asked.table) if row["split"] == "test"):
            config, model = learn.load_run(asked.runs / row["config_hash"])
            each = measure.latent_rates(model, data.load(config.data, config.binarise).test)
            told = {f"rate_{i}": round(float(rate), 6) for i, rate in enumerate(each)}
            lines.append({name: row[name] for name in COLUMNS} | told)
    results.write_rows(found, lines)
    results.write_provenance(found.with_suffix(".json"), split="test", table=asked.table.name)


if __name__ == "__main__":
    main()
