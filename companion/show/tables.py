"""Tables of words and numbers, HTML on a page, aligned text in a terminal; cards of claims with verdicts; formats."""

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from companion.results.frames import records

NUMBER = set("0123456789.,-−+±% ")
FAMILY = re.compile(r"(?<![-+\w])[-+]{2}[-+v](?![-+\w])")  # kept on one line, in the type of code
CLAIMS = ("claim", "verdict", "the rows say", "reproduced if")
BADGES = {"reproduced": "reproduced", "partly": "partly", "not reproduced": "not", "not tested here": "open"}
HELD = "not contradicted"  # of a claim that there is nothing to see, where nothing was seen
BADGES[HELD] = "open"
OPEN, UNARRIVED = "not tested here: too few runs", "not tested here: its rows have not arrived"
Claim = tuple[str, str, str | None, Any]
LONG = 20  # characters, from which a column is kept wide enough to read; a narrow page scrolls the table


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
        looks = list(map(_look, self._rights(), zip(self.headings, *self.lines, strict=True)))
        head = "".join(_cell("th", *pair, ' scope="col"') for pair in zip(self.headings, looks, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell("td", *pair) for pair in zip(line, looks, strict=True)) + "</tr>\n"
            for line in self.lines
        )
        return (
            '<div tabindex="0" style="overflow-x: auto"><table class="table dataframe" style="table-layout: auto">\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
        )


def _is_number(cell: str) -> bool:
    return set(cell) <= NUMBER and (not cell or any(sign.isdigit() for sign in cell))


def _look(right: bool, column: Sequence[str]) -> str:
    wide = "; min-width: 9em" * (max(map(len, column)) > LONG)
    return f"text-align: {'right' if right else 'left'}; vertical-align: top{wide}"


def _cell(tag: str, text: str, look: str, more: str = "") -> str:
    return f'<{tag}{more} style="{look}">{_words(text)}</{tag}>'


def _words(text: str) -> str:
    return FAMILY.sub(r'<code style="white-space: nowrap">\g<0></code>', html.escape(text))


class Unseen(str):
    """An answer to whether there is nothing to see: nothing was, and what would have been seen, and how surely.

    >>> claim_table(("It does nothing.", "p above 0.05", "p = 0.7", Unseen("2 nats, in 80 %"))).lines[0][1]
    'not contradicted: 2 nats, in 80 %'
    """


class ClaimTable(Table):
    """A table of ``claim_table``; a page shows a card for each claim, with its verdict on a badge.

    The badge's colours are those of ``book/_static/claims.css``, and it says the verdict in words as well.
    """

    def _repr_html_(self) -> str:
        return '<ul class="rd-claims">\n' + "".join(map(_card, self.lines)) + "</ul>"


def _card(line: Sequence[str]) -> str:
    words, found, *parts = line
    word, _, reason = found.partition(": ")
    why = "would be seen" if word == HELD else "why not"
    rest = "".join(
        f"<dt>{heading.capitalize()}</dt><dd>{_words(part)}</dd>"
        for heading, part in zip((why, *CLAIMS[2:]), (reason, *parts), strict=True)
        if part
    )
    return f'<li class="rd-claim"><p><strong>{_words(words)}</strong> {_badge(found)}</p><dl>{rest}</dl></li>\n'


def _badge(found: str) -> str:
    word = found.partition(": ")[0]
    return f'<span class="rd-verdict rd-verdict-{BADGES[word]}">{word}</span>'


class VerdictCount(Table):
    """How many claims have which verdict; a page shows the badges of ``ClaimTable``, each with its number.

    Args:
        verdicts: as ``verdict`` words them, one a claim; a reason after a colon does not count

    Raises ``ValueError`` for a verdict that has no badge.

    >>> VerdictCount(["reproduced", "partly", "not tested here: no run would tell", "partly"])
    verdict          claims
    reproduced            1
    partly                2
    not reproduced        0
    not tested here       1
    """

    def __init__(self, verdicts: Iterable[str]) -> None:
        counts = Counter(word.partition(": ")[0] for word in verdicts)
        if strange := sorted(counts.keys() - BADGES.keys()):
            raise ValueError(f"verdicts: expected {', '.join(BADGES)}, got {', '.join(strange)}")
        super().__init__(["verdict", "claims"], [[w, counts[w]] for w in BADGES if w != HELD or counts[w]])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{_badge(word)} {count}</li>" for word, count in self.lines)
        return f'<ul class="rd-count">{items}</ul>'


