/* A point to drag over two dimensions of a code, and what decoders draw there.

   Settings: reach, both dimensions run from -reach to reach; count, of the points in a row of the grid that was decoded;
   side, of an image in pixels; pictures, a list of {name, sprite}: a grey PNG in base64 with count by count images, the
   first dimension rising to the right, the second upwards; points, the codes of images; names, of both; start.
   Between the points of the grid a picture is mixed from its four neighbours. */
(function (rd) {
  "use strict";

  const { el, clamp, words } = rd;

  /** The ink of a grey picture, 0 to 1, row by row, and how many pixels a row has. */
  async function read(sprite) {
    const image = el("img", { src: `data:image/png;base64,${sprite}`, alt: "" });
    await image.decode();
    const canvas = el("canvas", { width: image.width, height: image.height }), context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    return { wide: image.width, ink: Float32Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] / 255) };
  }

  /** The picture at a place in the grid, `column` from the left and `row` from above, mixed from its neighbours. */
  function mixed({ ink, wide }, { side, count }, column, row) {
    const [left, top] = [column, row].map((at) => Math.min(Math.floor(at), count - 2));
    const [right, below] = [column - left, row - top];
    const shares = [[0, 0, (1 - right) * (1 - below)], [1, 0, right * (1 - below)], [0, 1, (1 - right) * below], [1, 1, right * below]];
    const at = (i, j, pixel) => ink[((top + j) * side + Math.floor(pixel / side)) * wide + (left + i) * side + (pixel % side)];
    return Float32Array.from({ length: side * side }, (_, pixel) => shares.reduce((sum, [i, j, share]) => sum + share * at(i, j, pixel), 0));
  }

  rd.figure("latent-pad", async (element, settings) => {
    const { reach, count, side, pictures, points, names, start } = settings, view = element.querySelector(".rd-view");
    const sprites = await Promise.all(pictures.map((each) => read(each.sprite)));
    const canvases = pictures.map(() => el("canvas", { class: "rd-ink" })), told = element.querySelector(".rd-caption");
    const place = (value) => ((value + reach) / (2 * reach)) * (count - 1);
    let point = start, dot = null;
    const move = (x, y) => {
      point = [clamp(x, -reach, reach), clamp(y, -reach, reach)];
      sprites.forEach((sprite, i) => rd.ink(mixed(sprite, settings, place(point[0]), place(-point[1])), side, { canvas: canvases[i], width: "100%", label: pictures[i].name }));
      told.textContent = names.map((name, i) => `${name} = ${words(point[i])}`).join(", ");
      if (dot) dot.say(told.textContent);
      return point;
    };
    const board = el("div"), shown = canvases.map((canvas, i) => el("div", {}, canvas, el("p", {}, pictures[i].name)));
    view.replaceChildren(el("div", { class: "pad" }, board, el("div", { class: "pad-pictures" }, ...shown)));
    const ends = [-reach, reach], label = `${names.join(" and ")}: arrow keys move the point`;
    rd.plane(board, {
      x: ends, y: ends, across: names[0], up: names[1], ratio: 1, tallest: 340, label: "two dimensions of the code",
      draw: (axes) => {
        axes.layer.append(...points.map(([x, y]) => el("circle", { cx: axes.x(x), cy: axes.y(y), r: 1.5, fill: "var(--rd-line)" })));
        dot = rd.handle(axes, { x: point[0], y: point[1], label, step: [0.25, 0.25], move });
        dot.say(told.textContent);
      },
    });
  });
})(rd);
