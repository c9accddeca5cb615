"""Sphinx extension: tables of the assignments, and of the common mistakes that their grading recognises.

The directive ``{assignments}`` lists them all; ``{common-mistakes} NAME`` lists those of one, with what a student
is told. So the page for instructors says what the grading does.
"""

import re
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from elbo_coursework import NAMES, assignment

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#|$~^])")


def plain(text: object) -> str:
    """``text`` for a cell of Markdown, every character as it stands.

    >>> print(plain("e(z|n)"))
    e\\(z\\|n\\)
    """
    return SPECIAL.sub(r"\\\1", str(text))


def assignments() -> list[str]:
    """The lines of the table of all assignments."""
    lines = ["| name | title | minutes | points in code | points graded manually |", "| --- | --- | --- | --- | --- |"]
    for name in NAMES:
        found = assignment(name)
        code = sum(question.points for question in found.questions)
        lines.append(f"| `{name}` | {plain(found.title)} | {found.minutes} | {code} | {found.points - code} |")
    return lines


def mistakes(name: str) -> list[str]:
    """The lines of the table of one assignment's common mistakes; raises ``ValueError`` for an unknown name."""
    lines = ["| function | mistake | credit | what the student is told |", "| --- | --- | --- | --- |"]
    for question in assignment(name).questions:
        for mistake in question.mistakes:
            lines.append(
                f"| `{question.name}` | {plain(mistake.name)} | {mistake.credit:.0%} | {plain(mistake.hint)} |"
            )
    return lines


def setup(app: Any) -> dict[str, Any]:
    """Connect the directives."""

    class Assignments(SphinxDirective):
        """All assignments."""

        def lines(self) -> list[str]:
            return assignments()

        def run(self) -> list[nodes.Node]:
            self.env.note_reread()  # it tells of other files than its own
            holder = nodes.container(classes=["whole-words"])
            self.state.nested_parse(StringList(self.lines()), self.content_offset, holder)
            return [holder]

    class CommonMistakes(Assignments):
        """The common mistakes of one assignment."""

        required_arguments = 1

        def lines(self) -> list[str]:
            return mistakes(self.arguments[0])

    app.add_directive("assignments", Assignments)
    app.add_directive("common-mistakes", CommonMistakes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
