"""Models: conditionals that return distributions, and the triples of them.

>>> import torch
>>> model = family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
>>> terms = model.terms(torch.zeros(2, 8, 8, dtype=torch.bool), generator(0))
>>> terms.rate.shape
torch.Size([2])
"""

from companion.models.critics import CategoricalRecogniser, Critic, GaussianRecogniser
from companion.models.decoders import DeconvDecoder
from companion.models.draws import draw, generator
from companion.models.encoders import FlowEncoder, GaussianEncoder
from companion.models.family import FAMILIES, family
from companion.models.flows import MADE, FlowTransform, MeanOnlyFlow
from companion.models.joint import FixedJoint, JointCode, JointEncoder
from companion.models.marginals import FixedGaussian, FlowGaussian, Mixture, VampPrior
from companion.models.pixelcnn import AutoregressiveBernoulli, PixelCNNDecoder
from companion.models.shaking import shaken
from companion.models.vae import VAE, Passage

__all__ = [
    "FAMILIES",
    "MADE",
    "VAE",
    "AutoregressiveBernoulli",
    "CategoricalRecogniser",
    "Critic",
    "DeconvDecoder",
    "FixedGaussian",
    "FixedJoint",
    "FlowEncoder",
    "FlowGaussian",
    "FlowTransform",
    "GaussianEncoder",
    "GaussianRecogniser",
    "JointCode",
    "JointEncoder",
    "MeanOnlyFlow",
    "Mixture",
    "Passage",
    "PixelCNNDecoder",
    "VampPrior",
    "draw",
    "family",
    "generator",
    "shaken",
]
