/**
 * Frontiers that are known, in nats: the rate-distortion functions and linear-Gaussian beta-VAEs of the package's
 * `companion.exact`. Input, output and errors are as in `exact.js`, which must be loaded first.
 *
 * A classic script: `<script src="frontiers.js"></script>` makes `rd.frontiers`.
 */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(require("./exact.js"));
  else (root.rd = root.rd || {}).frontiers = make(root.rd.exact);
})(typeof globalThis === "object" ? globalThis : this, function (exact) {
  "use strict";

  const { dot, mean, meanKl, mixture, normalised, scaled, sum, transposed, weighted } = exact.arrays;
  const { checkDistribution, checkNumber, read, shown } = exact.checks;

  const NEWTON_EVERY = 25; // iterations
  const HALVINGS = 12; // of a Newton step that overshoots
  const KEPT = 1e-10; // share of its weight that a code keeps in a Newton step, so that it can come back
  const DEPENDENT = 1e-14; // share of a column that is left when the others span it
  const SMALLEST = 1e-300; // of a water level: below it the numbers have fewer digits
  const ROUNDING = 1e-12; // nats: a dimension exactly at the water level counts as collapsed

  const isAmount = (value) => value >= 0 && value < Infinity;
  const isPositive = (value) => value > 0 && value < Infinity;
  const isShare = (value) => value >= 0 && value <= 1;

  // ---- Blahut and Arimoto -----------------------------------------------------------------------------------------

  /** The search reached its maximal number of iterations before its gap reached the tolerance. */
  class ConvergenceError extends Error {
    constructor(message) {
      super(message);
      this.name = "ConvergenceError";
    }
  }

  function readProblem(pX, distortion) {
    const p = checkDistribution("pX", pX), { table, shape } = read("distortion", distortion);
    if (shape.length !== 2 || shape[0] !== p.length || shape[1] === 0) {
      throw new RangeError(`distortion: expected shape [${p.length},number of codes], got [${shape}]`);
    }
    table.flat().forEach((each) => checkNumber("distortion", each, "numbers or +Infinity", (v) => v > -Infinity));
    const barred = table.findIndex((row) => !row.some(Number.isFinite));
    if (barred >= 0) throw new RangeError(`distortion: expected a finite entry in every row, got none in ${barred}`);
    return { p: normalised(p), d: table };
  }

  const uniform = (n) => new Array(n).fill(1 / n);

  /**
   * The encoder that minimises R + slope D for data p*(x) and a distortion d(x, z), `[X][Z]`; Infinity forbids a code.
   * R + slope D exceeds its minimum by at most `gap`, at which the search stops when it reaches the `tolerance`.
   */
  function blahutArimoto(pX, distortion, slope, tolerance = 1e-8, maxIterations = 200000) {
    const { p, d } = readProblem(pX, distortion);
    return search(p, d, { slope, tolerance, maxIterations }, uniform(d[0].length));
  }

  /** `blahutArimoto` at each of `slopes`, in their order, each search starting from the marginal before. */
  function frontier(pX, distortion, slopes, tolerance = 1e-8, maxIterations = 200000) {
    const { p, d } = readProblem(pX, distortion), blind = uniform(d[0].length);
    let start = blind;
    return read("slopes", slopes).flat.map((slope) => {
      const point = search(p, d, { slope, tolerance, maxIterations }, start);
      start = mixture([0.99, 0.01], [point.marginal, blind]);
      return point;
    });
  }

  function search(p, d, limits, start) {
    Object.entries(limits).forEach((pair) => checkNumber(...pair, "a positive, finite number", isPositive));
    const { slope, tolerance, maxIterations } = limits;
    const nearest = d.map((row) => Math.min(...row)); // a shift that cancels in e and c
    const likelihood = d.map((row, x) => row.map((each) => Math.exp(-slope * (each - nearest[x]))));
    const used = p.map((_, x) => x).filter((x) => p[x] > 0);
    const rows = used.map((x) => likelihood[x]), weights = used.map((x) => p[x]);
    let m = start, gap = Infinity;
    for (let iteration = 1; iteration <= maxIterations; iteration += 1) {
      const c = mixture(rows.map((row, x) => weights[x] / dot(row, m)), rows);
      gap = Math.max(0, Math.log(Math.max(...c)));
      if (gap <= tolerance) return frontierPoint(p, d, likelihood, m, gap, iteration);
      m = m.map((each, z) => each * c[z]); // sums to one, as the weights do
      if (iteration % NEWTON_EVERY === 0) m = newton(rows, weights, m);
    }
    throw new ConvergenceError(`blahutArimoto: after ${maxIterations} iterations at slope ${slope} the gap is ${gap}, `
      + `above the tolerance ${tolerance}: raise maxIterations or tolerance, or move the slope a little`);
  }

  /** The record of the last iterate; an x of probability 0 that no used code may encode gets the marginal. */
  function frontierPoint(p, d, likelihood, m, gap, iterations) {
    const encoder = likelihood.map((row) => {
      const joint = row.map((each, z) => m[z] * each), total = sum(joint);
      return total > 0 ? joint.map((each) => each / total) : [...m];
    });
    const joint = weighted(p, encoder), marginal = mixture(p, encoder);
    const distortion = sum(joint.flatMap((row, x) => row.map((each, z) => (each > 0 ? each * d[x][z] : 0))));
    return { rate: meanKl(p, encoder, marginal), distortion, encoder, marginal, gap, iterations };
  }

  /**
   * `m` moved towards the minimum over the simplex of the second-order expansion of -sum p log Z, if that falls. The
   * expansion is |B y - 2 b|^2 / 2 with b = sqrt(p) and B = b / Z exp(-s d); one heavy further equation keeps the sum
   * of y at one.
   */
  function newton(rows, weights, m) {
    const gain = (trial) => sum(rows.map((row, x) => weights[x] * Math.log(dot(row, trial))));
    const root = weights.map(Math.sqrt), design = rows.map((row, x) => scaled(row, root[x] / dot(row, m)));
    const heavy = 1e3 * Math.max(1, ...design.flat());
    const columns = transposed([...design, m.map(() => heavy)]);
    const found = nonNegativeLeastSquares(columns, [...scaled(root, 2), heavy]);
    if (found === null) return m; // it cycled: the plain step stands
    const y = normalised(found), before = gain(m);
    for (let halving = 0; halving < HALVINGS; halving += 1) {
      const share = (1 - KEPT) * 0.5 ** halving, trial = m.map((each, z) => each + share * (y[z] - each));
      if (gain(trial) > before) return trial;
    }
    return m;
  }

  /** The y >= 0 that minimises |sum_j y_j columns[j] - target| (Lawson and Hanson (1974)); null if it cycles. */
  function nonNegativeLeastSquares(columns, target) {
    const y = columns.map(() => 0);
    let used = [], solved = [];
    for (let round = 0; round < 3 * columns.length; round += 1) {
      const next = entered(columns, target, y, used);
      if (next === null) return y;
      ({ used, solved } = next);
      while (solved.some((each) => each <= 0)) {
        used = retreat(y, used, solved);
        solved = leastSquares(used.map((j) => columns[j]), target);
      }
      used.forEach((j, i) => { y[j] = solved[i]; });
    }
    return null;
  }

  /** The columns in use and the one more that promises most and keeps a positive weight; null where there is none. */
  function entered(columns, target, y, used) {
    const left = target.map((each, i) => each - sum(used.map((j) => y[j] * columns[j][i])));
    const promise = columns.map((column) => dot(column, left));
    const candidates = y.map((_, j) => j).filter((j) => !used.includes(j) && promise[j] > 0);
    for (const j of candidates.sort((a, b) => promise[b] - promise[a])) {
      const solved = leastSquares([...used, j].map((each) => columns[each]), target);
      if (solved !== null && solved.at(-1) > 0) return { used: [...used, j], solved };
    }
    return null;
  }

  /** Moves `y` towards the weights `solved` until the first is 0; returns the columns that stay in use. */
  function retreat(y, used, solved) {
    const shares = used.map((j, i) => (solved[i] <= 0 ? y[j] / (y[j] - solved[i]) : Infinity));
    const share = Math.min(...shares);
    used.forEach((j, i) => { y[j] = shares[i] === share ? 0 : y[j] + share * (solved[i] - y[j]); });
    return used.filter((j) => y[j] > 0);
  }

  /** The weights of `columns` whose sum is nearest to `target`, by Gram and Schmidt; null if columns are dependent. */
  function leastSquares(columns, target) {
    const basis = columns.map((column) => [...column]), upper = columns.map(() => []);
    let rest = [...target];
    const weights = [];
    for (let j = 0; j < basis.length; j += 1) {
      const norm = Math.sqrt(dot(basis[j], basis[j]));
      if (!(norm > DEPENDENT * Math.sqrt(dot(columns[j], columns[j])))) return null;
      basis[j] = scaled(basis[j], 1 / norm);
      upper[j][j] = norm;
      const without = (vector) => {
        const part = dot(basis[j], vector);
        return [part, vector.map((each, i) => each - part * basis[j][i])];
      };
      for (let k = j + 1; k < basis.length; k += 1) [upper[j][k], basis[k]] = without(basis[k]);
      [weights[j], rest] = without(rest);
    }
    for (let j = basis.length - 1; j >= 0; j -= 1) {
      for (let k = j + 1; k < basis.length; k += 1) weights[j] -= upper[j][k] * weights[k];
      weights[j] /= upper[j][j];
    }
    return weights;
  }

  /** The distortion that counts wrong symbols, `[n][n]`. */
  function hamming(n) {
    checkNumber("n", n, "a whole number of symbols, 1 or more", (v) => Number.isInteger(v) && v >= 1);
    return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 0 : 1)));
  }

  /** h(p) = -p log p - (1 - p) log(1 - p). */
  function binaryEntropy(p) {
    checkNumber("p", p, "a probability", isShare);
    return exact.entropy([p, 1 - p]);
  }

  /** R(D) = h(p) - h(D) of a Bernoulli(p) source under Hamming distortion, 0 from D = min(p, 1 - p) on. */
  function bernoulliRate(p, distortion) {
    checkNumber("distortion", distortion, "a share of the symbols, 0 to 1", isShare);
    const source = binaryEntropy(p);
    return distortion < Math.min(p, 1 - p) ? source - binaryEntropy(distortion) : 0;
  }

  // ---- linear-Gaussian beta-VAEs ----------------------------------------------------------------------------------

  function readEigenvalues(eigenvalues, noise = null, latentDim = null) {
    const { flat, shape } = read("eigenvalues", eigenvalues), n = flat.length;
    if (shape.length !== 1 || !n) throw new RangeError(`eigenvalues: expected a list, got ${shown(eigenvalues)}`);
    flat.forEach((each) => checkNumber("eigenvalues", each, "positive finite numbers", isPositive));
    if (noise !== null) checkNumber("noise", noise, "a positive finite variance, or null", isPositive);
    const k = latentDim === null ? n : latentDim, expected = `a whole number from 1 to ${n}`;
    checkNumber("latentDim", k, expected, (v) => Number.isInteger(v) && v >= 1 && v <= n);
    return { falling: flat.sort((a, b) => b - a), k };
  }

  /** The record of the best model whose decoder has the variance `noise`: a point of the exact frontier. */
  function linearOptimum(eigenvalues, beta, noise, latentDim) {
    const waterLevel = beta * noise, reached = eigenvalues.map((each, i) => (i < latentDim ? each : 0));
    const { rates, errors } = waterFilling(reached, waterLevel);
    const mse = sum(errors) + sum(eigenvalues.slice(latentDim)), rate = sum(rates);
    const distortion = (eigenvalues.length / 2) * Math.log(2 * Math.PI * noise) + mse / (2 * noise);
    const active = rates.filter((each) => each > ROUNDING).length;
    const found = { rate, distortion, elbo: -(rate + distortion), mse, active, latentRates: rates, waterLevel };
    return { eigenvalues, beta, noise, latentDim, ...found };
  }

  /** The minimum of D + beta R over linear-Gaussian models; the decoder's variance is learned where `noise` is null. */
  function linearBetaVae(eigenvalues, beta, noise = null, latentDim = null) {
    const { falling, k } = readEigenvalues(eigenvalues, noise, latentDim);
    checkNumber("beta", beta, "a finite number, 0 or more", isAmount);
    return linearOptimum(falling, beta, noise === null ? bestNoise(falling, beta, k) : noise, k);
  }

  /** The sigma^2 consistent with its own water level: sigma^2 = mse / n. */
  function bestNoise(falling, beta, k) {
    const n = falling.length, expected = `more than 1 when the noise is learned and latentDim is ${n}`;
    if (k === n) checkNumber("beta", beta, expected, (v) => v > 1); // below, the noise runs to zero
    const open = collapseThresholds(falling).slice(0, k).filter((threshold) => threshold > beta).length;
    const d = Math.min(open, n - 1); // the last threshold is 1, up to rounding
    return sum(falling.slice(d)) / (n - d * beta);
  }

  /** The least distortion at a rate; its `beta` is the multiplier -dD/dR. */
  function linearAtRate(eigenvalues, rate, noise = null, latentDim = null) {
    const { falling, k } = readEigenvalues(eigenvalues, noise, latentDim);
    checkNumber("rate", rate, "a finite number of nats, 0 or more", isAmount);
    const logs = falling.slice(0, k).map(Math.log);
    // the level that gives this rate to the first d; any other number of active dimensions gives less rate
    const level = Math.max(...logs.map((_, i) => Math.exp((sum(logs.slice(0, i + 1)) - 2 * rate) / (i + 1))));
    const limit = sum(logs.map((each) => each - Math.log(SMALLEST))) / 2;
    checkNumber("rate", rate, `at most ${limit.toFixed(1)} nats, where errors underflow`, () => level >= SMALLEST);
    const errors = falling.map((each, i) => (i < k ? Math.min(each, level) : each));
    const variance = noise === null ? mean(errors) : noise;
    return linearOptimum(falling, level / variance, variance, k);
  }

  /** Rates max(0, log(lambda / level) / 2) and squared errors min(lambda, level). */
  function waterFilling(eigenvalues, level) {
    const { flat, shape } = read("eigenvalues", eigenvalues);
    if (shape.length !== 1) throw new RangeError(`eigenvalues: expected a list, got shape [${shape}]`);
    checkNumber("level", level, "a number, 0 or more", (v) => v >= 0);
    const errors = flat.map((each) => Math.min(each, level));
    const rates = flat.map((each, i) => (each > errors[i] ? (Math.log(each) - Math.log(errors[i])) / 2 : 0));
    return { rates, errors };
  }

  /** Shannon's R(mse) of the source N(0, Sigma), the squared error summed over dimensions. */
  function gaussianRate(eigenvalues, mse) {
    const { falling } = readEigenvalues(eigenvalues);
    checkNumber("mse", mse, "a positive number", (v) => v > 0);
    // the level that gives this error with the first d active; any other number of them gives more error
    const level = Math.max(...falling.map((_, i) => (mse - sum(falling.slice(i + 1))) / (i + 1)));
    return sum(waterFilling(falling, level).rates);
  }

  /** The beta from which each dimension is collapsed, in the order of falling eigenvalues. */
  function collapseThresholds(eigenvalues, noise = null) {
    const { falling } = readEigenvalues(eigenvalues, noise);
    return falling.map((each) => each / (noise === null ? mean(falling.map((other) => Math.min(other, each))) : noise));
  }

  /** The differential entropy of N(0, Sigma). */
  function gaussianEntropy(eigenvalues) {
    const { falling } = readEigenvalues(eigenvalues);
    return sum(falling.map((each) => (Math.log(2 * Math.PI) + 1 + Math.log(each)) / 2));
  }

  return {
    bernoulliRate, binaryEntropy, blahutArimoto, collapseThresholds, ConvergenceError, frontier, gaussianEntropy,
    gaussianRate, hamming, linearAtRate, linearBetaVae, nonNegativeLeastSquares, waterFilling,
  };
});
