"""Choose which numbers of a code are asked about, by a rule and not by eye: the two that change the image least.

    python scripts/least.py mnist [GRID]

For each seed the model is trained without any reward, and the rule (``companion.measure.latents.least_active_latents``)
is applied to its validation images. At weight 0 the weights do not depend on which numbers are asked about, so the grid
that is written compares each rewarded run with the very model that the rule judged.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from companion import data
from companion.learn import Config, preset, threads, train
from companion.measure.latents import least_active_latents

RESULTS = Path(__file__).parents[1] / "book" / "results"
SETTINGS: dict[str, Any] = {
    "binarise": "threshold",
    "objective": "mi_valid",
    "dense": True,
    "width": 0.5,
    "latent_dim": 32,
}
SETTINGS |= {"steps": 1500, "batch_size": 128, "learning_rate": 1e-3}
WEIGHTS = [0.0, 0.001, 0.005, 0.01, 0.1, 1.0]  # fixed before any run; the first four are those of Serdega (2019)
SEEDS = range(5)
COUNT = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="an image set: mnist or fashion-mnist")
    parser.add_argument("grid", type=Path, nargs="?", help="where to write (default book/results/numbers_SET.toml)")
    asked = parser.parse_args()
    grid = asked.grid or RESULTS / f"numbers_{asked.data.removesuffix('-mnist')}.toml"
    found = {}
    with threads(1):
        for seed in SEEDS:
            found[seed] = chosen(preset("laptop", asked.data, **SETTINGS, informed="0", weight=0.0, seed=seed))
            print(f"seed {seed}: {found[seed]}", flush=True)
    grid.write_text(written(asked.data, found))


def chosen(config: Config) -> tuple[int, ...]:
    """The numbers of the code that change the image least, in the model of ``config`` at its last step."""
    images = data.load(config.data, config.binarise)
    return least_active_latents(train(config, images=images).model, images.validation, COUNT)


def written(name: str, found: dict[int, tuple[int, ...]]) -> str:
    """The grid on the image set ``name``, for the numbers ``found`` for each seed."""
    shared = {"data": name, "preset": "laptop", **SETTINGS}
    lines = [
        "# The two numbers of each seed's code that change the image least, under rising weights.",
        f"# Written by scripts/least.py {name}",
        *(f"{key} = {json.dumps(value)}" for key, value in shared.items()),
    ]
    for seed, numbers in found.items():
        asked = ",".join(map(str, numbers))
        lines += ["", "[[runs]]", f"seeds = [{seed}]", f'informed = "{asked}"', f"weights = {WEIGHTS}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
