"""Training objectives: what a VAE minimises, one registered record each.

``objective(name, **settings)`` makes one by its name. ``OBJECTIVES`` lists them, and ``SETTINGS`` their settings.

- ``BetaVAE``: D + beta R, annealed or not. ``MultiRate``: at all beta of a range, with one network.
- ``TargetRate``, ``Capacity``, ``LearnedMultiplier`` (each a ``HeldRate``): least D at a rate that is held.
- ``FactorVAE``, ``BetaTCVAE``, ``DIPVAEI``, ``DIPVAEII``, ``AdversarialAutoencoder``, ``WAEMMD``, ``WAEGAN``,
  ``InfoVAE``, ``InfoMaxVAE`` (each ``Penalised``): D + beta R + weight times a penalty on the aggregate.
- ``LiteralInformation``, ``ValidInformation`` (each ``InformationRegularised``): D + beta R - weight times a bound on
  a mutual information. ``DrawnInformation``: less another one, of what a drawing shows of its category.

The formulas alone are the functions ``beta_vae``, ``target_rate``, ``capacity``, ``lagrangian``, ``penalised`` and
``information_regularised`` of ``Terms``, and ``drawn_information`` of a forward pass. The penalties
``total_correlation_mss``, ``dip_i``, ``dip_ii`` and ``maximum_mean_discrepancy`` (beside draws from the
``PRIOR_STREAM``) are functions of codes; ``permute_dimensions`` makes the codes of FactorVAE's discriminator.

A new objective derives from ``Objective`` and is entered by ``register``: its loss is given the forward pass of a batch
and the ``TrainingStep``. What it trains beside the model is an ``AuxiliaryModel``: the ``Multiplier``, the
``VariationalPosterior``, ``FactorVAEDiscriminator``, ``WAEGANDiscriminator`` or ``AAEDiscriminator``, and each network
that takes optimiser steps is a ``TrainingUnit``.

>>> objective("beta_vae", beta=0.5)
BetaVAE(beta=0.5, annealed=False)
"""

from companion.objectives.base import (
    OBJECTIVES,
    SETTINGS,
    AuxiliaryModel,
    Objective,
    TrainingStep,
    TrainingUnit,
    objective,
    register,
)
from companion.objectives.drawings import DrawnInformation, drawn_information
from companion.objectives.elbo import (
    BetaVAE,
    Capacity,
    HeldRate,
    LearnedMultiplier,
    Multiplier,
    MultiRate,
    TargetRate,
    beta_vae,
    capacity,
    lagrangian,
    target_rate,
)
from companion.objectives.information import (
    InformationRegularised,
    LiteralInformation,
    ValidInformation,
    VariationalPosterior,
    information_regularised,
)
from companion.objectives.penalties import dip_i, dip_ii, maximum_mean_discrepancy, total_correlation_mss
from companion.objectives.regularised import (
    DIPVAEI,
    DIPVAEII,
    PRIOR_STREAM,
    WAEGAN,
    WAEMMD,
    AAEDiscriminator,
    AdversarialAutoencoder,
    BetaTCVAE,
    FactorVAE,
    FactorVAEDiscriminator,
    InfoMaxVAE,
    InfoVAE,
    Penalised,
    WAEGANDiscriminator,
    penalised,
    permute_dimensions,
)

__all__ = [
    "DIPVAEI",
    "DIPVAEII",
    "OBJECTIVES",
    "PRIOR_STREAM",
    "SETTINGS",
    "WAEGAN",
    "WAEMMD",
    "AAEDiscriminator",
    "AdversarialAutoencoder",
    "AuxiliaryModel",
    "BetaTCVAE",
    "BetaVAE",
    "Capacity",
    "DrawnInformation",
    "FactorVAE",
    "FactorVAEDiscriminator",
    "HeldRate",
    "InfoMaxVAE",
    "InfoVAE",
    "InformationRegularised",
    "LearnedMultiplier",
    "LiteralInformation",
    "MultiRate",
    "Multiplier",
    "Objective",
    "Penalised",
    "TargetRate",
    "TrainingStep",
    "TrainingUnit",
    "ValidInformation",
    "VariationalPosterior",
    "WAEGANDiscriminator",
    "beta_vae",
    "capacity",
    "dip_i",
    "dip_ii",
    "drawn_information",
    "information_regularised",
    "lagrangian",
    "maximum_mean_discrepancy",
    "objective",
    "penalised",
    "permute_dimensions",
    "register",
    "target_rate",
    "total_correlation_mss",
]
