"""``similar.html``: which submissions are alike, for somebody to read both.

Code is compared as runs of tokens, with names, numbers and texts replaced, so that renaming and comments change
nothing; answers in words as runs of words. What an assignment gives to all does not count: runs of its own notebook,
and runs that many submissions share. The score of a pair is the share of the smaller one's runs that the other has too.
It says where to look and proves nothing, as the page itself says.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from keyword import iskeyword

from elbo_coursework.feedback import WRITTEN, page, shown, table
from elbo_coursework.questions import Assignment

RUN_OF_TOKENS, RUN_OF_WORDS = 12, 7
LEAST = 20  # runs of its own, below which a submission is not compared
MANY = 0.25  # share of the submissions from which on a run is common property
LISTED, SHOWN, FROM = 100, 20, 0.3  # pairs in the list, those on the page, and the score from which on
MAX_TEXT = 200_000  # characters of one submission
TOKEN = re.compile(
    r"(?P<comment>#[^\n]*)|(?P<text>[rbfuRBFU]{0,2}(?:'''[\s\S]*?'''|\"\"\"[\s\S]*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\"))"
    r"|(?P<number>\d[\w.]*)|(?P<attribute>\.\s*[^\W\d]\w*)|(?P<name>[^\W\d]\w*)|(?P<sign>[^\s\w])"
)
LIMITS = (
    "Equal code proves little. A short function has few right forms, a class that learns together writes alike, and "
    "two students may have read the same page. Code that was rewritten by hand or by a machine is not found. What is "
    "listed is worth reading side by side, and asking about with an open mind; nobody is to be judged by a score."
)


@dataclass(frozen=True)
class Pair:
    """Two submissions that are alike.

    Attributes:
        score: the share of the smaller one's runs that both have, from 0 to 1
        shared: the number of runs that both have
        passages: the longest passage that both have, as each wrote it
    """

    one: str
    other: str
    score: float
    shared: int
    passages: tuple[str, ...]


@dataclass(frozen=True)
class _Text:
    """A text with the places of its tokens, and a hash of each run of tokens."""

    text: str
    spans: Sequence[tuple[int, int]]
    runs: Sequence[int]
    length: int


def similar_page(
    assignment: Assignment,
    code: Mapping[str, str],
    words: Mapping[str, str],
    known: Sequence[str] = (),
    same: frozenset[frozenset[str]] = frozenset(),
) -> str:
    """The page on the submissions' ``code`` and ``words``, by name.

    ``known`` is code that all were given; ``same`` has the pairs that are not listed, as one student made both.
    """
    parts = [f'<p class="note">{shown(LIMITS)}</p>']
    for title, found in (
        ("Code", alike(code, known, code=True)),
        ("Answers in words", alike(words, (), code=False)),
    ):
        pairs = [pair for pair in found if pair.score >= FROM and frozenset((pair.one, pair.other)) not in same][:SHOWN]
        parts.append(f"<h2>{title}</h2>")
        rows = [(f"{pair.score:.0%}", pair.shared, pair.one, pair.other) for pair in pairs]
        parts.append(table(("score", "runs", "one", "other"), rows) if rows else "<p>No pair stands out.</p>")
        parts += [_passages(pair) for pair in pairs]
    return page(f"{assignment.title}: similar submissions", "\n".join(parts))


def _passages(pair: Pair) -> str:
    texts = "".join(
        f"<p>{shown(name)}</p><pre>{shown(text, WRITTEN)}</pre>"
        for name, text in zip((pair.one, pair.other), pair.passages, strict=True)
    )
    return (
        f"<details><summary>{shown(pair.one)} and {shown(pair.other)}: the longest passage</summary>{texts}</details>"
    )


def alike(texts: Mapping[str, str], known: Sequence[str] = (), *, code: bool) -> list[Pair]:
    """The pairs that share anything, the highest score first; no more than a hundred.

    >>> one = " ".join(f"word{i}" for i in range(40))
    >>> [(pair.one, pair.other, pair.score) for pair in alike({"ann": one, "bob": one, "eve": "No."}, code=False)]
    [('ann', 'bob', 1.0)]
    """
    read = {name: _read(text[:MAX_TEXT], code) for name, text in texts.items()}
    common = {run for text in known for run in _read(text[:MAX_TEXT], code).runs}
    spread = Counter(run for text in read.values() for run in set(text.runs))
    many = max(3, MANY * len(texts))
    own = {name: {run for run in text.runs if run not in common and spread[run] <= many} for name, text in read.items()}
    scores = []
    for one, other in combinations(sorted(texts), 2):
        shared, least = len(own[one] & own[other]), min(len(own[one]), len(own[other]))
        if shared and least >= LEAST:
            scores.append((shared / least, shared, one, other))
    pairs = []
    for score, shared, one, other in sorted(scores, key=lambda pair: (-pair[0], -pair[1], *pair[2:]))[:LISTED]:
        passages = tuple(_longest(read[name], own[one] & own[other]) for name in (one, other))
        pairs.append(Pair(one, other, score, shared, passages))
    return pairs


def _read(text: str, code: bool) -> _Text:
    found = list(_tokens(text) if code else ((m[0].casefold(), m.span()) for m in re.finditer(r"\w+", text)))
    length = RUN_OF_TOKENS if code else RUN_OF_WORDS
    tokens = [token for token, _ in found]
    runs = [hash(tuple(tokens[i : i + length])) for i in range(len(tokens) - length + 1)]
    return _Text(text, [span for _, span in found], runs, length)


def _tokens(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The tokens of code, names replaced but for keywords and attributes; a text that is no code has tokens as well."""
    for found in TOKEN.finditer(text):
        kind = found.lastgroup
        if kind in ("sign", "attribute") or (kind == "name" and iskeyword(found[0])):
            yield "".join(found[0].split()), found.span()
        elif kind != "comment":
            yield str(kind), found.span()


def _longest(text: _Text, both: set[int]) -> str:
    """The longest passage of which every run is among ``both``."""
    best, start = (0, 0), None
    for i in range(len(text.runs) + 1):
        inside = i < len(text.runs) and text.runs[i] in both
        if inside and start is None:
            start = i
        elif not inside and start is not None:
            best, start = max(best, (i - start, start)), None
    length, first = best
    last = first + length - 1 + text.length - 1
    return text.text[text.spans[first][0] : text.spans[last][1]]


def code_of(content: bytes, helpers: Mapping[str, bytes] = {}) -> str:
    """The code of a notebook or a script, its helpers' too; "" for what is neither."""
    text = content.decode("utf-8-sig", "replace")
    try:
        cells = json.loads(text)["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        text = "\n".join(source if isinstance(source, str) else "".join(map(str, source)) for source in code)
    except (ValueError, RecursionError):
        pass  # a script
    except (KeyError, TypeError):
        return ""
    return "\n".join([text, *(helper.decode("utf-8", "replace") for helper in helpers.values())])
