"""What students and instructors read: pages of plain HTML, and the results that Gradescope shows."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from elbo_coursework.grading import Grade, QuestionGrade
from elbo_coursework.questions import Assignment

STYLE = """:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
"""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<h1>{title}</h1>
{body}
</html>
"""
SHOWN = 5


def feedback_page(assignment: Assignment, graded: Grade) -> str:
    """The feedback for one student."""
    most = sum(question.points for question in assignment.questions)
    parts = [f"<p>{escape(graded.submission)}: <strong>{graded.earned:g}</strong> of {most} points"]
    manual = sum(graded.manual.values())
    parts.append(f"for the code; {manual} more are graded manually.</p>" if manual else "for the code.</p>")
    parts += [f"<p>{escape(note)}</p>" for note in graded.notes]
    for question in graded.questions:
        parts.append(f"<h2>{escape(question.name)}</h2>")
        parts.append(f"<p>{question.earned:g} of {question.points} points: {correct_instances(question)}.</p>")
        items = "".join(f"<li>{escape(hint)}</li>" for hint in hints(question))
        parts.append(f"<ul>{items}</ul>" if items else "")
    return PAGE.format(title=escape(assignment.title), style=STYLE, body="\n".join(parts))


def summary(assignment: Assignment, grades: Sequence[Grade]) -> str:
    """The page for the instructor: points by question, and the recognised mistakes by how many made them."""
    rows = [(q.name, *_column(q.name, grades), q.points) for q in assignment.questions]
    counts = Counter((q.name, mistake) for graded in grades for q in graded.questions for mistake in q.mistakes)
    mistakes = [(name, mistake, count) for (name, mistake), count in counts.most_common()]
    notes = [(graded.submission, note) for graded in grades for note in graded.notes]
    parts = [
        f"<p>{len(grades)} submissions.</p>",
        "<h2>Questions</h2>",
        table(("question", "all right", "mean", "of"), rows),
    ]
    parts += ["<h2>Recognised mistakes</h2>", table(("question", "mistake", "submissions"), mistakes)]
    parts += ["<h2>Notes</h2>", table(("submission", "note"), notes)] if notes else []
    return PAGE.format(title=f"{escape(assignment.title)}: summary", style=STYLE, body="\n".join(parts))


def _column(name: str, grades: Sequence[Grade]) -> tuple[int, str]:
    """How many have all of a question right, and the mean of its points."""
    marked = [question for graded in grades for question in graded.questions if question.name == name]
    mean = sum(question.earned for question in marked) / len(grades)
    return sum(question.correct == question.instances for question in marked), f"{mean:.1f}"


def gradescope_results(assignment: Assignment, graded: Grade) -> dict[str, Any]:
    """The ``results.json`` of Gradescope, which adds the points of manual grading itself."""
    tests = [
        {
            "name": q.name,
            "score": q.earned,
            "max_score": q.points,
            "output": "\n".join([f"{correct_instances(q)}.", *hints(q)]),
        }
        for q in graded.questions
    ]
    output = "\n".join([f"{graded.earned:g} of {sum(q.points for q in assignment.questions)} points.", *graded.notes])
    return {"score": graded.earned, "output": output, "visibility": "visible", "tests": tests}


def correct_instances(question: QuestionGrade) -> str:
    """How many instances are right, in words."""
    return f"{question.correct} of {question.instances} instances are right"


def hints(question: QuestionGrade) -> list[str]:
    """The hints, the most frequent first; no more than a few."""
    return [hint for hint, _ in Counter(question.hints).most_common(SHOWN)]


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of HTML.

    >>> table(("a",), [("<b>",)])
    '<table><tr><th>a</th></tr>\\n<tr><td>&lt;b&gt;</td></tr></table>'
    """
    lines = ["".join(f"<th>{escape(head)}</th>" for head in heads)]
    lines += ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    return "<table>" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
