"""What is measured of a trained model, by the table that its run belongs to."""

from collections.abc import Callable, Iterable
from math import e as EULER
from math import hypot, log, pi

import numpy as np
from torch import Tensor

from companion import data
from companion.learn.config import Config
from companion.learn.frozen import frozen_reader, read_off
from companion.learn.objectives import INFORMED, RELATED
from companion.learn.records import Row, row
from companion.learn.related import Parts
from companion.learn.train import fixed_subset
from companion.measure import categories, evaluate, iwae_gain, latents
from companion.models import VAE
from companion.stats import Estimate
from companion.terms import RateDistortion

Estimates = dict[str, Estimate]


def measured(model: VAE, config: Config, images: data.ImageData, splits: Iterable[str]) -> list[Row]:
    """The rows of ``model``, one a split, with the columns of the table that its configuration belongs to."""
    table = table_of(config)
    points = [evaluate(model, getattr(images, split), split=split) for split in splits]
    measure = MEASURES[table](model, config, images)
    return [row(config, point, measure(point), table) for point in points]


def table_of(config: Config) -> str:
    """Which of the tables in ``records.SCHEMAS`` a run of ``config`` belongs to."""
    if config.categories:
        return "categories"
    if config.objective in RELATED:
        return "relatives"
    return "numbers" if config.objective in INFORMED else "rates"


def check_labels(config: Config, images: data.ImageData) -> None:
    """Raise ``ValueError`` where the table of ``config`` compares categories with labels that ``images`` have not."""
    if table_of(config) == "categories" and images.test_labels is None:
        raise ValueError(f"data: expected images with labels beside categories, got {images.name}, which has none")


class TighterBound:
    """IWAE-5 of a split, with the gain over the ELBO that a fixed random subset shows.

    It is unbiased for the split's IWAE-5, a lower bound on the mean log likelihood. Its standard error takes the ELBO
    and the gain for independent. They share images and the seed of their draws, and an image with a low ELBO tends to
    gain more, so it is an upper one.
    """

    def __init__(self, model: VAE, config: Config, images: data.ImageData) -> None:
        self.model, self.images = model, images

    def __call__(self, point: RateDistortion) -> dict[str, float]:
        """IWAE-5 beside the ELBO of ``point``."""
        gain, gain_se = iwae_gain(self.model, fixed_subset(getattr(self.images, point.split)), 5)
        return {"iwae5": point.elbo + gain, "iwae5_se": hypot(point.elbo_se, gain_se)}


class Bounds:
    """Bounds on the information of the part c of the code, by readers of the frozen model, learned once.

    mi_literal : with the marginal's entropy, as in the source; no bound
    mi_valid : with the aggregate's, by what a draw of the decoder shows: a lower bound on what it shows of c
    mi_direct : with the aggregate's, by the image itself: a lower bound on I(c; x)
    """

    def __init__(self, model: VAE, config: Config, images: data.ImageData) -> None:
        self.model, self.config, self.images = model, config, images
        self.readers = {reads: frozen_reader(model, config, images, reads) for reads in ("reconstruction", "image")}

    def between(self, split: np.ndarray, literal: float, entropy: Tensor) -> Estimates:
        """The three on the images of ``split``; ``entropy`` holds what each of them adds to the aggregate's."""
        shown, direct = (read_off(reader, self.model, split) for reader in self.readers.values())
        found = {"mi_literal": shown + literal, "mi_valid": shown + entropy, "mi_direct": direct + entropy}
        return {name: Estimate.of(each) for name, each in found.items()}


class UseOfCategories(Bounds):
    """The information of a category, exact and by readers, its rate and its aggregate, and how pure it is."""

    def __call__(self, point: RateDistortion) -> dict[str, float]:
        """All of it on the split of ``point``, over images with labels."""
        split, labels = (getattr(self.images, f"{point.split}{name}") for name in ("", "_labels"))
        probs, top = categories.category_probabilities(self.model, split), log(self.config.categories)
        found = use_of_categories(probs, labels)
        return flat(found | self.between(split, top, found["entropy_aggregate"].each))


def use_of_categories(probs: Tensor, labels: np.ndarray) -> Estimates:
    """What e(c|x) ``[n, K]`` of labelled images says without any reader: purity, information, and what its rate is."""
    entropy = categories.category_entropy(probs)
    return {
        "accuracy": categories.majority_accuracy(probs, labels),
        "mi_exact": categories.category_information(probs),
        "kl_c": categories.category_kl(probs),
        "kl_aggregate": Estimate.of(log(probs.shape[1]) - entropy.each),
        "entropy_aggregate": entropy,
    }


class UseOfNumbers(Bounds):
    """The same of some numbers of the code, their aggregate being exact over the split, and what they change."""

    def __call__(self, point: RateDistortion) -> dict[str, float]:
        """All of it on the split of ``point``."""
        split, chosen = getattr(self.images, point.split), self.config.numbers
        found = {"effect": latents.traversal_variance(self.model, split, chosen)}
        exact = latents.latent_information(self.model, split, chosen)
        literal = 0.5 * len(chosen) * log(2 * pi * EULER)
        found |= self.between(split, literal, exact["entropy_aggregate"].each)
        return flat(found | exact)


def flat(found: Estimates) -> dict[str, float]:
    """The cells of ``found``, each value beside its standard error."""
    kinds = {"": "value", "_se": "se"}
    return {name + end: getattr(each, kind) for name, each in found.items() for end, kind in kinds.items()}


MEASURES: dict[str, Callable[[VAE, Config, data.ImageData], Callable[[RateDistortion], dict[str, float]]]] = {
    "rates": TighterBound,
    "categories": UseOfCategories,
    "numbers": UseOfNumbers,
    "relatives": Parts,
}
