/* What a link leads to, beside it: a term, a theorem, an equation or a source, where the mouse or the keyboard comes to the
   link. site/tips.py wrote all of them into one file, which is loaded when the first is asked for; where that fails, or a
   formula cannot be set, nothing is shown. Escape closes, and the mouse may go over to what is shown. */
(() => {
  "use strict";

  const WAIT = 200; // milliseconds, so that a mouse on its way elsewhere calls nothing up
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href).href;
  const box = rd.el("div", { id: "tip", role: "tooltip", hidden: true });
  let link = null, timer = 0;

  const name = each => each.href.startsWith(root) ? each.href.slice(root.length) : "";
  const near = event => event.target instanceof Element ? event.target.closest("article a.internal[href*='#']") : null;

  /** Show what `asked` leads to, if it is known, and if it is still asked for when it is ready. */
  async function show(asked) {
    link = asked;
    const told = (await rd.load("tips_of_the_book"))[name(asked)], math = /class="math/.test(told || "");
    if (!told || (math && !globalThis.MathJax) || link !== asked) return;
    if (!box.isConnected) document.querySelector("main").append(box);
    if (globalThis.MathJax) MathJax.typesetClear([box]);
    box.innerHTML = told;
    const words = box.textContent.replace(/\\\[[^]*?\\\]/g, "").trim();
    if (words) box.removeAttribute("aria-label");
    else box.setAttribute("aria-label", `Equation ${asked.textContent}`); // which no description can read out
    if (math) await MathJax.typesetPromise([box]);
    if (link !== asked) return;
    box.hidden = false;
    asked.setAttribute("aria-describedby", "tip");
    place(asked.getClientRects()[0]);
  }

  /** Below the link, or above it where there is no room; within the window. */
  function place(at) {
    const { clientWidth: wide, clientHeight: high } = document.documentElement;
    const { width, height } = box.getBoundingClientRect();
    const below = at.bottom + 4 + height <= high || at.top < height;
    box.style.left = `${Math.max(8, Math.min(at.left, wide - width - 8))}px`;
    box.style.top = `${below ? at.bottom + 4 : at.top - height - 4}px`;
  }

  function hide() {
    if (link) link.removeAttribute("aria-describedby");
    link = null;
    box.hidden = true;
  }

  const later = (then, wait) => { clearTimeout(timer); timer = setTimeout(then, wait); };
  const open = each => show(each).catch(() => {});
  addEventListener("pointerover", event => {
    if (event.pointerType === "touch") return;
    const asked = near(event);
    if (box.contains(event.target) || (asked && asked === link)) clearTimeout(timer);
    else if (asked) later(() => { hide(); open(asked); }, WAIT);
    else later(() => document.activeElement !== link && hide(), WAIT);
  });
  addEventListener("focusin", event => {
    const asked = near(event);
    if (asked && asked.matches(":focus-visible")) later(() => { hide(); open(asked); }, 0);
    else if (link) later(hide, 0);
  });
  addEventListener("keydown", event => event.key === "Escape" && (clearTimeout(timer), hide()));
  addEventListener("scroll", () => {
    if (!link || box.hidden) return;
    const at = link.getClientRects()[0];
    if (at.bottom < 0 || at.top > innerHeight) hide();
    else place(at);
  }, { passive: true });
  addEventListener("pointerdown", event => !box.contains(event.target) && hide());
})();
