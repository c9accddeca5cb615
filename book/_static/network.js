/* One network for all beta, in the browser: what companion.models.MultiRateVAE computes, from the same weights.

   const net = rd.network.load(packed);    // packed: what _static/one_network.js holds
   const member = net.at(0.37);            // the VAE at this beta, from net.least to net.most
   member.look(x, 5, rd.network.normals(1));

   x are 784 pixels, 0 or 1, row after row; terms are in nats. Needs layers.js. */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(() => require("./layers.js"));
  else (root.rd = root.rd || {}).network = make(() => root.rd.layers);
})(typeof globalThis === "object" ? globalThis : this, function (layers) {
  "use strict";

  const KEPT = 8; // members whose weights stay in memory, 2 MB each
  const FLOOR = 1e-12; // of a variance, as in the package

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const softplus = (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));

  function expect(right, name, expected, got) {
    if (!right) throw new RangeError(`${name}: expected ${expected}, got ${got}`);
  }

  /** Throws unless `values` are `size` numbers, each of them `right`. */
  function check(values, name, size, what, right) {
    const length = values === null || values === undefined ? undefined : values.length;
    expect(length === size, name, `${size} ${what}`, length === undefined ? values : `${length} of them`);
    for (const value of values) expect(right(value), name, what, value);
  }

  /** The VAE at `beta`. */
  class Member {
    constructor(net, beta) {
      const position = Math.log(beta / net.centre) / Math.log(net.span), { sigmoid, weigh } = layers();
      const opened = (closing) => sigmoid(net.sharpness * (closing - Math.log(beta)));
      /** How far each dimension of the code is open, 0 to 1. */
      this.opened = Float64Array.from(net.tensors.closing.values, opened);
      this.weights = new Map(net.layers.map((layer) => [layer, weigh(layer, net.tensors, position, this.opened)]));
      Object.assign(this, { net, beta });
    }

    run(input, through, batch) {
      return through.reduce((heard, layer) => layers().apply(layer, this.weights.get(layer), heard, batch), input);
    }

    checkImage(x) {
      check(x, "x", this.net.pixels, "pixels, 0 or 1", (pixel) => pixel === 0 || pixel === 1);
    }

    /** e(z|x): {mean, variance, sd}, a Float32Array each. */
    encode(x) {
      this.checkImage(x);
      const { encoder, heads, dims, pixels } = this.net, image = new Float64Array(pixels + 1);
      for (let i = 0; i < pixels; i++) image[i] = 2 * x[i] - 1;
      const features = this.run(image, encoder, 1);
      const [mean, read] = heads.map((head) => {
        const out = this.run(features, [head], 1);
        return Float32Array.from({ length: dims }, (_, j) => out[2 * j]);
      });
      const variance = read.map((value) => Math.max(softplus(value), FLOOR));
      return { mean, variance, sd: variance.map(Math.sqrt) };
    }

    /** The logits of d(x|z): 784 for each code of 64 numbers in `z`, an image after the other. */
    decode(z) {
      const { decoder, dims, pixels } = this.net, batch = Math.max(1, Math.ceil((z ? z.length : 0) / dims));
      check(z, "z", batch * dims, "finite numbers", Number.isFinite);
      const codes = new Float64Array(2 * z.length), logits = new Float32Array(batch * pixels);
      for (let i = 0; i < z.length; i++) codes[2 * i] = z[i];
      const out = this.run(codes, decoder, batch);
      for (let b = 0; b < batch; b++) logits.set(out.subarray(b * (pixels + 1), b * (pixels + 1) + pixels), b * pixels);
      return logits;
    }

    /** KL(e(z_j|x) || N(0, 1)) for every dimension of `encode(x)`; their sum is the rate of x. */
    rate({ mean, variance }) {
      return Array.from(mean, (m, j) => (variance[j] + m * m - 1 - Math.log(variance[j])) / 2);
    }

    /** -log d(x|z), from the logits of one image. */
    distortion(logits, x) {
      check(logits, "logits", this.net.pixels, "numbers", (logit) => !Number.isNaN(logit));
      this.checkImage(x);
      return sum(Array.from(logits, (logit, i) => softplus(logit) - x[i] * logit));
    }

    /**
     * All that a figure shows of `x`: its code, and copies by `draws` codes, whose noise is called from `normal`.
     * `edit(code)` may put another code in place of encode(x), before anything is computed from it.
     *
     * {mean, variance, sd, rates, rate}: of the code; {codes, probabilities, distortions}: a list, one for each draw;
     * {distortion, distortionError}: the mean over the draws and its standard error, Infinity for one draw.
     */
    look(x, draws, normal, edit = (code) => code) {
      expect(Number.isInteger(draws) && draws > 0, "draws", "a whole number, 1 or more", draws);
      const { dims, pixels } = this.net, each = layers().range(0, draws);
      const code = edit(this.encode(x)), rates = this.rate(code);
      const codes = each.map(() => code.mean.map((mean, j) => mean + code.sd[j] * normal()));
      const all = new Float32Array(draws * dims);
      codes.forEach((z, i) => all.set(z, i * dims));
      const decoded = this.decode(all), logits = each.map((i) => decoded.subarray(i * pixels, (i + 1) * pixels));
      const distortions = logits.map((found) => this.distortion(found, x)), distortion = sum(distortions) / draws;
      const variance = sum(distortions.map((value) => (value - distortion) ** 2)) / (draws - 1);
      const distortionError = draws > 1 ? Math.sqrt(variance / draws) : Infinity;
      const probabilities = logits.map((found) => found.map(layers().sigmoid));
      return { ...code, rates, rate: sum(rates), codes, probabilities, distortions, distortion, distortionError };
    }
  }

  /** The network in `packed`; `at(beta)` gives its members. */
  class Network {
    constructor(packed) {
      const { centre, span, sharpness, side } = packed, tensors = layers().unpack(packed);
      const chain = (part, from) => packed.layers.filter((spec) => spec.part === part).map((spec) => {
        const layer = layers().plan(spec, from, tensors);
        if (part !== "heads") from = layer.to;
        return layer;
      });
      const encoder = chain("encoder", side), heads = chain("heads", 1), decoder = chain("decoder", 1);
      Object.assign(this, { tensors, centre, span, sharpness, side, encoder, heads, decoder });
      Object.assign(this, { layers: [...encoder, ...heads, ...decoder], dims: heads[0].outputs, pixels: side ** 2 });
      Object.assign(this, { least: centre / span, most: centre * span, known: new Map() });
    }

    at(beta) {
      const inside = beta >= this.least * (1 - 1e-9) && beta <= this.most * (1 + 1e-9);
      expect(inside, "beta", `one from ${this.least.toPrecision(3)} to ${this.most.toPrecision(3)}, as trained`, beta);
      const member = this.known.get(beta) || new Member(this, beta);
      this.known.delete(beta); // and back, as the latest
      this.known.set(beta, member);
      if (this.known.size > KEPT) this.known.delete(this.known.keys().next().value);
      return member;
    }
  }

  /** A function that gives standard normal numbers, the same for the same whole `seed`: mulberry32, Box and Muller. */
  function normals(seed) {
    expect(Number.isInteger(seed), "seed", "a whole number", seed);
    let state = seed | 0, spare = null;
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    return () => {
      if (spare !== null) {
        const kept = spare;
        spare = null;
        return kept;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform())), angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    };
  }

  return { load: (packed) => new Network(packed), normals };
});
