/* A few frames drawn beforehand, one button each. Settings as those of `player`: name, frames, captions, start; the
   captions are the words on the buttons. */
(function (rd) {
  "use strict";

  rd.figure("toggle", (element, { name, frames, captions, start }) => {
    const view = element.querySelector(".rd-view");
    const buttons = captions.map((caption, i) => rd.button(caption, () => show(i)));
    const show = (i) => {
      const { scrollLeft } = view.firstElementChild; // on a narrow page a frame scrolls, and the next stays where it was
      view.innerHTML = frames[i];
      view.firstElementChild.scrollLeft = scrollLeft;
      buttons.forEach((each, j) => each.setAttribute("aria-pressed", j === i));
    };
    element.querySelector(".rd-caption").remove(); // a pressed button says it
    view.before(rd.el("div", { class: "rd-controls", role: "group", "aria-label": name }, ...buttons));
    show(start);
  });
})(rd);
