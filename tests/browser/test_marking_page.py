"""The page on which answers in words are marked, as one marks: by mouse, by keys, and what it saves."""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from elbo_coursework import Assignment, ManualQuestion
from elbo_coursework.grading import Grade, Piece
from elbo_coursework.term.marking_page import marking_page
from elbo_coursework.term.marks import Mark, answer_name, append_marks, fresh, read_marks, saved_marks
from elbo_coursework.term.totals import totals

pytestmark = pytest.mark.browser
WHY = ManualQuestion("why", {"says why": 2, "gives an example": 1})
PICTURE = ManualQuestion("picture", {"shows it": 2})
SMALL = Assignment("small", "A small one", 5, (), (WHY, PICTURE))
EVIL = "<img src=x onerror='window.bad=1'></script><script>window.bad=1</script>"
NAMES = ("ada", "bob", "gil")
SHUFFLED = sorted(NAMES, key=lambda name: sha256(f"why/{name}".encode()).hexdigest())


def grade(name: str) -> Grade:
    answers = {"why": (Piece("text", f"Answer of {name}. {EVIL}"), Piece("output", EVIL)), "picture": ()}
    return Grade(name, "small", f"{name}.ipynb", "", "k", (), {"why": 3, "picture": 2}, (), answers)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """A function that writes the page with what is marked already, and opens it; the browser remembers."""
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 1000, "height": 800}, offline=True)

    def opened(*marks: Mark) -> Page:
        path = tmp_path / "marking.html"
        path.write_text(marking_page(SMALL, totals(SMALL, [grade(name) for name in NAMES], marks), of="2026"))
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri())
        return page

    yield opened
    context.close()
    assert wrong == []


def headings(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("article h2").all_inner_texts()]


def current(page: Page) -> str:
    return page.locator("article.current h2").inner_text().split(" of ")[0]


def save(page: Page, path: Path) -> Any:
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(path)
    return json.loads(path.read_text())


def test_what_students_wrote_stays_text(opened: Callable[..., Page]) -> None:
    page = opened()
    assert page.locator("article").count() == 3
    assert page.locator("article img").count() == 0
    assert page.evaluate("window.bad") is None
    assert all(EVIL in text for text in page.locator(".piece.text").all_inner_texts())


def test_names_are_hidden_until_they_are_asked_for(opened: Callable[..., Page]) -> None:
    page = opened()
    assert [heading.replace("unmarked", "").strip() for heading in headings(page)] == [
        f"Answer {i} of 3" for i in (1, 2, 3)
    ]
    texts = page.locator(".piece.text").all_inner_texts()
    assert [text.split()[2] for text in texts] == [f"{name}." for name in SHUFFLED]
    page.uncheck("#blind")
    assert [heading.split()[0] for heading in headings(page)] == list(NAMES)
    page.select_option("#view", "student")
    assert page.locator("#which option").all_inner_texts() == list(NAMES)
    page.check("#blind")
    assert page.locator("#which option").all_inner_texts() == ["student 1", "student 2", "student 3"]


