"use strict";
/* The marking page. What students wrote is set as text alone; nothing here makes HTML of a string. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const questions = new Map(data.questions.map((question) => [question.name, question]));
  const keyOf = (answer) => `${answer.question}/${answer.submission}`;
  const kept = new Map(); // what was marked here and is not in marks.csv yet, by answer
  let shown = []; // the answers on the page, each with its article
  let current = 0;
  let storage = null;

  function trouble(words) {
    at("trouble").textContent = words;
    at("trouble").hidden = false;
  }

  function openStorage() {
    try {
      localStorage.setItem(`${data.storage}?`, "");
      localStorage.removeItem(`${data.storage}?`);
      return localStorage;
    } catch {
      trouble("This browser keeps nothing for a page that is opened as a file: save the marks before you close it.");
      return null;
    }
  }

  function keep(name, value) {
    if (!storage) return;
    try {
      if (value === null) storage.removeItem(data.storage + name);
      else storage.setItem(data.storage + name, JSON.stringify(value));
    } catch {
      trouble("The browser's storage is full: save the marks as a file now.");
    }
  }

  function recall(name) {
    try {
      return storage && JSON.parse(storage.getItem(data.storage + name));
    } catch {
      return null;
    }
  }

  const same = (one, other) =>
    Boolean(one && other) && one.points === other.points && one.comment === other.comment &&
    JSON.stringify(one.rubric) === JSON.stringify(other.rubric);

  const markOf = (answer) => kept.get(keyOf(answer)) || answer.mark;
  const isEarlier = (answer) => answer.earlier && !kept.has(keyOf(answer)); // the mark is of another answer
  const hasPoints = (answer) => Boolean(markOf(answer)) && markOf(answer).points !== null;
  const isMarked = (answer) => hasPoints(answer) && !isEarlier(answer);
  const unsaved = () => data.answers.filter((a) => kept.has(keyOf(a)) && kept.get(keyOf(a)).points !== null);

  function change(answer, changes) {
    const before = markOf(answer) || { points: null, rubric: [], comment: "" };
    const mark = { points: before.points, rubric: before.rubric, comment: before.comment, ...changes };
    mark.comment = mark.comment.slice(0, 5000);
    if (same(mark, answer.mark) && !answer.earlier) return forget(answer);
    mark.when = new Date().toISOString();
    mark.who = at("who").value.trim();
    mark.answer = answer.answer;
    kept.set(keyOf(answer), mark);
    keep(`mark/${keyOf(answer)}`, mark);
    count();
  }

  function forget(answer) {
    kept.delete(keyOf(answer));
    keep(`mark/${keyOf(answer)}`, null);
    count();
  }

  function count() {
    const done = data.answers.filter(isMarked).length;
    at("progress").max = Math.max(data.answers.length, 1);
    at("progress").value = done;
    at("count").textContent = `${done} of ${data.answers.length} marked, ${unsaved().length} not in marks.csv yet`;
    at("save").disabled = unsaved().length === 0;
  }

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function piece(given, number) {
    if (given.kind === "image") {
      const picture = element("img", { alt: `Picture ${number} of the answer` });
      picture.src = `data:image/${given.content.startsWith("/9j/") ? "jpeg" : "png"};base64,${given.content}`;
      return element("div", { className: "piece" }, picture);
    }
    const tag = given.kind === "text" ? "div" : "pre";
    return element(tag, { className: `piece ${given.kind}`, textContent: given.content, dir: "auto" });
  }

  function article(answer, label) {
    const question = questions.get(answer.question);
    const id = `answer-${shown.length}`;
    const state = element("span", { className: "done" });
    const heading = element("h2", { id, textContent: `${label} ` }, state);
    const pieces = answer.pieces.map((given, i) => piece(given, i + 1));
    if (!pieces.length) {
      const none = "No answer was found under its heading. The notebook may hold it elsewhere.";
      pieces.push(element("p", { className: "note", textContent: none }));
    }
    const boxes = question.rubric.map(([line]) => {
      const box = element("input", { type: "checkbox", value: line });
      box.addEventListener("change", () => given(null));
      return box;
    });
    const lines = question.rubric.map(([line, points], i) =>
      element("label", {}, boxes[i], element("span", { textContent: line }),
        element("span", {}, element("kbd", { textContent: i + 1 }), ` ${points}`)));
    const points = element("input", { type: "number", min: 0, max: question.points, step: "any" });
    const comment = element("textarea", { rows: 2, maxLength: 5000 });
    const none = element("button", { type: "button", textContent: "No points" });
    const undo = element("button", { type: "button", textContent: "Undo" });

    function given(value) {
      const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
      const sum = question.rubric.reduce((all, [line, worth]) => all + (ticked.includes(line) ? worth : 0), 0);
      change(answer, { rubric: ticked, points: value === null ? sum : value });
      show();
    }
    function show() {
      const mark = markOf(answer);
      boxes.forEach((box) => { box.checked = Boolean(mark) && mark.rubric.includes(box.value); });
      if (document.activeElement !== points) points.value = mark && mark.points !== null ? mark.points : "";
      if (document.activeElement !== comment) comment.value = mark ? mark.comment : "";
      const who = mark === answer.mark && mark && mark.who ? `, by ${mark.who}` : "";
      const earlier = isEarlier(answer) ? ", marked on an earlier file" : "";
      state.textContent = hasPoints(answer) ? `${mark.points} of ${question.points}${who}${earlier}` : "unmarked";
      undo.disabled = !kept.has(keyOf(answer));
    }
    points.addEventListener("input", () => {
      const right = points.value !== "" && points.checkValidity();
      points.setAttribute("aria-invalid", String(!right));
      if (right) given(points.valueAsNumber);
    });
    points.addEventListener("blur", () => { points.removeAttribute("aria-invalid"); show(); });
    comment.addEventListener("input", () => change(answer, { comment: comment.value.replace(/\s+/g, " ").trim() }));
    comment.addEventListener("blur", show);
    none.addEventListener("click", () => { boxes.forEach((box) => { box.checked = false; }); given(0); });
    undo.addEventListener("click", () => { forget(answer); show(); });

    const made = element("article", { tabIndex: -1 }, heading, ...pieces,
      element("fieldset", {}, element("legend", { textContent: `${question.name}: the rubric` }), ...lines),
      element("div", { className: "bar points" },
        element("label", {}, "Points ", points, ` of ${question.points}`), none, undo),
      element("label", { className: "comment" }, "Comment for the student", comment));
    made.setAttribute("aria-labelledby", id);
    const place = shown.length;
    made.addEventListener("focusin", () => select(place, false));
    made.addEventListener("pointerdown", () => select(place, false));
    show();
    shown.push({ answer, article: made, boxes, comment, none });
    return made;
  }

  function select(place, move) {
    if (!shown.length) return;
    current = Math.min(Math.max(place, 0), shown.length - 1);
    shown.forEach((one, i) => one.article.classList.toggle("current", i === current));
    if (move) {
      shown[current].article.focus({ preventScroll: true });
      shown[current].article.scrollIntoView({ block: "start" });
    }
  }

  const byQuestion = () => at("view").value === "question";
  const order = (one, other) => {
    const i = byQuestion() ? 0 : 1;
    if (at("blind").checked) return one.order[i] < other.order[i] ? -1 : 1;
    return one.shown.localeCompare(other.shown) || (one.submission < other.submission ? -1 : 1);
  };

  function choices() {
    const chosen = at("which").value;
    let options = data.questions.map((question) => [question.name, question.name]);
    if (!byQuestion()) {
      const first = data.questions.length ? data.questions[0].name : "";
      const all = data.answers.filter((answer) => answer.question === first).sort(order);
      options = all.map((a, i) => [a.submission, at("blind").checked ? `student ${i + 1}` : a.shown]);
    }
    at("which").replaceChildren(...options.map(([value, textContent]) => element("option", { value, textContent })));
    if (options.some(([value]) => value === chosen)) at("which").value = chosen;
  }

  function draw() {
    const which = at("which").value;
    const field = byQuestion() ? "question" : "submission";
    const all = data.answers.filter((answer) => answer[field] === which);
    if (byQuestion()) all.sort(order);
    shown = [];
    const label = (answer, i) => {
      if (!byQuestion()) return answer.question;
      return at("blind").checked ? `Answer ${i + 1} of ${all.length}` : answer.shown;
    };
    const labelled = all.map((answer, i) => [answer, label(answer, i)]);
    const wanted = labelled.filter(([answer]) => !at("open").checked || !isMarked(answer));
    const made = wanted.map(([answer, words]) => article(answer, words));
    const none = element("p", { textContent: all.length ? "All of these are marked." : "There are no answers." });
    at("answers").replaceChildren(...(made.length ? made : [none]));
    select(0, false);
    count();
  }

  function settle() {
    keep("settings", { view: at("view").value, blind: at("blind").checked, who: at("who").value });
    choices();
    draw();
  }

  function save() {
    const marks = unsaved().map((answer) => {
      const { when, who, points, rubric, comment, answer: marked } = kept.get(keyOf(answer));
      return { when, who: who || at("who").value.trim(), submission: answer.submission, question: answer.question,
        points, rubric, comment, answer: typeof marked === "string" ? marked : "" };
    });
    const text = JSON.stringify({ assignment: data.assignment, marks }, null, 1);
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    const link = element("a", { href: address, download: `marks-${data.assignment}.json` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  function nextUnmarked() {
    const after = [...shown.keys()].map((i) => (current + 1 + i) % shown.length);
    const found = after.find((i) => !isMarked(shown[i].answer));
    if (found !== undefined) select(found, true);
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("textarea, select, input:not([type=checkbox])");
    if (event.key === "Escape" && typing) return event.target.closest("article")?.focus();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !shown.length) return undefined;
    const one = shown[current];
    const keys = {
      n: () => select(current + 1, true), p: () => select(current - 1, true), u: nextUnmarked,
      c: () => { select(current, true); one.comment.focus(); }, 0: () => one.none.click(),
    };
    const digit = /^[1-9]$/.test(event.key) ? one.boxes[Number(event.key) - 1] : null;
    const act = digit ? () => digit.click() : keys[event.key];
    if (!act) return undefined;
    event.preventDefault();
    return act();
  });
  for (const id of ["view", "blind"]) at(id).addEventListener("change", settle);
  for (const id of ["which", "open"]) at(id).addEventListener("change", draw);
  at("who").addEventListener("change", () => keep("settings",
    { view: at("view").value, blind: at("blind").checked, who: at("who").value }));
  at("save").addEventListener("click", save);
  window.addEventListener("beforeunload", (event) => { if (!storage && unsaved().length) event.preventDefault(); });

  storage = openStorage();
  const settings = recall("settings");
  if (settings) {
    at("view").value = settings.view === "student" ? "student" : "question";
    at("blind").checked = settings.blind !== false;
    at("who").value = String(settings.who || "");
  }
  for (const answer of data.answers) {
    const mark = recall(`mark/${keyOf(answer)}`);
    const question = questions.get(answer.question);
    const right = mark && Array.isArray(mark.rubric) && typeof mark.comment === "string" &&
      (mark.points === null || (mark.points >= 0 && mark.points <= question.points));
    if (right && (answer.earlier || !same(mark, answer.mark))) kept.set(keyOf(answer), mark);
    else if (mark) keep(`mark/${keyOf(answer)}`, null);
  }
  choices();
  draw();
})();
