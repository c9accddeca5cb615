"""Models: conditionals that return distributions, and the triples of them.

>>> import torch
>>> model = family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
>>> terms = model.terms(torch.zeros(2, 8, 8, dtype=torch.bool), generator(0))
>>> terms.rate.shape
torch.Size([2])
"""

from companion.models.augmentation import random_affine
from companion.models.critics import CategoricalRecognitionNetwork, Critic, GaussianRecognitionNetwork
from companion.models.decoders import DeconvDecoder
from companion.models.draws import draw, generator
from companion.models.encoders import FlowEncoder, GaussianEncoder
from companion.models.families import FAMILIES, family
from companion.models.flows import MADE, FlowTransform, MeanOnlyFlow
from companion.models.joint import GaussianCategorical, GaussianCategoricalEncoder, GaussianCategoricalMarginal
from companion.models.marginals import DiagonalGaussianMixture, FlowMarginal, StandardNormal, VampPrior
from companion.models.pixelcnn import AutoregressiveBernoulli, PixelCNNDecoder
from companion.models.vae import VAE, ForwardOutput

__all__ = [
    "FAMILIES",
    "MADE",
    "VAE",
    "AutoregressiveBernoulli",
    "CategoricalRecognitionNetwork",
    "Critic",
    "DeconvDecoder",
    "DiagonalGaussianMixture",
    "FlowEncoder",
    "FlowMarginal",
    "FlowTransform",
    "ForwardOutput",
    "GaussianCategorical",
    "GaussianCategoricalEncoder",
    "GaussianCategoricalMarginal",
    "GaussianEncoder",
    "GaussianRecognitionNetwork",
    "MeanOnlyFlow",
    "PixelCNNDecoder",
    "StandardNormal",
    "VampPrior",
    "draw",
    "family",
    "generator",
    "random_affine",
]
