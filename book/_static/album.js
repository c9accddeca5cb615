/* The album: N images, the code of each a Gaussian of one spread in the plane, and the rate cut into information, total
   correlation and dimension-wise KL, for albums of 1, 2, 4 ... images. Settings: means, a cloud of mean 0 and variance 1
   in each direction, shrunk here so that the marginal N(0, I) fits; images and spread, the start.

   The sums are over a grid: of 0.6 spreads, and 0.3 at most, from -REACH to REACH. For the codes of the page that is off
   by less than 10⁻⁵ nats, as the tests find on a grid three times as fine. */
(function () {
  "use strict";
  const { clamp, el, figure, handle, load, plane, slider, words } = rd;
  const REACH = 5.5, SHARE = 0.6, COARSEST = 0.3;
  const LEAST = 0.08, MOST = 0.9; // spread of a code
  const TINY = 1e-18; // probability of a cell that is left out
  const PARTS = [["information I(n; z)", "var(--rd-1)"], ["total correlation", "var(--rd-5)"], ["dimension-wise KL", "var(--rd-3)"]];

  /** The mean of an image's code at a spread. */
  const centre = (mean, spread) => mean.map(each => each * Math.sqrt(1 - spread ** 2));

  /** -sum p log p, of tables so long that copies would take their time. */
  function entropy(table) {
    let total = 0;
    for (const p of table) if (p > 0) total -= p * Math.log(p);
    return total;
  }

  /** N(mean, spread^2) on the grid: probabilities that sum to one. */
  function bell(grid, mean, spread) {
    const heights = Float64Array.from(grid, z => Math.exp(-((z - mean) ** 2) / (2 * spread ** 2)));
    const total = heights.reduce((a, b) => a + b);
    return heights.map(each => each / total);
  }

  /** Adds a code, the product of two bells, to the table. */
  function add(table, [across, up], size) {
    const used = Array.from(across.keys()).filter(j => across[j] > TINY);
    up.forEach((p, i) => { if (p > TINY) for (const j of used) table[i * size + j] += p * across[j]; });
  }

  /** The parts of the rate of the first n images, from the sum of their codes and of those codes' entropies. */
  function cut(table, size, n, spent, marginal) {
    const aggregate = table.map(each => each / n), [rows, columns] = [new Float64Array(size), new Float64Array(size)];
    aggregate.forEach((p, i) => { rows[Math.floor(i / size)] += p; columns[i % size] += p; });
    const whole = entropy(aggregate), apart = rd.exact.kl(rows, marginal) + rd.exact.kl(columns, marginal);
    const parts = [whole - spent / n, entropy(rows) + entropy(columns) - whole, apart];
    return { n, parts: parts.map(each => Math.max(0, each)) };
  }

  /** The cuts of albums of 1, 2, 4 ... images. */
  function cuts(means, spread) {
    const size = Math.ceil((2 * REACH) / Math.min(SHARE * spread, COARSEST));
    const grid = Float64Array.from({ length: size }, (_, i) => ((i + 0.5) / size) * 2 * REACH - REACH);
    const marginal = bell(grid, 0, 1), table = new Float64Array(size * size), found = [];
    let spent = 0;
    means.forEach((mean, i) => {
      const code = centre(mean, spread).map(each => bell(grid, each, spread)), n = i + 1;
      add(table, code, size);
      spent += entropy(code[0]) + entropy(code[1]);
      if ((n & i) === 0) found.push(cut(table, size, n, spent, marginal));
    });
    return found;
  }

  /** What is said of one album. */
  function sentence({ n, parts }) {
    const [information, correlation, each] = parts.map(part => words(part, 3)), rate = parts.reduce((a, b) => a + b);
    return `N = ${n}: R = ${words(rate, 3)} = information ${information} + total correlation ${correlation} + dimension-wise KL ${each} nats. `
      + `The information is at most log N = ${words(Math.log(n), 3)}. Sums are exact to 10⁻⁵.`;
  }

  /** The codes as circles of one standard deviation, the first on top, over the circles of the marginal. */
  function codes(at, means, spread, n) {
    const disc = ([x, y], r, look) => el("circle", { cx: at.x(x), cy: at.y(y), r: at.x(r) - at.x(0), ...look });
    const ring = r => disc([0, 0], r, { fill: "none", stroke: "var(--rd-muted)", "stroke-dasharray": "4 4" });
    const shade = { "fill-opacity": Math.max(0.1, 0.8 / Math.sqrt(n)), "stroke-opacity": 0.5 };
    const ink = { fill: "var(--rd-1)", stroke: "var(--rd-1)", ...shade };
    const each = means.slice(1, n).map(mean => disc(centre(mean, spread), spread, ink));
    return [ring(1), ring(2), ...each, disc(centre(means[0], spread), spread, { fill: "var(--rd-2)", "fill-opacity": 0.55 })];
  }

  /** A stack for each album, the chosen one in full colour, and log N over each. */
  function stacks(at, found, chosen) {
    const { x, y } = at, wide = (x(1) - x(0)) * 0.7;
    return found.flatMap(({ n, parts }, i) => {
      let base = 0;
      const left = x(i) - wide / 2, cap = y(Math.log(n));
      const pieces = parts.map((part, k) => {
        const low = base;
        base += part;
        const look = { fill: PARTS[k][1], "fill-opacity": i === chosen ? 1 : 0.4 };
        return el("rect", { x: left, width: wide, y: y(base), height: y(low) - y(base), ...look });
      });
      const ink = { stroke: "var(--rd-ink)", "stroke-width": i === chosen ? 3 : 1.5 };
      return [...pieces, el("line", { x1: left - 4, x2: left + wide + 4, y1: cap, y2: cap, ...ink })];
    });
  }

  class Album {
    constructor(element, { means, images, spread }) {
      Object.assign(this, { means, spread, chosen: Math.log2(images), told: element.querySelector(".rd-caption") });
      this.side = means[0][0] > 0 ? -1 : 1; // the hand is on the rim that moves one way as the spread grows
      this.solve();
    }
    solve() { this.found = cuts(this.means, this.spread); }
    /** Where the rim of the first code is, at a spread. */
    rim(spread) {
      const [x, y] = centre(this.means[0], spread);
      return [x + this.side * spread, y];
    }
    /** The spread at which the rim is nearest to x. */
    reach(x) {
      let [low, high] = [LEAST, MOST];
      for (let i = 0; i < 40; i += 1) {
        const middle = (low + high) / 2;
        if (this.side * (this.rim(middle)[0] - x) < 0) low = middle; else high = middle;
      }
      return low;
    }
    show() {
      const { plane: at, chart, hand, found, chosen, spread, told, means } = this, album = found[chosen];
      told.textContent = sentence(album).replaceAll(" = ", "\u00a0=\u00a0");
      if (at) at.layer.replaceChildren(...codes(at, means, spread, album.n));
      if (chart) chart.layer.replaceChildren(...stacks(chart, found, chosen));
      if (hand) hand.place(...this.rim(spread));
      if (hand) hand.say(`spread ${words(spread)}`);
    }
    /** Another spread, which the slider follows where it is not what moved. */
    spreadTo(spread, follow) {
      this.spread = clamp(spread, LEAST, MOST);
      this.solve();
      if (follow) this.bar.follow(this.spread);
      this.show();
    }
    draw(at) {
      [this.plane, this.hand] = [at, null];
      const [x, y] = this.rim(this.spread);
      this.hand = handle(at, { x, y, label: "the rim of one code: left and right change the spread of all", step: [0.02, 0], move: to => {
        if (this.hand) this.spreadTo(this.reach(to), true);
        return this.rim(this.spread);
      } });
      this.show();
    }
    /** The sliders. */
    controls() {
      const { found, chosen, spread } = this, last = found.length - 1;
      const choose = i => { this.chosen = i; this.show(); };
      this.bar = slider({ name: "spread of a code", min: LEAST, max: MOST, step: 0.01, value: spread,
        say: value => words(value), input: value => this.spreadTo(value, false) });
      const size = slider({ name: "images N", min: 0, max: last, step: 1, value: chosen, say: i => String(2 ** i), input: choose });
      return el("div", { class: "rd-controls" }, size.element, this.bar.element);
    }
  }

  figure("album", async (element, settings) => {
    await load("exact");
    const album = new Album(element, settings), view = element.querySelector(".rd-view"), left = el("div"), right = el("div");
    const key = PARTS.map(([name, colour]) => el("span", {}, el("span", { class: "rd-key", style: `background: ${colour}` }), name));
    album.told.setAttribute("aria-live", "polite");
    view.replaceChildren(el("div", { class: "rd-panels" }, left, right),
      el("p", { class: "rd-legend" }, ...key, el("span", {}, el("span", { class: "rd-key rd-rule" }), "log N")), album.controls());
    const shape = { ratio: 0.95, tallest: 330 };
    plane(left, { x: [-3, 3], y: [-3, 3], across: "code z₁", up: "code z₂", ...shape, draw: at => album.draw(at),
      label: "The codes of the images as circles of one standard deviation; dashed, those of the marginal." });
    plane(right, { x: [-0.6, album.found.length - 0.4], y: [0, 5.6], across: "images N", up: "nats per image", ...shape,
      marks: { x: album.found.map(({ n }, i) => [i, String(n)]) }, draw: at => { album.chart = at; album.show(); },
      label: "A stack for each size of the album: information, total correlation and dimension-wise KL; a mark at log N." });
  });
})();
