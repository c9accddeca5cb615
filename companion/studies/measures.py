"""What is measured of a trained model, by the table that its run belongs to; and the probes that some of it needs."""

from collections.abc import Callable, Iterable
from math import hypot, log

import numpy as np
import torch
from torch import Tensor

from companion import data
from companion.exact.linear import gaussian_entropy
from companion.learn import Config, batches, fit
from companion.learn.training import fixed_subset
from companion.measure import categories, evaluate, iwae_gain, latents
from companion.measure.passes import image_batches
from companion.models import VAE, generator
from companion.objectives import ValidInformation, VariationalPosterior
from companion.results.schema import Row, row
from companion.stats import Estimate
from companion.studies.penalised import PenalisedMeasures
from companion.terms import RateDistortion

Estimates = dict[str, Estimate]

STEPS, IMAGES = 1000, 128  # of a probe's training: its steps, and images a step


def measured(model: VAE, config: Config, images: data.ImageData, splits: Iterable[str]) -> list[Row]:
    """The rows of ``model``, one a split, with the columns of the table that its configuration belongs to."""
    table = table_of(config)
    points = [evaluate(model, getattr(images, split), split=split) for split in splits]
    measure = MEASURES[table](model, config, images)
    return [row(config, point, measure(point), table) for point in points]


def table_of(config: Config) -> str:
    """Which of the tables in ``results.schema.SCHEMAS`` a run of ``config`` belongs to."""
    if config.cooldown is not None:
        return "paths"
    return "categories" if config.categories else config.objective.table


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


def fit_probe(model: VAE, config: Config, images: data.ImageData, critic_input: str) -> VariationalPosterior:
    """The Q that tells most of ``model``'s code from ``critic_input`` (Serdega (2019), eq. 4.8), the model as it is.

    It learns from the training images, one-hot codes, and draws of the decoder in place of its mean. What part of the
    code it tells, ``config`` says: the category, or the latent indices of its objective.
    """
    indices = getattr(config.objective, "latent_indices", ())
    asked = config.replace(objective=ValidInformation(latent_indices=indices), batch_size=IMAGES, steps=STEPS)
    objective = ValidInformation(latent_indices=indices, critic_input=critic_input)
    probe = VariationalPosterior(model, objective, config.seed, sampled=True)
    for _ in fit(probe.units(model), batches(images, asked), STEPS, config.seed):
        pass
    return probe


@torch.no_grad()
def probe_log_prob(probe: VariationalPosterior, model: VAE, images: np.ndarray, seed: int = 0) -> Tensor:
    """log Q(c|y) of one code of each of ``images``, ``[n, H, W]``: ``[n]``; for c told from x, the exact mean."""
    rng = generator(seed)
    every = image_batches(images)
    return torch.cat([probe.log_prob(model, model(x, rng), rng) for x in every]).double()


class Bounds:
    """Bounds on the information of the part c of the code, by probes of the frozen model, learned once.

    mi_literal : with the marginal's entropy, as in the source; no bound
    mi_valid : with the aggregate's, by what a draw of the decoder shows: a lower bound on what it shows of c
    mi_direct : with the aggregate's, by the image itself: a lower bound on I(c; x)
    """

    def __init__(self, model: VAE, config: Config, images: data.ImageData) -> None:
        self.model, self.config, self.images = model, config, images
        self.probes = {given: fit_probe(model, config, images, given) for given in ("reconstruction", "image")}

    def between(self, split: np.ndarray, literal: float, entropy: Tensor) -> Estimates:
        """The three on the images of ``split``; ``entropy`` holds what each of them adds to the aggregate's."""
        shown, direct = (probe_log_prob(probe, self.model, split) for probe in self.probes.values())
        found = {"mi_literal": shown + literal, "mi_valid": shown + entropy, "mi_direct": direct + entropy}
        return {name: Estimate.of(each) for name, each in found.items()}


class UseOfCategories(Bounds):
    """The information of a category, exact and by probes; its rate, aggregate and purity; and what drawings show."""

    def __call__(self, point: RateDistortion) -> dict[str, float]:
        """All of it on the split of ``point``, over images with labels."""
        split, labels = (getattr(self.images, f"{point.split}{name}") for name in ("", "_labels"))
        probs, top = categories.category_probabilities(self.model, split), log(self.config.categories)
        found = use_of_categories(probs, labels) | use_of_drawings(self.model, split)
        return cells(found | self.between(split, top, found["entropy_aggregate"].each))


def use_of_categories(probs: Tensor, labels: np.ndarray) -> Estimates:
    """What e(c|x) ``[n, K]`` of labelled images says without any probe: purity, information, and what its rate is."""
    entropy = categories.category_entropy(probs)
    return {
        "accuracy": categories.majority_accuracy(probs, labels),
        "mi_exact": categories.category_information(probs),
        "kl_c": categories.category_kl(probs),
        "kl_aggregate": Estimate.of(log(probs.shape[1]) - entropy.each),
        "entropy_aggregate": entropy,
    }


def use_of_drawings(model: VAE, images: np.ndarray) -> Estimates:
    """Whether the decoder draws what the category says: beside a fresh z, and beside that of an image."""
    read, cost = categories.category_swap(model, images)
    return {"read_again": categories.read_again(model), "swap_read": read, "swap_cost": cost}


class UseOfLatents(Bounds):
    """The same of some dimensions of the code, their aggregate being exact over the split, and what they change."""

    def __call__(self, point: RateDistortion) -> dict[str, float]:
        """All of it on the split of ``point``."""
        split, chosen = getattr(self.images, point.split), self.config.objective.latent_indices  # type: ignore[attr-defined]
        found = {"traversal_variance": latents.traversal_variance(self.model, split, chosen)}
        exact = latents.latent_information(self.model, split, chosen)
        literal = gaussian_entropy(np.ones(len(chosen)))
        found |= self.between(split, literal, exact["entropy_aggregate"].each)
        return cells(found | exact)


def cells(found: Estimates) -> dict[str, float]:
    """The cells of ``found``, each value beside its standard error."""
    kinds = {"": "value", "_se": "se"}
    return {name + end: getattr(each, kind) for name, each in found.items() for end, kind in kinds.items()}


MEASURES: dict[str, Callable[[VAE, Config, data.ImageData], Callable[[RateDistortion], dict[str, float]]]] = {
    "families": TighterBound,
    "paths": TighterBound,
    "categories": UseOfCategories,
    "latents": UseOfLatents,
    "relatives": PenalisedMeasures,
}
