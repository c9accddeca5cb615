/* Rows of a table drawn in the plane of rate and distortion: points with errors, staircase and hull of those shown, the
   line of one price, and the name of each group where there is room for it. */
(function () {
  "use strict";
  const { el, words } = rd;
  const SHARES = [0.85, 0.7, 0.55, 0.4, 0.25, 0.1]; // of the line of a price, where it may say what it is
  const LETTERS = 12, LINE = 14; // pixels: the size of a name, and the room that it takes upwards
  const STEP = 6; // pixels, from one guarded place of a line to the next, and between what is near and what is nearer
  const BEND = 24; // pieces of a straight line, where the scale bends it
  const SIDES = [ // where a name may stand: across, up, and the share of it on the left
    [1, 0, 0], [-1, 0, -1], [0, -1, -0.5], [0, 1, -0.5], [0.7, -0.7, 0], [0.7, 0.7, 0], [-0.7, -0.7, -1], [-0.7, 0.7, -1]];
  const around = (x, y, r) => [x - r, y - r, x + r, y + r];
  const apart = ([a, b, c, d], [e, f, g, h]) => c < e || g < a || d < f || h < b;
  let drawn = 0;

  /** Once, twice and five times the powers of ten from low to high, or the powers alone where those are many. */
  function logTicks(low, high) {
    const first = Math.floor(Math.log10(low)), many = Math.log10(high / low) > 3;
    const tens = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i));
    const found = many ? tens : tens.flatMap(ten => [ten, 2 * ten, 5 * ten]);
    return found.map(each => Number(each.toPrecision(12))).filter(each => low <= each && each <= high);
  }

  /** The axis of rates, for rd.plane: its ends, its marks, and what makes of a plane one whose x maps rates to pixels. */
  function rates({ x, log }) {
    if (!log) return { x, mapped: at => at };
    const logged = to => Object.assign(rate => to(Math.log(rate)), { inverse: place => Math.exp(to.inverse(place)) });
    const marks = { x: logTicks(...x).map(value => [Math.log(value), String(value)]) };
    return { x: x.map(Math.log), marks, mapped: at => ({ ...at, x: logged(at.x) }) };
  }

  class Drawing {
    /** What is drawn at one width: `at` as rd.plane gives it, with rates on x, the settings, and the rows shown along R. */
    constructor(at, settings, shown, { exact, kit }) {
      Object.assign(this, { at, settings, shown, exact, kit, rows: settings.rows, corners: [], taken: [] });
      const { left, bottom } = at.box, clip = `rd-clip-${drawn += 1}`, window = { x: left, y: 0, width: at.width - left, height: bottom };
      this.pen = el("canvas").getContext("2d");
      this.lines = el("g", { "clip-path": `url(#${clip})` });
      this.roll = el("g", { class: "rd-rolling" });
      this.dot = el("g", { class: "rd-touch" });
      at.svg.append(el("defs", {}, el("clipPath", { id: clip }, el("rect", window))));
    }

    place(i) { return [this.at.x(this.rows[i].rate), this.at.y(this.rows[i].distortion)]; }

    corner(i) { return [this.rows[i].rate, this.rows[i].distortion]; }

    /** A path through points of the plane by straight lines, in pieces where the scale bends them. */
    path(corners, name, attributes = {}) {
      const { at, settings: { log } } = this, pieces = log ? BEND : 1;
      const put = ([r, d]) => `${at.x(r).toFixed(2)} ${at.y(d).toFixed(2)}`;
      const between = ([r, d], [to, down]) => Array.from({ length: pieces }, (_, k) => {
        const share = (k + 1) / pieces, along = log ? r * (to / r) ** share : r + share * (to - r);
        return put([along, d + (to === r ? share : (along - r) / (to - r)) * (down - d)]);
      });
      const places = [put(corners[0]), ...corners.slice(1).flatMap((corner, i) => between(corners[i], corner))];
      return el("path", { d: `M${places.join("L")}`, class: `rd-line ${name}`, ...attributes });
    }

    /** A run: two of its errors, its mark, a thin ring where pictures are kept, a thick one where it is looked at. */
    point(i, attributes) {
      const row = this.rows[i], { at } = this, [x, y] = this.place(i), group = this.settings.groups[row.group];
      const shown = this.shown.includes(i), role = row.folder ? "button" : "img";
      const made = el("g", {
        class: `rd-point${shown ? "" : " rd-away"}`, transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})`, "data-row": i,
        ...(shown ? { role, tabindex: -1, ...attributes } : { "aria-hidden": "true" }),
      });
      const error = (name, to) => to(row[name] + 2 * row[`${name}_se`]) - to(row[name]), radius = row.radius * 0.9;
      const [across, up] = [error("rate", at.x), error("distortion", at.y)];
      made.append(el("path", { d: `M${-across} 0H${across}M0 ${-up}V${up}`, style: `stroke: ${group.colour}` }),
        this.kit.mark(group, radius, row.arrived !== false), el("circle", { r: radius + 6, class: "rd-ring" }));
      if (row.folder) made.append(el("circle", { r: radius + 3, class: "rd-kept" }));
      return made;
    }

    /** Ties, and the hull and the staircase of the rows shown where `which` says so; names keep clear of the latter. */
    fronts(which) {
      const { rows, shown, settings: { ties, x, y } } = this, corner = i => this.corner(i);
      const both = ties.filter(pair => pair.every(i => shown.includes(i)));
      this.lines.append(...both.map(pair => el("path", { d: `M${pair.map(i => this.place(i)).join("L")}`, class: "rd-line rd-tie" })));
      if (!shown.length) return;
      const points = ["rate", "distortion"].map(name => shown.map(i => rows[i][name]));
      const [front, hull] = ["paretoFront", "lowerHull"].map(made => this.exact[made](...points).map(i => shown[i]));
      const above = k => [rows[front[k]].rate, k ? rows[front[k - 1]].distortion : 2 * y[1]];
      const steps = [...front.flatMap((i, k) => [above(k), corner(i)]), [x[1], rows[front.at(-1)].distortion]];
      const line = (name, some, corners) => {
        if (!which[name]) return;
        this.lines.append(this.path(corners, `rd-${name}`, { "data-rows": some.join(" ") }));
        this.corners.push(corners);
      };
      line("hull", hull, hull.map(corner));
      line("staircase", front, steps);
    }

    /** The line D + beta R = cost, which says what it is where there is room below, and a dot on the row it touches. */
    price(beta, row, cost) {
      const { at, settings: { x: [low, high], y: [floor, top] } } = this, up = r => cost - beta * r, [cx, cy] = this.place(row);
      const said = `D + βR = ${words(cost, 1)}`, wide = this.wide(said);
      const [from, to] = [Math.max(low, (cost - top) / beta), Math.min(high, (cost - floor) / beta)].map(r => at.x(r));
      const places = SHARES.map(share => from + share * (to - from)).map(left => [left - 6 - wide, at.y(up(at.x.inverse(left)))]);
      const found = places.map(([left, below]) => [left, below, left + wide, below + LINE]).find(each => this.free(each));
      const name = found ? el("text", { x: found[0] + 1, y: found[3] - 3.5, class: "rd-name rd-halo" }, said) : "";
      this.roll.setAttribute("data-row", row);
      this.roll.replaceChildren(this.path([[low, up(low)], [high, up(high)]], "rd-roll"), name);
      this.dot.replaceChildren(el("circle", { cx, cy, r: 4 }));
    }

    wide(name) {
      this.pen.font = `${LETTERS}px ${getComputedStyle(this.at.svg).fontFamily}`;
      return this.pen.measureText(name).width + 2;
    }

    /** Whether a place is inside the plane and nothing stands there: no point, no line from corner to corner, no name. */
    free([a, b, c, d]) {
      const { left, right, top, bottom } = this.at.box;
      return a > left && c < right && b > top && d < bottom && this.taken.every(each => apart(each, [a, b, c, d]));
    }

    /** Whether what stands in a place would be taken for the name of group g: its points are nearer by a good step. */
    owns(g, [a, b, c, d]) {
      const far = i => { const [x, y] = this.place(i); return Math.hypot(Math.max(a - x, 0, x - c), Math.max(b - y, 0, y - d)); };
      const least = own => Math.min(...this.shown.filter(i => (this.rows[i].group === g) === own).map(far));
      return least(true) + STEP < least(false);
    }

    /** The name of each group beside one of its points, from the largest rate on, where there is room; or nowhere. */
    names() {
      const along = corners => corners.slice(1).flatMap((corner, k) => {
        const [from, to] = [corners[k], corner].map(([r, d]) => [this.at.x(r), Math.max(0, this.at.y(d))]);
        const n = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / STEP);
        return Array.from({ length: n }, (_, i) => around(...[0, 1].map(c => from[c] + (i / n) * (to[c] - from[c])), 2));
      });
      this.taken = [...this.shown.map(i => around(...this.place(i), this.rows[i].radius)), ...this.corners.flatMap(along)];
      return this.settings.groups.map(({ name }, g) => {
        const own = this.shown.filter(i => this.rows[i].group === g).reverse(), wide = this.wide(name);
        const places = own.flatMap(i => SIDES.map(side => this.beside(i, side, wide)));
        const found = places.find(place => this.free(place) && this.owns(g, place));
        if (!found) return "";
        this.taken.push(found);
        const middle = { x: (found[0] + found[2]) / 2, y: found[3] - 3.5, "text-anchor": "middle" };
        return el("text", { class: "rd-name rd-halo", "aria-hidden": "true", ...middle }, name);
      });
    }

    beside(i, [across, up, share], wide) {
      const [x, y] = this.place(i), far = this.rows[i].radius + 6;
      const left = x + far * across + share * wide, middle = y + (far + LINE / 2 - 2) * up;
      return [left, middle - LINE / 2, left + wide, middle + LINE / 2];
    }
  }

  rd.runs = { Drawing, rates };
})();
