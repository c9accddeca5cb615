"""What is measured of a trained model, by the table that its run belongs to."""

from math import hypot

from companion import data
from companion.learn.config import Config
from companion.learn.records import Row, row
from companion.learn.train import fixed_subset
from companion.measure import evaluate, iwae_gain
from companion.models import VAE
from companion.terms import RateDistortion


def measured(model: VAE, config: Config, images: data.ImageData, split: str) -> Row:
    """The row of ``model`` on one split, with the columns of the table that its configuration belongs to."""
    point = evaluate(model, getattr(images, split), split=split)
    return row(config, point, MEASURES[table_of(config)](model, config, images, point))


def table_of(config: Config) -> str:
    """Which of the tables in ``records.SCHEMAS`` a run of ``config`` belongs to."""
    return "rates"


def tighter_bound(model: VAE, config: Config, images: data.ImageData, point: RateDistortion) -> dict[str, float]:
    """IWAE-5 on the split of ``point``, with the gain over the ELBO that a fixed random subset shows.

    It is unbiased for the split's IWAE-5, a lower bound on the mean log likelihood. Its standard error takes the ELBO
    and the gain for independent. They share images and the seed of their draws, and an image with a low ELBO tends to
    gain more, so it is an upper one.
    """
    gain, gain_se = iwae_gain(model, fixed_subset(getattr(images, point.split)), 5)
    return {"iwae5": point.elbo + gain, "iwae5_se": hypot(point.elbo_se, gain_se)}


MEASURES = {"rates": tighter_bound}
