"""Sphinx extension: what readers call a thing, for the search, where its chapter has another word for it."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SYNONYMS = {
    "asking": "InfoGAN, mutual information maximisation, variational information maximisation",
    "bits": "compression, entropy coding, ANS",
    "categories": "clustering, Gumbel-softmax, discrete latent variables",
    "collapse": "posterior collapse, KL vanishing, ignored latent code",
    "families": "normalising flow, VampPrior, PixelCNN, autoregressive decoder",
    "four_roads": "beta-VAE, information bottleneck, InfoMax",
    "linear": "probabilistic PCA, water-filling",
    "one_sample": "relative-entropy coding, channel simulation, reverse channel coding",
    "prelude": "expectation maximisation, EM, explaining away, reparametrisation trick",
    "rate_distortion": "Blahut-Arimoto",
    "relatives": "disentanglement, FactorVAE, beta-TCVAE, InfoVAE, WAE, adversarial autoencoder",
    "surgery": "aggregated posterior, ELBO decomposition",
    "truth": "IWAE, importance weighted autoencoder, annealed importance sampling",
    "zoo": "MINE, InfoNCE, estimating mutual information",
}


def add(app: Sphinx, doctree: nodes.document) -> None:
    """Give a page its keywords, which the search reads."""
    words = SYNONYMS.get(app.env.docname.removeprefix("book/"))
    if words:
        doctree.insert(0, nodes.meta(name="keywords", content=", ".join(re.findall(r"\w+", words))))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it."""
    app.connect("doctree-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
