/* Binary images in a figure: a pad to draw on, and test images to choose from. */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make(root);
  else (root.rd = root.rd || {}).drawing = make(root);
})(typeof globalThis === "object" ? globalThis : this, function (root) {
  "use strict";

  const PEN = 1.25; // pixels of the image from the middle of a stroke to its edge

  /** The images of `side` by `side` pixels in `packed`, the bytes that numpy.packbits made, in base64. */
  function unpack(packed, side) {
    const bits = root.rd.bits(packed), size = side * side;
    return Array.from({ length: bits.length / size }, (_, n) => bits.slice(n * size, (n + 1) * size));
  }

  /** Inks the pixels of `x` that a pen passes from one point to another, in pixels of the image. */
  function stroke(x, side, [x0, y0], [x1, y1]) {
    const across = x1 - x0, down = y1 - y0, length = across ** 2 + down ** 2;
    for (let i = 0; i < x.length; i++) {
      const right = (i % side) + 0.5 - x0, below = Math.floor(i / side) + 0.5 - y0;
      const along = length ? Math.min(1, Math.max(0, (right * across + below * down) / length)) : 0;
      if (Math.hypot(right - along * across, below - along * down) < PEN) x[i] = 1;
    }
  }

  /** The image moved until its centre of ink is in the middle, as the images of MNIST are. */
  function centred(x, side) {
    const found = new x.constructor(x.length), places = Array.from(x.keys()).filter((i) => x[i]);
    const middle = (of) => places.reduce((total, i) => total + of(i), 0) / Math.max(1, places.length);
    const column = (i) => i % side, row = (i) => Math.floor(i / side);
    const right = Math.round(side / 2 - 0.5 - middle(column)), down = Math.round(side / 2 - 0.5 - middle(row));
    for (const i of places) {
      const inside = [column(i) + right, row(i) + down].every((at) => at >= 0 && at < side);
      if (inside) found[(row(i) + down) * side + column(i) + right] = 1;
    }
    return found;
  }

  /** A canvas to draw on: `begin()` gives the image that a stroke goes on, `change()` is called as it grows. */
  function pad(side, { label, begin, change }) {
    const canvas = root.rd.el("canvas", { class: "rd-ink lab-pad", role: "img", "aria-label": label });
    let last = null, x = null;
    const draw = (event) => {
      const box = canvas.getBoundingClientRect();
      const at = [event.clientX - box.left, event.clientY - box.top].map((place) => (place / box.width) * side);
      stroke(x, side, last || at, at);
      last = at;
      change();
    };
    canvas.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // no selection, no scrolling
      canvas.setPointerCapture(event.pointerId);
      [last, x] = [null, begin()];
      draw(event);
    });
    canvas.addEventListener("pointermove", (event) => x && draw(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (x = null));
    return canvas;
  }

  /** A button for every label: it chooses the image that it shows, and pressed again the next one with its label.
      {element, mark(x)}: `mark` shows as pressed the button whose image `x` is. */
  function picks(images, labels, side, choose) {
    const each = [...new Set(labels)].map((label) => {
      const those = images.filter((_, i) => labels[i] === label), picture = root.rd.el("canvas", { class: "rd-ink" });
      let at = 0, pressed = false;
      const element = root.rd.button(picture, () => {
        if (pressed) at = (at + 1) % those.length;
        choose(those[at]);
      });
      const mark = (x) => {
        if (those.includes(x)) at = those.indexOf(x);
        pressed = those[at] === x;
        root.rd.ink(those[at], side, { width: "40px", canvas: picture });
        element.setAttribute("aria-pressed", pressed);
        element.setAttribute("aria-label", `Test image: a ${label}, number ${at + 1} of ${those.length}`);
      };
      return { element, mark };
    });
    const group = { class: "lab-picks", role: "group", "aria-label": "Test images" };
    return { element: root.rd.el("div", group, ...each.map((one) => one.element)), mark: (x) => each.forEach((one) => one.mark(x)) };
  }

  return { centred, pad, picks, stroke, unpack };
});
