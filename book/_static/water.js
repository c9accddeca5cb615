/* Reverse water-filling: a column for each eigenvalue, water at beta times the noise, and the model that is best there
   on its frontier. The water, the columns and a slider move. Settings: spectrum; noise; held, what the reader may hold
   fixed, of price, rate, infomax and capacity; beta, the start; gamma, the weight of a capacity. */
(function () {
  "use strict";
  const { button, clamp, el, figure, handle, load, plane, scale, slider, words } = rd;
  const LOW = 0.06, HIGH = 10; // eigenvalues and water levels that can be drawn
  const TICKS = [[0.1, "0.1"], [0.25, "¼"], [0.5, "½"], [1, "1"], [2, "2"], [4, "4"], [8, "8"]];
  const MOST = 8; // nats, of the rate
  const WATER = "var(--rd-1)", DRY = "var(--rd-2)";

  const short = value => String(Number(value.toPrecision(3)));
  const nats = value => `${words(value)} nats`;

  /** What may be held: the slider's ends, its place of a value and back, what is read; the level of the water at a
      value and the value at a level, by the model's level(rate), rate(level), noise and gamma; and the caption. */
  const same = value => value;
  const held = (name, ends, level, of, said, say = nats, to = same, from = same) => ({ name, ends, level, of, said, say, to, from });
  const ROADS = {
    price: held("price β", [-1, 1.3], (beta, { noise }) => beta * noise, (level, { noise }) => level / noise,
      (beta, best) => `β = ${short(best.beta)}`, short, Math.log10, place => 10 ** place),
    rate: held("rate R", [0, MOST], (rate, model) => model.level(rate), (level, model) => model.rate(level),
      (rate, best) => `R ≤ ${words(rate)} has the price β = ${short(best.beta)}`),
    infomax: held("InfoMax λ", [0, 7],
      (weight, { noise }) => noise / (1 + weight), (level, { noise }) => Math.max(0, noise / level - 1),
      (weight, best) => `λ = ${words(weight)} is the price β = 1/(1 + λ) = ${short(best.beta)}`, value => words(value)),
    capacity: held("capacity C", [0, MOST],
      (target, model) => Math.min(model.level(target), model.gamma * model.noise), (level, model) => model.rate(level),
      (target, best, gamma) => (best.rate > target + 0.005 ? `γ = ${short(gamma)} is too small to hold C = ${words(target)}`
        : `C = ${words(target)} has the price β = ${short(best.beta)}`)),
  };

  /** What is said of the best model. */
  const sentence = (road, value, best, gamma) => `${road.said(value, best, gamma)}: water at βσ² = ${words(best.waterLevel, 3)}, `
    + `${best.active} of ${best.eigenvalues.length} dimensions stand out of it, R = ${words(best.rate, 3)}, D = ${words(best.distortion, 3)} nats.`;

  /** The columns, what stands out of the water and what does not, and the water. */
  function columns({ x, y, box }, spectrum, level, rates) {
    const wide = Math.min(40, 0.7 * (x(1) - x(0))), top = y(Math.log(clamp(level, LOW, HIGH)));
    const each = spectrum.flatMap((value, i) => {
      const middle = x(i + 0.5), high = y(Math.log(value)), cut = Math.max(high, top);
      const piece = (from, to, fill) => el("rect", { x: middle - wide / 2, width: wide, y: from, height: to - from, fill });
      return [piece(high, cut, DRY), piece(cut, box.bottom, "var(--rd-line)"),
        el("text", { x: middle, y: box.bottom + 16, "text-anchor": "middle" }, rates[i] > 1e-12 ? words(rates[i]) : "0")];
    });
    return [...each,
      el("rect", { x: box.left, y: top, width: box.right - box.left, height: box.bottom - top, fill: WATER, "fill-opacity": 0.22 }),
      el("line", { x1: box.left, x2: box.right, y1: top, y2: top, stroke: WATER, "stroke-width": 2 })];
  }

  /** The frontier, the best model on it and the line of its price, cut at the frame. */
  function frontier({ x, y, box }, curve, { rate, distortion, beta }) {
    const [width, height] = [box.right - box.left, box.bottom - box.top];
    const far = rate + 1.5, near = rate - 1.5, along = at => y(distortion - beta * (at - rate));
    const path = curve.map(each => `${x(each.rate)} ${y(each.distortion)}`).join("L");
    return el("svg", { x: box.left, y: box.top, width, height, viewBox: `${box.left} ${box.top} ${width} ${height}` },
      el("path", { d: `M${path}`, fill: "none", stroke: "var(--rd-ink)", "stroke-width": 2 }),
      el("line", { x1: x(near), y1: along(near), x2: x(far), y2: along(far), stroke: WATER, "stroke-width": 2 }),
      el("circle", { cx: x(rate), cy: y(distortion), r: 7, fill: DRY }));
  }

  class Basin {
    constructor(element, settings, lab) {
      Object.assign(this, settings, { lab, gamma: settings.gamma || Infinity, told: element.querySelector(".rd-caption"), hands: [] });
      this.spectrum = [...settings.spectrum];
      this.level = rate => lab.linearAtRate(this.spectrum, rate, this.noise).waterLevel;
      this.rate = level => rd.exact.arrays.sum(lab.waterFilling(this.spectrum, level).rates);
      this.far = lab.linearAtRate(this.spectrum, 0, this.noise).distortion;
      this.take(settings.held[0], settings.beta * this.noise);
    }
    /** Hold something else, where the water stands. */
    take(name, level) {
      this.road = ROADS[name];
      this.value = this.road.of(level, this);
    }
    /** The best model, and the frontier. */
    solve() {
      const { lab, spectrum, noise } = this, level = this.road.level(this.value, this);
      this.best = lab.linearBetaVae(spectrum, level / noise, noise);
      this.rates = lab.waterFilling(spectrum, level).rates;
      this.curve = Array.from({ length: 64 }, (_, i) => lab.linearAtRate(spectrum, (i * (MOST + 1)) / 63, noise));
      this.told.textContent = sentence(this.road, this.value, this.best, this.gamma).replaceAll(" = ", "\u00a0=\u00a0");
    }
    /** Where the hand i stands: that of a column, or the last, that of the water. */
    stand(i) {
      const value = i < this.spectrum.length ? this.spectrum[i] : this.best.waterLevel;
      return [i + 0.5, Math.log(clamp(value, LOW, HIGH))];
    }
    /** Draw all anew. */
    show() {
      this.solve();
      const { best, spectrum, rates, left, right, hands } = this;
      if (left) left.layer.replaceChildren(...columns(left, spectrum, best.waterLevel, rates));
      if (right) right.layer.replaceChildren(frontier(right, this.curve, best));
      hands.forEach((hand, i) => {
        hand.place(...this.stand(i));
        hand.say(i < spectrum.length ? `λ = ${short(spectrum[i])}, rate ${nats(rates[i])}` : `water at ${words(best.waterLevel, 3)}`);
      });
    }
    /** A column or the water moved to a value, from the logarithm that a hand gives. */
    pull(i, y) {
      const value = Math.exp(clamp(y, Math.log(LOW), Math.log(HIGH)));
      if (i < this.spectrum.length) this.spectrum[i] = value;
      else this.value = clamp(this.road.of(value, this), ...this.road.ends.map(this.road.from));
      this.bar.follow(this.road.to(this.value));
      this.show();
    }
    /** The hands of the columns, and the hand of the water. */
    grasp(at) {
      [this.left, this.hands] = [at, []];
      const names = [...this.spectrum.map((_, i) => `eigenvalue ${i + 1}`), "the water level"];
      this.hands = names.map((name, i) => {
        const [x, y] = this.stand(i), label = `${name}: up and down move it`;
        return handle(at, { x, y, label, step: [0, 0.1], move: (_, to) => {
          if (this.hands.length) this.pull(i, to);
          return this.stand(i);
        } });
      });
      this.hands.at(-1).element.querySelector(".rd-dot").style.fill = WATER;
    }
    /** The slider of what is held. */
    control(place) {
      const { road } = this, [min, max] = road.ends, value = road.to(this.value);
      this.bar = slider({ name: road.name, min, max, step: 0.01, value, say: at => road.say(road.from(at)), input: at => {
        this.value = road.from(at);
        this.show();
      } });
      place.replaceChildren(this.bar.element);
    }
  }

  /** Buttons for what is held, where there is a choice. */
  function roads(names, basin, place) {
    const made = names.map(name => button(ROADS[name].name, () => {
      basin.take(name, basin.best.waterLevel);
      basin.control(place);
      basin.show();
      press(name);
    }));
    const press = name => made.forEach((each, i) => each.setAttribute("aria-pressed", names[i] === name));
    press(names[0]);
    return names.length > 1 ? el("div", { class: "rd-controls", role: "group", "aria-label": "what is held" }, ...made) : null;
  }

  figure("water", async (element, settings) => {
    await load("exact");
    const basin = new Basin(element, settings, await load("frontiers")), view = element.querySelector(".rd-view");
    const left = el("div"), right = el("div"), knob = el("div", { class: "rd-controls" });
    basin.told.setAttribute("aria-live", "polite");
    basin.solve();
    basin.control(knob);
    view.replaceChildren(el("div", { class: "rd-panels" }, left, right), ...[roads(settings.held, basin, knob)].filter(Boolean), knob);
    const shape = { ratio: 0.9, tallest: 290 };
    plane(left, {
      x: [0, settings.spectrum.length + 0.9], y: [Math.log(LOW), Math.log(HIGH)], ...shape,
      across: "rate of each dimension (nats)", up: "eigenvalue λ", marks: { x: [], y: TICKS.map(([value, text]) => [Math.log(value), text]) },
      label: "The eigenvalues as columns, on a logarithmic axis, and the water.",
      draw: at => { basin.grasp(at); basin.show(); },
    });
    plane(right, {
      x: [0, MOST], y: [0, 1.1 * basin.far], across: "rate R (nats)", up: "distortion D (nats)", ...shape,
      label: "The frontier, a falling convex curve, the best model on it, and a line whose slope is minus its price.",
      draw: at => { basin.right = at; basin.show(); },
    });
  });
})();
