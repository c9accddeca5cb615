/* A model to place in the plane of rate and distortion, and what the sandwich says of its information. */
(function () {
  "use strict";
  const { el, figure, plane, handle, button, clamp, words, scale } = rd;
  const NEAR = 0.03; // of the entropy: so close to the line the point snaps to it

  /** The bar below the plane: H - D, I and R on one axis, the stretch between the bounds filled. */
  function bar(place, reach) {
    const svg = place.appendChild(el("svg", { class: "rd-plane", height: 64, "aria-hidden": "true" }));
    return (low, high, rate, possible) => {
      const width = Math.max(240, place.clientWidth), x = scale([0, reach], [46, width - 10]);
      svg.setAttribute("width", width);
      svg.replaceChildren(el("line", { x1: x(0), x2: x(reach), y1: 34, y2: 34, stroke: "var(--rd-rule)", "stroke-width": 2 }));
      if (!possible) return svg.append(el("text", { x: x(0), y: 58 }, "no information: no such model"));
      return svg.append(
        el("rect", { x: x(low), y: 26, width: Math.max(3, x(high) - x(low)), height: 16, rx: 3, fill: "var(--rd-1)" }),
        el("text", { x: x(low), y: 20, "text-anchor": x(high) - x(low) < 120 ? "end" : "middle", dx: x(low) < 80 ? 34 : -6 }, `at least ${words(low)}`),
        el("text", { x: x(high), y: 58, "text-anchor": "middle", dx: x(high) < 90 ? 44 : 0 }, `at most ${words(high)}`));
    };
  }

  /** What is said of a point, in nats. */
  function sentence(R, D, H) {
    const score = `R = ${words(R)}, D = ${words(D)}, ELBO = ${words(-R - D)} nats. `;
    const low = Math.max(0, H - D), high = Math.min(R, H);
    if (R + D < H - 1e-9) return `${score}No model stands here: R + D is below H = ${words(H)}.`;
    if (R + D < H + 1e-9) return `${score}On the line the bounds meet: the code carries ${words(high)} nats.`;
    return `${score}The code carries between ${words(low)} and ${words(high)} nats, whatever the model.`;
  }

  figure("sandwich-pad", (element, { entropy: H }) => {
    const view = element.querySelector(".rd-view"), told = element.querySelector(".rd-caption"), reach = 1.75 * H;
    let point = [0.5 * H, H], dot = null;
    told.setAttribute("aria-live", "polite");
    view.replaceChildren();
    const below = el("div"), draw = bar(below, reach);
    const move = (R, D) => {
      [R, D] = [clamp(R, 0, reach), clamp(D, 0, reach)];
      if (Math.abs(R + D - H) < NEAR * H) [R, D] = [clamp(R + (H - R - D) / 2, 0, H), clamp(D + (H - R - D) / 2, 0, H)];
      point = [R, D];
      told.textContent = sentence(R, D, H);
      if (dot) dot.say(told.textContent);
      draw(Math.max(0, H - D), Math.min(R, H), R, R + D >= H - 1e-9);
      return point;
    };
    const made = plane(view, {
      x: [0, reach], y: [0, reach], across: "rate R (nats)", up: "distortion D (nats)", ratio: 0.7,
      label: "The plane of rate and distortion; no model stands below the line R + D = H.",
      draw: at => {
        at.layer.append(
          el("path", { d: `M${at.x(0)} ${at.y(0)}L${at.x(H)} ${at.y(0)}L${at.x(0)} ${at.y(H)}Z`, fill: "var(--rd-region)" }),
          el("line", { x1: at.x(0), y1: at.y(H), x2: at.x(H), y2: at.y(0), stroke: "var(--rd-ink)", "stroke-width": 2 }),
          el("text", { x: at.x(0.18 * H), y: at.y(0.25 * H) }, "no model"),
          el("text", { x: at.x(0) + 8, y: at.y(H) - 6 }, "tells nothing"),
          el("text", { x: at.x(H) + 8, y: at.y(0) - 8 }, "tells all"));
        dot = handle(at, { x: point[0], y: point[1], label: "a model: arrow keys move it", step: [0.02 * H, 0.02 * H], move });
        at.svg.onclick = event => event.target.closest(".rd-handle") || dot.put(...under(at, event));
      },
    });
    const under = (at, event) => {
      const area = made.svg.getBoundingClientRect();
      return [at.x.inverse(event.clientX - area.left), at.y.inverse(event.clientY - area.top)];
    };
    const to = (name, R, D) => button(name, () => dot.put(R, D));
    view.append(below, el("div", { class: "rd-controls" },
      to("the auto-encoder", H, 0), to("the auto-decoder", 0, H), to("half of each", H / 2, H / 2), to("a weak model", H, H)));
    dot.put(...point);
  });
})();
