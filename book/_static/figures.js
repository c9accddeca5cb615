/* Figures that live: what all of them share. A classic script, since pages are also opened as files, where a browser
   allows neither modules nor fetch: data and further scripts come by script tags, rd.load(name).

   A figure is an element with data-figure="kind". Its content is the still picture that stands without scripts; the
   kind's script registers rd.figure("kind", start), and start(element, data) makes the still live. Settings stand in a
   <script type="application/json"> within the element, or, where the site took them out, in the file data-load names. */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make();
  else root.rd = Object.assign(root.rd || {}, make());
})(typeof globalThis === "object" ? globalThis : this, function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const SHAPES = ["svg", "g", "path", "line", "circle", "rect", "text", "tspan", "image", "polyline", "polygon", "title", "defs", "clipPath"];
  const here = typeof document === "object" && document.currentScript ? document.currentScript.src : "";
  const kinds = {}, waiting = {};

  /* ---- elements ---- */

  /** An element with attributes and children; SVG by its name, listeners by `onname`, false and null left out. */
  function el(tag, attributes = {}, ...children) {
    const made = SHAPES.includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter(child => child !== null && child !== undefined));
    return made;
  }

  /* ---- loading ---- */

  /** A promise of the script `name`.js beside this one: of the data it hands to `loaded`, or of the module rd[name]. */
  function load(name) {
    return waiting[name] = waiting[name] || new Promise((done, failed) => {
      const script = el("script", { src: new URL(name + ".js", here).href });
      script.onload = () => done(name in store ? store[name] : globalThis.rd[name]);
      script.onerror = () => failed(new Error(`the file ${name}.js did not load`));
      document.head.append(script);
    });
  }
  const store = {};
  /** Called by a data file: rd.loaded("name", data). */
  function loaded(name, data) { store[name] = data; }

  /* ---- starting ---- */

  /** Register the figures of one kind; those on the page start at once. */
  function figure(kind, start) {
    kinds[kind] = start;
    document.querySelectorAll(`[data-figure="${kind}"]`).forEach(begin);
  }

  /** Make one figure live when it comes near the screen; what fails leaves the still picture and a line that says so. */
  function begin(element) {
    if (element.dataset.live) return;
    element.dataset.live = "waiting";
    const near = new IntersectionObserver(async seen => {
      if (!seen.some(each => each.isIntersecting)) return;
      near.disconnect();
      try {
        await kinds[element.dataset.figure](element, await settings(element));
        element.dataset.live = "on";
      } catch (error) {
        element.dataset.live = "off";
        element.append(el("p", { class: "rd-broken" }, `This figure stands still: ${error.message}.`));
        console.error(error);
      }
    }, { rootMargin: "400px" });
    near.observe(element);
  }

  async function settings(element) {
    if (element.dataset.load) return load(element.dataset.load);
    const given = element.querySelector('script[type="application/json"]');
    return given ? JSON.parse(given.textContent) : {};
  }

  /** Pictures and formulas that scroll come within reach of the keyboard, and no others. */
  function reach() {
    document.querySelectorAll('.rd-still, mjx-container[display="true"]').forEach(each => {
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    });
  }

  /** The kinds whose scripts a page needs are loaded by their names; `player` is in this file. */
  function start() {
    reach();
    addEventListener("load", () => globalThis.MathJax && MathJax.startup.promise.then(reach));
    const needed = new Set([...document.querySelectorAll("[data-figure]")].map(each => each.dataset.figure));
    needed.forEach(kind => kinds[kind] ? document.querySelectorAll(`[data-figure="${kind}"]`).forEach(begin) : load(kind));
  }

  /* ---- numbers and scales ---- */

  /** A linear map of [a, b] to [c, d], with its inverse. */
  function scale([a, b], [c, d]) {
    const map = value => c + (value - a) / (b - a) * (d - c);
    map.inverse = place => a + (place - c) / (d - c) * (b - a);
    return map;
  }
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  /** Round numbers from low to high, about `count` of them. */
  function ticks(low, high, count = 5) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find(each => each * power >= rough * 0.999);
    const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }
  /** A number as it is read: so many decimals, the minus of typography, and none before 0. */
  const words = (value, decimals = 2) => value.toFixed(decimals).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /* ---- parts ---- */

  /** Axes in an SVG that is as wide as its place, so that text keeps its size; `draw(plane)` fills it, at every width.
      plane: {svg, layer, x, y, width, height}; x and y map values to pixels, with `.inverse`. An axis has round numbers,
      or what `marks` has for it: {x, y}, lists of a value and its text. */
  function plane(place, { x, y, across, up, marks = {}, ratio = 0.75, tallest = 420, label, draw }) {
    const svg = el("svg", { role: "group", "aria-label": label, class: "rd-plane" });
    place.append(svg);
    const render = () => {
      const width = Math.max(240, place.clientWidth), height = Math.min(tallest, Math.round(ratio * width));
      const box = { left: 46, right: width - 10, top: 10, bottom: height - 40 };
      svg.replaceChildren();
      svg.setAttribute("width", width);
      svg.setAttribute("height", height);
      const made = { svg, width, height, box, x: scale(x, [box.left, box.right]), y: scale(y, [box.bottom, box.top]) };
      axes(made, marks.x || numbered(x, 90, made.box.right - made.box.left), marks.y || numbered(y, 60, made.box.bottom - made.box.top), across, up);
      made.layer = svg.appendChild(el("g"));
      draw(made);
    };
    new ResizeObserver(() => place.clientWidth !== Number(svg.dataset.width) && (svg.dataset.width = place.clientWidth, render())).observe(place);
    svg.dataset.width = place.clientWidth;
    render();
    return { svg, render };
  }

  /** Round numbers for an axis, one about every `apart` pixels of its `length`, with their texts. */
  const numbered = (ends, apart, length) =>
    ticks(...ends, Math.max(3, Math.round(length / apart))).map(value => [value, words(value, 6).replace(/\.?0+$/, "")]);

  function axes({ svg, x, y, box, height }, across, up, name, side) {
    const rule = { stroke: "var(--rd-ink)", "stroke-width": 1 };
    svg.append(el("line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, ...rule }),
      el("line", { x1: box.left, x2: box.left, y1: box.top, y2: box.bottom, ...rule }));
    for (const [value, text] of across) {
      svg.append(el("line", { x1: x(value), x2: x(value), y1: box.bottom, y2: box.bottom + 5, ...rule }),
        el("text", { x: x(value), y: box.bottom + 18, "text-anchor": "middle" }, text));
    }
    for (const [value, text] of up) {
      svg.append(el("line", { x1: box.left - 5, x2: box.left, y1: y(value), y2: y(value), ...rule }),
        el("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, text));
    }
    svg.append(el("text", { x: (box.left + box.right) / 2, y: height - 4, "text-anchor": "middle" }, name),
      el("text", { transform: `translate(12 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, side));
  }

  let counted = 0;
  /** A named slider with ticks; `say(value)` is what is read and spoken; `input(value)` follows it.
      Returns {element, input, value, set(value), follow(value)}; set moves it and calls `input`, follow moves it alone. */
  function slider({ name, min, max, step = "any", value, say = String, marks = [], input }) {
    const id = `rd-${counted += 1}`;
    const range = el("input", { type: "range", id, min, max, step, value, list: marks.length ? `${id}-marks` : null });
    const told = el("output", { for: id });
    const tell = words => { told.textContent = words; range.setAttribute("aria-valuetext", words); };
    const update = () => { tell(say(Number(range.value))); input(Number(range.value)); };
    const follow = to => { range.value = to; tell(say(to)); };
    range.addEventListener("input", update);
    const element = el("div", { class: "rd-slider" }, el("label", { for: id }, name), range, told,
      marks.length ? el("datalist", { id: `${id}-marks` }, ...marks.map(mark => el("option", { value: mark }))) : null);
    const made = { element, input: range, set: to => { range.value = to; update(); }, follow, update };
    Object.defineProperty(made, "value", { get: () => Number(range.value) });
    tell(say(Number(value)));
    return made;
  }

  const button = (name, press, options = {}) => el("button", { type: "button", class: "rd-button", onclick: press, ...options }, name);

  /** A button that plays `next()` every `pause` milliseconds until it returns false; it stops when pressed again, and
      where less motion is asked for a press is one step. */
  function play(next, pause = 900) {
    let timer = null;
    const show = () => { made.textContent = timer ? "❚❚ Pause" : still() ? "▶ Step" : "▶ Play"; };
    const stop = () => { clearInterval(timer); timer = null; show(); };
    const made = button("", () => {
      if (timer) return stop();
      if (next(true) === false || still()) return undefined;
      timer = setInterval(() => next(false) === false && stop(), pause);
      return show();
    });
    show();
    return { element: made, stop };
  }

  /** A point to drag within a plane: 16 pixels in a handle of 44, by pointer, by finger, and by arrow keys.
      move(x, y) gets values and may change them: it returns where the point is to stand. Returns {element, put, place,
      say}: put moves the point as a hand would, place moves it alone. */
  function handle(made, { x, y, label, step = [0.02, 0.02], move }) {
    const group = el("g", { class: "rd-handle", tabindex: 0, role: "slider", "aria-label": label, "aria-valuenow": x, "aria-valuetext": "" },
      el("circle", { r: 22, fill: "transparent" }), el("circle", { r: 8, class: "rd-dot" }));
    const put = (to, at) => place(...(move(to, at) || [to, at]));
    const place = (to, at) => {
      [x, y] = [to, at];
      group.setAttribute("transform", `translate(${made.x(x)} ${made.y(y)})`);
      group.setAttribute("aria-valuenow", x.toFixed(3));
    };
    const follow = event => {
      const area = made.svg.getBoundingClientRect();
      put(made.x.inverse(event.clientX - area.left), made.y.inverse(event.clientY - area.top));
    };
    group.addEventListener("pointerdown", event => { group.setPointerCapture(event.pointerId); group.focus(); event.preventDefault(); });
    group.addEventListener("touchstart", event => event.preventDefault(), { passive: false }); // Chromium heeds no touch-action within SVG
    group.addEventListener("pointermove", event => event.buttons && follow(event));
    const keys = { ArrowRight: [step[0], 0], ArrowLeft: [-step[0], 0], ArrowUp: [0, step[1]], ArrowDown: [0, -step[1]] };
    group.addEventListener("keydown", event => {
      const by = keys[event.key];
      if (!by) return;
      event.preventDefault();
      put(x + by[0] * (event.shiftKey ? 5 : 1), y + by[1] * (event.shiftKey ? 5 : 1));
    });
    made.svg.append(group);
    put(x, y);
    return { element: group, put, place, say: words => group.setAttribute("aria-valuetext", words) };
  }

  /** Ink 0 to 1 of an image, row by row, on a canvas that scales it without smoothing, black on nothing. */
  function ink(pixels, columns, { width = "84px", label = "", canvas = el("canvas", { class: "rd-ink" }) } = {}) {
    const rows = pixels.length / columns, picture = new ImageData(columns, rows);
    [canvas.width, canvas.height, canvas.style.width] = [columns, rows, width];
    if (label) { canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", label); } else canvas.setAttribute("aria-hidden", "true");
    for (let i = 0; i < pixels.length; i += 1) picture.data[4 * i + 3] = Math.round(255 * pixels[i]);
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
  }

  /** Pixels 0 and 1 of the bytes that `numpy.packbits` made, in base64. */
  function bits(packed) {
    const bytes = atob(packed);
    return Uint8Array.from({ length: 8 * bytes.length }, (_, i) => (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1);
  }

  /* ---- the player: frames drawn beforehand ---- */

  function player(element, { name, frames, captions, start: first }) {
    const view = element.querySelector(".rd-view"), last = frames.length - 1;
    const told = el("p", { class: "rd-caption", "aria-live": "polite" });
    const show = i => { view.innerHTML = frames[i]; told.textContent = captions[i]; reach(); };
    const bar = slider({ name, min: 0, max: last, step: 1, value: first, say: i => captions[i], marks: frames.map((_, i) => i), input: show });
    const film = play(fresh => {
      bar.set(fresh && bar.value === last ? 0 : Math.min(last, bar.value + 1));
      return bar.value < last;
    });
    bar.input.addEventListener("pointerdown", film.stop);
    bar.element.querySelector("output").remove(); // the caption says it
    element.querySelector(".rd-caption")?.remove();
    element.append(el("div", { class: "rd-controls" }, film.element, bar.element), told);
    show(first);
  }

  if (typeof document === "object") {
    kinds.player = player;
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
    else start();
  }
  return { el, load, loaded, figure, scale, clamp, ticks, words, still, plane, slider, button, play, handle, ink, bits };
});
