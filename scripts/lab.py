"""Measure what the page *The lab* shows beside the reader's own digit: test images, and one network at twelve betas.

    python scripts/lab.py [--out book/results/lab.json]

The network is that of ``book/results/members``, as it is stored. For each beta the file has

    rate, distortion      means over all N test images, with standard errors over images (``measure.evaluate``)
    information, fee      I(n; z), at most log N, and KL(e(z) || m) of the aggregate e(z) of these images; they share
                          one standard error, of the draws alone (``measure.gaussian_surgery``)
    fee_least             KL(g || m), g the Gaussian with the aggregate's moments: ``fee`` is at least this
    rates, open           the mean rate of each dimension, and how many have ``OPEN`` nats or more
    each_rate, each_distortion    of the images in ``indices`` one by one; the distortion is a mean over ``DRAWS`` codes

``fee`` belongs to an album of N images: it is R - I(n; z), and I(n; z) stops at log N. For the source of the images it
is, in expectation, an upper bound, loose wherever I(n; z) is close to log N.

``images`` are the first hundred of ``indices``, ten of each class, as base64 of their bits. Nats throughout.
"""

import argparse
import hashlib
import json
from base64 import b64encode
from math import log
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from companion import data, learn, measure, results
from companion.atomic import atomic_write
from companion.models import VAE, generator

RESULTS = Path(__file__).parents[1] / "book" / "results"
NETWORK = RESULTS / "members" / "family---"
BETAS = (0.1, 0.17, 0.3, 0.5, 0.7, 1.0, 1.7, 2.3, 3.0, 5.0, 7.0, 10.0)
SHOWN, BESIDE = 10, 10  # images of each class to choose from, and further ones in the clouds
DRAWS, SEED = 5, 0
OPEN = 0.01  # nats

Facts = dict[str, Any]


def labels_of_static() -> np.ndarray:
    """The classes of the test images of ``mnist-static``, which has none: it is the test set of MNIST by class.

    Raises ``ValueError`` where a pixel is white that cannot be, or black that cannot be, by the grey image.
    """
    static, grey = data.load("mnist-static").test, data.load("mnist")
    labels = grey.test_labels
    assert labels is not None
    order = np.argsort(labels, kind="stable")
    ink = grey.test[order]
    if wrong := int(((static & (ink == 0)) | (~static & (ink == 255))).any((1, 2)).sum()):
        raise ValueError(f"mnist-static: expected draws of the grey images in this order, got {wrong} that are not")
    return labels[order]


def chosen(labels: np.ndarray) -> np.ndarray:
    """The images of the clouds: ``SHOWN`` of each class, class by class, then ``BESIDE`` more of each."""
    rng = np.random.default_rng(SEED)
    classes = [np.flatnonzero(labels == label) for label in range(10)]
    found = np.stack([rng.choice(indices, SHOWN + BESIDE, replace=False) for indices in classes])
    return np.concatenate([found[:, :SHOWN].ravel(), found[:, SHOWN:].ravel()])


def fee_least(mean: Tensor, variance: Tensor) -> float:
    """KL(g || N(0, I)) of the Gaussian g with the mean and covariance of the mixture of N(mean_n, variance_n)."""
    centre = mean.mean(0)
    covariance = (mean - centre).T @ (mean - centre) / len(mean) + variance.mean(0).diag()
    marginal = MultivariateNormal(torch.zeros_like(centre), torch.eye(len(centre)).to(centre))
    return kl_divergence(MultivariateNormal(centre, covariance), marginal).item()


def clouds(model: VAE, images: np.ndarray) -> tuple[list[float], list[float]]:
    """Rate and distortion of each image, the distortion a mean over ``DRAWS`` codes."""
    rng, x = generator(SEED), torch.from_numpy(images)
    with torch.no_grad(), measure.evaluation_mode(model):
        terms = [model.terms(x, rng) for _ in range(DRAWS)]
    distortion = torch.stack([term.distortion for term in terms]).mean(0)
    return rounded(terms[0].rate, 2), rounded(distortion, 2)


def member(model: VAE, test: np.ndarray, indices: np.ndarray, beta: float) -> Facts:
    """What the file says of one beta."""
    point = measure.evaluate(model, test, seed=SEED)
    mean, variance = (part.double() for part in measure.encode(model, test)[:2])
    parts = measure.gaussian_surgery(mean, variance, seed=SEED, by_dimension=False)
    rates = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0)).mean(0)
    found = {"rate": point.rate, "rate_se": point.rate_se}
    found |= {"distortion": point.distortion, "distortion_se": point.distortion_se}
    found |= {"information": parts.index_information, "fee": parts.marginal_kl, "fee_se": parts.marginal_kl_se}
    found |= {"fee_least": fee_least(mean, variance)}
    told: Facts = {"beta": beta} | {name: round(value, 4) for name, value in found.items()}
    told |= {"open": int((rates >= OPEN).sum()), "rates": rounded(rates, 4)}
    told["each_rate"], told["each_distortion"] = clouds(model, test[indices])
    return told


def rounded(values: Tensor, digits: int) -> list[float]:
    """The values as they are written."""
    return [round(value, digits) for value in values.double().tolist()]


def lab(network: Path = NETWORK) -> Facts:
    """The whole file."""
    config, model = learn.load_run(network)
    test, labels = data.load(config.data, config.binarise).test, labels_of_static()
    indices, members, seconds = chosen(labels), [], []
    for beta in BETAS:
        start = perf_counter()
        members.append(member(model.at(beta), test, indices, beta))  # type: ignore[operator]  # a MultiRateVAE
        seconds.append(round(perf_counter() - start, 1))
        print(f"beta {beta:g}: {seconds[-1]:.0f} s", flush=True)
    shown = indices[: 10 * SHOWN]
    return {
        "weights": hashlib.sha256((network / "model.safetensors").read_bytes()).hexdigest(),
        "config_hash": config.hash,
        **{"data": config.data, "split": "test", "n": len(test), "log_n": round(log(len(test)), 4)},
        **{"draws": DRAWS, "draw_seed": SEED, "open_from": OPEN, "seconds": seconds},
        "labels": labels[shown].tolist(),
        "images": b64encode(np.packbits(test[shown].reshape(len(shown), -1), axis=1).tobytes()).decode(),
        "indices": indices.tolist(),
        "members": members,
        "made_by": results.environment_info(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS / "lab.json", help="where to write (default %(default)s)")
    asked = parser.parse_args()
    with learn.threads(1):
        found = lab()
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items() if name != "members"]
    each = ",\n ".join(json.dumps(row) for row in found["members"])
    with atomic_write(asked.out) as temporary:
        temporary.write_text("{\n" + ",\n".join([*lines, f'"members": [\n {each}\n]']) + "\n}\n")


if __name__ == "__main__":
    main()
