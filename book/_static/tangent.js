/* The least distortion at each rate, and the line of slope -beta that rolls along it: it touches at the model that the
   search of Blahut and Arimoto finds, with its certificate. Settings: p, the source; distortion, a row for each x; up,
   the name of D with its unit; beta, the start; betas, the least and the largest. */
(function () {
  "use strict";
  const { clamp, el, figure, handle, load, plane, slider, words } = rd;
  const POINTS = 121; // of the curve
  const LINE = "var(--rd-1)";

  /** A small number as it is read: 3·10⁻⁹. */
  function small(value) {
    if (value === 0) return "0";
    const [digit, power] = value.toExponential(0).split("e");
    const raised = Array.from(String(Math.abs(power)), each => "⁰¹²³⁴⁵⁶⁷⁸⁹"[each]).join("");
    return `${digit}·10${power < 0 ? "⁻" : ""}${raised}`;
  }

  const name = beta => String(Number(beta.toPrecision(3)));

  /** What is said of the model found at beta. */
  function sentence(beta, { rate, distortion, gap }) {
    const sum = distortion + beta * rate;
    return `β = ${name(beta)}: the line touches at R = ${words(rate, 3)}, D = ${words(distortion, 3)}, where R + D/β is `
      + `certified to ${small(gap)} nats. It cuts the axes at D + βR = ${words(sum, 3)} and R + D/β = ${words(sum / beta, 3)}.`;
  }

  /** The beta of the place on the curve, points {x, y, beta} in pixels, that is nearest to (x, y). */
  function nearest(curve, x, y) {
    let least = Infinity, found = null;
    curve.slice(1).forEach((b, i) => {
      const a = curve[i], [across, down] = [b.x - a.x, b.y - a.y], length = across ** 2 + down ** 2;
      const share = length ? clamp(((x - a.x) * across + (y - a.y) * down) / length, 0, 1) : 0;
      const far = Math.hypot(x - a.x - share * across, y - a.y - share * down);
      if (far < least) [least, found] = [far, a.beta * (b.beta / a.beta) ** share];
    });
    return found;
  }

  const path = places => `M${places.map(([x, y]) => `${x} ${y}`).join("L")}`;

  /** The region that no model reaches, and the curve above it. */
  function ground(at, curve) {
    const pixels = curve.map(each => [at.x(each.rate), at.y(each.distortion)]), { left, right, bottom } = at.box;
    const line = [[right, pixels[0][1]], ...pixels, [left, pixels.at(-1)[1]]];
    return el("g", {}, el("path", { d: `${path([...line, [left, bottom], [right, bottom]])}Z`, fill: "var(--rd-region)" }),
      el("path", { d: path(line), fill: "none", stroke: "var(--rd-ink)", "stroke-width": 2 }));
  }

  /** The line that touches, cut at the frame, and its two cuts with the axes. */
  function tangent(at, beta, { rate, distortion }) {
    const sum = distortion + beta * rate, { box } = at, end = Math.min(sum / beta, at.x.inverse(box.right));
    const [top, low] = [at.y(sum), at.y(Math.max(0, sum - beta * end))], right = at.x(end);
    const look = { class: "rd-halo", style: `fill: ${LINE}` };
    const number = (x, y, side, value) => el("text", { x, y, "text-anchor": side, ...look }, words(value, 3));
    const parts = [el("line", { x1: box.left, y1: top, x2: right, y2: low, stroke: LINE, "stroke-width": 2 }),
      el("circle", { cx: box.left, cy: top, r: 5, fill: LINE }), number(box.left + 10, top - 8, "start", sum)];
    if (sum / beta <= at.x.inverse(box.right)) {
      const late = right > box.right - 44;
      parts.push(el("circle", { cx: right, cy: low, r: 5, fill: LINE }),
        number(right + (late ? -8 : 8), low - 9, late ? "end" : "start", sum / beta));
    }
    const free = box.bottom - top > 44 && right - box.left > 80;
    if (free) parts.push(el("text", { x: box.left + 12, y: box.bottom - 12 }, "no model"));
    return el("g", {}, ...parts);
  }

  class Rolling {
    constructor(element, { p, distortion, beta, betas: [least, most] }, { blahutArimoto, frontier }) {
      const prices = Array.from({ length: POINTS }, (_, i) => least * (most / least) ** (i / (POINTS - 1)));
      const curve = frontier(p, distortion, prices.map(each => 1 / each)).map((point, i) => ({ ...point, beta: prices[i] }));
      Object.assign(this, { curve, least, most, told: element.querySelector(".rd-caption") });
      this.found = value => blahutArimoto(p, distortion, 1 / value);
      this.choose(beta);
    }
    /** Another price, and the model that is found there. */
    choose(beta) {
      this.beta = clamp(beta, this.least, this.most);
      this.point = this.found(this.beta);
      this.told.textContent = sentence(this.beta, this.point).replace(/ ([=+]) /g, "\u00a0$1\u00a0");
      if (this.dot) this.show();
    }
    show() {
      const { at, beta, curve, dot, point } = this;
      dot.place(point.rate, point.distortion);
      dot.say(this.told.textContent);
      at.layer.replaceChildren(ground(at, curve), tangent(at, beta, point));
    }
    /** The point pulled to a place: it stays on the curve. */
    pull(x, y) {
      const { at, curve, bar } = this;
      const pixels = curve.map(each => ({ x: at.x(each.rate), y: at.y(each.distortion), beta: each.beta }));
      this.choose(nearest(pixels, at.x(x), at.y(y)));
      bar.follow(Math.log10(this.beta));
    }
    draw(at) {
      [this.at, this.dot] = [at, null];
      const place = () => [this.point.rate, this.point.distortion], [x, y] = place();
      const step = [at.x.inverse(at.box.right) / 50, at.y.inverse(at.box.top) / 50];
      const move = (to, up) => {
        if (this.dot) this.pull(to, up);
        return place();
      };
      this.dot = handle(at, { x, y, label: "the model on the curve: arrow keys move it", step, move });
      this.show();
    }
  }

  figure("tangent", async (element, settings) => {
    await load("exact");
    const rolling = new Rolling(element, settings, await load("frontiers")), { curve, told } = rolling;
    const view = element.querySelector(".rd-view"), [far, high] = [1.12 * curve[0].rate, 1.2 * curve.at(-1).distortion];
    told.setAttribute("aria-live", "polite");
    view.replaceChildren();
    plane(view, {
      x: [0, far], y: [0, high], across: "rate R (nats)", up: settings.up, ratio: view.clientWidth < 480 ? 0.9 : 0.62,
      label: "The least distortion at each rate, a falling convex curve, and a line that touches it from below.",
      draw: at => rolling.draw(at),
    });
    const [min, max, value] = [...settings.betas, settings.beta].map(Math.log10);
    rolling.bar = slider({ name: "price β", min, max, step: 0.01, value, say: at => name(10 ** at), input: at => rolling.choose(10 ** at) });
    view.append(el("div", { class: "rd-controls" }, rolling.bar.element));
  });
})();
