/**
 * The toy process of Alemi et al. (2018), appendix E, in nats: the package's `companion.exact.toy`. Input, output and
 * errors are as in `exact.js`, which must be loaded first.
 *
 * A classic script: `<script src="toy.js"></script>` makes `rd.toy`.
 */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(require("./exact.js"));
  else (root.rd = root.rd || {}).toy = make(root.rd.exact);
})(typeof globalThis === "object" ? globalThis : this, function (exact) {
  "use strict";

  const { mixture, normalised, scaled, sum, transposed, weighted } = exact.arrays;
  const { checkDistribution, checkNumber, checkShape, read, shown } = exact.checks;

  const MEANS = [-1, 1];
  const REACH = 3; // the bins cover -REACH to REACH
  const NOISE = [0.02, 200]; // bracket of sigma

  const isSeveral = (value) => Number.isInteger(value) && value >= 2;

  function checkChoice(name, value, choices) {
    if (choices.includes(value)) return;
    throw new RangeError(`${name}: expected one of ${choices.join(", ")}, got ${shown(value)}`);
  }

  /** The middles of `n` bins of equal width. */
  const positions = (n) => Array.from({ length: n }, (_, i) => -REACH + ((i + 0.5) * 2 * REACH) / n);

  /** The probability of a standard normal above `x`, 0 or more: a series near 0, else Laplace's continued fraction. */
  function upperTail(x) {
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    if (x >= 2) {
      let fraction = x;
      for (let k = 60; k >= 1; k -= 1) fraction = x + k / fraction;
      return density / fraction;
    }
    let term = x, total = x;
    for (let k = 3; term > 1e-17 * total; k += 2) total += term *= (x * x) / k;
    return 0.5 - density * total;
  }

  /** The probability of a standard normal between two numbers, from the smaller tail, where no digits are lost. */
  function between(low, high) {
    if (low > 0) return upperTail(low) - upperTail(high);
    if (high < 0) return upperTail(-high) - upperTail(-low);
    return 1 - upperTail(-low) - upperTail(high);
  }

  /** p(x | z*), `[2][bins]`. */
  function conditional(bins, sigma, discretisation) {
    const centres = positions(bins), half = REACH / bins;
    if (discretisation === "tails") {
      return MEANS.map((mu) => centres.map((centre, i) => between(
        i === 0 ? -Infinity : (centre - half - mu) / sigma, i === bins - 1 ? Infinity : (centre + half - mu) / sigma)));
    }
    return MEANS.map((mu) => {
      const squares = centres.map((centre) => (centre - mu) ** 2 / (2 * sigma ** 2)), nearest = Math.min(...squares);
      return normalised(squares.map((square) => Math.exp(nearest - square)));
    });
  }

  /**
   * The process whose noise is such that I(X; Z*) is `information`. With the discretisation `tails` bins get their mass
   * and the outer two the tails, with `centres` the density at their middles, normalised.
   */
  function toyProcess(bins = 30, information = 0.5, discretisation = "tails", pZ = [0.7, 0.3]) {
    checkNumber("bins", bins, "a whole number, at least 2", isSeveral);
    checkChoice("discretisation", discretisation, ["tails", "centres"]);
    const classes = checkDistribution("pZ", pZ);
    checkShape("pZ", classes, [2]);
    const told = (sigma) => exact.mutualInformation(weighted(classes, conditional(bins, sigma, discretisation)));
    const [most, least] = NOISE.map(told);
    checkNumber("information", information, `between ${least} and ${most} nats`, (v) => least < v && v < most);
    const sigma = bisect((s) => told(s) > information, ...NOISE);
    const table = conditional(bins, sigma, discretisation), joint = weighted(classes, table);
    const pX = mixture(classes, table);
    const posterior = transposed(joint).map((row, x) => row.map((p) => p / pX[x]));
    const known = { entropy: exact.entropy(pX), information: exact.mutualInformation(joint) };
    return { pZ: classes, conditional: table, centres: positions(bins), sigma, joint, pX, posterior, ...known };
  }

  /** The number between `low` and `high` up to which `holds` is true. */
  function bisect(holds, low, high) {
    for (;;) {
      const middle = (low + high) / 2;
      if (middle === low || middle === high) return middle;
      if (holds(middle)) low = middle;
      else high = middle;
    }
  }

  /** The nearest whole number, of two the even one. */
  function rounded(value) {
    const below = Math.floor(value), rest = value - below;
    return below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
  }

  /** The model whose code is a draw from p(z* | x) and nothing else: R = I(X; Z*), and R + D = H(X). */
  function optimalToyModel(process, codes = 30) {
    checkNumber("codes", codes, "a whole number, at least 2", isSeveral);
    const { pX, pZ, posterior, conditional: rows } = Object(process);
    const [share] = checkDistribution("process.pZ", pZ);
    const first = Math.min(Math.max(rounded(codes * share), 1), codes - 1), sizes = [first, codes - first];
    const owner = Array.from({ length: codes }, (_, z) => (z < first ? 0 : 1));
    const shared = (row) => owner.map((each) => row[each] / sizes[each]);
    return { pX, encoder: posterior.map(shared), decoder: owner.map((each) => [...rows[each]]), marginal: shared(pZ) };
  }

  /** What figure 2 there shows of a model: data, codes and reconstructions; `classPosterior` is p(z* | x), `[X][C]`. */
  function toyPanels(pX, classPosterior, encoder, decoder, marginal) {
    const p = checkDistribution("pX", pX), m = checkDistribution("marginal", marginal);
    const classes = checkDistribution("classPosterior", classPosterior, 2);
    const e = checkDistribution("encoder", encoder, 2), d = checkDistribution("decoder", decoder, 2);
    checkShape("classPosterior", classes, [p.length, classes[0].length]);
    checkShape("encoder", e, [p.length, m.length]);
    checkShape("decoder", d, [m.length, p.length]);
    const joint = transposed(weighted(p, classes)), classWeights = joint.map(sum);
    if (!classWeights.every((w) => w > 0)) {
      throw new RangeError(`classPosterior: expected every class to have data, got probabilities ${classWeights}`);
    }
    const aggregate = mixture(p, e);
    return {
      pX: p, generated: mixture(m, d), reconstructed: mixture(aggregate, d), marginal: m, aggregate, classWeights,
      classAggregates: joint.map((row, c) => mixture(scaled(row, 1 / classWeights[c]), e)),
      encoder: e, decoder: d, reconstruction: e.map((row) => mixture(row, d)),
    };
  }

  return { checkChoice, optimalToyModel, positions, toyPanels, toyProcess };
});
