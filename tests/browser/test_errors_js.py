"""Bad input to the scripts of the website: what is thrown names the argument, what was expected and what came."""

import pytest

pytestmark = pytest.mark.browser

MODEL = "new rd.exact.DiscreteModel([0.5, 0.5], [[1, 0], [0, 1]], [[1, 0], [0, 1]], [0.5, 0.5])"
START = "{ encoder: [[0, 0]], decoder: [[0], [0]], marginal: [0, 0] }"
BAD = [
    ("exact.entropy([0.5, '0.5'])", "p", "TypeError"),
    ("exact.entropy()", "p", "TypeError"),
    ("exact.kl([0.5, 0.5], [1])", "q", "RangeError"),
    ("exact.crossEntropy([1], [[1]])", "q", "RangeError"),
    ("exact.mutualInformation([0.5, 0.5])", "joint", "RangeError"),
    ("exact.totalCorrelation([[1], [1, 0]])", "joint", "TypeError"),
    ("exact.totalCorrelation(1)", "joint", "RangeError"),
    ("new exact.DiscreteModel([], [], [], [])", "pX", "RangeError"),
    ("new exact.DiscreteModel([0.5, 0.6], [[1], [1]], [[0.5, 0.5]], [1])", "pX", "RangeError"),
    ("new exact.DiscreteModel([1], [1], [[1]], [1])", "encoder", "RangeError"),
    ("new exact.DiscreteModel([1], [[1]], [[0.5, 0.5]], [1])", "decoder", "RangeError"),
    ("new exact.DiscreteModel([1], [[1]], [[1]], [-1, 2])", "marginal", "RangeError"),
    ("new exact.DiscreteModel([1], [[1, 0]], [[1]], [1])", "encoder", "RangeError"),
    ("new exact.DiscreteModel([1], [[1]], [[1]], [NaN])", "marginal", "RangeError"),
    (f"{MODEL}.reparametrised([1])", "qX", "RangeError"),
    (f"{MODEL}.generativeUpperBound([0.5, 0.4])", "qX", "RangeError"),
    ("exact.elboSurgery([1], [[1]])", "encoder", "RangeError"),
    ("exact.elboSurgery([[0.5, 0.6]], [[0.5, 0.5]])", "encoder", "RangeError"),
    ("exact.elboSurgery([[1]], [[1], [1]])", "prior", "RangeError"),
    ("exact.elboSurgery([[[1]]], [[1], [0.5, 0.5]])", "prior[1]", "RangeError"),
    ("exact.elboForms([[1]], [[1]], [[1, 2]])", "logLikelihood", "RangeError"),
    ("exact.elboForms([[1]], [[1]], [[-Infinity]])", "logLikelihood", "RangeError"),
    ("exact.paretoFront([], [])", "distortions", "RangeError"),
    ("exact.lowerHull([1], [1, 2])", "distortions", "RangeError"),
    ("exact.paretoFront([NaN], [1])", "rates", "RangeError"),
    ("exact.hullDistortion([1], [1], '1')", "at", "TypeError"),
    ("exact.excess([1], [1], [-1])", "betas", "RangeError"),
    ("exact.excess([1], [1], [1, 2])", "betas", "RangeError"),
    ("exact.excess([1], [1], 1, [1, 2])", "rateSe", "RangeError"),
    ("frontiers.blahutArimoto([0.5, 0.4], [[0], [1]], 1)", "pX", "RangeError"),
    ("frontiers.blahutArimoto([1], [[0], [1]], 1)", "distortion", "RangeError"),
    ("frontiers.blahutArimoto([1], [[NaN]], 1)", "distortion", "RangeError"),
    ("frontiers.blahutArimoto([1], [[Infinity]], 1)", "distortion", "RangeError"),
    ("frontiers.blahutArimoto([1], [[0]], 0)", "slope", "RangeError"),
    ("frontiers.blahutArimoto([1], [[0]], '1')", "slope", "TypeError"),
    ("frontiers.blahutArimoto([1], [[0]], 1, -1)", "tolerance", "RangeError"),
    ("frontiers.blahutArimoto([1], [[0]], 1, 1, 0)", "maxIterations", "RangeError"),
    ("frontiers.frontier([1], [[0]], [1, Infinity])", "slope", "RangeError"),
    ("frontiers.hamming(0)", "n", "RangeError"),
    ("frontiers.hamming(1.5)", "n", "RangeError"),
    ("frontiers.binaryEntropy(1.1)", "p", "RangeError"),
    ("frontiers.binaryEntropy(NaN)", "p", "RangeError"),
    ("frontiers.bernoulliRate(0.5, -0.1)", "distortion", "RangeError"),
    ("frontiers.bernoulliRate(2, 0.1)", "p", "RangeError"),
    ("frontiers.linearBetaVae([], 1)", "eigenvalues", "RangeError"),
    ("frontiers.linearBetaVae([1, 0], 1)", "eigenvalues", "RangeError"),
    ("frontiers.linearBetaVae([2, 1], 1)", "beta", "RangeError"),
    ("frontiers.linearBetaVae([2, 1], -1, 1)", "beta", "RangeError"),
    ("frontiers.linearBetaVae([2, 1], 1, 0)", "noise", "RangeError"),
    ("frontiers.linearBetaVae([2, 1], 1, 1, 3)", "latentDim", "RangeError"),
    ("frontiers.linearBetaVae([2, 1], 1, 1, true)", "latentDim", "TypeError"),
    ("frontiers.linearAtRate([2, 1], -1)", "rate", "RangeError"),
    ("frontiers.linearAtRate([2, 1], 1e4)", "rate", "RangeError"),
    ("frontiers.gaussianRate([2, 1], 0)", "mse", "RangeError"),
    ("frontiers.gaussianEntropy([[1]])", "eigenvalues", "RangeError"),
    ("frontiers.waterFilling([1], -1)", "level", "RangeError"),
    ("frontiers.collapseThresholds([1], NaN)", "noise", "RangeError"),
    ("toy.toyProcess(1)", "bins", "RangeError"),
    ("toy.toyProcess(30, 0.7)", "information", "RangeError"),
    ("toy.toyProcess(30, 0.5, 'middle')", "discretisation", "RangeError"),
    ("toy.toyProcess(30, 0.5, 'tails', [1])", "pZ", "RangeError"),
    ("toy.optimalToyModel(toy.toyProcess(), 1)", "codes", "RangeError"),
    ("toy.optimalToyModel({})", "process.pZ", "TypeError"),
    ("toy.toyPanels([1], [[1, 0]], [[1]], [[1]], [1])", "classPosterior", "RangeError"),
    ("toy.toyPanels([1], [[1]], [[1, 0]], [[1]], [1])", "encoder", "RangeError"),
    ("descent.betaVae(-1)", "beta", "RangeError"),
    ("descent.targetRate(-1)", "target", "RangeError"),
    ("descent.targetRate(1, 1)", "multiplier", "RangeError"),
    ("descent.targetRateSquared(1, 0)", "weight", "RangeError"),
    ("descent.drawStart(0, 2)", "bins", "RangeError"),
    ("descent.drawStart(2, 2, 0.5)", "seed", "RangeError"),
    ("descent.drawStart(2, 2, 0, -1)", "scale", "RangeError"),
    ("descent.drawStart(2, 2, 0, 1, 'bump')", "parametrisation", "RangeError"),
    (f"descent.gradientAt([1], {START}, (rate) => rate)", "objective", "TypeError"),
    ("descent.descend([1], {})", "start.marginal", "TypeError"),
    (f"descent.descend([0.5, 0.5], {START})", "start.encoder", "RangeError"),
    (f"descent.descend([1], {START}, {{ steps: 0 }})", "steps", "RangeError"),
    (f"descent.descend([1], {START}, {{ learningRate: 0 }})", "learningRate", "RangeError"),
    (f"descent.descend([1], {START}, {{ optimiser: 'lbfgs' }})", "optimiser", "RangeError"),
]


