"""What the figure of the front page shows: ten digits, and what two models give back for them, twelve times over.

    python scripts/hero.py

Reads two kept models of ``book/results/models/mnist`` and writes ``book/results/hero.json``, with a still picture in
``hero.svg``. What each model tells is the information of its codes about which of the test images was encoded; where
that nears log n it says little, and the lower limit of ``measure.information_interval`` stands in its place.
"""

import argparse
from base64 import b64decode, b64encode
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch

from companion import data, learn, measure, show
from companion.atomic import atomic_write
from companion.models import VAE, generator
from companion.results.schema import write_provenance

RESULTS = Path(__file__).parents[1] / "book" / "results"
DRAWS = 12
SATURATED = 0.9  # of log n, from which the information about the index says little about that about the image
PAIR = {  # the folder of each model, its name in a sentence, and the verdict on it
    "family---_beta1": ("the first model", "It remembers."),
    "family-+-_rate8": ("the second model", "It forgets."),
}


def packed(images: np.ndarray) -> str:
    """Binary images ``[n, H, W]`` side by side, as packed bits in base64."""
    return b64encode(np.packbits(np.hstack(list(images)).astype(bool)).tobytes()).decode()


def told(model: VAE, images: np.ndarray) -> list[float]:
    """The least and the most that the code is known to tell, in nats."""
    parts = measure.surgery(model, images)
    if parts.index_information < SATURATED * log(len(images)):
        return [round(parts.index_information, 4)] * 2
    lower = measure.information_interval(model, images).lower
    return [round(lower, 4), round(parts.rate, 4)]


def measured(folder: Path, test: np.ndarray, digits: np.ndarray) -> dict[str, Any]:
    """One model: what it scores on all test images, tells, and gives back for ``digits``."""
    config, model = learn.load_run(folder)
    name, verdict = PAIR[folder.name]
    point = measure.evaluate(model, test)
    copies = model.reconstruct(torch.from_numpy(digits), generator(0, 0), DRAWS).numpy()
    scores = {key: round(getattr(point, key), 4) for key in ("rate", "distortion", "elbo", "elbo_se")}
    about = {"name": name, "verdict": verdict, "family": config.family, "hash": config.hash}
    return {**about, **scores, "tells": told(model, test), "draws": [packed(draw) for draw in copies]}


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    images = data.load("mnist-static")
    # one digit of each class: static MNIST is sorted by class
    digits = images.test[[int(len(images.test) * (k + 0.55) / 10) for k in range(10)]]
    with learn.threads(1):
        models = [measured(RESULTS / "models" / "mnist" / name, images.test, digits) for name in PAIR]
    facts = {"digits": packed(digits), "models": models, "draw_seed": 0, "n": len(images.test)}
    write_provenance(RESULTS / "hero.json", **facts)
    draw_still(digits, models)


def draw_still(digits: np.ndarray, models: list[dict[str, Any]]) -> None:
    """The picture that stands without scripts."""
    strips = {"ten digits go in": digits}
    for model in models:
        bits = np.unpackbits(np.frombuffer(b64decode(model["draws"][0]), np.uint8))
        strips[model["verdict"]] = bits.reshape(28, 10, 28).swapaxes(0, 1)
    with atomic_write(RESULTS / "hero.svg") as temporary:
        temporary.write_text(show.image_sheet(strips).svg() + "\n")


if __name__ == "__main__":
    main()
