/* What the figures of trained models share: marks, captions that keep their height, and pictures stored beside the
   page. A sheet is {title, file, strips: [{name, box}]}: box cuts a row of images out of the file, by its left, top,
   width and height in shares of the picture; a strip of its own has `src` in place of `box`. */
(function () {
  "use strict";
  const { el, button, still } = rd;
  const base = document.currentScript.src;
  const WIDE = 10; // how often as wide as high a row of images is
  const FADE = 250; // milliseconds
  const CORNERS = {
    s: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
    D: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
    "^": [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]],
    v: [[0, 1.2], [1.1, -0.9], [-1.1, -0.9]],
    "*": Array.from({ length: 10 }, (_, i) => [i % 2 ? 0.62 : 1.5, i * Math.PI / 5]).map(([r, a]) => [r * Math.sin(a), -r * Math.cos(a)]),
    P: [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4],
      [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]],
  };
  CORNERS.X = CORNERS.P.map(([x, y]) => [(x - y) * 0.75, (x + y) * 0.75]);
  document.head.append(el("link", { rel: "stylesheet", href: new URL("explorer.css", base).href }));

  /** The outline of a shape around (0, 0), named as matplotlib names its markers. */
  function outline(shape, r) {
    if (shape in CORNERS) return `M${CORNERS[shape].map(([x, y]) => `${(x * r).toFixed(2)} ${(y * r).toFixed(2)}`).join("L")}Z`;
    return `M${-r} 0A${r} ${r} 0 1 1 ${r} 0A${r} ${r} 0 1 1 ${-r} 0Z`;
  }

  /** The mark of a group; hollow where `full` is false. */
  function mark({ colour, shape }, r, full = true) {
    return el("path", { d: outline(shape, r), style: `fill: ${full ? colour : "var(--rd-paper)"}; stroke: ${colour}`, "stroke-width": 1.5 });
  }

  /** A paragraph as high as the longest of the `texts` it will say; returns what says one. */
  function fixed(told, texts) {
    const longest = texts.reduce((a, b) => (a.length < b.length ? b : a), "");
    const said = el("span");
    told.classList.add("rd-fixed");
    told.replaceChildren(said, el("span", { "aria-hidden": "true" }, longest));
    return text => { said.textContent = text; };
  }

  /** A number and its standard error, to the second digit of the error. */
  function measured(value, error) {
    const decimals = error > 0 ? rd.clamp(1 - Math.floor(Math.log10(error)), 1, 5) : 2;
    return `${rd.words(value, decimals)} ± ${error.toFixed(decimals)}`;
  }

  /** What is said of a training, where the row tells. */
  const training = ({ arrived }, before) => (arrived === null ? "" : before + (arrived ? "arrived" : "has not arrived"));

  /** The address of a file in `models` beside this script. */
  const address = path => new URL(["models", ...path.split("/").map(encodeURIComponent)].join("/"), base).href;

  /** Puts a picture in place of another, which fades unless less motion is asked for. */
  async function swap(frame, image) {
    const before = [...frame.children];
    if (before.at(-1)?.dataset.src === image.dataset.src) return before.at(-1).setAttribute("alt", image.alt);
    image.style.opacity = 0;
    frame.append(image);
    const failed = await image.decode().then(() => false, () => true);
    if (image !== frame.lastChild) return image.remove(); // another came after it
    image.style.opacity = "";
    if (failed) return frame.replaceChildren(el("span", { class: "rd-missing" }, "This picture is not stored here."));
    if (still() || !before.length) return before.forEach(each => each.remove());
    image.animate([{ opacity: 0 }, { opacity: 1 }], FADE);
    for (const each of before) {
      each.animate([{ opacity: 1 }, { opacity: 0 }], { duration: FADE, fill: "forwards" }).onfinish = () => each.remove();
    }
    return undefined;
  }

  /** The row of images that a strip names, as large as its frame. */
  function picture(strip, src, alt) {
    const [left, top, width, height] = strip.box || [0, 0, 1, 1], share = part => `${(100 * part).toFixed(3)}%`;
    const style = `width: ${share(1 / width)}; height: ${share(1 / height)}; left: ${share(-left / width)}; top: ${share(-top / height)}`;
    return el("img", { class: "ink", src, alt, style, "data-src": src + (strip.box || "") });
  }

  /** Sheets of images below one another; show(whose, sources) fills them: the address of each sheet, or of each strip. */
  function gallery(place, sheets) {
    const frames = sheets.map(({ title, strips }) => {
      const rows = strips.map(() => el("div", { class: "rd-frame", style: `aspect-ratio: ${WIDE}` }));
      place.append(el("div", { class: "rd-sheet" }, el("p", { class: "rd-title" }, title),
        ...strips.map((strip, i) => el("div", { class: "rd-strip" }, el("span", { "aria-hidden": "true" }, strip.name), rows[i]))));
      return rows;
    });
    return (whose, sources) => sheets.forEach(({ title, strips }, s) => strips.forEach((strip, i) => {
      const src = strip.box ? address(sources[s]) : sources[s][i];
      swap(frames[s][i], picture(strip, src, `${title} by ${whose}: ${strip.name}`));
    }));
  }

  /* ---- buttons that are a key as well ---- */

  function swatches(marks) {
    if (!marks.length) return null;
    const svg = el("svg", { width: 12 * marks.length, height: 14, "aria-hidden": "true" });
    marks.forEach((each, i) => svg.append(el("g", { transform: `translate(${6 + 12 * i} 7)` }, mark(each, 4, each.full))));
    return svg;
  }

  /** A button that stays pressed until it is pressed again; set(on) hears of it. */
  function toggle(name, on, set, marks = []) {
    const made = button("", () => {
      on = !on;
      made.setAttribute("aria-pressed", on);
      set(on);
    }, { "aria-pressed": String(on) });
    made.append(...[swatches(marks), name].filter(Boolean));
    return made;
  }

  /** What belongs together under a name. */
  function named(name, ...inside) {
    const label = el("span", { "aria-hidden": "true" }, name);
    return el("div", { class: "rd-filter", role: "group", "aria-label": name }, label, el("div", {}, ...inside));
  }

  /** Groups of buttons that leave the rows of some kinds; where none of a group is pressed it leaves all.
      Returns {elements, passes}: passes(row) says whether a row is left. */
  function filters(groups, changed) {
    const pressed = groups.map(() => new Set());
    const elements = groups.map(({ name, values }, g) => named(name, ...values.map((value, v) =>
      toggle(value.name, false, on => { pressed[g][on ? "add" : "delete"](v); changed(); }, value.marks))));
    return { elements, passes: row => pressed.every((values, g) => !values.size || values.has(row.kinds[g])) };
  }

  rd.explorer = { mark, fixed, measured, training, gallery, toggle, named, filters };
})();
