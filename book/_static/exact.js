/**
 * Ground truth in the browser, in nats: the sums over tables and points of the package's `companion.exact`.
 *
 * Names are the package's in camelCase. Tables are arrays of numbers, nested by axis; arrays, numbers and plain objects
 * come back. A wrong kind of input throws a TypeError, a wrong value a RangeError; both name the argument, what was
 * expected and what came. 0 log 0 is 0, and an infinity is meant.
 *
 * A classic script, as pages are opened as files too: `<script src="exact.js"></script>` makes `rd.exact`. Frontiers in
 * closed form and by iteration are in `frontiers.js`, the toy process and its descent in `toy.js`; both stand on this.
 */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make();
  else (root.rd = root.rd || {}).exact = make();
})(typeof globalThis === "object" ? globalThis : this, function () {
  "use strict";

  const TOLERANCE = 1e-9; // of sums that should be one

  // ---- input ------------------------------------------------------------------------------------------------------

  const isList = (value) => Array.isArray(value) || ArrayBuffer.isView(value);
  const shown = (value) => String(typeof value === "number" ? value : JSON.stringify(value)).slice(0, 80);

  /** `value`, a number for which `holds`. */
  function checkNumber(name, value, expected, holds) {
    const wrong = `${name}: expected ${expected}, got ${shown(value)}`;
    if (typeof value !== "number") throw new TypeError(wrong);
    if (!holds(value)) throw new RangeError(wrong);
    return value;
  }

  /** A copy of `values` in plain arrays, flat or nested, and its shape. */
  function read(name, values) {
    const copy = (value) => (isList(value) ? Array.from(value, copy) : value);
    const table = copy(values), shape = [];
    for (let level = table; Array.isArray(level); level = level[0]) shape.push(level.length);
    const fits = (part, axis) => axis === shape.length ? typeof part === "number"
      : Array.isArray(part) && part.length === shape[axis] && part.every((each) => fits(each, axis + 1));
    if (!fits(table, 0)) throw new TypeError(`${name}: expected numbers in rows of one length, got ${shown(values)}`);
    return { table, shape, flat: [table].flat(Infinity) };
  }

  /** `values` as plain arrays of `ndim` axes, the last of which holds distributions. */
  function checkDistribution(name, values, ndim = 1) {
    const { table, shape, flat } = read(name, values);
    if (shape.length !== ndim || !flat.length) {
      throw new RangeError(`${name}: expected a table of ${ndim} axes that is not empty, got shape [${shape}]`);
    }
    const bad = flat.find((p) => !(p >= 0 && p < Infinity));
    if (bad !== undefined) throw new RangeError(`${name}: expected probabilities, finite and 0 or more, got ${bad}`);
    const far = (ndim === 1 ? [table] : table).map(sum).find((total) => Math.abs(total - 1) > TOLERANCE);
    if (far !== undefined) throw new RangeError(`${name}: expected sums of one along the last axis, got ${far}`);
    return table;
  }

  function checkShape(name, table, expected) {
    const { shape } = read(name, table);
    if (`${shape}` !== `${expected}`) throw new RangeError(`${name}: expected shape [${expected}], got [${shape}]`);
  }

  // ---- arrays -----------------------------------------------------------------------------------------------------

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const dot = (a, b) => a.reduce((total, value, i) => total + value * b[i], 0);
  const mean = (values) => sum(values) / values.length;
  const scaled = (values, factor) => values.map((value) => value * factor);
  const normalised = (values) => scaled(values, 1 / sum(values));
  const transposed = (table) => table[0].map((_, j) => table.map((row) => row[j]));
  /** Each row of `table` times its weight. */
  const weighted = (weights, table) => table.map((row, i) => scaled(row, weights[i]));
  /** sum_i weights[i] table[i]. */
  const mixture = (weights, table) =>
    table[0].map((_, j) => table.reduce((total, row, i) => total + weights[i] * row[j], 0));
  /** Sums of one entry of each list, for all choices, the last list's fastest. */
  const outerSum = (lists) => lists.reduce((left, right) => left.flatMap((a) => right.map((b) => a + b)), [0]);

  // ---- sums over tables -------------------------------------------------------------------------------------------

  const xlogy = (x, y) => (x === 0 ? 0 : x * Math.log(y));
  const entropyOf = (flat) => -sum(flat.map((p) => xlogy(p, p))) + 0; // + 0: no minus zero
  const divergence = (p, q) => (p > 0 && q > 0 ? p * (Math.log(p) - Math.log(q)) : p === 0 && q >= 0 ? 0 : Infinity);
  const klOf = (p, q) => sum(p.map((each, i) => divergence(each, q[i])));

  /** sum_i weights[i] KL(rows[i] || reference), 0 or more; rows of weight 0 are left out. */
  const meanKl = (weights, rows, reference) =>
    Math.max(0, sum(rows.map((row, i) => (weights[i] > 0 ? weights[i] * klOf(row, reference) : 0))));

  /** KL of a joint table, its entries `flat` row by row, from a product of one distribution for each axis. */
  function klFromProduct(flat, factors) {
    const logs = outerSum(factors.map((factor) => factor.map(Math.log)));
    return Math.max(0, sum(flat.map((p, i) => (p > 0 ? p * (Math.log(p) - logs[i]) : 0))));
  }

  /** The one-dimensional marginals of a joint table, one for each axis in order. */
  function marginals(flat, shape) {
    return shape.map((size, axis) => {
      const stride = shape.slice(axis + 1).reduce((product, each) => product * each, 1);
      const totals = new Array(size).fill(0);
      flat.forEach((p, i) => { totals[Math.floor(i / stride) % size] += p; });
      return totals;
    });
  }

  const dependence = (flat, shape) => klFromProduct(flat, marginals(flat, shape));
  const informationOf = (joint) => dependence(joint.flat(), [joint.length, joint[0].length]);

  function readPair(p, q) {
    const [first, second] = [read("p", p), read("q", q)];
    checkShape("q", second.table, first.shape);
    return [first.flat, second.flat];
  }

  /** -sum p log p over all entries. */
  const entropy = (p) => entropyOf(read("p", p).flat);

  /** -sum p log q over all entries: infinite where q is 0 and p is not. */
  const crossEntropy = (p, q) => kl(p, q) + entropy(p);

  /** KL(p || q) = sum p log(p / q) over all entries: infinite where q is 0 and p is not. */
  const kl = (p, q) => klOf(...readPair(p, q));

  /** KL of `joint` from the product of its one-dimensional marginals. */
  function totalCorrelation(joint) {
    const { flat, shape } = read("joint", joint);
    if (!shape.length) throw new RangeError("joint: expected a table of 1 axis or more, got a number");
    return dependence(flat, shape);
  }

  /** I(A; B) of a joint table of two axes. */
  function mutualInformation(joint) {
    const { shape } = read("joint", joint);
    if (shape.length !== 2) throw new RangeError(`joint: expected a table of 2 axes, got shape [${shape}]`);
    return totalCorrelation(joint);
  }

  // ---- a model of four tables -------------------------------------------------------------------------------------

  /**
   * A model of four tables over X data values and Z codes: p*(x) `[X]`, e(z|x) `[X][Z]`, d(x|z) `[Z][X]`, m(z) `[Z]`.
   * H - D <= I <= R, and E <= I_gen <= G (Alemi et al. (2018), eq. 2, 3 and 9).
   */
  class DiscreteModel {
    constructor(pX, encoder, decoder, marginal) {
      this.pX = normalised(checkDistribution("pX", pX));
      this.encoder = checkDistribution("encoder", encoder, 2).map(normalised);
      this.decoder = checkDistribution("decoder", decoder, 2).map(normalised);
      this.marginal = normalised(checkDistribution("marginal", marginal));
      checkShape("encoder", this.encoder, [this.pX.length, this.marginal.length]);
      checkShape("decoder", this.decoder, [this.marginal.length, this.pX.length]);
    }
    /** p*(x) e(z|x), `[X][Z]`. */
    get joint() { return weighted(this.pX, this.encoder); }
    /** H = -E log p*(x). */
    get entropy() { return entropyOf(this.pX); }
    /** R = E log e(z|x) / m(z): infinite where the marginal misses a code that the encoder uses. */
    get rate() { return meanKl(this.pX, this.encoder, this.marginal); }
    /** D = -E log d(x|z): infinite where the decoder misses data that the encoder gives this code. */
    get distortion() {
      return 0 - sum(this.joint.flatMap((row, x) => row.map((p, z) => xlogy(p, this.decoder[z][x]))));
    }
    /** -(R + D). */
    get elbo() { return -(this.rate + this.distortion); }
    /** p_e(z) = sum_x p*(x) e(z|x), `[Z]`. */
    get aggregate() { return mixture(this.pX, this.encoder); }
    /** I(X; Z) of p*(x) e(z|x). */
    get mutualInformation() { return informationOf(this.joint); }
    /** p_e(x|z), `[Z][X]`; p*(x) for a code of probability 0. */
    get invertedEncoder() {
      return transposed(this.joint).map((row) => (sum(row) > 0 ? row.map((p) => p / sum(row)) : [...this.pX]));
    }
    /** g(x) = sum_z m(z) d(x|z), `[X]`. */
    get generated() { return mixture(this.marginal, this.decoder); }
    /** I_gen(X; Z) of m(z) d(x|z). */
    get generativeMutualInformation() { return informationOf(weighted(this.marginal, this.decoder)); }
    /** E = sum m(z) d(x|z) log e(z|x) / m(z) <= I_gen: it may be negative, and minus infinity. */
    get generativeLowerBound() {
      const made = weighted(this.marginal, this.decoder);
      return sum(made.flatMap((row, z) => row.map((p, x) => xlogy(p, this.encoder[x][z])))) + entropyOf(this.marginal);
    }
    /** G = sum m(z) d(x|z) log d(x|z) / q(x) >= I_gen; by default q is g(x), which makes it an equality. */
    generativeUpperBound(qX = null) {
      if (qX === null) return this.generativeMutualInformation;
      return meanKl(this.marginal, this.decoder, this.#estimate(qX));
    }
    /** U = E log d(x|z) / q(x) and S = KL(p* || q), for which U - S = H - D. */
    reparametrised(qX) {
      const s = klOf(this.pX, this.#estimate(qX));
      return { u: s === Infinity ? Infinity : s + this.entropy - this.distortion, s };
    }
    /** The same model with m(z) = p_e(z): its rate is I. */
    withOptimalMarginal() { return new DiscreteModel(this.pX, this.encoder, this.decoder, this.aggregate); }
    /** The same model with d(x|z) = p_e(x|z): its distortion is H - I. */
    withOptimalDecoder() { return new DiscreteModel(this.pX, this.encoder, this.invertedEncoder, this.marginal); }
    #estimate(qX) {
      const q = checkDistribution("qX", qX);
      checkShape("qX", q, [this.pX.length]);
      return normalised(q);
    }
  }

  // ---- surgery ----------------------------------------------------------------------------------------------------

  function readEncoder(encoder, prior) {
    const { table, shape } = read("encoder", encoder);
    if (shape.length < 2) throw new RangeError(`encoder: expected a table [N][Z1]..., got shape [${shape}]`);
    const rows = checkDistribution("encoder", table.map((row) => row.flat(Infinity)), 2);
    if (!isList(prior) || prior.length !== shape.length - 1) {
      throw new RangeError(`prior: expected a table for each of ${shape.length - 1} code axes, got ${shown(prior)}`);
    }
    const factors = prior.map((factor, j) => checkDistribution(`prior[${j}]`, factor));
    factors.forEach((factor, j) => checkShape(`prior[${j}]`, factor, [shape[j + 1]]));
    return { rows, factors, shape };
  }

  /**
   * The rate of e(z|n), `encoder[n][z1]...[zk]`, over N examples in parts, each by its own sum: rate = indexInformation
   * + marginalKl, and marginalKl = totalCorrelation + the sum of dimensionWiseKl. `prior` has one table a dimension.
   */
  function elboSurgery(encoder, prior) {
    const { rows, factors, shape } = readEncoder(encoder, prior), n = rows.length;
    const aggregate = mixture(rows.map(() => 1 / n), rows), parts = marginals(aggregate, shape.slice(1));
    return {
      rate: mean(rows.map((row) => klFromProduct(row, factors))),
      indexInformation: informationOf(rows.map((row) => scaled(row, 1 / n))),
      marginalKl: klFromProduct(aggregate, factors),
      totalCorrelation: klFromProduct(aggregate, parts),
      dimensionWiseKl: factors.map((factor, j) => klOf(parts[j], factor)),
      n,
    };
  }

  /** The ELBO in the three forms of Hoffman and Johnson (2016), all equal; `logLikelihood` has the encoder's shape. */
  function elboForms(encoder, prior, logLikelihood) {
    const { rows, factors, shape } = readEncoder(encoder, prior), n = rows.length;
    checkShape("logLikelihood", logLikelihood, shape);
    const logD = read("logLikelihood", logLikelihood).table.map((row) => row.flat(Infinity));
    logD.flat().forEach((each) => checkNumber("logLikelihood", each, "finite entries", Number.isFinite));
    const logP = outerSum(factors.map((factor) => factor.map(Math.log)));
    const logJoint = logD.map((row) => row.map((each, z) => each + logP[z])), evidence = logJoint.map(logSumExp);
    const logPosterior = logJoint.map((row, i) => row.map((each) => each - evidence[i]));
    const aggregate = mixture(rows.map(() => 1 / n), rows);
    const reconstruction = mean(rows.map((row, i) => dot(row, logD[i])));
    const information = Math.log(n) - (entropyOf(scaled(rows.flat(), 1 / n)) - entropyOf(aggregate)); // H(n) - H(n|z)
    return {
      termByTerm: reconstruction - mean(rows.map((row) => klFromLogs(row, logP))),
      split: reconstruction - information - klFromLogs(aggregate, logP),
      evidence: mean(evidence) - mean(rows.map((row, i) => klFromLogs(row, logPosterior[i]))),
    };
  }

  const klFromLogs = (p, logQ) => -sum(p.map((each, z) => (each > 0 ? each * logQ[z] : 0))) - entropyOf(p);

  function logSumExp(logs) {
    const most = Math.max(...logs);
    return most + Math.log(sum(logs.map((each) => Math.exp(each - most))));
  }

  // ---- measured points of rate and distortion ---------------------------------------------------------------------

  function readPoints(rates, distortions) {
    const [r, d] = [read("rates", rates), read("distortions", distortions)];
    if (r.shape.length !== 1 || `${r.shape}` !== `${d.shape}` || !r.flat.length) {
      throw new RangeError(`distortions: expected the rates' shape [n], n > 0, got [${d.shape}] for [${r.shape}]`);
    }
    for (const [name, { flat }] of [["rates", r], ["distortions", d]]) {
      flat.forEach((each) => checkNumber(name, each, "finite numbers", Number.isFinite));
    }
    return [r.flat, d.flat];
  }

  /** The indices of the points that no other dominates, by increasing rate; of points that coincide the first. */
  function paretoFront(rates, distortions) {
    const [r, d] = readPoints(rates, distortions);
    const order = r.map((_, i) => i).sort((i, j) => r[i] - r[j] || d[i] - d[j] || i - j);
    let lowest = Infinity;
    return order.filter((i) => {
      const undominated = d[i] < lowest;
      lowest = Math.min(lowest, d[i]);
      return undominated;
    });
  }

  /** The indices of the corners of the lower left convex hull, by increasing rate. */
  function lowerHull(rates, distortions) {
    const [r, d] = readPoints(rates, distortions), corners = [];
    const above = (first, middle, last) => // or on the line
      (d[middle] - d[first]) * (r[last] - r[first]) >= (d[last] - d[first]) * (r[middle] - r[first]);
    for (const i of paretoFront(r, d)) {
      while (corners.length > 1 && above(corners.at(-2), corners.at(-1), i)) corners.pop();
      corners.push(i);
    }
    return corners;
  }

  /** The least distortion that mixtures of the points attain at rates of at most `at`, a number or any table. */
  function hullDistortion(rates, distortions, at) {
    const [r, d] = readPoints(rates, distortions), corners = lowerHull(r, d);
    const height = (rate) => {
      if (Number.isNaN(rate)) return NaN;
      const next = corners.findIndex((i) => r[i] > rate);
      if (next === 0) return Infinity;
      if (next === -1) return d[corners.at(-1)];
      const [i, j] = [corners[next - 1], corners[next]];
      return d[i] + ((d[j] - d[i]) / (r[j] - r[i])) * (rate - r[i]);
    };
    const along = (part) => (Array.isArray(part) ? part.map(along) : height(part));
    return along(read("at", at).table);
  }

  /** The index of the least sum D + beta R but for one, -1 where there is no other. */
  function cheapestOther(own, sums) {
    let best = -1;
    sums.forEach((paid, j) => { if (j !== own && (best === -1 || paid < sums[best])) best = j; });
    return best;
  }

  /**
   * How much more each model pays at its own beta than the best of the others, and the standard error: NaN for a beta
   * of NaN, -Infinity for one model alone. Betas and standard errors are numbers or lists; `elboSe` is that of R + D,
   * by default as if R and D were independent.
   */
  function excess(rates, distortions, betas, rateSe = 0, distortionSe = 0, elboSe = null) {
    const [r, d] = readPoints(rates, distortions);
    const spread = (name, value) => {
      const { table, flat } = read(name, typeof value === "number" ? r.map(() => value) : value);
      checkShape(name, table, [r.length]);
      return flat;
    };
    const [b, rSe, dSe] = [spread("betas", betas), spread("rateSe", rateSe), spread("distortionSe", distortionSe)];
    const isPrice = (v) => Number.isNaN(v) || (v >= 0 && v < Infinity);
    b.forEach((each) => checkNumber("betas", each, "finite numbers, 0 or more, or NaN", isPrice));
    const sumSe = elboSe === null ? null : spread("elboSe", elboSe);
    const both = (i) => (sumSe === null ? 0 : sumSe[i] ** 2 - rSe[i] ** 2 - dSe[i] ** 2); // twice the covariance
    const variance = (beta, i) => dSe[i] ** 2 + beta ** 2 * rSe[i] ** 2 + beta * both(i);
    const found = b.map((beta, i) => {
      const sums = r.map((rate, j) => d[j] + beta * rate), j = cheapestOther(i, sums);
      const [least, uncertain] = j === -1 ? [Infinity, 0] : [sums[j], variance(beta, j)];
      return [sums[i] - least, Math.sqrt(Math.max(0, variance(beta, i) + uncertain))];
    });
    return { excess: found.map(([value]) => value), se: found.map(([, se]) => se) };
  }

  return {
    crossEntropy, DiscreteModel, elboForms, elboSurgery, entropy, excess, hullDistortion, kl, lowerHull,
    mutualInformation, paretoFront, totalCorrelation,
    arrays: { dot, mean, meanKl, mixture, normalised, scaled, sum, transposed, weighted },
    checks: { checkDistribution, checkNumber, checkShape, isList, read, shown },
  };
});
