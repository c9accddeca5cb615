/* The charts of the lab: the strip of the code, the rates of its dimensions, and the image among others on the plane.

   Each is a function of the axes that rd.plane makes and of the lab, whose state it only reads. */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(root);
  else (root.rd = root.rd || {}).lab_charts = make(root);
})(typeof globalThis === "object" ? globalThis : this, function (root) {
  "use strict";

  const EDGE = 4, RATES = 6; // where the strip of the code ends, and that of the rates
  const STRIP = 220, BARS = 150; // their heights in pixels
  const COLOURS = { mine: "var(--rd-2, #d55e00)", kept: "var(--rd-1, #0072b2)", dead: "var(--rd-line, #9aa1ab)" };
  const INK = { stroke: "var(--rd-ink, #1c1f24)", "stroke-width": 1.5 };
  const PAPER = { stroke: "var(--rd-paper, #fff)", "stroke-width": 2 };

  const el = (...given) => root.rd.el(...given);
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const circle = (cx, cy, r, fill, more = {}) => el("circle", { cx, cy, r, fill, ...more });

  function colour(lab, j, rank) {
    if (j === lab.chosen) return COLOURS.mine;
    return rank >= lab.kept || lab.rates[j] < lab.data.open_from ? COLOURS.dead : COLOURS.kept;
  }

  /** Means and widths, dearest dimension first, and where a code stands that was moved; a click chooses a dimension. */
  function strip(axes, lab) {
    const y = (value) => axes.y(clamp(value, -EDGE, EDGE));
    lab.order.forEach((j, rank) => {
      const x = axes.x(rank + 0.5), stroke = colour(lab, j, rank), { mean, sd } = lab.seen;
      const ends = { x1: x, x2: x, y1: y(mean[j] - sd[j]), y2: y(mean[j] + sd[j]) };
      axes.layer.append(el("line", { ...ends, stroke, "stroke-width": 2 }), circle(x, y(mean[j]), 2.5, stroke));
      const moved = j === lab.chosen || lab.moves.has(j);
      if (moved) axes.layer.append(circle(x, y(lab.z[j]), 5, "none", INK));
    });
    axes.svg.onclick = (event) => {
      const at = axes.x.inverse(event.clientX - axes.svg.getBoundingClientRect().left);
      lab.set({ chosen: lab.order[clamp(Math.floor(at), 0, lab.order.length - 1)] });
    };
  }

  /** The rate of each dimension, in the order of the strip. */
  function rates(axes, lab) {
    const width = Math.max(1, axes.x(1) - axes.x(0) - 1);
    lab.order.forEach((j, rank) => {
      const y = axes.y(Math.min(RATES, lab.rates[j])), height = axes.box.bottom - y;
      axes.layer.append(el("rect", { x: axes.x(rank) + 0.5, y, width, height, fill: colour(lab, j, rank) }));
    });
  }

  /** This image among the test images at the nearest beta, and the curve of their means. */
  function cloud(axes, lab) {
    const { near, seen, data, across, up } = lab, at = (rate, distortion) => [axes.x(rate), axes.y(distortion)];
    const here = at(clamp(seen.rate, ...across), clamp(seen.distortion, ...up));
    const points = data.members.map((each) => at(each.rate, each.distortion).join()).join(" ");
    axes.layer.append(
      ...near.each_rate.map((rate, i) => circle(...at(rate, near.each_distortion[i]), 2, COLOURS.dead)),
      el("polyline", { points, fill: "none", stroke: COLOURS.kept, "stroke-width": 1.5 }),
      circle(...at(near.rate, near.distortion), 4, COLOURS.kept),
      circle(...here, 7, COLOURS.mine, PAPER));
  }

  /** What rd.plane takes for each chart of `lab`. */
  function options(lab) {
    const wide = { across: "dimensions, dearest first", x: [0, lab.net.dims] };
    const plane = { across: "rate R, nats", up: "distortion D, nats", x: lab.across, y: lab.up };
    return {
      strip: { ...wide, up: "code z", y: [-EDGE, EDGE], ratio: 1, tallest: STRIP,
        draw: (axes) => strip(axes, lab), label: "Mean and width of each dimension of this image's code" },
      rates: { ...wide, up: "nats", y: [0, RATES], ratio: 1, tallest: BARS,
        draw: (axes) => rates(axes, lab), label: "Rate of each dimension" },
      cloud: { ...plane, draw: (axes) => cloud(axes, lab),
        label: "This image among test images, rate and distortion" },
    };
  }

  return { EDGE, options };
});
