"""All that the package measures of one model, in one record: for a report."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from math import isfinite, log
from typing import Any

import numpy as np
import torch

from companion import measure
from companion.data import ImageData
from companion.exact.decomposition import ElboSurgery
from companion.measure import ImportanceBound, LossDiagnosis
from companion.measure.checks import PROBABILITIES, takes_probabilities_for_logits
from companion.models import VAE, draw, generator
from companion.models.decoders import is_bernoulli
from companion.terms import RateDistortion

LOSS_IMAGES = 500  # that the model's own loss is asked for
SURGERY_IMAGES = 2000  # whose aggregate is exact; their log bounds the information that can be seen
GAIN_IMAGES = 1000  # that IWAE is drawn for
DRAWS = 50  # of each of them
SHOWN = 10  # images, copies and samples
NEAR_CAP = 0.5  # nats below log n, from where the information that can be seen is used up
ACTIVE = 0.01  # nats of rate from which a dimension of the code counts as active


@dataclass(frozen=True)
class ModelReport:
    """One model, measured on one image set; nats, with standard errors.

    Attributes:
        data, binarise: the image set and the rule that made its pixels
        points: rate and distortion by split, "train" (as many images as the test split has, at random) and "test"
        gain: what 50 draws gain on one, a lower bound on the gap of ELBO and log likelihood, and its standard error
        bound: the IWAE-50 of all test images, their ELBO plus the gain
        surgery: of some test images, at random; None where ``measure.surgery`` refuses the model
        latent_rates: by dimension of a Gaussian code under N(0, I), falling; empty elsewhere
        loss: what the model's own loss is; None where none was given
        warnings: whole sentences, for the reader of the report
        sheet: rows of images ``[n, H, W]`` from 0 to 1, by name
    """

    data: str
    binarise: str
    points: dict[str, RateDistortion]
    gain: tuple[float, float]
    bound: ImportanceBound
    surgery: ElboSurgery | None
    latent_rates: tuple[float, ...]
    loss: LossDiagnosis | None
    warnings: tuple[str, ...]
    sheet: dict[str, np.ndarray] = field(repr=False)

    @property
    def active(self) -> int:
        """The dimensions of the code with a rate of 0.01 nats or more."""
        return sum(rate >= ACTIVE for rate in self.latent_rates)

    def numbers(self) -> dict[str, Any]:
        """Everything but the images, as JSON takes it."""
        found = asdict(self)
        del found["sheet"]
        if self.loss is not None and not isfinite(self.loss.beta):
            found["loss"]["beta"] = None  # JSON has no infinity
        for split, point in self.points.items():
            found["points"][split]["elbo"] = point.elbo
        return found | {"active_dimensions": self.active if self.latent_rates else None}


def report_model(
    model: VAE,
    images: ImageData,
    loss: Callable[[np.ndarray], float] | None = None,
    *,
    seed: int = 0,
    step: Callable[[str], None] = lambda what: None,
) -> ModelReport:
    """Check ``model`` and measure it on ``images``.

    Args:
        loss: the model's own loss of images ``[n, ...]``, a mean over them, to be compared with D + R
        step: called with a few words before each part of the work

    Raises ``ValueError`` as ``measure.validate_model`` does.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> report = report_model(model, data.load("digits"))
    >>> report.points["test"] == measure.evaluate(model, data.load("digits").test)
    True
    """
    test = images.test
    some, others = (each[np.random.default_rng(seed).permutation(len(each))] for each in (test, images.train))
    step("trying the model")
    measure.validate_model(model, test)
    few = some[:LOSS_IMAGES]
    named = None if loss is None else measure.diagnose_loss(model, few, _called(model, loss, few), seed)
    step("rate and distortion")
    points = {"train": measure.evaluate(model, others[: len(test)], split="train", seed=seed)}
    points["test"] = point = measure.evaluate(model, test, seed=seed)
    step(f"importance-weighted bound, {DRAWS} draws an image")
    gain = measure.iwae_gain(model, some[:GAIN_IMAGES], DRAWS, seed=seed, batch_size=100)
    bound = ImportanceBound(point.elbo + gain[0], float(np.hypot(point.elbo_se, gain[1])), DRAWS, point.n, seed=seed)
    step("surgery of the rate")
    parts, refused = _surgery_or_refusal(model, some[:SURGERY_IMAGES], seed)
    rates = _latent_rates(model, test) if parts is not None and parts.dimension_wise_kl else ()
    step("copies and samples")
    sheet = _sheet(model, images, seed)
    found = ModelReport(images.name, images.binarise, points, gain, bound, parts, rates, named, (), sheet)
    return replace(found, warnings=(*_warnings(found, model, test), *refused))


def _surgery_or_refusal(model: VAE, images: np.ndarray, seed: int) -> tuple[ElboSurgery | None, list[str]]:
    """``measure.surgery``, or why it refuses the model."""
    try:
        return measure.surgery(model, images, seed=seed), []
    except ValueError as error:
        return None, [f"The rate is not taken apart: {error}."]


def _called(model: VAE, loss: Callable[[np.ndarray], float], images: np.ndarray) -> float:
    try:
        with measure.evaluation_mode(model):
            return float(loss(images))
    except Exception as error:
        said = str(error).strip().split("\n")[0]
        raise ValueError(
            f"loss: expected a number for images {list(images.shape)}, got {type(error).__name__}: {said}"
        ) from error


def _latent_rates(model: VAE, images: np.ndarray) -> tuple[float, ...]:
    return tuple(sorted(measure.latent_rates(model, images).tolist(), reverse=True))


def _sheet(model: VAE, images: ImageData, seed: int) -> dict[str, np.ndarray]:
    """Test images, their copies, and samples, from 0 to 1."""
    chosen = images.test[np.sort(np.random.default_rng(seed).permutation(len(images.test))[:SHOWN])]
    top = float(np.max(images.test)) or 1.0
    with measure.evaluation_mode(model):
        x = torch.from_numpy(np.ascontiguousarray(chosen))
        streams = [generator(seed, number, device=model.device) for number in range(2)]
        copies, samples = model.reconstruct(x, streams[0], draws=5), model.generate(SHOWN, streams[1], draws=5)
    rows = {"test image": x, "copy": copies[0], "mean of 5 copies": copies.float().mean(0)}
    rows |= {"sample": samples[0], "mean of 5 samples": samples.float().mean(0)}
    return {name: np.clip(values.float().cpu().numpy() / top, 0, 1) for name, values in rows.items()}


def _warnings(found: ModelReport, model: VAE, test: np.ndarray) -> list[str]:
    """What the reader of the numbers must know, each a sentence."""
    return [*_of_pixels(found, model, test), *_of_training(found), *_of_surgery(found.surgery)]


def _of_pixels(found: ModelReport, model: VAE, test: np.ndarray) -> Iterator[str]:
    with measure.evaluation_mode(model):
        x = model.check_data(torch.from_numpy(np.ascontiguousarray(test[:2])))
        d = model.decoder(draw(model.encoder(x), generator(0, device=model.device)))
    if is_bernoulli(d) and found.binarise != "static":
        yield (
            f"The pixels were made binary by the rule {found.binarise!r}: a model that was trained on grey pixels is "
            "measured here as a model of binary ones, and numbers of other rules do not compare."
        )
    if takes_probabilities_for_logits(d):
        yield f"{PROBABILITIES}."
    if not is_bernoulli(d) and found.points["test"].distortion < 0:
        yield "D is negative: it is of a density, and depends on the pixels' unit."
    if test.max() > 1 and found.sheet["mean of 5 copies"].max() * test.max() < 2:
        yield (
            f"The pixels go up to {test.max():g}, and the copies stay near 0: was the model trained on pixels up to 1? "
            f"Then measure it with --scale {test.max():g}."
        )


def _of_training(found: ModelReport) -> Iterator[str]:
    train, point = found.points["train"], found.points["test"]
    if point.elbo < train.elbo - 5 * np.hypot(point.elbo_se, train.elbo_se):
        yield (
            f"The model has fitted the training images: its ELBO there is {train.elbo - point.elbo:.1f} nats better "
            "than on test images."
        )
    if point.rate < 5 * ACTIVE:
        yield "The rate is close to zero: the code is ignored (posterior collapse)."
    if found.loss is not None and not found.loss.agrees:
        yield f"The model's own loss is not the negative ELBO: {found.loss}."


def _of_surgery(parts: ElboSurgery | None) -> Iterator[str]:
    if parts is None:
        return
    if parts.index_information > log(parts.n) - NEAR_CAP:
        yield (
            f"I(n; z) has nearly reached log {parts.n} = {log(parts.n):.2f} nats: each code names its image, and "
            "how much of the marginal KL would be information among more images cannot be seen from so few."
        )
    elif parts.marginal_kl > parts.index_information:
        yield "More of the rate pays for a marginal that does not fit the codes than for information."