def test_keys_mark(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened()
    page.fill("#who", "tom")
    page.locator("article").first.click(position={"x": 5, "y": 5})
    for key in ("1", "2", "1"):
        page.keyboard.press(key)
    assert page.locator("article.current .done").inner_text() == "1 of 3"
    page.keyboard.press("c")
    page.keyboard.type("Nearly: 1 n p <b>")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.press("0")
    assert current(page) == "Answer 2"
    assert page.locator("#count").inner_text() == "2 of 6 marked, 2 not in marks.csv yet"
    page.keyboard.press("p")
    page.keyboard.press("u")
    assert current(page) == "Answer 3"
    saved = save(page, tmp_path / "marks-small.json")
    marks = sorted((m["points"], m["rubric"], m["comment"], m["who"]) for m in saved["marks"])
    assert marks == [(0, [], "", "tom"), (1, ["gives an example"], "Nearly: 1 n p <b>", "tom")]


def test_what_is_marked_stays_until_it_is_in_the_log(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened()
    page.locator("article input[type=number]").first.fill("2.5")
    page.locator("article textarea").nth(1).fill("no points yet")
    page.close()

    page = opened()
    assert page.locator("article input[type=number]").first.input_value() == "2.5"
    assert page.locator("article textarea").nth(1).input_value() == "no points yet"
    assert page.locator("#count").inner_text() == "1 of 6 marked, 1 not in marks.csv yet"
    path = tmp_path / "marks-small.json"
    assert len(save(page, path)["marks"]) == 1
    page.close()

    log = tmp_path / "marks.csv"
    append_marks(log, fresh(saved_marks(path, SMALL, NAMES), read_marks(log, SMALL)), SMALL)
    page = opened(*read_marks(log, SMALL))
    assert page.locator("#count").inner_text() == "1 of 6 marked, 0 not in marks.csv yet"
    assert page.locator("#save").is_disabled()
    assert page.locator("article .done").first.inner_text().startswith("2.5 of 3")
    page.locator("article input[type=checkbox]").first.click()
    assert page.locator("article .done").first.inner_text() == "2 of 3"
    page.locator("article input[type=checkbox]").first.click()
    page.locator("article input[type=number]").first.fill("2.5")
    assert page.locator("#count").inner_text() == "1 of 6 marked, 0 not in marks.csv yet"
    page.locator("article input[type=checkbox]").first.click()
    page.get_by_role("button", name="Undo").first.click()
    assert page.locator("article .done").first.inner_text() == "2.5 of 3"


def test_a_mark_of_an_earlier_answer_waits_for_another_look(opened: Callable[..., Page], tmp_path: Path) -> None:
    marks = [Mark(name, "why", 2.0, "Well.", rubric=("says why",), answer="another") for name in NAMES]
    page = opened(*marks)
    assert page.locator("#count").inner_text() == "0 of 6 marked, 0 not in marks.csv yet"
    assert page.locator("article .done").first.inner_text() == "2 of 3, marked on an earlier file"
    for _ in range(2):  # off and on again: the same points, now for this answer
        page.locator("article input[type=checkbox]").first.click()
    assert page.locator("article .done").first.inner_text() == "2 of 3"
    assert page.locator("#count").inner_text() == "1 of 6 marked, 1 not in marks.csv yet"
    path = tmp_path / "marks-small.json"
    (entry,) = save(page, path)["marks"]
    assert (entry["points"], entry["answer"]) == (2, answer_name(grade(SHUFFLED[0]).answers["why"]))
    page.close()
    page = opened(*marks, *saved_marks(path, SMALL, NAMES))
    assert page.locator("#count").inner_text() == "1 of 6 marked, 0 not in marks.csv yet"


def test_the_model_texts_are_named(opened: Callable[..., Page]) -> None:
    assert "_build/assignments/small/staff/small.html" in opened().locator("#model").inner_text()


def test_points_out_of_range_are_not_taken(opened: Callable[..., Page]) -> None:
    page = opened()
    box = page.locator("article input[type=number]").first
    box.fill("4")
    assert box.get_attribute("aria-invalid") == "true"
    assert page.locator("#count").inner_text().startswith("0 of 6")


def test_only_the_unmarked_are_shown_when_asked(opened: Callable[..., Page]) -> None:
    page = opened(
        Mark("ada", "why", 3.0), Mark("bob", "why", 3.0), Mark("gil", "why", 3.0), Mark("ada", "picture", 0.0)
    )
    page.check("#open")
    assert page.locator("#answers").inner_text() == "All of these are marked."
    page.select_option("#which", "picture")
    assert page.locator("article").count() == 2
    assert "No answer was found under its heading." in page.locator("article").first.inner_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_a_phone_and_every_control_has_a_name(opened: Callable[..., Page], width: int) -> None:
    page = opened()
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unnamed = """[...document.querySelectorAll("input, select, textarea, button, progress")].filter((control) =>
      !(control.labels && control.labels.length) && !control.ariaLabel && !control.textContent.trim()).length"""
    assert page.evaluate(unnamed) == 0
