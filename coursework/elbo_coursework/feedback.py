"""What students read: a page of plain HTML, and the results that Gradescope shows; and the frame of all pages here."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any

from elbo_coursework.grading import Grade, QuestionGrade
from elbo_coursework.questions import Assignment, ManualQuestion, Question

if TYPE_CHECKING:
    from elbo_coursework.term.marks import Mark
    from elbo_coursework.term.totals import Result

STYLE = """
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; line-height: 1.2 }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .3rem; overflow-wrap: anywhere }
p, li { overflow-wrap: anywhere } td { overflow-wrap: break-word }
p, ul { margin: .3rem 0 } ul { padding-left: 1.4rem }
table { border-collapse: collapse; margin: .6rem 0 } .wide { overflow-x: auto }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top }
th { font-weight: 600 } td + td, th + th { border: 0 }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
tr + tr > td { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
.note { border-left: 3px solid; padding-left: .7rem }
svg { max-width: 100%; height: auto }
pre { overflow-x: auto; font: .85rem/1.4 ui-monospace, monospace }
"""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
<h1>{title}</h1>
{body}
</html>
"""
SHOWN = 5  # hints of a question
LONGEST_WORD = 60
LONGEST = 600  # characters of a sentence
WRITTEN = 5000  # of a comment by those who mark
# control characters but the end of a line, and those that turn the direction of what follows
INVISIBLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)


