/* Same score; one model remembers, the other forgets: ten digits, what two models give back for them, and what each
   pays and tells. Settings, of scripts/hero.py: digits, packed pixels of ten images side by side; models, two of
   {name, verdict, family, rate, distortion, elbo, tells: [low, high], draws: packed strips like that of the digits}. */
(function () {
  "use strict";
  const { el, figure, plane, button, ink, bits, words, scale } = rd;
  const COUNT = 10, SIDE = 28, COLOURS = ["var(--rd-1)", "var(--rd-2)"];

  const strip = (packed, label, canvas) =>
    ink(bits(packed), COUNT * SIDE, canvas ? { width: "100%", label, canvas } : { width: "100%", label });

  /** Two bars on one scale of nats: what the code pays, and what it is known to tell. */
  function bars({ rate, tells: [low, high] }, colour, most) {
    const row = (name, from, to, said) => el("div", { class: "hero-bar" }, el("span", {}, name),
      el("span", { class: "hero-track", "aria-hidden": "true" },
        el("span", { class: "hero-fill", style: `width: ${100 * from / most}%; background: ${colour}` }),
        to > from ? el("span", { class: "hero-fill hero-maybe", style: `width: ${100 * (to - from) / most}%; background: ${colour}` }) : null),
      el("span", { class: "hero-said" }, said));
    return el("div", { class: "hero-bars" },
      row("pays", rate, rate, `${words(rate, 1)} nats`),
      row("tells", low, high, high < 0.05 ? "nothing" : `${words(low, 1)} to ${words(high, 1)} nats`));
  }

  /** Both models in the plane, near one dashed line of equal score. */
  function map(place, models) {
    const far = 1.3 * Math.max(...models.map(each => each.rate), 10), score = -(models[0].elbo + models[1].elbo) / 2;
    const heights = models.map(each => each.distortion);
    plane(place, {
      x: [0, far], y: [Math.min(...heights) - 10, Math.max(...heights) + 12], across: "rate (nats)", up: "distortion (nats)", ratio: 0.8, tallest: 300,
      label: `Two models on one line of equal score: ${models.map(each => `${each.name} at rate ${words(each.rate, 1)} and distortion ${words(each.distortion, 1)}`).join("; ")}.`,
      draw: ({ layer, x, y }) => {
        layer.append(el("line", { x1: x(0), y1: y(score), x2: x(far * 0.98), y2: y(score - far * 0.98), stroke: "var(--rd-muted)", "stroke-dasharray": "5 4" }),
          el("text", { x: x(far), y: y(score + 2), "text-anchor": "end", class: "rd-halo" }, `one score: R + D = ${words(score, 0)}`));
        models.forEach((each, i) => layer.append(
          el("circle", { cx: x(each.rate), cy: y(each.distortion), r: 8, fill: COLOURS[i] }),
          el("text", { x: x(each.rate) + (i ? 14 : -8), y: y(each.distortion) + (i ? -10 : 24), "text-anchor": i ? "start" : "end" }, each.verdict)));
      },
    });
  }

  figure("hero", (element, { digits, models }) => {
    const view = element.querySelector(".rd-view"), side = el("div", { class: "hero-map" });
    const most = 1.05 * Math.max(...models.map(each => each.rate));
    const rows = models.map((each, i) => {
      const canvas = strip(each.draws[0], `Ten digits that ${each.name} gives back.`);
      return { each, canvas, element: el("div", { class: "hero-row" },
        el("p", { class: "hero-name" }, el("span", { style: `color: ${COLOURS[i]}`, "aria-hidden": "true" }, "● "), el("strong", {}, each.verdict), ` ELBO ${words(each.elbo, 1)} nats`), canvas, bars(each, COLOURS[i], most)) };
    });
    let turn = 0;
    const again = button("Draw again", () => {
      turn += 1;
      rows.forEach(({ each, canvas }) => strip(each.draws[turn % each.draws.length], `Ten digits that ${each.name} gives back, draw ${turn + 1}.`, canvas));
    });
    view.replaceChildren(el("div", { class: "hero" },
      el("div", { class: "hero-rows" },
        el("div", { class: "hero-row" }, el("p", { class: "hero-name" }, "Ten digits go in"), strip(digits, "Ten handwritten digits of the test set.")),
        ...rows.map(row => row.element), el("div", { class: "rd-controls" }, again)),
      side));
    map(side, models);
  });
})();
