/* The toy of Alemi et al. (2018), appendix E, trained in the page: from a start whose scale is chosen, by gradient
   descent, to the line that it stops on. Settings: scale, the standard deviation of the first logits; seed; form, one of
   table, printed and output; objective, a place in OBJECTIVES; steps and learningRate of the descent. */
(function () {
  "use strict";
  const { button, clamp, el, figure, handle, ink, load, plane, slider, still, words } = rd;
  const SIZE = 30; // marks, and codes
  const REACH = [3.3, 6]; // of rate and distortion, in nats
  const SCALES = [-2, 0.5]; // log10 of the least and the largest
  const SLICE = 8; // milliseconds of descent between two pictures
  const EVERY = 5; // steps from one kept model to the next
  const FULL = 0.4; // probability of a cell in full ink
  const OBJECTIVES = [["D + R, the ELBO", lab => lab.betaVae(1)], ["D + 0.5 R", lab => lab.betaVae(0.5)], ["D + 1.5 R", lab => lab.betaVae(1.5)],
    ["D + 2 |R − 0.5|", lab => lab.targetRate(0.5)], ["D + 50 (R − 0.5)²", lab => lab.targetRateSquared(0.5, 50)]];

  const short = value => String(Number(value.toPrecision(2)));

  /** A named choice, of 44 pixels. */
  function choice(name, options, value, choose) {
    const list = el("select", { class: "rd-button", onchange: () => choose(list.value) },
      ...options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
    return el("label", { class: "rd-choice" }, name, list);
  }

  /** The tables of a model as rows of marks: its codes in the order of the mark that they stand for. */
  function pictures({ pX }, { encoder, decoder, marginal }) {
    const stands = decoder.map(row => row.reduce((total, p, x) => total + p * x, 0));
    const order = stands.map((_, z) => z).sort((a, b) => stands[a] - stands[b]);
    const copy = encoder.map(row => rd.exact.arrays.mixture(row, decoder));
    return {
      data: pX, encoder: encoder.flatMap(row => order.map(z => row[z])),
      decoder: pX.flatMap((_, x) => order.map(z => decoder[z][x])), copy: copy.flat(), marginal: order.map(z => marginal[z]),
    };
  }

  /** Heat maps of four tables and of the copy, drawn anew by the function that comes back. */
  function maps(place) {
    const canvas = () => el("canvas", { class: "rd-ink" });
    const parts = { data: ["p*(x)", 1, canvas()], encoder: ["e(z|x)", SIZE, canvas()], decoder: ["d(x|z)", SIZE, canvas()],
      copy: ["copy p(x′|x)", SIZE, canvas()], marginal: ["m(z)", SIZE, canvas()] };
    const labels = { data: "p*", encoder: "e(z|x)", decoder: "d(x|z)", copy: "copy p(x′|x)" };
    place.append(el("div", { class: "rd-maps" }, ...Object.values(labels).map(each => el("span", {}, each)),
      ...Object.keys(labels).map(name => parts[name][2]), el("span"), el("span"), parts.marginal[2], el("span", {}, "↑ m(z)")),
    el("p", { class: "rd-hint" }, "A row is a mark x. A column of e and d is a code, in the order of the marks that it stands for; "
      + "of the copy, the mark that Bob guesses."));
    return tables => Object.entries(parts).forEach(([name, [label, columns, at]]) =>
      ink(tables[name].map(p => Math.sqrt(Math.min(1, p / FULL))), columns, { width: "100%", label, canvas: at }));
  }

  class Atlas {
    constructor(element, settings, lab) {
      Object.assign(this, settings, { lab, process: rd.toy.toyProcess(SIZE), told: element.querySelector(".rd-caption"), ends: [], run: 0 });
    }
    /** The start of a scale, and where it is. */
    from(scale) {
      const { lab, process, seed, form } = this, logits = lab.drawStart(SIZE, SIZE, seed, scale, form);
      const { rate, distortion } = lab.gradientAt(process.pX, logits, lab.betaVae(), form);
      return { logits, rate, distortion };
    }
    /** The scale at which the start has a rate, by halving. */
    scaleAt(rate) {
      let [low, high] = SCALES;
      for (let i = 0; i < 24; i += 1) {
        const middle = (low + high) / 2;
        if (this.from(10 ** middle).rate < rate) low = middle; else high = middle;
      }
      return 10 ** low;
    }
    /** Another start, form or objective; the ends of other forms and objectives are no part of this atlas. */
    set(changes) {
      if ("form" in changes || "objective" in changes) this.ends = [];
      Object.assign(this, changes);
      this.begin();
    }
    /** Descend from the start, in slices; a new start ends the old descent. */
    begin() {
      const { lab, process, form, objective, steps, learningRate } = this, run = this.run += 1;
      this.start = this.from(this.scale);
      [this.kept, this.done] = [[], false];
      this.told.textContent = `Down from R\u00a0=\u00a0${words(this.start.rate, 3)}, D\u00a0=\u00a0${words(this.start.distortion, 3)} nats …`;
      const watch = (step, model) => { if (step % EVERY === 0) this.kept.push(model()); };
      const asked = { parametrisation: form, objective: OBJECTIVES[objective][1](lab), steps, learningRate, watch };
      const walk = lab.descending(process.pX, this.start.logits, asked);
      const slice = () => {
        if (run !== this.run) return;
        const until = performance.now() + SLICE;
        let next = walk.next();
        while (!next.done && performance.now() < until) next = walk.next();
        if (next.done) this.finish(next.value);
        else requestAnimationFrame(slice);
        if (!next.done && !still()) this.show(this.kept.length - 1);
      };
      slice();
    }
    finish(model) {
      this.kept.push(model);
      this.ends.push(model);
      this.done = true;
      this.look(this.kept.length - 1);
    }
    /** One step of a finished descent, in pictures and in words. */
    look(i) {
      this.show(i);
      const { start, steps, process: { joint, entropy } } = this, { rate, distortion, encoder } = this.kept[i];
      const classes = joint.map(row => rd.exact.arrays.mixture(row, encoder)), last = i === this.kept.length - 1;
      this.told.textContent = (`${last ? `After ${steps} steps` : `At step ${i * EVERY}`}: R = ${words(rate, 3)}, D = ${words(distortion, 3)}, `
        + `R\u00a0+\u00a0D\u00a0−\u00a0H = ${words(Math.max(0, rate + distortion - entropy), 4)} nats; `
        + `the code tells ${words(rd.exact.mutualInformation(classes), 3)} nats of the machine. `
        + `The start: R = ${words(start.rate, 3)}, D = ${words(start.distortion, 3)}.`).replaceAll(" = ", "\u00a0=\u00a0");
    }
    show(i) {
      const { at, hand, start, kept, bars } = this;
      this.draw(pictures(this.process, kept[i]));
      bars.step.follow(Math.min(i * EVERY, this.steps));
      if (!at) return;
      at.layer.replaceChildren(this.picture(i));
      hand.place(start.rate, Math.min(start.distortion, REACH[1]));
      hand.say(`scale ${short(this.scale)}, R = ${words(start.rate, 3)}, D = ${words(start.distortion, 3)}`);
    }
    /** The line that no model crosses, the ends of all descents, and this one up to the model i. */
    picture(i) {
      const { at: { x, y, box }, process: { entropy: H }, kept, ends } = this, [width, height] = [box.right - box.left, box.bottom - box.top];
      const dot = ({ rate, distortion }, r, fill) => el("circle", { cx: x(rate), cy: y(distortion), r, fill });
      const path = kept.slice(0, i + 1).map(each => `${x(each.rate)} ${y(each.distortion)}`).join("L");
      return el("svg", { x: box.left, y: box.top, width, height, viewBox: `${box.left} ${box.top} ${width} ${height}` },
        el("path", { d: `M${x(0)} ${y(0)}L${x(H)} ${y(0)}L${x(0)} ${y(H)}Z`, fill: "var(--rd-region)" }),
        el("line", { x1: x(0), y1: y(H), x2: x(H), y2: y(0), stroke: "var(--rd-ink)", "stroke-width": 2 }),
        el("text", { x: x(0.25), y: y(0.4) }, "no model"),
        ...ends.map(each => dot(each, 4, "var(--rd-muted)")),
        el("path", { d: `M${path}`, fill: "none", stroke: "var(--rd-1)", "stroke-width": 2 }), dot(kept[i], 7, "var(--rd-1)"));
    }
    /** The plane, and the start to drag in it. */
    plane(at) {
      [this.at, this.hand] = [at, null];
      const { rate, distortion } = this.start;
      const move = to => {
        if (!this.hand) return undefined;
        this.set({ scale: this.scaleAt(to) });
        this.bars.scale.follow(Math.log10(this.scale));
        return [this.start.rate, Math.min(this.start.distortion, REACH[1])];
      };
      const label = "the start: left and right change its scale";
      this.hand = handle(at, { x: rate, y: Math.min(distortion, REACH[1]), label, step: [0.05, 0], move });
      this.show(this.kept.length - 1);
    }
    /** Sliders, choices and the button for other draws. */
    controls() {
      const { scale, steps, form, objective } = this;
      this.bars = {
        scale: slider({ name: "scale of the start", min: SCALES[0], max: SCALES[1], step: 0.01, value: Math.log10(scale),
          say: at => short(10 ** at), input: at => this.set({ scale: 10 ** at }) }),
        step: slider({ name: "step", min: 0, max: steps, step: EVERY, value: 0,
          input: step => this.done && this.look(Math.min(Math.round(step / EVERY), this.kept.length - 1)) }),
      };
      const forms = ["table", "printed", "output"].map(each => [each, each]), objectives = OBJECTIVES.map(([name], i) => [i, name]);
      const again = button("Draw another", () => this.set({ seed: this.seed + 1 }));
      return [el("div", { class: "rd-controls" }, this.bars.scale.element, again),
        el("div", { class: "rd-controls" }, choice("form", forms, form, each => this.set({ form: each })),
          choice("minimise", objectives, objective, each => this.set({ objective: Number(each) }))),
        el("div", { class: "rd-controls" }, this.bars.step.element)];
    }
  }

  figure("toy-atlas", async (element, settings) => {
    for (const name of ["exact", "toy", "descent"]) await load(name);
    const atlas = new Atlas(element, settings, rd.descent), view = element.querySelector(".rd-view"), left = el("div"), right = el("div");
    atlas.told.setAttribute("aria-live", "polite");
    atlas.draw = maps(right);
    view.replaceChildren(el("div", { class: "rd-panels" }, left, right), ...atlas.controls());
    atlas.begin();
    plane(left, {
      x: [0, REACH[0]], y: [0, REACH[1]], across: "rate R (nats)", up: "distortion D (nats)", ratio: 0.9, tallest: 330, draw: at => atlas.plane(at),
      label: "The plane of rate and distortion: a start to drag, the way of its descent, and the line R + D = H that it stops on.",
    });
  });
})();