def test_bad_input_is_named_with_what_was_expected_and_what_came(laboratory):
    attempt = """calls => calls.map((call) => {
      try { return [new Function("{ exact, frontiers, toy, descent }", `return ${call}`)(rd)]; }
      catch (error) { return [error.name, error.message]; }
    })"""
    for (call, name, kind), found in zip(BAD, laboratory.evaluate(attempt, [call for call, _, _ in BAD]), strict=True):
        assert len(found) == 2, f"{call} gave {found[0]}"
        assert found[0] == kind, f"{call}: {found}"
        assert found[1].startswith(f"{name}: expected "), f"{call}: {found}"
        assert ", got " in found[1], f"{call}: {found}"


def test_a_search_that_does_not_arrive_says_so(laboratory):
    attempt = """() => { try { rd.frontiers.blahutArimoto([0.1, 0.9], rd.frontiers.hamming(2), 2, 1e-8, 3); }
      catch (error) { return [error instanceof rd.frontiers.ConvergenceError, error.message]; } }"""
    told, message = laboratory.evaluate(attempt)
    assert told
    assert message.startswith("blahutArimoto: after 3 iterations at slope 2 the gap is ")


def test_a_learning_rate_that_breaks_the_numbers_is_named(laboratory):
    start = {"encoderW": [1, 2], "encoderB": [0, 1], "decoderW": [1, -1], "decoderB": [0, 1], "marginal": [0, 0]}
    attempt = """([p, start]) => {
      const options = { parametrisation: "printed", optimiser: "sgd", learningRate: 1e200 };
      try { return rd.descent.descend(p, start, options).rate; } catch (error) { return error.message; }
    }"""
    message = laboratory.evaluate(attempt, [[0.1, 0.2, 0.3, 0.4], start])
    assert message.startswith(
        "learningRate: expected one that keeps rate and distortion finite, which it does not at step"
    )
