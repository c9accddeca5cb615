"""Studies: what single chapters measure beyond rate and distortion, each behind one table of ``book/results``.

- ``measured(model, config, images, splits)``: the rows of a run, with the columns of the table it belongs to;
  ``use_of_categories`` are those of a categorical code.
- ``fit_probe`` and ``probe_log_prob``: a network that tells the code from an image, trained on a frozen model.
- ``record_trajectory``: the categories of a run, measured on the way through its training.
- ``PenalisedMeasures``: what each penalised objective penalises, measured of all in the same way, from
  ``gaussian_codes``; its parts are ``minibatch_total_correlation``, ``discriminator_total_correlation`` with
  ``fit_discriminator``, and ``blockwise_mmd``.
- ``mi_problems``, ``train_critic``, ``evaluate_critic``, ``measure_problem``: the ``BOUNDS`` on mutual information
  where it is known, on ``minibatches`` of ``BATCH`` pairs.
- ``report_model``: all that is measured of a model of your own, a ``ModelReport``.
- ``toy``: many small models of one finite distribution, trained as one batch (``toy.train_toys``), and their
  objectives.
"""

from companion.studies import toy
from companion.studies.measures import fit_probe, measured, probe_log_prob, use_of_categories
from companion.studies.mi_bounds import (
    BATCH,
    BOUNDS,
    evaluate_critic,
    measure_problem,
    mi_problems,
    minibatches,
    train_critic,
)
from companion.studies.own_model import ModelReport, report_model
from companion.studies.penalised import (
    PenalisedMeasures,
    blockwise_mmd,
    discriminator_total_correlation,
    fit_discriminator,
    gaussian_codes,
    minibatch_total_correlation,
)
from companion.studies.trajectories import record_trajectory

__all__ = [
    "BATCH",
    "BOUNDS",
    "ModelReport",
    "PenalisedMeasures",
    "blockwise_mmd",
    "discriminator_total_correlation",
    "evaluate_critic",
    "fit_discriminator",
    "fit_probe",
    "gaussian_codes",
    "measure_problem",
    "measured",
    "mi_problems",
    "minibatch_total_correlation",
    "minibatches",
    "probe_log_prob",
    "record_trajectory",
    "report_model",
    "toy",
    "train_critic",
    "use_of_categories",
]
