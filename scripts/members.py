"""Measure networks that serve a whole range of betas, at twelve of them, and keep the first one's weights.

    python scripts/members.py RUN [RUN ...]

Every RUN is the folder of a finished training with the objective ``multi_rate``. Each member, ``model.at(beta)``, is
measured on whole splits into ``book/results/members.csv``, which is written anew. The configuration and the weights of
the first run, rounded to half precision, go to ``book/results/members``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from gallery import refresh

from companion import data, learn, measure, results
from companion.results.schema import POINT, Row

RESULTS = Path(__file__).parents[1] / "book" / "results"
BETAS = (0.1, 0.17, 0.3, 0.5, 0.7, 1.0, 1.7, 2.3, 3.0, 5.0, 7.0, 10.0)


def rows(folder: Path) -> list[Row]:
    """Both splits of every member of the run in ``folder``."""
    config, trained = learn.load_run(folder)
    model: Any = trained  # a MultiRateVAE
    images, found = data.load(config.data, config.binarise), []
    for beta in BETAS:
        member = model.at(beta)
        for split in ("validation", "test"):
            point = measure.evaluate(member, getattr(images, split), split=split)
            told = config.settings() | {"beta": beta, "config_hash": config.hash}
            told |= {"split": split, "draw_seed": point.seed, "n": point.n}
            told |= {name: round(getattr(point, name), 6) for name in POINT}
            found.append({name: told[name] for name in results.SCHEMAS["members"]})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished training")
    asked = parser.parse_args()
    with learn.threads(1):
        found = [row for folder in asked.runs for row in rows(folder)]
    table = RESULTS / "members.csv"
    results.write_rows(table, found)
    made = [json.loads((folder / "provenance.json").read_text()) for folder in asked.runs]
    results.write_provenance(table.with_suffix(".json"), runs={run["hash"]: run for run in made})
    refresh(RESULTS / "members" / f"family{found[0]['family']}", asked.runs[0])


if __name__ == "__main__":
    main()
