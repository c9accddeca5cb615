/* Models of one family, from a dear nat to a cheap one: one slider moves the point in the plane and all pictures of it.
   Settings: companion.show.chapters.nats. */
(function () {
  "use strict";
  const { el, figure, load, plane, slider } = rd;
  const REACH = 40; // pixels, within which a click means a point

  const mark = ([cx, cy], { arrived }) => el("circle", {
    cx, cy, r: 4, fill: arrived === false ? "var(--rd-paper)" : "var(--rd-1)", stroke: "var(--rd-1)", "stroke-width": 1.5,
  });

  /** The plane: the models, joined in their order, and a point on the one shown; choose(i) hears of clicks.
      Returns what moves the point. */
  function map(place, { rows, x, y }, choose) {
    let shown = 0, dot = null, places = [];
    const move = i => {
      shown = i;
      dot.style.transform = `translate(${places[i][0]}px, ${places[i][1]}px)`;
    };
    const draw = at => {
      places = rows.map(row => [at.x(row.rate), at.y(row.distortion)]);
      dot = el("circle", { r: 8, class: "rd-dot rd-moved" });
      const line = el("path", { class: "rd-line rd-hull", d: `M${places.map(each => each.join(" ")).join("L")}` });
      at.layer.append(line, ...places.map((each, i) => mark(each, rows[i])), dot);
      at.svg.onclick = event => {
        const { left, top } = at.svg.getBoundingClientRect(), [across, up] = [event.clientX - left, event.clientY - top];
        const far = places.map(each => Math.hypot(each[0] - across, each[1] - up)), nearest = Math.min(...far);
        if (nearest < REACH) choose(far.indexOf(nearest));
      };
      move(shown);
    };
    const label = "The models in the plane of rate and distortion.";
    plane(place, { x, y, across: "rate R (nats)", up: "distortion D (nats)", ratio: 0.7, label, draw });
    return move;
  }

  figure("nats-beta", async (element, settings) => {
    const kit = await load("explorer"), { rows, sheets, start } = settings;
    const view = element.querySelector(".rd-view"), caption = element.querySelector(".rd-caption");
    const place = el("div"), left = el("div", {}, place), pictures = el("div");
    const number = (row, name) => kit.measured(row[name], row[`${name}_se`]);
    const said = rows.map(row => `${row.said}: R ${number(row, "rate")}, D ${number(row, "distortion")} nats${kit.training(row, "; ")}.`);
    view.replaceChildren(el("div", { class: "rd-beside" }, left, pictures));
    caption.setAttribute("aria-live", "polite");
    const tell = kit.fixed(caption, said), show = kit.gallery(pictures, sheets), move = map(place, settings, i => bar.set(i));
    const input = i => {
      move(i);
      tell(said[i]);
      show(rows[i].said, rows[i].sheets);
    };
    const marks = rows.map((_, i) => i), say = i => said[i];
    const bar = slider({ name: "β", min: 0, max: rows.length - 1, step: 1, value: start, say, marks, input });
    bar.element.querySelector("output").remove(); // the caption says it
    left.append(el("div", { class: "rd-controls" }, bar.element), caption);
    bar.update();
  });
})();
