"""A small class, graded: what the tests of the term stand on."""

import base64
import json
import struct
import zlib

from elbo_coursework import Assignment, CommonMistake, ManualQuestion, Question, assignment
from elbo_coursework.grading import Grade, Piece, QuestionGrade


def question(name: str, points: int, *mistakes: CommonMistake) -> Question:
    return Question(name, points, lambda rng, trap: {}, lambda: 0.0, lambda answer: None, mistakes, traps=("",) * 4)


HALF = CommonMistake("in bits", "This is in bits.", lambda: 1.0, 0.5)
WHY = ManualQuestion("why", {"says why": 2, "gives an example": 1})
PICTURE = ManualQuestion("picture", {"shows it": 2})
SMALL = Assignment("small", "A small one", 5, (question("rate", 6, HALF), question("bound", 4)), (WHY, PICTURE))


def grade(name: str, rate: float = 6.0, bound: float = 4.0, **options) -> Grade:
    """A grade of ``SMALL``; answers to *why* alone."""
    parts = (
        QuestionGrade("rate", 6, rate, 4 if rate == 6 else 2, 4, {} if rate == 6 else {"This is in bits.": 2}),
        QuestionGrade("bound", 4, bound, 4 if bound == 4 else 0, 4, {} if bound == 4 else {"Wrong.": 4}),
    )
    named = {"file": f"{name}.ipynb", "handed_in": "", "key": "k", "manual": {"why": 3, "picture": 2}}
    answers = {"why": (Piece("text", f"{name} thinks so."),), "picture": ()}
    return Grade(name, "small", **{**named, "questions": parts, "answers": answers, **options})


def png(width: int = 2, height: int = 1) -> str:
    """A grey picture in base64."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


def full(name: str, assigned: str = "surgery", **options) -> Grade:
    """A grade of a real assignment, all right in code."""
    asked = assignment(assigned)
    parts = tuple(
        QuestionGrade(q.name, q.points, float(q.points), q.instances, q.instances, {}) for q in asked.questions
    )
    manual = {q.name: q.points for q in asked.manual}
    named = {"file": f"{name}.ipynb", "handed_in": "", "key": "k", "manual": manual}
    answers = {q.name: (Piece("text", f"{name} on {q.name}"),) for q in asked.manual}
    return Grade(name, assigned, **{**named, "questions": parts, "answers": answers, **options})


def a_class(out, *grades: Grade):
    """The folder that grading leaves: whose it is, and the records."""
    (out / "records").mkdir(parents=True)
    text = json.dumps({"assignment": grades[0].assignment, "created": "2026-11-01T10:00:00+00:00"})
    (out / "assignment.json").write_text(text)
    for one in grades:
        (out / "records" / f"{one.submission}.json").write_text(json.dumps(one.to_record()))
    return out
