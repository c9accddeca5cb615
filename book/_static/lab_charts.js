/* The charts of the lab: the bill of the image, the strip of its code, and the image among others on the plane.

   bill(lab), strip(place, lab) and cloud(place, lab) only read the lab's state, and `update()` draws it anew. */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(root);
  else (root.rd = root.rd || {}).lab_charts = make(root);
})(typeof globalThis === "object" ? globalThis : this, function (root) {
  "use strict";

  const EDGE = 4; // where the strip of means ends
  const LEFT = 34, TOP = 8, MEANS = 130, GAP = 14, BARS = 74; // pixels of the strip, downwards
  const MOST = 6, SHORT = 200; // nats: the tallest bar of the strip, and what the bill has room for at least
  const RATE = "var(--rd-1)", DEAD = "var(--rd-line)", INK = "var(--rd-ink)", RULE = "var(--rd-rule)";

  const el = (...given) => root.rd.el(...given);
  const words = (value, decimals = 1) => root.rd.words(value, decimals);
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const circle = (cx, cy, r, fill, more = {}) => el("circle", { cx, cy, r, fill, ...more });
  const line = (x1, y1, x2, y2, stroke, more = {}) => el("line", { x1, y1, x2, y2, stroke, ...more });
  const text = (x, y, said, more = {}) => el("text", { x, y, ...more }, said);

  /* ---- the bill ---- */

  /** Rate and distortion as two parts of one bar, whose length is what the image costs. */
  function bill(lab) {
    const fills = ["rate", "distortion"].map((name) => el("span", { class: `lab-${name}` }));
    const said = ["rate R", "distortion D"].map((name, i) => {
      const value = el("strong");
      return { value, element: el("span", { class: i ? "lab-distortion" : "lab-rate" }, `${name} `, value) };
    });
    const sum = el("p", { class: "lab-note" });
    const update = () => {
      const { rate, distortion, distortionError } = lab.seen, both = rate + distortion;
      const error = Number.isFinite(distortionError) ? ` ± ${words(distortionError)}` : "";
      [rate, distortion].forEach((nats, i) => (fills[i].style.width = `${(100 * nats) / Math.max(SHORT, both)}%`));
      said[0].value.textContent = `${words(rate)} nats`;
      said[1].value.textContent = `${words(distortion)}${error} nats`;
      sum.textContent = `R + D = ${words(both)} nats, ${words(both / Math.LN2, 0)} bits. Pixel by pixel the image is ${lab.net.pixels} bits.`;
    };
    const track = el("div", { class: "lab-track", "aria-hidden": "true" }, ...fills);
    const heads = el("div", { class: "lab-heads" }, ...said.map((each) => each.element));
    return { element: el("div", { class: "lab-bill" }, heads, track, sum), update };
  }

  /* ---- the strip ---- */

  /** Where the middle of each rank stands: a dimension that some beta opens has three times the room of one that none
      does. `x.inverse(place)` gives the nearest rank. */
  function ranks(width, { live, order }) {
    const unit = (width - LEFT - 4) / (3 * live + (order.length - live));
    const x = (rank) => LEFT + unit * (rank < live ? 3 * rank + 1.5 : 3 * live + (rank - live) + 0.5);
    const all = order.map((_, rank) => rank);
    x.inverse = (place) => all.reduce((best, rank) => (Math.abs(x(rank) - place) < Math.abs(x(best) - place) ? rank : best));
    x.room = (rank) => (rank < live ? 3 : 1) * unit;
    return x;
  }

  /** Scales, rules and words of the strip. */
  function frame(svg, width, lab) {
    const { scale } = root.rd, bottom = TOP + MEANS + GAP + BARS, x = ranks(width, lab);
    const y = scale([-EDGE, EDGE], [TOP + MEANS, TOP]), rise = scale([0, MOST], [bottom, bottom - BARS]);
    const end = { "text-anchor": "end" }, right = width - 4;
    svg.setAttribute("width", width);
    svg.setAttribute("height", bottom + 20);
    svg.replaceChildren(
      ...[-3, 0, 3].flatMap((value) => [line(LEFT, y(value), right, y(value), RULE, { "stroke-dasharray": value ? "2 4" : null }),
        text(LEFT - 6, y(value) + 4, words(value, 0), end)]),
      ...[0, 3, 6].flatMap((nats) => [line(LEFT, rise(nats), right, rise(nats), RULE, { "stroke-dasharray": nats ? "2 4" : null }),
        text(LEFT - 6, rise(nats) + 4, words(nats, 0), end)]),
      text(LEFT, bottom + 16, `${lab.live} dimensions, dearest first`),
      text(right, bottom + 16, `${lab.order.length - lab.live} dead`, end));
    return { svg, x, y, rise, bottom, layer: svg.appendChild(el("g")) };
  }

  /** Mean, width and rate of one dimension. */
  function dimension({ x, y, rise, bottom }, lab, rank) {
    const j = lab.order[rank], { mean, sd } = lab.seen, at = x(rank), inside = (value) => y(clamp(value, -EDGE, EDGE));
    const kept = lab.keeps(rank), alive = kept && lab.rates[j] >= lab.data.open_from, colour = alive ? RATE : DEAD;
    const top = rise(Math.min(MOST, lab.rates[j])), wide = Math.max(1, 0.7 * x.room(rank)), thick = rank < lab.live ? 2 : 1;
    const bar = { x: at - wide / 2, y: top, width: wide, height: bottom - top };
    return [
      line(at, inside(mean[j] - sd[j]), at, inside(mean[j] + sd[j]), colour, { "stroke-width": thick }),
      circle(at, inside(mean[j]), rank < lab.live ? 3 : 1.5, colour),
      el("rect", { ...bar, fill: kept ? colour : "none", stroke: kept ? "none" : DEAD }),
      lab.moves.has(j) && j !== lab.chosen ? circle(at, inside(lab.z[j]), 5, "none", { stroke: INK, "stroke-width": 1.5 }) : null,
    ];
  }

  /** The point that moves the chosen dimension: up and down along it, and by arrow keys from one to the next. */
  function mover(axes, lab) {
    let dragged = false, following = true;
    const last = lab.order.length - 1, label = "a dimension of the code: up and down moves it, left and right takes another";
    const move = (x, value) => {
      const rank = dragged ? lab.rank() : clamp(Math.round(x), 0, last), to = clamp(value, -EDGE, EDGE);
      if (following) return [rank, to];
      if (rank !== lab.rank()) lab.set({ chosen: lab.order[rank] });
      else if (to !== lab.value()) lab.move(to);
      return [lab.rank(), clamp(lab.value(), -EDGE, EDGE)];
    };
    const made = root.rd.handle(axes, { x: lab.rank(), y: lab.value(), label, step: [1, 0.25], move });
    made.element.addEventListener("pointerdown", () => (dragged = true));
    for (const end of ["pointerup", "pointercancel"]) made.element.addEventListener(end, () => (dragged = false));
    const follow = () => {
      following = true;
      made.put(lab.rank(), lab.value());
      following = false;
      made.say(lab.walked());
    };
    return { element: made.element, follow };
  }

  /** Mean, width and rate of every dimension of the code, always in one order; what is dead or erased is grey. */
  function strip(place, lab) {
    const svg = place.appendChild(el("svg", { class: "rd-plane", role: "group", "aria-label": "The code of this image" }));
    let axes = null, dot = null, drawn = 0;
    const update = () => {
      axes.layer.replaceChildren(...lab.order.flatMap((_, rank) => dimension(axes, lab, rank)).filter(Boolean));
      dot.follow();
    };
    const render = () => {
      drawn = place.clientWidth;
      axes = frame(svg, Math.max(240, drawn), lab);
      dot = mover(axes, lab);
      update();
    };
    svg.addEventListener("click", (event) => {
      if (event.target.closest(".rd-handle")) return;
      lab.set({ chosen: lab.order[axes.x.inverse(event.clientX - svg.getBoundingClientRect().left)] });
      dot.element.focus({ preventScroll: true });
    });
    new ResizeObserver(() => place.clientWidth !== drawn && render()).observe(place);
    render();
    return { update };
  }

  /* ---- the plane ---- */

  /** The rates and distortions of the test images at `beta`, between those measured at its neighbours. */
  function between(members, beta) {
    const next = clamp(members.findIndex((each) => each.beta >= beta * (1 - 1e-9)), 1, members.length - 1);
    const [low, high] = [members[next - 1], members[next]];
    const share = clamp(Math.log(beta / low.beta) / Math.log(high.beta / low.beta), 0, 1);
    const mix = (a, b) => a + share * (b - a);
    return {
      mean: [mix(low.rate, high.rate), mix(low.distortion, high.distortion)],
      each: low.each_rate.map((rate, i) => [mix(rate, high.each_rate[i]), mix(low.each_distortion[i], high.each_distortion[i])]),
    };
  }

  /** This image among the test images: where it stands, where it stood at other betas, and their mean at every beta. */
  function points(axes, lab) {
    const at = ([rate, distortion]) => [axes.x(clamp(rate, ...lab.across)), axes.y(clamp(distortion, ...lab.up))];
    const path = (all, stroke, width) => el("polyline", { points: all.map((each) => at(each).join()).join(" "), fill: "none", stroke, "stroke-width": width });
    const { mean, each } = between(lab.data.members, lab.beta), { rate, distortion } = lab.seen;
    const stood = [...lab.path.entries()].sort(([a], [b]) => a - b).map(([, point]) => point);
    axes.layer.replaceChildren(
      ...each.map((point) => circle(...at(point), 2, DEAD)),
      path(lab.data.members.map((member) => [member.rate, member.distortion]), RATE, 2),
      circle(...at(mean), 5, RATE),
      path(stood, INK, 2),
      circle(...at([rate, distortion]), 7, INK, { stroke: "var(--rd-paper)", "stroke-width": 2 }));
  }

  function cloud(place, lab) {
    let axes = null;
    const draw = (made) => points(axes = made, lab);
    root.rd.plane(place, { across: "rate R (nats)", up: "distortion D (nats)", x: lab.across, y: lab.up, ratio: 0.62, tallest: 340,
      draw, label: "This image among test images, rate across and distortion up" });
    return { update: () => points(axes, lab) };
  }

  return { between, bill, cloud, strip };
});
