/**
 * The training of a model of finite tables with exact expectations, in nats: the package's `companion.studies.toy`, one
 * model at a time. Input, output and errors are as in `exact.js`; it and `toy.js` must be loaded first.
 *
 * A classic script: `<script src="descent.js"></script>` makes `rd.descent`.
 */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(require("./exact.js"), require("./toy.js"));
  else (root.rd = root.rd || {}).descent = make(root.rd.exact, root.rd.toy);
})(typeof globalThis === "object" ? globalThis : this, function (exact, toy) {
  "use strict";

  const { checkDistribution, checkNumber, checkShape, read, shown } = exact.checks;
  const { checkChoice, positions } = toy;

  const ADAM = { first: 0.9, second: 0.999, epsilon: 1e-8 };

  const isCount = (value) => Number.isInteger(value) && value >= 1;
  const isAmount = (value) => value >= 0 && value < Infinity;
  const isPositive = (value) => value > 0 && value < Infinity;

  // ---- what is minimised ------------------------------------------------------------------------------------------
  // Every objective is D + f(R). Its record is its value and f'(R), the price of a nat of rate.

  /** D + beta R; at beta = 1 the negative ELBO. */
  function betaVae(beta = 1) {
    checkNumber("beta", beta, "a finite number, 0 or more", isAmount);
    return { value: (rate, distortion) => distortion + beta * rate, price: () => beta };
  }

  /** D + multiplier |R - target|: least distortion at the rate `target`, exactly. */
  function targetRate(target, multiplier = 2) {
    checkNumber("target", target, "a rate in nats, 0 or more", isAmount);
    checkNumber("multiplier", multiplier, "more than 1, or rates above the target cost nothing", (v) => v > 1);
    return {
      value: (rate, distortion) => distortion + multiplier * Math.abs(rate - target),
      price: (rate) => multiplier * Math.sign(rate - target),
    };
  }

  /** D + weight (R - target)^2: on the line D + R = H it is least at R = target + 1 / (2 weight). */
  function targetRateSquared(target, weight) {
    checkNumber("target", target, "a rate in nats, 0 or more", isAmount);
    checkNumber("weight", weight, "a positive number", isPositive);
    return {
      value: (rate, distortion) => distortion + weight * (rate - target) ** 2,
      price: (rate) => 2 * weight * (rate - target),
    };
  }

  // ---- forms of encoder and decoder -------------------------------------------------------------------------------
  // In `table` every entry has a logit of its own. In the others the logit is -(w place - b)^2, a bump: the code owns w
  // and b in the encoder; in the decoder the code does (`printed`), or the bin (`output`).

  const SHAPES = {
    table: (bins, codes) => ({ encoder: [bins, codes], decoder: [codes, bins] }),
    printed: (bins, codes) => ({ encoderW: [codes], encoderB: [codes], decoderW: [codes], decoderB: [codes] }),
    output: (bins, codes) => ({ encoderW: [codes], encoderB: [codes], decoderW: [bins], decoderB: [bins] }),
  };
  const shapesOf = (form, bins, codes) => ({ ...SHAPES[form](bins, codes), marginal: [codes] });

  /** Calls `visit(place, owner, index)` for each entry of a table of places and owners, row by row. */
  function eachBump(places, owners, ownersInRows, visit) {
    const columns = ownersInRows ? places.length : owners;
    for (let index = 0; index < places.length * owners; index += 1) {
      const row = Math.floor(index / columns), column = index % columns;
      if (ownersInRows) visit(places[column], row, index);
      else visit(places[row], column, index);
    }
  }

  function bumps(places, w, b, ownersInRows) {
    const logits = new Float64Array(places.length * w.length);
    eachBump(places, w.length, ownersInRows, (place, i, index) => { logits[index] = -((w[i] * place - b[i]) ** 2); });
    return logits;
  }

  /** The gradient by w and b, given that by the logits. */
  function throughBumps(gradient, places, w, b, ownersInRows) {
    const byW = new Float64Array(w.length), byB = new Float64Array(b.length);
    eachBump(places, w.length, ownersInRows, (place, i, index) => {
      const slope = -2 * (w[i] * place - b[i]) * gradient[index];
      byW[i] += slope * place;
      byB[i] -= slope;
    });
    return [byW, byB];
  }

  /** Where the decoder's bumps stand, and whether its owners are rows, of a table `[codes][bins]`. */
  const decoderPlaces = (form, bins, codes) =>
    form === "printed" ? [positions(bins), true] : [positions(codes), false];

  /** Encoder `[X][Z]`, decoder `[Z][X]` and marginal `[Z]`, each as probabilities `p` and their logs `log`, flat. */
  function tablesOf(form, q, bins) {
    const codes = q.marginal.length, [places, inRows] = decoderPlaces(form, bins, codes);
    const encoder = form === "table" ? q.encoder : bumps(positions(bins), q.encoderW, q.encoderB, false);
    const decoder = form === "table" ? q.decoder : bumps(places, q.decoderW, q.decoderB, inRows);
    return { encoder: softmax(encoder, codes), decoder: softmax(decoder, bins), marginal: softmax(q.marginal, codes) };
  }

  /** The distributions in rows of `width` logits. */
  function softmax(logits, width) {
    const p = new Float64Array(logits.length), log = new Float64Array(logits.length);
    for (let start = 0; start < logits.length; start += width) {
      const end = start + width;
      let most = -Infinity, total = 0;
      for (let i = start; i < end; i += 1) most = Math.max(most, logits[i]);
      for (let i = start; i < end; i += 1) total += p[i] = Math.exp(logits[i] - most);
      const shift = most + Math.log(total);
      for (let i = start; i < end; i += 1) {
        p[i] /= total;
        log[i] = logits[i] - shift;
      }
    }
    return { p, log, width };
  }

  /** The gradient by the logits of a table, given that by its logs. */
  function throughSoftmax(gradient, { p, width }) {
    const byLogits = new Float64Array(p.length);
    for (let start = 0; start < p.length; start += width) {
      let total = 0;
      for (let i = start; i < start + width; i += 1) total += gradient[i];
      for (let i = start; i < start + width; i += 1) byLogits[i] = gradient[i] - p[i] * total;
    }
    return byLogits;
  }

  // ---- rate, distortion and their descent -------------------------------------------------------------------------

  /** Calls `visit(p*(x) e(z|x), xz, zx, z)` for every x and z, with the places in encoder, decoder and marginal. */
  function eachPair(pX, { encoder, marginal }, visit) {
    const codes = marginal.width;
    for (let x = 0, xz = 0; x < pX.length; x += 1) {
      for (let z = 0; z < codes; z += 1, xz += 1) visit(pX[x] * encoder.p[xz], xz, z * pX.length + x, z);
    }
  }

  /** R = E log e - log m and D = -E log d. */
  function rateAndDistortion(pX, tables) {
    const { encoder, decoder, marginal } = tables;
    let rate = 0, distortion = 0;
    eachPair(pX, tables, (joint, xz, zx, z) => {
      rate += joint * (encoder.log[xz] - marginal.log[z]);
      distortion -= joint * decoder.log[zx];
    });
    return { rate, distortion };
  }

  /** The gradient of D + price R by the logits. By log e that of E log e is e (log e + 1); softmax cancels the 1. */
  function gradientByLogits(pX, tables, price) {
    const { encoder, decoder, marginal } = tables, zeros = ({ p }) => new Float64Array(p.length);
    const [byE, byD, byM] = [encoder, decoder, marginal].map(zeros);
    eachPair(pX, tables, (joint, xz, zx, z) => {
      byE[xz] = joint * (price * (encoder.log[xz] - marginal.log[z]) - decoder.log[zx]);
      byD[zx] = -joint;
      byM[z] -= price * joint;
    });
    return {
      encoder: throughSoftmax(byE, encoder), decoder: throughSoftmax(byD, decoder),
      marginal: throughSoftmax(byM, marginal),
    };
  }

  function gradientByParameters(form, q, pX, tables, price) {
    const by = gradientByLogits(pX, tables, price);
    if (form === "table") return by;
    const [places, inRows] = decoderPlaces(form, pX.length, q.marginal.length);
    const [encoderW, encoderB] = throughBumps(by.encoder, positions(pX.length), q.encoderW, q.encoderB, false);
    const [decoderW, decoderB] = throughBumps(by.decoder, places, q.decoderW, q.decoderB, inRows);
    return { encoderW, encoderB, decoderW, decoderB, marginal: by.marginal };
  }

  /** A number that is random in [0, 1), again and again, the same from the same seed (mulberry32). */
  function uniforms(seed) {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  const nested = (flat, width) =>
    Array.from({ length: flat.length / width }, (_, i) => Array.from(flat.subarray(i * width, (i + 1) * width)));
  const nestedLike = (flat, shape) => (shape.length === 1 ? Array.from(flat) : nested(flat, shape[1]));

  /**
   * A start of `descend`: every parameter a normal draw times `scale`, but for the marginal's zeros. Its law is that of
   * the package's starts, its digits are another generator's; the same seed gives the same start up to its scale.
   */
  function drawStart(bins, codes, seed = 0, scale = 1, parametrisation = "table") {
    checkChoice("parametrisation", parametrisation, Object.keys(SHAPES));
    for (const [name, count] of [["bins", bins], ["codes", codes]]) checkNumber(name, count, "a whole number", isCount);
    checkNumber("seed", seed, "a whole number", Number.isInteger);
    checkNumber("scale", scale, "a finite number, 0 or more", isAmount);
    const next = uniforms(seed), normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const drawn = ([name, shape]) => {
      const size = shape.reduce((product, each) => product * each, 1);
      const flat = Float64Array.from({ length: size }, () => (name === "marginal" ? 0 : scale * normal()));
      return [name, nestedLike(flat, shape)];
    };
    return Object.fromEntries(Object.entries(shapesOf(parametrisation, bins, codes)).map(drawn));
  }

  function checkObjective(objective) {
    if (typeof Object(objective).price === "function") return;
    throw new TypeError(`objective: expected one of betaVae, targetRate, targetRateSquared, got ${shown(objective)}`);
  }

  function readStart(form, start, bins) {
    checkChoice("parametrisation", form, Object.keys(SHAPES));
    const given = Object(start), codes = read("start.marginal", given.marginal).flat.length;
    const one = ([name, shape]) => {
      const { table, flat } = read(`start.${name}`, given[name]);
      checkShape(`start.${name}`, table, shape);
      flat.forEach((each) => checkNumber(`start.${name}`, each, "finite numbers", Number.isFinite));
      return [name, Float64Array.from(flat)];
    };
    return Object.fromEntries(Object.entries(shapesOf(form, bins, codes)).map(one));
  }

  /** The `value` of the objective at `start`, its `rate` and `distortion`, and the `gradient` by every parameter. */
  function gradientAt(pX, start, objective = betaVae(), parametrisation = "table") {
    checkObjective(objective);
    const p = checkDistribution("pX", pX), q = readStart(parametrisation, start, p.length);
    const tables = tablesOf(parametrisation, q, p.length), { rate, distortion } = rateAndDistortion(p, tables);
    const flat = gradientByParameters(parametrisation, q, p, tables, objective.price(rate));
    const shapes = Object.entries(shapesOf(parametrisation, p.length, q.marginal.length));
    const by = Object.fromEntries(shapes.map(([name, shape]) => [name, nestedLike(flat[name], shape)]));
    return { value: objective.value(rate, distortion), rate, distortion, gradient: by };
  }

  /** Optimisers: from the parameters to what changes them in place, given the gradient, the learning rate, the step. */
  const OPTIMISERS = {
    sgd: (q) => (gradient, learningRate) => {
      for (const name of Object.keys(q)) q[name].forEach((_, i) => { q[name][i] -= learningRate * gradient[name][i]; });
    },
    adam: (q) => {
      const zeros = () => Object.fromEntries(Object.keys(q).map((name) => [name, new Float64Array(q[name].length)]));
      const means = zeros(), squares = zeros(), { first, second, epsilon } = ADAM;
      return (gradient, learningRate, step) => {
        const stride = learningRate / (1 - first ** step), unbiased = Math.sqrt(1 - second ** step);
        for (const name of Object.keys(q)) {
          const [value, m, v, g] = [q[name], means[name], squares[name], gradient[name]];
          for (let i = 0; i < value.length; i += 1) {
            m[i] = first * m[i] + (1 - first) * g[i];
            v[i] = second * v[i] + (1 - second) * g[i] * g[i];
            value[i] -= (stride * m[i]) / (Math.sqrt(v[i]) / unbiased + epsilon);
          }
        }
      };
    },
  };

  const modelOf = (pX, tables) => ({
    ...rateAndDistortion(pX, tables), encoder: nested(tables.encoder.p, tables.encoder.width),
    decoder: nested(tables.decoder.p, tables.decoder.width), marginal: Array.from(tables.marginal.p),
  });

  function readOptions(options) {
    const choices = { parametrisation: "table", objective: betaVae(), optimiser: "adam" };
    const chosen = { ...choices, steps: 500, learningRate: 0.1, watch: () => {}, ...options };
    checkObjective(chosen.objective);
    checkChoice("optimiser", chosen.optimiser, Object.keys(OPTIMISERS));
    checkNumber("steps", chosen.steps, "a whole number, 1 or more", isCount);
    checkNumber("learningRate", chosen.learningRate, "a positive number", isPositive);
    return chosen;
  }

  /**
   * Trains one model of p*(x) from `start`, one of `drawStart`'s or logits of your own.
   *
   * Options: `parametrisation` (table, printed, output); `objective` (of `betaVae`, `targetRate`, `targetRateSquared`);
   * `optimiser` (adam, sgd); `steps`; `learningRate`, which falls to zero along half a cosine; `watch(step, model)`,
   * called before each step, from step 0, where `model()` is the model then. A model is its `rate`, `distortion`,
   * `encoder`, `decoder` and `marginal`; the trained one has a `history` of `rates` and `distortions` before each step.
   */
  function descend(pX, start, options = {}) {
    const walk = descending(pX, start, options);
    for (;;) {
      const { done, value } = walk.next();
      if (done) return value;
    }
  }

  /** `descend` as a generator that pauses after every step, for a page that has other things to do. */
  function* descending(pX, start, options = {}) {
    const { parametrisation, objective, optimiser, steps, learningRate, watch } = readOptions(options);
    const p = checkDistribution("pX", pX), q = readStart(parametrisation, start, p.length);
    const history = { rates: [], distortions: [] }, move = OPTIMISERS[optimiser](q);
    for (let step = 0; step < steps; step += 1) {
      const tables = tablesOf(parametrisation, q, p.length), { rate, distortion } = rateAndDistortion(p, tables);
      const expected = `one that keeps rate and distortion finite, which it does not at step ${step + 1}`;
      checkNumber("learningRate", learningRate, expected, () => Number.isFinite(rate + distortion));
      history.rates.push(rate);
      history.distortions.push(distortion);
      watch(step, () => modelOf(p, tables));
      const gradient = gradientByParameters(parametrisation, q, p, tables, objective.price(rate));
      move(gradient, (learningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2, step + 1);
      yield step;
    }
    return { ...modelOf(p, tablesOf(parametrisation, q, p.length)), history };
  }

  return { betaVae, descend, descending, drawStart, gradientAt, targetRate, targetRateSquared };
});
