/* The lab: draw a digit, slide beta, and see the code, the copies, rate and distortion of this very image.

   One network serves every beta (network.js). Beside the reader's image stand test images, measured beforehand at
   twelve betas (scripts/lab.py): data = {members, images, labels, n, log_n, open_from, ...}. */
(function (rd) {
  "use strict";

  const { el, button, slider, plane, ink, words, clamp } = rd;
  const DRAWS = 5; // copies of the image
  const MARGINAL = 1000003; // added to a seed, for codes from m(z)
  const QUIET = 700; // milliseconds without a change, after which a sentence is spoken
  const PAD = "Your image. Draw on it with a finger or a mouse; by keyboard, choose a test image below.";
  const MARKS = [-1, -0.7, -0.3, 0, 0.3, 0.7, 1]; // log10 of 0.1, 0.2, 0.5, 1, 2, 5, 10

  const bits = (nats) => nats / Math.LN2;
  const brief = (beta) => String(Number(beta.toPrecision(2)));
  const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
  const controls = (...children) => el("div", { class: "rd-controls" }, ...children);

  /** The member measured at the beta nearest to `beta`. */
  function nearest(members, beta) {
    const far = (member) => Math.abs(Math.log(member.beta / beta));
    return members.reduce((best, member) => (far(member) < far(best) ? member : best));
  }

  /** The code with all but the first `kept` dimensions of `order` erased: those are N(0, 1) and cost nothing. */
  function erased({ mean, variance, sd }, order, kept) {
    const stay = new Set(order.slice(0, kept));
    const only = (values, other) => values.map((value, j) => (stay.has(j) ? value : other));
    return { mean: only(mean, 0), variance: only(variance, 1), sd: only(sd, 1) };
  }

  /** A slider whose value has changed by other means: it moves and says so, and calls nothing. */
  function follow({ input, element, say }, value) {
    input.value = value;
    input.setAttribute("aria-valuetext", say(value));
    element.querySelector("output").textContent = say(value);
  }

  class Lab {
    constructor(element, data, net) {
      const images = rd.drawing.unpack(data.images, net.side), { members } = data;
      const most = (name, by) => by * Math.ceil(Math.max(...members.flatMap((member) => member[name])) / by);
      Object.assign(this, { across: [0, most("each_rate", 10)], up: [0, most("each_distortion", 50)] });
      Object.assign(this, { element, data, net, images, x: images[35], before: [], beta: 1, seed: 1, kept: net.dims });
      Object.assign(this, { chosen: null, moves: new Map(), marginal: false, parts: {}, waiting: false });
    }

    /* ---- what changes ---- */

    /** Some settings. */
    set(settings) {
      Object.assign(this, settings);
      this.change();
    }

    /** Another image, whose code has not been moved. */
    show(x) {
      this.moves.clear();
      this.set({ x, marginal: false });
    }

    /** Another image; the one before it can be had back. */
    put(x) {
      this.before.push(this.x);
      this.show(x);
      return x;
    }

    /** New codes; the last picture's is one of them, or one from m(z). */
    again(marginal) {
      this.moves.clear();
      this.set({ marginal, seed: this.seed + 1 });
    }

    /** Another value of the chosen dimension of the last picture's code. */
    move(value) {
      this.moves.set(this.chosen, value);
      this.change();
    }

    /** Computes and draws all anew, once a frame. */
    change() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.compute();
        this.draw();
      });
    }

    compute() {
      const { net, x, seed, kept, moves } = this, member = net.at(this.beta);
      this.seen = member.look(x, DRAWS, rd.network.normals(seed), (code) => {
        this.rates = member.rate(code);
        this.order = this.rates.map((_, j) => j).sort((a, b) => this.rates[b] - this.rates[a]);
        return erased(code, this.order, kept);
      });
      const { codes, probabilities } = this.seen, normal = rd.network.normals(MARGINAL + seed);
      this.z = codes[0].map((value) => (this.marginal ? normal() : value));
      moves.forEach((value, j) => (this.z[j] = value));
      const mean = probabilities[0].map((_, i) => probabilities.reduce((sum, each) => sum + each[i], 0) / DRAWS);
      this.copies = [probabilities[0], mean, member.decode(this.z).map(sigmoid)];
      this.near = nearest(this.data.members, this.beta);
      if (this.chosen === null) this.chosen = this.order[0];
    }

    /* ---- what is seen ---- */

    draw() {
      const { parts, net, order, chosen, moves } = this;
      ink(this.x, net.side, { canvas: parts.pad, width: "min(280px, 100%)", label: PAD });
      this.copies.forEach((pixels, i) => ink(pixels, net.side, { canvas: parts.copies[i], width: "92px" }));
      const moved = moves.size ? `, ${moves.size} moved` : "";
      parts.source.textContent = (this.marginal ? "of a code from m(z)" : "of the first copy's code") + moved;
      follow(parts.rank, order.indexOf(chosen) + 1);
      follow(parts.value, clamp(this.z[chosen], -rd.lab_charts.EDGE, rd.lab_charts.EDGE));
      for (const name of ["strip", "rates", "cloud"]) parts[name].render();
      this.count();
      parts.fee.textContent = this.fee();
      clearTimeout(this.spoken);
      this.spoken = setTimeout(() => (parts.live.textContent = this.sentence()), QUIET);
    }

    /** Rate and distortion of this image, in nats and bits. */
    count() {
      const { rate, distortion, distortionError: error } = this.seen, both = rate + distortion;
      const rows = [["rate R", rate], ["distortion D", distortion, error], ["R + D", both, error]];
      const row = ([name, nats, around]) => el("tr", {}, el("th", { scope: "row" }, name),
        el("td", {}, words(nats, 1) + (around ? ` ± ${words(around, 1)}` : "")), el("td", {}, words(bits(nats), 1)));
      this.parts.numbers.replaceChildren(...rows.map(row));
    }

    sentence() {
      const { rate, distortion } = this.seen;
      const costs = `rate ${words(rate, 1)} nats, distortion ${words(distortion, 1)} nats`;
      return `At β = ${brief(this.beta)}, this image: ${costs}.`;
    }

    /** What the test images pay at the nearest beta, and for what. */
    fee() {
      const { beta, open, rate, information, fee, fee_least: least } = this.near, { n, log_n: most } = this.data;
      return `At β = ${brief(beta)} a test image costs ${words(rate)} nats on average, in ${open} open dimensions. `
        + `${words(information)} of them tell it from the other ${n - 1} test images, where log N = ${words(most)} `
        + `is all that can; the other ${words(fee)} are the fee for the marginal, on these images. For digits at large `
        + `the fee lies between ${words(least)} and ${words(fee)} nats.`;
    }

    /* ---- what it is made of ---- */

    build() {
      this.compute();
      this.makeSliders();
      const { parts, element } = this, wide = (...children) => el("div", { class: "rd-wide" }, ...children);
      const places = Object.fromEntries(["strip", "rates", "cloud"].map((name) => [name, el("div")]));
      const { beta, kept, rank, value } = parts, left = this.makeImage();
      const right = el("div", {}, beta.element, this.makeCopies(), this.makeTable());
      const drawn = { "Draw again": false, "Draw from m(z)": true };
      const buttons = Object.entries(drawn).map(([name, marginal]) => button(name, () => this.again(marginal)));
      const moved = [kept, rank, value].map((each) => each.element);
      const code = wide(places.strip, places.rates, ...moved, controls(...buttons));
      [...element.children].filter((child) => child.tagName !== "FIGCAPTION").forEach((child) => child.remove());
      element.prepend(el("div", { class: "rd-lab" }, left, right, code, wide(places.cloud, parts.fee, parts.live)));
      const options = rd.lab_charts.options(this);
      for (const name of Object.keys(options)) parts[name] = plane(places[name], options[name]);
      this.draw();
    }

    makeImage() {
      const { net, data, images, parts } = this;
      const begin = () => this.put(this.x.slice()), change = () => this.change();
      parts.pad = rd.drawing.pad(net.side, { label: PAD, begin, change });
      const buttons = controls(
        button("Clear", () => this.put(new Uint8Array(net.pixels))),
        button("Undo", () => this.before.length && this.show(this.before.pop())),
        button("Centre", () => this.put(rd.drawing.centred(this.x, net.side))));
      return el("div", {}, parts.pad, buttons, rd.drawing.picks(images, data.labels, net.side, (x) => this.put(x)));
    }

    makeSliders() {
      const { dims } = this.net, edge = rd.lab_charts.EDGE, add = (name, options) =>
        (this.parts[name] = Object.assign(slider(options), { say: options.say }));
      add("beta", { name: "β", min: -1, max: 1, step: 0.01, value: 0, marks: MARKS,
        say: (log) => brief(10 ** log), input: (log) => this.set({ beta: 10 ** log }) });
      add("kept", { name: "keep the dearest", min: 0, max: dims, step: 1, value: dims,
        say: (kept) => `${kept} of ${dims}`, input: (kept) => this.set({ kept }) });
      add("rank", { name: "dimension", min: 1, max: dims, step: 1, value: 1,
        say: (rank) => `${rank}: ${words(this.rates[this.order[rank - 1]])} nats`,
        input: (rank) => this.set({ chosen: this.order[rank - 1] }) });
      add("value", { name: "its value", min: -edge, max: edge, step: 0.05, value: 0,
        say: (value) => words(value), input: (value) => this.move(value) });
    }

    makeCopies() {
      const captions = ["one copy", "mean of five", ""], { parts } = this;
      parts.copies = captions.map(() => el("canvas", { class: "rd-ink" }));
      const shown = captions.map((caption, i) => el("figure", {}, parts.copies[i], el("figcaption", {}, caption)));
      parts.source = shown[2].lastChild;
      return el("div", { class: "rd-copies" }, ...shown);
    }

    makeTable() {
      const { parts } = this, head = ["this image", "nats", "bits"].map((name) => el("th", { scope: "col" }, name));
      const live = el("p", { class: "rd-caption", "aria-live": "polite" });
      Object.assign(parts, { numbers: el("tbody"), fee: el("p"), live });
      return el("table", {}, el("thead", {}, el("tr", {}, ...head)), parts.numbers);
    }
  }

  rd.figure("lab", async (element, data) => {
    await Promise.all(["layers", "network", "drawing", "lab_charts"].map((name) => rd.load(name)));
    new Lab(element, data, rd.network.load(await rd.load("one_network"))).build();
  });
})(rd);