def claim_table(*claims: Claim, every: Sequence[Claim] = ()) -> ClaimTable:
    """Claims with their verdicts: each a claim, a question, what the rows say (empty for no run), and the answer.

    A page shows each claim as a card; in a terminal they are lines of a table.

    Args:
        every: the same claims, put to every row where ``claims`` are put to those that have arrived
            (``companion.results.arrival``). A line says so where only rows that have not arrived could answer, and
            where all rows together would be judged otherwise.

    Raises ``ValueError`` where ``every`` has another number of claims.

    >>> claim_table(("H is at most 80.2 nats.", "R + D is at most 80.2", "83.7", False))
    claim                    verdict         the rows say  reproduced if
    H is at most 80.2 nats.  not reproduced          83.7  R + D is at most 80.2
    >>> claim_table(("H < 80.2", "two rows", None, None), every=[("H < 80.2", "two rows", "83.7", False)]).lines[0][1]
    'not tested here: its rows have not arrived'
    """
    if every and len(every) != len(claims):
        raise ValueError(f"every: expected {len(claims)} claims, got {len(every)}")
    return ClaimTable(CLAIMS, map(_claim_line, claims, every or claims))


def _claim_line(claim: Claim, every: Claim) -> list[str]:
    words, question, finding, answer = claim
    found, otherwise = verdict(answer), verdict(every[3])
    if found == OPEN != otherwise:
        return [words, UNARRIVED, finding or "no run that has arrived", question]
    told = [finding or "no run"] + [f"with all rows: {otherwise}"] * (found != otherwise)
    return [words, found, "; ".join(told), question]


def verdict(answer: bool | str | Sequence[bool | None] | None) -> str:
    """The answer to a question in words: of several answers, whether they agree.

    Args:
        answer: whether the rows say yes; None where runs are missing; several where the question has parts; or, as a
            string, why the question is not put to any row; or ``Unseen``

    >>> [verdict(answer) for answer in (True, False, [True, False])]
    ['reproduced', 'not reproduced', 'partly']
    >>> [verdict(answer) for answer in ([True, None], "no run would tell")]
    ['not tested here: too few runs', 'not tested here: no run would tell']
    """
    if isinstance(answer, str):
        return f"{HELD if isinstance(answer, Unseen) else 'not tested here'}: {answer}"
    answers = list(answer) if isinstance(answer, Sequence) else [answer]
    if not answers or None in answers:
        return OPEN
    if all(answers):
        return "reproduced"
    return "partly" if any(answers) else "not reproduced"


def spread(values: Iterable[float], form: str = "g") -> str:
    """The least and the largest of ``values`` in the format ``form``, or the one number that both show.

    Raises ``ValueError`` without values.

    >>> spread([3.0, 1.25]), spread([0.2501, 0.2499], ".2f")
    ('1.25 to 3', '0.25')
    """
    values = list(values)
    if not values:
        raise ValueError("values: expected at least one number, got none")
    low, high = (format(choose(values), form) for choose in (min, max))
    return low if low == high else f"{low} to {high}"


def run_label(row: Mapping[str, Any]) -> str:
    """How a row names its run in a table: the family, the price or the rate it was held at, annealed, or which way.

    >>> run_label({"family": "-+v", "beta": 0.5, "annealed": True, "target": None})
    '-+v, β 0.5, annealed'
    >>> run_label({"family": "---", "beta": 1.0, "annealed": False, "target": 8.0})
    '---, R → 8'
    >>> run_label({"family": "---", "beta": 3.0, "direction": "down"})
    '---, β 3, down'
    """
    price = f"β {row['beta']:g}" if row.get("target") is None else f"R → {row['target']:g}"
    direction = f", {row['direction']}" if "direction" in row else ""
    return f"{row['family']}, {price}" + ", annealed" * row.get("annealed", False) + direction


def arrival_report(name: str, rows: pd.DataFrame | Iterable[Mapping[str, Any]], worst: int = 3) -> str:
    """How many runs of a table have not arrived (``companion.results.arrival``), and the ``worst``, in lines of text.

    Args:
        name: of the table, which the count begins with
        rows: of one split, a run each, as ``companion.results.load`` gives them

    Raises ``ValueError`` without rows, and for rows that do not say whether they have arrived.

    >>> run = {"family": "---", "beta": 3.0, "annealed": False, "target": None, "steps": 9, "seed": 0}
    >>> print(arrival_report("some", [run | {"arrived": False, "excess": 12.04, "excess_se": 0.5}]))
    some: 1 of 1 runs have not arrived
      ---, β 3, 9 steps, seed 0: another run of its family pays 12.0 ± 0.5 nats less at this price
    """
    rows = records(rows, ("arrived", "excess", "excess_se", "steps", "seed"))
    late = sorted((row for row in rows if not row["arrived"]), key=lambda row: -row["excess"])
    lines = [f"{name}: {len(late)} of {len(rows)} runs have not arrived"]
    for row in late[:worst]:
        run = f"{run_label(row)}, {row['steps']} steps, seed {row['seed']}"
        less = f"{row['excess']:.1f} ± {row['excess_se']:.1f} nats less"
        lines.append(f"  {run}: another run of its family pays {less} at this price")
    if free := sum(row["excess"] is None for row in rows):
        lines.append(f"  without a price to be judged at, taken as they are: {free}")
    return "\n".join(lines)
