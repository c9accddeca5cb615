"""Estimates of a model's quantities on real images, each with its standard error, in nats.

Every measure puts the model into evaluation mode for its time (``evaluation_mode``) and takes images ``[n, ...]``.

- ``evaluate``: rate and distortion. ``iwae`` and ``iwae_gain``: importance-weighted bounds (``ImportanceBound``).
- ``annealed``: log p(x) by annealed importance sampling (``AnnealedLikelihood``). ``bidirectional``: of the model's own
  images, from both sides (``BidirectionalBounds``).
- ``surgery`` of a model, ``gaussian_surgery`` of means and variances (``encode`` gives them): what the rate is made of,
  with the exact aggregate, whose density is ``aggregate_log_density``, from ``pairwise_log_density``.
- What minibatches make of the aggregate: ``log_qz_batch``, ``log_qz_mws``, ``log_qz_mss``, ``log_qz_mss_as_released``,
  and ``batch_information`` from them.
- Bounds on mutual information from pairs, each an ``Estimate``: ``barber_agakov``, ``infonce``, ``nwj``,
  ``donsker_varadhan``, ``leave_one_out``.
- A categorical code: ``category_probabilities``, ``category_information``, ``category_kl``, ``category_entropy``,
  ``entropy_lower_bound``, ``majority_accuracy``; whether the decoder looks at it: ``read_again``, ``category_swap``.
- A model of your own: ``validate_model`` says what does not fit; ``diagnose_loss`` names its loss (``LossDiagnosis``).
- ``information_interval``: both sides of H - D <= I <= R with finite samples (``InformationInterval``).
- Dimensions of a Gaussian code: ``latent_rates``, ``latent_information``, ``traversal_variance`` over ``TRAVERSAL``,
  ``least_active_latents``.
"""

from companion.measure.aggregate import aggregate_log_density, pairwise_log_density
from companion.measure.annealed_importance import AnnealedLikelihood, BidirectionalBounds, annealed, bidirectional
from companion.measure.categories import (
    category_entropy,
    category_information,
    category_kl,
    category_probabilities,
    category_swap,
    entropy_lower_bound,
    majority_accuracy,
    read_again,
)
from companion.measure.checks import validate_model
from companion.measure.decomposition import encode, gaussian_surgery, surgery
from companion.measure.evaluation import ImportanceBound, evaluate, iwae, iwae_gain
from companion.measure.intervals import InformationInterval, information_interval
from companion.measure.latents import (
    TRAVERSAL,
    latent_information,
    latent_rates,
    least_active_latents,
    traversal_variance,
)
from companion.measure.loss import LossDiagnosis, diagnose_loss
from companion.measure.mi_bounds import barber_agakov, donsker_varadhan, infonce, leave_one_out, nwj
from companion.measure.minibatch import (
    batch_information,
    log_qz_batch,
    log_qz_mss,
    log_qz_mss_as_released,
    log_qz_mws,
)
from companion.measure.passes import evaluation_mode
from companion.stats import Estimate

__all__ = [
    "TRAVERSAL",
    "AnnealedLikelihood",
    "BidirectionalBounds",
    "Estimate",
    "ImportanceBound",
    "InformationInterval",
    "LossDiagnosis",
    "aggregate_log_density",
    "annealed",
    "barber_agakov",
    "batch_information",
    "bidirectional",
    "category_entropy",
    "category_information",
    "category_kl",
    "category_probabilities",
    "category_swap",
    "diagnose_loss",
    "donsker_varadhan",
    "encode",
    "entropy_lower_bound",
    "evaluate",
    "evaluation_mode",
    "gaussian_surgery",
    "infonce",
    "information_interval",
    "iwae",
    "iwae_gain",
    "latent_information",
    "latent_rates",
    "least_active_latents",
    "leave_one_out",
    "log_qz_batch",
    "log_qz_mss",
    "log_qz_mss_as_released",
    "log_qz_mws",
    "majority_accuracy",
    "nwj",
    "pairwise_log_density",
    "read_again",
    "surgery",
    "traversal_variance",
    "validate_model",
]
