"""Tables of words and numbers: HTML on a page, aligned text in a terminal."""

import html
from collections.abc import Iterable, Sequence

NUMBER = set("0123456789.,-−+±% ")


class Table:
    """A table of ``lines`` under ``headings``; a page shows it as HTML, and wherever that is missing it is plain text.

    Cells are shown as ``str`` gives them; cells of digits and signs alone, or empty, are aligned on the right.

    Raises ``ValueError`` without headings, or for a line with another number of cells.

    >>> Table(["family", "R"], [["---", "25.1"], ["-+v", "0.003"]])
    family      R
    ---      25.1
    -+v     0.003
    """

    def __init__(self, headings: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
        self.headings = [str(heading) for heading in headings]
        self.lines = [[str(cell) for cell in line] for line in lines]
        if not self.headings:
            raise ValueError("headings: expected at least one, got none")
        for line in self.lines:
            if len(line) != len(self.headings):
                raise ValueError(f"lines: expected {len(self.headings)} cells a line, got {line}")

    def _rights(self) -> list[bool]:
        columns = zip(*self.lines, strict=True) if self.lines else [[]] * len(self.headings)
        return [any(column) and all(map(_is_number, column)) for column in columns]

    def __repr__(self) -> str:
        lines = [self.headings, *self.lines]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shapes = [f"{'>' if right else '<'}{width}" for right, width in zip(self._rights(), widths, strict=True)]
        return "\n".join("  ".join(map(format, line, shapes)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        looks = [f"text-align: {'right' if right else 'left'}; vertical-align: top" for right in self._rights()]
        head = "".join(_cell("th", *pair, ' scope="col"') for pair in zip(self.headings, looks, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell("td", *pair) for pair in zip(line, looks, strict=True)) + "</tr>\n"
            for line in self.lines
        )
        return (
            '<div style="overflow-x: auto"><table class="table" style="table-layout: auto; width: auto">\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
        )


def _is_number(cell: str) -> bool:
    return set(cell) <= NUMBER and (not cell or any(sign.isdigit() for sign in cell))


def _cell(tag: str, text: str, look: str, more: str = "") -> str:
    return f'<{tag}{more} style="{look}">{html.escape(text)}</{tag}>'
