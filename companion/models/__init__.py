"""Models: conditionals that return distributions, and the triples of them.

- ``family(name)`` makes a model of Alemi et al. (2018) by its three signs, ``FAMILIES`` lists them. A ``VAE`` is any
  triple of callables; its forward pass gives a ``ForwardOutput``. ``LinearVAE`` is the one whose optimum is known
  exactly; ``MultiRateVAE`` is one network for all betas of a range.
- Encoders e(z|x): ``GaussianEncoder``, ``FlowEncoder``, ``GaussianCategoricalEncoder``.
- Decoders d(x|z): ``DeconvDecoder``, ``DenseDecoder``, ``PixelCNNDecoder``.
- Marginals m(z): ``StandardNormal``, ``FlowMarginal``, ``VampPrior``, ``GaussianCategoricalMarginal``.
- Distributions of their own: ``AutoregressiveBernoulli``, ``DiagonalGaussianMixture``, ``DiscretisedLogistic``,
  ``FlowDistribution``, ``GaussianCategorical``.
- Flows: ``MADE``, ``MeanOnlyFlow``, ``FlowTransform``; ``CausalConv2d`` is the convolution of ``PixelCNNDecoder``.
- Networks beside a model: ``Critic``, ``Discriminator`` with its ``logistic_loss``, ``GaussianRecognitionNetwork``,
  ``CategoricalRecognitionNetwork``.
- Draws from explicit generators: ``generator(seed)``, ``draw(distribution, rng)``; ``random_affine`` moves images a
  little, at most by ``AFFINE_LIMITS``, and ``adversarial_step`` to where a score falls fastest.

>>> import torch
>>> model = family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
>>> terms = model.terms(torch.zeros(2, 8, 8, dtype=torch.bool), generator(0))
>>> terms.rate.shape
torch.Size([2])
"""

from companion.models.augmentation import AFFINE_LIMITS, adversarial_step, random_affine
from companion.models.causal import CausalConv2d
from companion.models.critics import (
    CategoricalRecognitionNetwork,
    Critic,
    Discriminator,
    GaussianRecognitionNetwork,
    logistic_loss,
)
from companion.models.decoders import DeconvDecoder, DenseDecoder
from companion.models.draws import draw, generator
from companion.models.encoders import FlowEncoder, GaussianEncoder
from companion.models.families import FAMILIES, family
from companion.models.flows import MADE, FlowDistribution, FlowTransform, MeanOnlyFlow
from companion.models.joint import GaussianCategorical, GaussianCategoricalEncoder, GaussianCategoricalMarginal
from companion.models.likelihoods import DiscretisedLogistic
from companion.models.linear import LinearVAE
from companion.models.marginals import DiagonalGaussianMixture, FlowMarginal, StandardNormal, VampPrior
from companion.models.multirate import MultiRateVAE
from companion.models.pixelcnn import AutoregressiveBernoulli, PixelCNNDecoder
from companion.models.vae import VAE, ForwardOutput

__all__ = [
    "AFFINE_LIMITS",
    "FAMILIES",
    "MADE",
    "VAE",
    "AutoregressiveBernoulli",
    "CategoricalRecognitionNetwork",
    "CausalConv2d",
    "Critic",
    "DeconvDecoder",
    "DenseDecoder",
    "DiagonalGaussianMixture",
    "DiscretisedLogistic",
    "Discriminator",
    "FlowDistribution",
    "FlowEncoder",
    "FlowMarginal",
    "FlowTransform",
    "ForwardOutput",
    "GaussianCategorical",
    "GaussianCategoricalEncoder",
    "GaussianCategoricalMarginal",
    "GaussianEncoder",
    "GaussianRecognitionNetwork",
    "LinearVAE",
    "MeanOnlyFlow",
    "MultiRateVAE",
    "PixelCNNDecoder",
    "StandardNormal",
    "VampPrior",
    "adversarial_step",
    "draw",
    "family",
    "generator",
    "logistic_loss",
    "random_affine",
]
