/* The lab: draw a digit, slide beta, and see the code, the copies, rate and distortion of this very image.

   One network serves every beta (network.js). Settings: images, packed, with their labels; of scripts/lab.py besides
   members, what test images pay at twelve betas, n, log_n and open_from. With {compact: true} the figure has the image,
   one copy and the bill, and needs no members. */
(function (rd) {
  "use strict";

  const { el, button, slider, ink, plane, play, still, words } = rd;
  const QUIET = 700, SOON = 100; // milliseconds without a change, until a sentence is spoken, and new images are drawn
  const FRAME = 60, STEP = 0.02, STRIDE = 0.2; // of the film: milliseconds, and log10 of beta; where less motion is asked
  const MARKS = [0.1, 0.2, 0.5, 1, 2, 5, 10];
  const PAD = "Your image. Draw on it with a finger or a mouse; by keyboard, choose a test image.";

  const box = (kind, ...children) => el("div", { class: kind }, ...children);
  const canvas = () => el("canvas", { class: "rd-ink" });
  const note = (...words) => el("p", { class: "lab-note" }, ...words);
  const shown = (kind, picture, ...caption) => box(kind, box("lab-frame", picture), note(...caption));
  const log = Math.log10;

  /** The slider over beta with its numbers, and what plays it. */
  function price(lab) {
    const say = (at) => rd.lab_state.brief(10 ** at), [first, last] = [log(MARKS[0]), log(MARKS.at(-1))];
    const bar = slider({ name: "β, the price of a nat of rate", min: first, max: last, step: 0.01, value: 0, say, input: (at) => lab.set({ beta: 10 ** at }) });
    const film = play((fresh) => {
      const by = still() ? STRIDE : STEP;
      bar.set(fresh && bar.value > last - by ? first : Math.min(last, bar.value + by));
      return bar.value < last;
    }, FRAME);
    bar.input.addEventListener("pointerdown", film.stop);
    const place = (mark) => `left: calc(var(--rd-thumb) / 2 + (100% - var(--rd-thumb)) * ${(log(mark) - first) / (last - first)})`;
    const ticks = el("div", { class: "lab-ticks", "aria-hidden": "true" }, ...MARKS.map((mark) => el("span", { style: place(mark) }, String(mark))));
    const ends = box("lab-ends", el("span", {}, "rate is cheap"), el("span", {}, "rate is dear"));
    return box("lab-beta", bar.element, film.element, ticks, ends);
  }

  /** The image and its copy side by side, and what may be done to them. */
  function stage(lab, parts) {
    const begin = () => lab.put(lab.x.slice()), change = () => lab.change(), { compact } = lab.data;
    parts.image = compact ? canvas() : rd.drawing.pad(lab.net.side, { label: PAD, begin, change });
    [parts.copy, parts.told, parts.open] = [canvas(), el("span"), note()];
    parts.lights = lab.order.map(() => el("span"));
    const lights = box("lab-lights", el("div", { "aria-hidden": "true" }, ...parts.lights), parts.open);
    return box("lab-stage", shown("lab-input", parts.image, compact ? "image" : "image: draw on it"), lights, shown("lab-copy", parts.copy, parts.told));
  }

  function tools(lab, parts) {
    parts.undo = button("Undo", () => lab.undo());
    return box("rd-controls lab-tools",
      button("Clear", () => lab.put(new Uint8Array(lab.net.pixels))), parts.undo,
      button("Centre", () => lab.put(rd.drawing.centred(lab.x, lab.net.side))),
      button("Draw again", () => lab.again()));
  }

  /** Further copies, and new images. */
  function rows(lab, parts) {
    const row = (count, ...caption) => {
      const each = Array.from({ length: count }, canvas);
      return { each, element: shown("lab-row", box("lab-four", ...each), ...caption) };
    };
    const more = row(rd.lab_state.DRAWS - 1, "four more copies, each of another draw of the code");
    const made = row(rd.lab_state.NEW, "four new images, of codes drawn from m(z)");
    Object.assign(parts, { more: more.each, made: made.each });
    return box("lab-rows", more.element, made.element);
  }

  /** The strip of the code, and what may be done to it. */
  function code(lab, parts, charts) {
    const { live } = lab, place = el("div"), step = (by) => () => lab.set({ chosen: lab.order[rd.clamp(lab.rank() + by, 0, lab.order.length - 1)] });
    const say = (kept) => `${kept} of ${live}`;
    const keep = slider({ name: "keep the first", min: 0, max: live, step: 1, value: live, say, input: (kept) => lab.set({ kept }) });
    parts.walked = el("span", { class: "lab-walked" });
    parts.back = button("Put back", () => lab.back());
    const walk = box("rd-controls", button("‹", step(-1), { "aria-label": "the dimension before" }),
      button("›", step(1), { "aria-label": "the next dimension" }), parts.back, parts.walked);
    charts.push(() => rd.lab_charts.strip(place, lab));
    return box("lab-code", note("The code: mean and width of each dimension, and what it costs in nats. Drag the dot, or touch another dimension."), place, walk, keep.element);
  }

  /** The plane, and what its marks are. */
  function map(lab, parts, charts) {
    const place = el("div"), entry = (kind, name) => el("span", { class: kind }, name);
    const legend = box("lab-legend", entry("lab-mine", "this image, and its way as you slide"),
      entry("lab-mean", "the mean of all test images"), entry("lab-each", "two hundred of them"));
    parts.marginal_kl = note();
    charts.push(() => rd.lab_charts.cloud(place, lab));
    return box("lab-map", legend, place, parts.marginal_kl);
  }

  /** All that has no chart of its own. */
  function draw(lab, parts) {
    const { side } = lab.net, { copies, moves } = lab, compact = lab.data.compact;
    ink(lab.x, side, { canvas: parts.image, width: "100%", label: compact ? "The image" : PAD });
    ink(copies[0], side, { canvas: parts.copy, width: "100%", label: "A copy: the probability of ink at every pixel" });
    parts.told.textContent = moves.size ? `its copy, ${moves.size} moved` : "its copy";
    parts.open.textContent = `code: ${lab.open()} of ${lab.net.dims} dimensions open`;
    parts.lights.forEach((light, rank) => light.style.setProperty("--on", `${lab.light(rank)}%`));
    parts.marks.mark(lab.x);
    if (compact) return;
    parts.more.forEach((each, i) => ink(copies[i + 1], side, { canvas: each, width: "100%" }));
    parts.undo.disabled = !lab.before.length;
    parts.back.disabled = !moves.size;
    parts.walked.textContent = lab.walked();
    parts.marginal_kl.textContent = lab.marginal_kl();
  }

  /** What comes when nothing has changed for a while: new images, and a sentence that is spoken. */
  function later(lab, parts) {
    [parts.soon, parts.quiet].forEach(clearTimeout);
    const invent = () => lab.inventions().forEach((each, i) => ink(each, lab.net.side, { canvas: parts.made[i], width: "100%" }));
    if (parts.made) parts.soon = setTimeout(invent, SOON);
    parts.quiet = setTimeout(() => (parts.live.textContent = lab.sentence()), QUIET);
  }

  function build(element, data, net) {
    const parts = {}, waiting = [], { compact } = data, charts = [], view = element.querySelector(".rd-view");
    const lab = new rd.lab_state(data, net, () => {
      draw(lab, parts);
      charts.forEach((chart) => chart.update());
      later(lab, parts);
    });
    parts.marks = rd.drawing.picks(lab.images, data.labels, net.side, (x) => lab.put(x));
    parts.live = element.querySelector(".rd-caption");
    parts.live.setAttribute("aria-live", "polite");
    const bill = rd.lab_charts.bill(lab), whole = compact ? [] : [rows, code, map].map((make) => make(lab, parts, waiting));
    const first = [parts.marks.element, stage(lab, parts), compact ? null : tools(lab, parts), price(lab), bill.element];
    view.replaceChildren(box(`lab${compact ? " lab-compact" : ""}`, ...first.filter(Boolean), ...whole));
    charts.push(bill, ...waiting.map((make) => make()));
    lab.drawn();
  }

  rd.figure("lab", async (element, data) => {
    await Promise.all(["layers", "network", "drawing", "lab_state", "lab_charts"].map((name) => rd.load(name)));
    build(element, data, rd.network.load(await rd.load("one_network")));
  });
})(rd);
