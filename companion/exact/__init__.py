"""Ground truth in closed form or by enumeration, in nats: numpy and SciPy only, no torch.

Sums over finite distributions:

entropy, cross_entropy : H(p), and -sum p log q
kl : KL(p || q)
mutual_information, total_correlation : of a joint table with two axes, and with any number of them

Models whose four distributions are tables:

DiscreteModel : rate, distortion, entropy, ELBO, information, both sandwich bounds and the optimal marginal and decoder
elbo_surgery : the rate as index information, total correlation and dimension-wise KL
elbo_forms : the ELBO in the three forms of Hoffman and Johnson (2016)

Three variables A, B and C:

v_structure : the joint table of A -> C <- B
posterior : the distribution of one variable once others are observed
marginal_mutual_information, conditional_mutual_information : of two variables, the third unknown or known

Rate-distortion functions:

blahut_arimoto : the least R + s D of a fixed distortion at one slope, with a bound on its error
frontier : the same at many slopes
hamming : the distortion that counts wrong symbols
binary_entropy, bernoulli_rate : h(p), and R(D) of a Bernoulli source
gaussian_entropy, gaussian_rate : differential entropy of a Gaussian source, and its R(D)
water_filling : rates and errors of a Gaussian source at a water level
ConvergenceError : raised where Blahut-Arimoto does not reach its tolerance

Linear-Gaussian beta-VAEs:

linear_beta_vae, linear_at_rate : the best model at a beta, and at a rate
collapse_thresholds : the beta from which each dimension is collapsed

Measured points of rate and distortion:

excess : how much more a model pays at its own price than the best of the others: whether its training has arrived
pareto_front, lower_hull : the points that no other dominates, and the corners of their convex hull
hull_distortion : the least distortion that mixtures of the points reach at a rate

Gaussian mixtures and EM:

GaussianMixture : log densities and posteriors of a mixture
em, em_state : the path of EM by half steps, and ELBO, likelihood and gap of any responsibilities
m_step : the mixture that fits given responsibilities best
random_initialisation : a mixture to start from

Data with known answers:

toy_process : the process of Alemi et al. (2018), appendix E
optimal_toy_model, toy_panels : a model of it that is best at its rate, and what figure 2 there shows of a model
CorrelatedGaussians : pairs with known mutual information, densities and density ratio
"""

from companion.exact.decomposition import elbo_forms, elbo_surgery
from companion.exact.discrete import DiscreteModel
from companion.exact.fronts import excess, hull_distortion, lower_hull, pareto_front
from companion.exact.gaussians import CorrelatedGaussians
from companion.exact.graphs import (
    conditional_mutual_information,
    marginal_mutual_information,
    posterior,
    v_structure,
)
from companion.exact.linear import (
    collapse_thresholds,
    gaussian_entropy,
    gaussian_rate,
    linear_at_rate,
    linear_beta_vae,
    water_filling,
)
from companion.exact.mixtures import GaussianMixture, em, em_state, m_step, random_initialisation
from companion.exact.rate_distortion import (
    ConvergenceError,
    bernoulli_rate,
    binary_entropy,
    blahut_arimoto,
    frontier,
    hamming,
)
from companion.exact.tables import cross_entropy, entropy, kl, mutual_information, total_correlation
from companion.exact.toy import optimal_toy_model, toy_panels, toy_process

__all__ = [
    "ConvergenceError",
    "CorrelatedGaussians",
    "DiscreteModel",
    "GaussianMixture",
    "bernoulli_rate",
    "binary_entropy",
    "blahut_arimoto",
    "collapse_thresholds",
    "conditional_mutual_information",
    "cross_entropy",
    "elbo_forms",
    "elbo_surgery",
    "em",
    "em_state",
    "entropy",
    "excess",
    "frontier",
    "gaussian_entropy",
    "gaussian_rate",
    "hamming",
    "hull_distortion",
    "kl",
    "linear_at_rate",
    "linear_beta_vae",
    "lower_hull",
    "m_step",
    "marginal_mutual_information",
    "mutual_information",
    "optimal_toy_model",
    "pareto_front",
    "posterior",
    "random_initialisation",
    "total_correlation",
    "toy_panels",
    "toy_process",
    "v_structure",
    "water_filling",
]
