/* Four tables to edit, and the sandwich that they make. A cell is dragged up and down, by a finger once it is tapped, so
   that others scroll; or it is moved by arrow keys; and its row sums to one again. Settings: digits and codes, their
   names; p, e, m and d, the four tables. */
(function () {
  "use strict";
  const { button, clamp, el, figure, load, scale, words } = rd;
  const PULL = 120; // pixels from 0 to 1
  const KEYS = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1 };
  const SIDES = { p: "var(--rd-line)", e: "var(--rd-3)", m: "var(--rd-5)", d: "var(--rd-1)" };
  const REACH = [-0.5, 1.7]; // nats, the axis of the bar

  /** The row with `value` in its place i: the others keep their proportions, and share evenly where all were 0. */
  function withEntry(row, i, value) {
    const rest = 1 - row[i];
    return row.map((each, j) => (j === i ? value : rest > 1e-9 ? (each / rest) * (1 - value) : (1 - value) / (row.length - 1)));
  }

  const number = value => (Number.isFinite(value) ? words(value, 3) : value > 0 ? "∞" : "−∞");

  /** The bar: decoder gap from H - D to I, marginal gap from I to R, on one axis of nats. */
  function bar(place) {
    const svg = place.appendChild(el("svg", { class: "rd-plane", height: 82, "aria-hidden": "true" }));
    return ({ entropy, distortion, mutualInformation: I, rate }) => {
      const width = Math.max(240, place.clientWidth), to = scale(REACH, [8, width - 8]);
      const x = value => to(clamp(value, ...REACH)), low = entropy - distortion;
      const piece = (from, end, colour) => el("rect", { x: x(from), y: 34, width: Math.max(0, x(end) - x(from)), height: 18, fill: colour });
      const mark = (at, y1, y2) => el("line", { x1: x(at), x2: x(at), y1, y2, stroke: "var(--rd-ink)", "stroke-width": 2 });
      const left = clamp(x(low), 100, width - 92);
      svg.setAttribute("width", width);
      svg.replaceChildren(
        el("line", { x1: 8, x2: width - 8, y1: 43, y2: 43, stroke: "var(--rd-line)" }),
        piece(low, I, SIDES.d), piece(I, rate, SIDES.m),
        mark(0, 38, 48), el("text", { x: x(0), y: 27, "text-anchor": "middle" }, "0"),
        mark(entropy, 38, 48), el("text", { x: x(entropy), y: 27, "text-anchor": "middle" }, `H = ${words(entropy, 3)}`),
        mark(low, 32, 58), mark(I, 28, 54), mark(rate, 32, 58),
        el("text", { x: clamp(x(I), 60, width - 60), y: 12, "text-anchor": "middle" }, `I = ${words(I, 3)}`),
        el("text", { x: left, y: 72, "text-anchor": "end" }, `H − D = ${number(low)}`),
        el("text", { x: clamp(x(rate), left + 10, width - 72), y: 72 }, `R = ${number(rate)}`));
    };
  }

  /** What is said of a model, in nats. */
  function sentence({ elbo, entropy, distortion, mutualInformation: I, rate }) {
    const [below, above] = [I - entropy + distortion, rate - I].map(each => number(Math.max(0, each)));
    return `ELBO = ${number(elbo)} nats. H − D = ${number(entropy - distortion)} ≤ I = ${number(I)} ≤ R = ${number(rate)}: `
      + `the decoder loses ${below} nats, the marginal ${above}.`;
  }

  /** A cell: `get` and `put` its value; its row as it is at `hold` is what a drag changes. */
  function cell(label, colour, { get, put, hold }) {
    const text = el("span", {}), range = { "aria-valuemin": 0, "aria-valuemax": 1, "aria-orientation": "vertical" };
    const made = el("div", { class: "rd-cell", role: "slider", tabindex: 0, "aria-label": label, ...range }, text);
    made.style.setProperty("--rd-fill", colour);
    draggable(made, { get, put, hold });
    made.addEventListener("keydown", event => {
      if (!(event.key in KEYS)) return;
      event.preventDefault();
      hold();
      put(clamp(Math.round(100 * get() + 100 * KEYS[event.key] * (event.shiftKey ? 5 : 1)) / 100, 0, 1));
    });
    made.show = () => {
      text.textContent = words(get());
      made.style.setProperty("--rd-level", `${100 * get()}%`);
      made.setAttribute("aria-valuenow", get().toFixed(3));
      made.setAttribute("aria-valuetext", words(get()));
    };
    return made;
  }

  /** Up and down change the value: of a mouse at once, of a finger where the cell was tapped before. */
  function draggable(made, { get, put, hold }) {
    let from = null;
    made.addEventListener("pointerdown", event => {
      if (event.pointerType === "touch" && document.activeElement !== made) return; // it may be about to scroll
      made.setPointerCapture(event.pointerId);
      made.focus();
      event.preventDefault();
      hold();
      from = [event.clientY, get()];
    });
    made.addEventListener("pointermove", event => from && put(clamp(from[1] + (from[0] - event.clientY) / PULL, 0, 1)));
    for (const end of ["pointerup", "pointercancel"]) made.addEventListener(end, () => { from = null; });
  }

  /** A weight of each row, and the rows: two tables side by side; `make(i, j)` is a cell, of the weights for j = -1. */
  function tables(titles, names, columns, make) {
    const line = (...parts) => el("div", { class: "rd-row", style: `grid-template-columns: 3.6em repeat(${columns.length + 1}, 1fr)` }, ...parts);
    return el("div", { class: "rd-table" },
      line(el("span"), el("strong", {}, titles[0]), el("strong", { style: `grid-column: span ${columns.length}` }, titles[1])),
      line(el("span"), el("span"), ...columns.map(each => el("span", { class: "rd-head" }, each))),
      ...names.map((name, i) => line(el("span", { class: "rd-side" }, name), ...[-1, ...columns.keys()].map(j => make(i, j)))));
  }

  class Sandwich {
    constructor(element, { digits, codes, ...start }, DiscreteModel) {
      Object.assign(this, { digits, codes, start, DiscreteModel, state: structuredClone(start), cells: [] });
      [this.below, this.told] = [el("div"), element.querySelector(".rd-caption")];
      this.draw = bar(this.below);
    }
    get model() {
      const { p, e, d, m } = this.state;
      return new this.DiscreteModel(p, e, d, m);
    }
    show() {
      const { model } = this;
      this.told.textContent = sentence(model).replaceAll(" = ", "\u00a0=\u00a0");
      this.draw(model);
      this.cells.forEach(each => each.show());
    }
    /** A cell of a table; `read` and `write` its row. */
    cell(table, label, read, write, i) {
      let row = null;
      const put = value => { write(withEntry(row, i, value)); this.show(); };
      this.cells.push(cell(label, SIDES[table], { get: () => read()[i], put, hold: () => { row = [...read()]; } }));
      return this.cells.at(-1);
    }
    /** Weights and rows, such as p and e. */
    pair([weights, rows], titles, names, columns) {
      const { state } = this;
      return tables(titles, names, columns, (i, j) => (j < 0
        ? this.cell(weights, `${weights}(${names[i]})`, () => state[weights], row => { state[weights] = row; }, i)
        : this.cell(rows, `${rows}(${columns[j]}|${names[i]})`, () => state[rows][i], row => { state[rows][i] = row; }, j)));
    }
    /** Buttons for tables that have names. */
    buttons() {
      const { codes, digits } = this, uniform = list => list.map(() => 1 / list.length);
      const set = (name, change) => button(name, () => { Object.assign(this.state, change()); this.show(); });
      return el("div", { class: "rd-controls" },
        set("Bayes’ decoder", () => ({ d: this.model.invertedEncoder })),
        set("Bob uniform", () => ({ m: uniform(codes), d: codes.map(() => uniform(digits)) })),
        set("aggregate as marginal", () => ({ m: this.model.aggregate })),
        set("Ann and Bob", () => structuredClone(this.start)));
    }
  }

  figure("sandwich-tables", async (element, settings) => {
    const { DiscreteModel } = await load("exact"), sandwich = new Sandwich(element, settings, DiscreteModel);
    const { digits, codes, below } = sandwich;
    sandwich.told.setAttribute("aria-live", "polite");
    element.querySelector(".rd-view").replaceChildren(
      el("div", { class: "rd-tables" },
        sandwich.pair(["p", "e"], ["p*(x)", "Ann’s encoder e(z|x)"], digits, codes),
        sandwich.pair(["m", "d"], ["m(z)", "Bob’s decoder d(x|z)"], codes, digits)),
      el("p", { class: "rd-hint" }, "Drag a cell up or down, or press the arrow keys; with a finger, tap it first."),
      below, sandwich.buttons());
    new ResizeObserver(() => sandwich.show()).observe(below);
    sandwich.show();
  });
})();
