"""``marking.html``: one page, without network, on which the answers in words are marked.

The page holds all answers and what ``marks.csv`` says of them. It keeps what is clicked in the browser's own storage,
and saves it as a file, which ``python -m elbo_coursework mark DIR --take FILE`` adds to ``marks.csv``. What students
wrote reaches the page as text alone: it stands in a block of JSON, the script never makes HTML of it, and the page's
policy lets no other script run and nothing be loaded.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from elbo_coursework.feedback import INVISIBLE, STYLE, page
from elbo_coursework.grading import Grade, Piece
from elbo_coursework.questions import Assignment
from elbo_coursework.term.marks import Mark, answer_name
from elbo_coursework.term.totals import Class, Result

JPEG = b"\xff\xd8\xff"
BROKEN = "it is a broken picture"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_IMAGE = 5 * 10**6  # bytes
MAX_PIXELS = 40 * 10**6
MAX_TEXT = 100_000  # characters of one piece
NO_PICTURE = "(A picture is left out: {}.)"
BODY = """
<noscript><p class="note">Marking needs JavaScript, which this browser has switched off.</p></noscript>
<header>
<div class="bar">
<label>Answers to <select id="which"></select></label>
<label>Show <select id="view"><option value="question">by question</option><option value="student">by
student</option></select></label>
<label><input type="checkbox" id="blind" checked> hide names</label>
<label><input type="checkbox" id="open"> only unmarked</label>
<label>Marked by <input id="who" size="8" maxlength="60" autocomplete="off"></label>
</div>
<div class="bar">
<progress id="progress" value="0" max="1" aria-label="answers marked"></progress>
<span id="count" role="status"></span>
<button id="save" type="button">Save the marks as a file</button>
</div>
<p id="model">The model texts are in <code>_build/assignments/{name}/staff/{name}.html</code>, which
<code>make assignments</code> builds.</p>
<details><summary>Keys, and what happens to the marks</summary>
<p><kbd>1</kbd> to <kbd>9</kbd> give or take a line of the rubric, <kbd>0</kbd> gives no points, <kbd>n</kbd> and
<kbd>p</kbd> go to the next answer and the previous one, <kbd>u</kbd> goes to the next that is unmarked, <kbd>c</kbd>
begins a comment, which <kbd>Esc</kbd> ends.</p>
<p>What you mark stays in this browser until you save it as a file. Then run
<code>python -m elbo_coursework mark {folder} --take FILE</code>, which adds the marks to marks.csv and makes the
students' pages and this one anew. Names are hidden and the order is shuffled, another for each question; a name that a
student wrote into the answer is still to be read.</p>
<p>An answer that was marked on an earlier file has its points, and waits for another look: change them, or take a line
of the rubric and give it again.</p></details>
<p id="trouble" class="note" role="alert" hidden></p>
</header>
<main id="answers"></main>
<script type="application/json" id="data">{data}</script>"""


def marking_page(assignment: Assignment, whole: Class, *, folder: str = "DIR", of: str = "") -> str:
    """The page for all submissions that count; ``of`` tells this class's marks in a browser from another's."""
    answers = [
        _answer(result, question.name)
        for question in assignment.manual
        for result in whole.counting
        if result.grade is not None
    ]
    data = {
        "assignment": assignment.name,
        "storage": f"elbo-coursework/{assignment.name}/{of}/",
        "questions": [
            {"name": q.name, "points": q.points, "rubric": [list(line) for line in q.rubric.items()]}
            for q in assignment.manual
        ],
        "answers": answers,
    }
    body = (
        BODY.replace("{folder}", escape(folder))
        .replace("{name}", escape(assignment.name))
        .replace("{data}", as_script(data))
    )
    here = files(__package__)
    style = STYLE + here.joinpath("marking.css").read_text(encoding="utf-8")
    script = here.joinpath("marking.js").read_text(encoding="utf-8")
    return page(f"{assignment.title}: marking", body, style=style, script=script)


def as_script(data: Any) -> str:
    r"""JSON that no text in it can end: it has no ``<``, ``>`` or ``&``.

    >>> as_script("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _answer(result: Result, question: str) -> dict[str, Any]:
    """One answer, as the page reads it."""
    grade: Grade = result.grade  # type: ignore[assignment]  # the caller leaves out those without one
    mark = result.words.get(question)
    return {
        "submission": grade.submission,
        "shown": INVISIBLE.sub(" ", result.shown),
        "question": question,
        "order": [_shuffled(grade.submission, question), _shuffled(grade.submission, "")],
        "pieces": [piece for given in grade.answers.get(question, ()) for piece in _pieces(given)],
        "answer": answer_name(grade.answers.get(question, ())),
        "earlier": question in result.earlier,
        "mark": _known(mark) if mark else None,
    }


def _known(mark: Mark) -> dict[str, Any]:
    return {"points": mark.points, "rubric": list(mark.rubric), "comment": mark.comment, "who": mark.who}


def _shuffled(submission: str, question: str) -> str:
    """The place of a submission in an order that tells nothing of its name."""
    return sha256(f"{question}/{submission}".encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _pieces(piece: Piece) -> Iterator[dict[str, str]]:
    """A piece of an answer, as text or as a picture that is one."""
    if piece.kind == "image":
        wrong = picture_problem(piece.content)
        yield {"kind": "text", "content": NO_PICTURE.format(wrong)} if wrong else _as_is("image", piece.content)
        return
    text = INVISIBLE.sub(" ", piece.content.expandtabs(4))
    yield _as_is(piece.kind if piece.kind in ("code", "output") else "text", text[:MAX_TEXT])
    if len(text) > MAX_TEXT:
        yield {"kind": "text", "content": f"(What follows after {MAX_TEXT} characters is left out.)"}


def _as_is(kind: str, content: str) -> dict[str, str]:
    return {"kind": kind, "content": "".join(content.split()) if kind == "image" else content}


def picture_problem(content: str) -> str:
    """Why the base64 text ``content`` is no PNG or JPEG which a browser can show in comfort, or ""."""
    if len(content) > MAX_IMAGE * 4 / 3:
        return f"it is larger than {MAX_IMAGE // 10**6} MB"
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return "it is no base64"
    if data.startswith(JPEG):
        size = jpeg_size(data)
        return (
            ("" if 0 < size[0] * size[1] <= MAX_PIXELS else f"it has {size[0]} by {size[1]} pixels") if size else BROKEN
        )
    if not data.startswith(SIGNATURE):
        return "it is no PNG or JPEG"
    names, place = [], len(SIGNATURE)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4])
        body = data[place + 4 : place + 8 + length]
        if zlib.crc32(body) != int.from_bytes(data[place + 8 + length : place + 12 + length]):
            return BROKEN
        names.append(body[:4])
        place += 12 + length
    if names[:1] != [b"IHDR"] or names[-1:] != [b"IEND"] or place != len(data):
        return BROKEN
    width, height = (int.from_bytes(data[i : i + 4]) for i in (16, 20))
    return "" if 0 < width * height <= MAX_PIXELS else f"it has {width} by {height} pixels"


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG declares, or None where it is broken."""
    place = 2
    while data.endswith(b"\xff\xd9") and place + 9 <= len(data) and data[place] == 0xFF:
        kind, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):  # the frame
            return int.from_bytes(data[place + 7 : place + 9]), int.from_bytes(data[place + 5 : place + 7])
        place += 2 + length
    return None
