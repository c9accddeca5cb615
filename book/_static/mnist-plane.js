/* Trained models in the plane of rate and distortion, to be read one by one: buttons leave a part of them, a line of one
   price rolls along the hull of those left, and kept models show their pictures. Settings: companion.show.explorer. */
(function () {
  "use strict";
  const { el, figure, load, plane, slider, words } = rd;
  const NARROW = 480; // pixels, below which the plane is as high as wide
  const REACH = 28; // pixels, within which the pointer means a point

  class Explorer {
    constructor(element, settings, parts) {
      Object.assign(this, { settings, parts, kit: parts.kit, rows: settings.rows, all: settings.rows.map((_, i) => i) });
      this.part = settings.views.length ? settings.views[0].rows : this.all;
      this.lines = { staircase: true, hull: true };
      const kept = this.all.filter(i => this.rows[i].folder);
      this.active = this.best(kept.length ? kept : this.all);
      this.build(element.querySelector(".rd-view"), element.querySelector(".rd-caption"));
      this.look(this.active);
      this.choose(this.active);
    }

    build(view, caption) {
      const { kit, settings: { y, sheets } } = this, { x, marks, mapped } = this.parts.rates(this.settings);
      const place = el("div"), told = el("p", { class: "rd-told" });
      caption.setAttribute("aria-live", "polite");
      this.tell = kit.fixed(caption, this.all.map(i => this.said(i)));
      this.touch = kit.fixed(told, this.rows.map(row => this.touched(10, row, 999)));
      const buttons = this.buttons();
      this.bar = this.price();
      view.replaceChildren(buttons, place, caption, el("div", { class: "rd-controls" }, this.bar.element), told);
      if (sheets.length) view.append(this.pictures(sheets));
      this.plane = plane(place, {
        x, y, marks, ratio: view.clientWidth < NARROW ? 1 : 0.7, across: "rate R (nats)", up: "distortion D (nats)",
        label: "The plane of rate and distortion; arrow keys go from run to run along R.", draw: at => this.draw(mapped(at)),
      });
    }

    pictures(sheets) {
      const place = el("div", { class: "rd-sheets" });
      this.whose = place.appendChild(el("p", { class: "rd-told rd-whose" }));
      this.show = this.kit.gallery(place, sheets);
      return place;
    }

    /** The row of the largest ELBO among some. */
    best(some) { return some.reduce((a, b) => (this.rows[b].elbo > this.rows[a].elbo ? b : a)); }

    /** The rows left, along R. */
    get shown() {
      const left = this.part.filter(i => this.filters.passes(this.rows[i]));
      return left.sort((i, j) => this.rows[i].rate - this.rows[j].rate || i - j);
    }

    /* ---- what is said ---- */

    said(i) {
      const row = this.rows[i], number = name => this.kit.measured(row[name], row[`${name}_se`]);
      const numbers = `R ${number("rate")}, D ${number("distortion")}, ELBO ${number("elbo")} nats`;
      return `${row.said}: ${numbers}; ${row.steps} steps${this.kit.training(row, ", ")}.`;
    }

    touched(beta, row, cost) {
      return `At β = ${words(beta)} the line D + βR = ${words(cost, 1)} touches ${row.said}: no run shown pays less.`;
    }

    /* ---- what is pressed and pulled ---- */

    buttons() {
      const { settings, kit, lines } = this, changed = () => this.changed();
      this.filters = kit.filters(settings.filters, changed);
      const toggles = Object.keys(lines).map(name => kit.toggle(name, true, on => { lines[name] = on; changed(); }));
      return el("div", { class: "rd-filters" }, this.views(settings.views), ...this.filters.elements, kit.named("lines", ...toggles));
    }

    views(views) {
      if (!views.length) return null;
      const onchange = event => { this.part = views[event.target.value].rows; this.changed(); };
      const options = views.map(({ name }, i) => el("option", { value: i }, name));
      return this.kit.named("runs", el("select", { "aria-label": "runs", onchange }, ...options));
    }

    price() {
      const [low, high] = this.settings.prices.map(Math.log);
      const say = value => this.cheapest(Math.exp(value)).told, input = value => this.rolls(Math.exp(value));
      const made = slider({ name: "price β", min: low, max: high, step: (high - low) / 200, value: 0, say, input });
      made.element.querySelector("output").remove(); // the line below says it
      return made;
    }

    changed() {
      const { shown } = this;
      if (!shown.length) this.tell("No run is left by these buttons.");
      else this.look(shown.includes(this.active) ? this.active : shown[0]);
      this.plane.render();
    }

    /** The row shown that pays least at a price, what it pays, and what is said of it. */
    cheapest(beta) {
      const { shown, rows } = this, pays = i => rows[i].distortion + beta * rows[i].rate;
      if (!shown.length) return { told: "No run is shown." };
      const row = shown.reduce((a, b) => (pays(b) < pays(a) ? b : a));
      return { row, cost: pays(row), told: this.touched(beta, rows[row], pays(row)) };
    }

    /** The line of a price rolls to the row that pays least at it. */
    rolls(beta) {
      const { row, cost, told } = this.cheapest(beta);
      this.touch(told);
      if (row !== undefined) this.drawing.price(beta, row, cost);
    }

    /* ---- the plane ---- */

    draw(at) {
      const made = this.drawing = new this.parts.Drawing(at, this.settings, this.shown, this.parts);
      this.points = this.all.map(i => made.point(i, {
        "aria-label": this.said(i), onkeydown: event => this.key(event, i),
        onfocus: () => { this.held = true; this.look(i); },
        onblur: () => setTimeout(() => { this.held = this.points.includes(document.activeElement); }), // not when drawn anew
      }));
      made.fronts(this.lines);
      made.lines.append(made.roll);
      at.layer.append(made.lines, ...this.points, made.dot, ...made.names());
      this.marked();
      if (this.held) this.points[this.active].focus();
      at.svg.onpointermove = event => this.near(event, i => this.look(i));
      at.svg.onclick = event => this.near(event, i => { this.points[i].focus(); this.choose(i); });
      this.bar.update();
    }

    /** Look at a row: the caption reads it, and the arrow keys go on from there. */
    look(i) {
      this.active = i;
      this.tell(this.said(i));
      this.marked();
    }

    /** Show the pictures of a row, where it has some. */
    choose(i) {
      const row = this.rows[i], { sheets } = this.settings;
      if (!row.folder) return;
      this.chosen = i;
      this.whose.textContent = `Pictures of ${row.said}. Click on any run in a ring for its own, or press Enter there.`;
      this.show(row.said, sheets.map(({ file }) => `${row.folder}/${file}`));
      this.marked();
    }

    marked() {
      this.points.forEach((each, i) => {
        if (!each.hasAttribute("role")) return;
        each.classList.toggle("rd-here", i === this.active);
        each.setAttribute("tabindex", i === this.active ? 0 : -1);
        if (this.rows[i].folder) each.setAttribute("aria-pressed", i === this.chosen);
      });
    }

    /** The row shown that is nearest to the pointer, if one is near. */
    near(event, then) {
      const { left, top } = this.drawing.at.svg.getBoundingClientRect(), { shown } = this;
      const far = i => { const [x, y] = this.drawing.place(i); return Math.hypot(x - event.clientX + left, y - event.clientY + top); };
      const found = shown.length ? shown.reduce((a, b) => (far(b) < far(a) ? b : a)) : null;
      if (found !== null && far(found) < REACH) then(found);
    }

    key(event, i) {
      const { shown } = this, last = shown.length - 1, at = shown.indexOf(i);
      const to = { ArrowRight: Math.min(last, at + 1), ArrowLeft: Math.max(0, at - 1), Home: 0, End: last }[event.key];
      if (to === undefined && event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      if (to === undefined) this.choose(i);
      else this.points[shown[to]].focus();
    }
  }

  figure("mnist-plane", async (element, settings) => {
    const [exact, kit, runs] = await Promise.all(["exact", "explorer", "runs"].map(load));
    new Explorer(element, settings, { exact, kit, ...runs });
  });
})();
