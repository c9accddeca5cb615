/* A page and its reader: one switch for all code, equations that fit, edges that say where something goes on, and paper. */
(() => {
  "use strict";

  const html = document.documentElement;
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];

  /* ---- one switch shows or hides all code, on this page and the next ---- */

  const kept = {
    get() { try { return localStorage.getItem("code"); } catch { return null; } },
    set(value) { try { localStorage.setItem("code", value); } catch { /* not allowed: then only here */ } },
  };

  /** Until the switch is used, cells stand as the page has them: some folded, some not. */
  function code(shown) {
    html.dataset.code = shown ? "shown" : "hidden";
    all("article .cell details.hide").forEach(each => { each.open = shown; });
    const button = document.getElementById("code-switch");
    button.setAttribute("aria-pressed", shown);
    button.textContent = shown ? "Hide all code" : "Show all code";
  }

  function addSwitch() {
    if (!document.querySelector("article .cell_input")) return;
    const button = document.createElement("button");
    Object.assign(button, { id: "code-switch", type: "button", textContent: "Show all code" });
    button.addEventListener("click", () => {
      const shown = html.dataset.code !== "shown";
      code(shown);
      kept.set(shown ? "shown" : "hidden");
    });
    (document.querySelector(".chapter-line") || document.querySelector("article")).prepend(button);
    if (kept.get()) code(kept.get() === "shown");
  }

  /* ---- equations and edges ---- */

  const SMALLEST = 0.8; // of its size; below it an equation breaks into lines, and where that does not do, scrolls
  const MATHS = "div.math > mjx-container, span.math";
  const WIDE = `${MATHS}, pre, .rd-still, div:has(> table)`;

  /** The width of what an element shows; beside a formula stands its MathML, unseen and as wide as it likes. */
  function width(each) {
    const formula = each.matches(MATHS) && each.querySelector("mjx-math");
    if (!formula) return each.scrollWidth;
    const parts = each.classList.contains("broken") ? all("rd-part", formula) : [];
    return Math.max(...(parts.length ? parts : [formula]).map(part => part.getBoundingClientRect().right)) - formula.getBoundingClientRect().left;
  }

  const RELATIONS = "= ≤ ≥ < > ≈ ∼ → ⟶ ⇒ ⟹ ⇔ ⟺ ≠ ∝ ≡", JOINING = "+ − - × ⋅ ·", OPENING = "( [ {", CLOSING = ") ] }", ROOM = "\u2003";

  /** Whether a line may begin with each sign of a row of a formula: a relation, an operator, what follows a comma or a gap. */
  function starts(signs) {
    const is = (kind, i) => signs[i] && kind.split(" ").includes(signs[i]);
    let depth = 0;
    return signs.map((sign, i) => {
      depth += is(OPENING, i) - is(CLOSING, i);
      if (depth || !i) return false;
      const joins = is(JOINING, i) && !is(RELATIONS, i - 1) && signs[i - 1] !== ",";
      return is(RELATIONS, i) || joins || is(ROOM, i) || [",", ROOM].includes(signs[i - 1]);
    });
  }

  /** Put what stays together on a line into elements of its own. Beside what is `drawn` its MathML names the signs. */
  function part(drawn, named) {
    const children = [...drawn.children].filter(each => each.localName !== "mjx-tstrut"), told = [...named.children];
    if (told.length !== children.length) return;
    if (told.length === 1 && told[0].localName === "mtable") {
      children[0].classList.add("rd-lines");
      const cells = all("mtd", told[0]).filter(each => each.parentNode.parentNode === told[0]);
      const places = all("mjx-mtd", children[0]).filter(each => each.closest("mjx-mtable") === children[0]);
      places.forEach((cell, i) => part(cell, cells[i]));
      return;
    }
    const first = starts(told.map(each => each.textContent || (each.outerHTML.match(/width="[12]em"/) ? ROOM : "")));
    let current;
    children.forEach((child, i) => {
      if (!i || first[i]) child.before(current = document.createElement("rd-part"));
      current.append(child);
    });
  }

  /** A formula that is a little too wide gets a little smaller; one that is much too wide gets several lines. */
  function fit(formula) {
    const { style, dataset, classList } = formula;
    const share = () => formula.clientWidth / width(formula);
    style.fontSize = dataset.size ??= style.fontSize; // MathJax's own, which fits the letters around
    classList.remove("broken");
    if (!formula.clientWidth || width(formula) - formula.clientWidth < 1) return; // the one is whole pixels, the other not
    if (share() < SMALLEST) {
      if (!formula.querySelector("rd-part")) part(formula.querySelector("mjx-math"), formula.querySelector("mjx-assistive-mml > math"));
      classList.add("broken");
    }
    if (share() < 1) style.fontSize = `${parseFloat(getComputedStyle(formula).fontSize) * Math.max(SMALLEST, share() * 0.99)}px`;
  }

  /* ---- the panels of a picture, one below the other where they have no room side by side ---- */

  /** Left, top, right and bottom of what is seen of an element, in the units of its picture. */
  function extent(element, view, unit) {
    const leaves = all("path, text, image, use, rect", element).filter(each => !each.closest("defs, clipPath"));
    if (element.matches("path, image, text")) leaves.push(element);
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    leaves.forEach(each => {
      const at = each.getBoundingClientRect(), cut = each.closest("[clip-path]");
      if (!at.width && !at.height || cut && !each.closest("text") && each.localName !== "image" && beyond(at, element)) return;
      const edges = [at.left - view.left, at.top - view.top, at.right - view.left, at.bottom - view.top].map(edge => edge / unit);
      edges.forEach((edge, i) => { box[i] = (i < 2 ? Math.min : Math.max)(box[i], edge); });
    });
    return box;
  }

  /** Whether a path that a frame cuts goes on beyond it. */
  function beyond(at, panel) {
    const frame = panel.querySelector("path")?.getBoundingClientRect();
    return frame && (at.left < frame.left - 2 || at.right > frame.right + 2 || at.top < frame.top - 2 || at.bottom > frame.bottom + 2);
  }

  /** Where the rows of images of a picture go: each below its name. */
  function strips(panels, room, move, measured) {
    let y = 0;
    panels.forEach(panel => {
      const parts = [...panel.children].filter(part => part.querySelector("text, image") || part.matches("image"));
      parts.sort((a, b) => Boolean(a.querySelector("text")) < Boolean(b.querySelector("text")) ? 1 : -1).forEach(part => {
        const [left, top, right, bottom] = measured(part), scale = Math.min(1, room / (right - left));
        move(part, -left * scale, y - top * scale, scale);
        y += (bottom - top) * scale + (part.querySelector("text") ? 2 : 8);
      });
    });
    return y;
  }

  /** Whether a column can stand alone: it has numbers of its own at its left, or needs none. */
  function alone(column, first, measured) {
    const [at, of] = [column, first].map(each => each.panels[0]), frame = panel => measured(panel.querySelector("path, image") || panel);
    const numbers = panel => all("text", panel).filter(each => measured(each)[2] <= frame(panel)[0]).length > 1; // beside its name
    return column === first || numbers(at) || !numbers(of);
  }

  /** Where the columns of a picture go: as many beside each other as there is room for. */
  function columns(panels, room, move, measured) {
    const found = [];
    panels.map(panel => ({ panels: [panel], box: measured(panel) })).sort((a, b) => a.box[0] - b.box[0]).forEach(each => {
      const last = found.at(-1);
      if (!last || each.box[0] > last.box[2] + 0.5) return found.push(each);
      last.panels.push(...each.panels);
      last.box = last.box.map((edge, i) => (i < 2 ? Math.min : Math.max)(edge, each.box[i]));
    });
    const fits = each => each.box[2] - each.box[0] <= room && alone(each, found[0], measured);
    if (found.length < 2 || !found.every(fits)) return 0;
    let y = 0;
    while (found.length) {
      const [left] = found[0].box, row = [];
      while (found.length && found[0].box[2] - left <= room) row.push(found.shift());
      const shift = (room - (row.at(-1).box[2] - left)) / 2 - left, top = Math.min(...row.map(({ box }) => box[1]));
      row.forEach(each => each.panels.forEach(panel => move(panel, shift, y - top, 1)));
      y += Math.max(...row.map(({ box }) => box[3])) - top + 10;
    }
    return y;
  }

  /** Set the panels of a picture for the width of its frame. */
  function stack(frame) {
    const svg = frame.querySelector(":scope > svg"), box = svg?.getAttribute("viewBox"), { dataset } = frame;
    if (!frame.clientWidth || !box || dataset.room === `${frame.clientWidth}`) return;
    dataset.room = frame.clientWidth;
    svg.setAttribute("viewBox", dataset.box ??= box);
    all("[data-moved]", svg).forEach(each => each.setAttribute("transform", each.dataset.moved));
    svg.style.aspectRatio = "";
    frame.classList.remove("stacked");
    const wide = parseFloat(dataset.box.split(" ")[2]), least = parseFloat(frame.style.getPropertyValue("--rd-least"));
    if (least <= frame.clientWidth) return;
    const panels = all(":scope > g > g", svg).slice(1), room = frame.clientWidth * wide / least;
    const view = svg.getBoundingClientRect(), measured = each => extent(each, view, view.width / wide);
    const moves = [], move = (...to) => moves.push(to);
    const ofImages = panels.every(each => all("image", each).length === 1 && measured(each.querySelector("image"))[2] > wide * 0.8);
    const high = panels.length && (ofImages ? strips : columns)(panels, room, move, measured);
    if (!high) return;
    moves.forEach(([part, x, y, scale]) => {
      part.dataset.moved ??= part.getAttribute("transform") || "";
      part.setAttribute("transform", `translate(${x} ${y}) scale(${scale}) ${part.dataset.moved}`);
    });
    svg.setAttribute("viewBox", `0 0 ${room} ${high}`);
    svg.style.aspectRatio = `${room} / ${high}`;
    frame.classList.add("stacked");
  }

  /** Mark on which sides an element goes on; where it does, the keyboard reaches it. */
  function mark(each) {
    const more = width(each) - each.clientWidth, scrolls = more > 1 && each.clientWidth > 0;
    each.classList.toggle("scrolls", scrolls);
    each.classList.toggle("more-left", scrolls && each.scrollLeft > 1);
    each.classList.toggle("more-right", scrolls && each.scrollLeft < more - 1);
    if (scrolls && !each.hasAttribute("tabindex")) each.tabIndex = 0;
  }

  function measure() {
    const article = document.querySelector("article");
    all(MATHS, article).forEach(fit);
    all(".rd-still", article).forEach(stack);
    all(WIDE, article).forEach(mark);
  }

  /* ---- paper: light colours, and everything that can be opened open ---- */

  let screen = null;
  function paper(on) {
    if (on === Boolean(screen)) return;
    if (on) {
      const folded = all("article .toggle-hidden"), closed = all("article details:not(.hide):not([open])");
      screen = { theme: html.dataset.theme, folded, closed };
      html.dataset.theme = "light";
      folded.forEach(each => each.classList.remove("toggle-hidden"));
      closed.forEach(each => { each.open = true; });
    } else {
      html.dataset.theme = screen.theme;
      screen.folded.forEach(each => each.classList.add("toggle-hidden"));
      screen.closed.forEach(each => { each.open = false; });
      screen = null;
    }
  }

  addSwitch();
  addEventListener("scroll", event => event.target.classList?.contains("scrolls") && mark(event.target), { capture: true, passive: true });
  const paged = matchMedia("print");
  paged.addEventListener("change", () => paper(paged.matches));
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  addEventListener("load", async () => {
    if (globalThis.MathJax) await MathJax.startup.promise;
    if (!document.querySelector("article")) return;
    new ResizeObserver(measure).observe(document.querySelector("article"));
    document.addEventListener("toggle", measure, true);
  });
})();