def page(title: str, body: str, *, style: str = STYLE, script: str = "") -> str:
    """A page of its own that loads nothing and runs nothing but ``script``; ``body`` is HTML, ``title`` a text."""
    policy = f"default-src 'none'; style-src {_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src {_hash(script)}"
        body += f"\n<script>{script}</script>"
    return PAGE.format(title=shown(title), body=body, style=style, policy=policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def shown(text: object, longest: int = LONGEST) -> str:
    """A text as HTML that shows it: nothing invisible, no word of more than 60 characters, and an end.

    >>> shown("<b>\\x1b[31m")
    '&lt;b&gt; [31m'
    """
    return escape(plain(text, longest))


def plain(text: object, longest: int = LONGEST) -> str:
    """A text of at most ``longest`` characters, without what is invisible, its words of at most 60 characters."""
    words = INVISIBLE.sub(" ", str(text))
    words = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", lambda found: f"{found[0][: LONGEST_WORD - 3]}...", words)
    return words if len(words) <= longest else f"{words[: longest - 3]}..."


def feedback_page(assignment: Assignment, graded: Grade, result: Result | None = None) -> str:
    """The feedback for one student; without a ``result`` it says what grading knows: the code."""
    parts = [f"<p>{shown(graded.submission)}</p>", *_totals(assignment, graded, result)]
    parts += [f'<p class="note">{shown(note)}</p>' for note in graded.notes]
    for question in graded.questions:
        override = result.overrides.get(question.name) if result else None
        parts += _code(question, _question(assignment, question.name), override)
    for manual in assignment.manual:
        parts += _words(manual, result.words.get(manual.name) if result else None)
    return page(assignment.title, "\n".join(parts))


def _totals(assignment: Assignment, graded: Grade, result: Result | None) -> Iterator[str]:
    code = sum(question.points for question in assignment.questions)
    words = sum(question.points for question in assignment.manual)
    if result is None:
        yield f"<p><strong>{points(graded.earned)}</strong> of {code} points for the code"
        yield f"; {words} more are marked by hand.</p>" if words else ".</p>"
        return
    rows: list[Sequence[object]] = [("code", points(result.code_points), code)]
    if words:
        known = points(result.word_points) if len(result.unmarked) < len(assignment.manual) else "not marked yet"
        rows.append(("words", known, words))
    if result.days_late:
        rows.append(
            (f"{days(result.days_late)} late", f"-{points(result.deduction)}", f"{result.lost:.0%} of the points")
        )
    rows.append(("all" if not result.unmarked else "so far", points(result.total), result.of))
    yield table(("", "points", "of"), rows)
    if result.days_late and result.file_time:
        yield f"<p>The time is that of the file, {shown(graded.handed_in)}, which copying may change.</p>"
    if result.unmarked:
        yield f"<p>Not marked yet: {shown(', '.join(result.unmarked))}.</p>"
    if not result.counts:
        yield '<p class="note">Another submission of yours counts.</p>'


def _code(question: QuestionGrade, asked: Question | None, override: Mark | None) -> Iterator[str]:
    """The section on one question in code."""
    yield f"<h2>{shown(question.name)}</h2>"
    yield f"<p>{points(question.earned)} of {question.points} points: {correct_instances(question)}.</p>"
    if override:
        yield _changed(override, question.points)
        yield f"<p>{shown(override.comment, WRITTEN)}</p>" if override.comment else ""
    items = "".join(f"<li>{shown(hint)}</li>" for hint in hints(question, asked))
    yield f"<ul>{items}</ul>" if items else ""
    yield from (f"<p>{shown(note)}</p>" for note in question.notes)


def _changed(override: Mark, most: int) -> str:
    """What a student reads of an override."""
    instead, reason = points(override.points or 0.0), shown(override.why, WRITTEN)
    return f'<p class="note">Changed by hand to {instead} of {most} points: {reason}</p>'


def _words(question: ManualQuestion, mark: Mark | None) -> Iterator[str]:
    """The section on one question in words: the rubric with what was given, and the comment."""
    yield f"<h2>{shown(question.name)}</h2>"
    if mark is None:
        yield f"<p>{question.points} points, in words; not marked yet.</p>"
        return
    if mark.why:
        yield _changed(mark, question.points)
    else:
        yield f"<p>{points(mark.points or 0.0)} of {question.points} points.</p>"
    given = [(line, most, line in mark.rubric) for line, most in question.rubric.items()]
    if mark.rubric or not (mark.points or mark.why):
        rows = [("yes" if got else "no", line, f"{most if got else 0} of {most}") for line, most, got in given]
        yield table(("given", "for", "points"), rows)
        if not mark.why and sum(most for _, most, got in given if got) != mark.points:
            yield "<p>The points were set by hand, and differ from the sum of the lines.</p>"
    yield f"<p>{shown(mark.comment, WRITTEN)}</p>" if mark.comment else ""


def gradescope_results(assignment: Assignment, graded: Grade) -> dict[str, Any]:
    """The ``results.json`` of Gradescope, which adds the points of manual grading itself."""
    tests = [
        {
            "name": plain(q.name),
            "score": q.earned,
            "max_score": q.points,
            "output": "\n".join([f"{correct_instances(q)}.", *hints(q, _question(assignment, q.name)), *q.notes]),
        }
        for q in graded.questions
    ]
    output = f"{points(graded.earned)} of {sum(q.points for q in assignment.questions)} points."
    notes = map(plain, graded.notes)
    return {
        "score": graded.earned,
        "output": "\n".join([output, *notes]),
        "visibility": "visible",
        "tests": tests,
    }


def _question(assignment: Assignment, name: str) -> Question | None:
    return next((question for question in assignment.questions if question.name == name), None)


def points(value: float) -> str:
    """Points in as few digits as they need.

    >>> points(7.50), points(10.0)
    ('7.5', '10')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


def days(count: int) -> str:
    """How many days, in words.

    >>> days(1), days(2)
    ('1 day', '2 days')
    """
    return f"{count} day{'s' * (count != 1)}"


def correct_instances(question: QuestionGrade) -> str:
    """How many instances are right, in words."""
    right, all_of = question.correct, question.instances
    return f"{right} of {all_of} instances {'is' if right == 1 else 'are'} right"


def hints(question: QuestionGrade, asked: Question | None = None) -> list[str]:
    """The hints with the number of instances each is about, the most frequent first; no more than a few.

    A hint on a mistake that keeps part of an instance's points says so, where ``asked`` is the question.
    """
    credits = {mistake.hint: mistake.credit for mistake in asked.mistakes} if asked else {}
    ordered = sorted(question.hints.items(), key=lambda item: -item[1])[:SHOWN]
    lines = []
    for hint, count in ordered:
        kept = credits.get(hint, 0.0)
        each = "each " if count > 1 else ""
        part = f" ({each}keeps {'half' if kept == 0.5 else f'{kept:.0%}'} of its points)" if kept else ""
        whose = "every instance" if count == question.instances > 1 else f"{count} instance{'s' * (count > 1)}"
        lines.append(f"{whose}{part}: {plain(hint)}")
    return lines


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of HTML; what looks like a number stands at the right.

    >>> table(("a",), [("<b>",)])
    '<div class="wide"><table><tr><th>a</th></tr>\\n<tr><td>&lt;b&gt;</td></tr></table></div>'
    """
    sides = [_side(rows, i) for i in range(len(heads))]
    lines = ["".join(f"<th{side}>{shown(head)}</th>" for head, side in zip(heads, sides, strict=True))]
    lines += ["".join(f"<td{side}>{shown(cell)}</td>" for cell, side in zip(row, sides, strict=True)) for row in rows]
    return '<div class="wide"><table>' + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table></div>"


def _side(rows: Sequence[Sequence[object]], column: int) -> str:
    """A class for the cells of a column of numbers."""
    values = [str(row[column]) for row in rows]
    numbers = values and all(re.fullmatch(r"-?[\d.,]+%?|", value) for value in values) and any(values)
    return ' class="number"' if numbers else ""
