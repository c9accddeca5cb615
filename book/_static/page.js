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

  const SMALLEST = 0.62; // of its size, and still a little larger than a small letter; below it an equation scrolls
  const MATHS = "div.math > mjx-container, span.math";
  const WIDE = `${MATHS}, pre, .rd-still, div:has(> table)`;

  /** The width of what an element shows; beside a formula stands its MathML, unseen and as wide as it likes. */
  function width(each) {
    const formula = each.matches(MATHS) && each.querySelector("mjx-math");
    return formula ? formula.getBoundingClientRect().width : each.scrollWidth;
  }

  /** A formula that is a little too wide gets a little smaller. */
  function fit(formula) {
    const { style, dataset } = formula;
    style.fontSize = dataset.size ??= style.fontSize; // MathJax's own, which fits the letters around
    if (!formula.clientWidth || width(formula) - formula.clientWidth < 1) return; // the one is whole pixels, the other not
    const share = formula.clientWidth / width(formula);
    const size = parseFloat(getComputedStyle(formula).fontSize);
    style.fontSize = `${size * Math.max(SMALLEST, share * 0.99)}px`;
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
