/* What the lab shows, apart from its elements: image, beta, code and copies, and what they cost.

   new rd.lab_state(data, net, drawn): data as lab.js says; drawn() is called once a frame after anything has changed. */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(root);
  else (root.rd = root.rd || {}).lab_state = make(root);
})(typeof globalThis === "object" ? globalThis : this, function (root) {
  "use strict";

  const FIRST = 0.35; // of the images: where the one stands that is shown first
  const DRAWS = 5, NEW = 4; // copies of the image, and new images
  const MARGINAL = 1000003; // added to a seed, for codes from m(z)
  const SATURATED = 0.95; // of log N, from which the information about one image among N says little about its source
  const OPEN = 0.01; // nats, from which a dimension is open where the data do not say

  const words = (value, decimals = 2) => root.rd.words(value, decimals);
  const brief = (beta) => String(Number(beta.toPrecision(2)));
  const grouped = (whole) => String(whole).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

  class Lab {
    constructor(data, net, drawn) {
      const images = root.rd.drawing.unpack(data.images, net.side), order = Array.from({ length: net.dims }, (_, j) => j);
      Object.assign(this, { data, net, drawn, images, order, x: images[Math.floor(FIRST * images.length)] });
      Object.assign(this, { beta: 1, seed: 1, before: [], moves: new Map(), path: new Map(), least: OPEN });
      if (data.members) this.arrange(data);
      this.compute();
      if (!data.members) order.sort((a, b) => this.rates[b] - this.rates[a]);
    }

    /** The order of the dimensions, by what they cost at beta 1, how many some beta opens, and the reach of the plane. */
    arrange({ members, open_from: least }) {
      const most = (name, by) => by * Math.ceil(Math.max(...members.flatMap((member) => member[name])) / by);
      const cost = members.find((member) => member.beta === 1).rates;
      this.order.sort((a, b) => cost[b] - cost[a]);
      this.live = this.order.filter((j) => members.some((member) => member.rates[j] >= least)).length;
      Object.assign(this, { least, chosen: this.order[0], kept: this.live });
      Object.assign(this, { across: [0, most("each_rate", 10)], up: [0, most("each_distortion", 50)] });
    }

    /* ---- what changes ---- */

    /** Some settings; what the image cost at other betas is forgotten where the image, its draws or its code are new. */
    set(settings) {
      if (["x", "seed", "kept"].some((name) => name in settings)) this.path.clear();
      Object.assign(this, settings);
      this.change();
    }

    /** Another image, whose code has not been moved. */
    show(x) {
      this.moves.clear();
      this.set({ x });
    }

    /** Another image; the one before it can be had back. */
    put(x) {
      this.before.push(this.x);
      this.show(x);
      return x;
    }

    undo() {
      if (this.before.length) this.show(this.before.pop());
    }

    /** New codes. */
    again() {
      this.moves.clear();
      this.set({ seed: this.seed + 1 });
    }

    /** Another value of the chosen dimension, in the code of the first copy. */
    move(value) {
      this.moves.set(this.chosen, value);
      this.change();
    }

    back() {
      this.moves.clear();
      this.change();
    }

    change() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.compute();
        this.drawn();
      });
    }

    /* ---- what is computed ---- */

    compute() {
      const { net, x, seed } = this, member = net.at(this.beta);
      this.seen = member.look(x, DRAWS, root.rd.network.normals(seed), (code) => {
        this.rates = member.rate(code);
        return this.erased(code);
      });
      this.z = this.seen.codes[0].slice();
      this.moves.forEach((value, j) => (this.z[j] = value));
      this.copies = this.seen.probabilities.slice();
      if (this.moves.size) this.copies[0] = member.decode(this.z).map(sigmoid);
      this.path.set(this.beta, [this.seen.rate, this.seen.distortion]);
    }

    /** The code with all but the first `kept` dimensions erased: those are N(0, 1) and cost nothing. */
    erased({ mean, variance, sd }) {
      const stays = new Set(this.order.filter((_, rank) => this.keeps(rank)));
      const only = (values, other) => values.map((value, j) => (stays.has(j) ? value : other));
      return { mean: only(mean, 0), variance: only(variance, 1), sd: only(sd, 1) };
    }

    /** New images, of codes from m(z). */
    inventions() {
      const { net } = this, normal = root.rd.network.normals(MARGINAL + this.seed);
      const all = net.at(this.beta).decode(Float32Array.from({ length: NEW * net.dims }, normal)).map(sigmoid);
      return Array.from({ length: NEW }, (_, i) => all.subarray(i * net.pixels, (i + 1) * net.pixels));
    }

    /* ---- what is asked ---- */

    keeps(rank) { return this.kept === this.live || rank < this.kept; }
    rank() { return this.order.indexOf(this.chosen); }
    value() { return this.z[this.chosen]; }

    /** How many dimensions of this image's code cost something. */
    open() {
      return this.order.filter((j, rank) => this.keeps(rank) && this.rates[j] >= this.least).length;
    }

    /** How brightly a dimension shines: 0 to 100, 0 where it is dead or erased. */
    light(rank) {
      const rate = this.rates[this.order[rank]];
      return this.keeps(rank) && rate >= this.least ? Math.round(Math.min(100, 20 + 40 * rate)) : 0;
    }

    sentence() {
      const { rate, distortion } = this.seen, costs = `rate ${words(rate, 1)}, distortion ${words(distortion, 1)} nats`;
      return `At β = ${brief(this.beta)} this image has ${this.open()} open dimensions, ${costs}.`;
    }

    /** Where the chosen dimension stands. */
    walked() {
      const moved = this.moves.has(this.chosen) ? ", moved" : "";
      return `dimension ${this.rank() + 1}: ${words(this.rates[this.chosen])} nats, at ${words(this.value())}${moved}`;
    }

    /** What the test images pay at the nearest beta, and for what. */
    marginal_kl() {
      const far = (member) => Math.abs(Math.log(member.beta / this.beta)), { members, n, log_n: most } = this.data;
      const near = members.reduce((best, member) => (far(member) < far(best) ? member : best));
      const { beta, rate, distortion, open, information, fee: kl, fee_least: least } = near;
      const bound = information > SATURATED * most
        ? ` More than log N = ${words(most)} nats cannot be told of one image among ${grouped(n)}, so for digits at large the marginal KL is only known to lie between ${words(least)} and ${words(kl)} nats.`
        : "";
      return `All ${grouped(n)} test images at β = ${brief(beta)}, on average: R = ${words(rate)}, D = ${words(distortion)} nats, ${open} dimensions open. `
        + `${words(information)} nats of the rate tell the image from the others, ${words(kl)} are the marginal KL.${bound}`;
    }
  }

  return Object.assign(Lab, { brief, DRAWS, NEW });
});
