"""What a student, or anybody, may hand in to do harm is refused in a sentence: changed files at random, and by hand.

``make fuzz`` gives each reader far more of them, within limits of memory and time that a test cannot set.
"""

import re
import struct
import tracemalloc
import zipfile

import pytest
from hostile_coursework import HELPERS, NOTEBOOKS, READERS, ROSTERS, SCRIPTS, zipped
from mutations import try_changed

from elbo_coursework import checking
from elbo_coursework.inside import cells, reading
from elbo_coursework.submissions import COPY
from elbo_coursework.term import write
from elbo_coursework.term.late import Late
from elbo_coursework.term.marks import rubric_lines
from elbo_coursework.term.roster import read_roster

BY_NAME = {reader.name: reader for reader in READERS}
LONG = 100_000


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_valid_files_are_accepted(reader, tmp_path):
    found = [reader.outcome(content, tmp_path) for content in reader.seeds]
    assert found == ["accepted"] * len(reader.seeds)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_changed_file_is_accepted_or_refused_in_a_sentence(reader, tmp_path_factory):
    try_changed(reader, tmp_path_factory.mktemp("hostile"), 25)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("told", [None, 1000])
def test_a_zip_that_unpacks_without_end_is_refused_before_it_is_unpacked(monkeypatch, method, told):
    """Ten megabytes where one is allowed; ``told`` is what the archive says they are."""
    monkeypatch.setattr(cells, "MAX_BYTES", 10**6)
    size = 10**7
    content = zipped({"tiny.ipynb": bytes(size)}, method)
    if told:
        content = content.replace(struct.pack("<I", size), struct.pack("<I", told))
    tracemalloc.start()
    with pytest.raises(reading.UnreadableError, match=r"larger than|another method|damaged zip"):
        reading.read(content, "a.zip")
    assert tracemalloc.get_traced_memory()[1] < 2 * 10**6
    tracemalloc.stop()


def test_scripts_beside_a_notebook_in_a_zip_count_as_well(monkeypatch):
    monkeypatch.setattr(cells, "MAX_BYTES", 10**6)
    scripts = {f"s{i}.py": b"#" * 60_000 for i in range(20)}
    with pytest.raises(reading.UnreadableError, match=r"tiny.ipynb in it is larger than 1 MB"):
        reading.read(zipped({"tiny.ipynb": NOTEBOOKS[0], **scripts}), "a.zip")


@pytest.mark.parametrize("folder", ["..", "/etc", "a//b", "../../etc"])
def test_a_path_in_a_zip_leads_nowhere(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = zipped({f"{folder}/tiny.ipynb": NOTEBOOKS[0], f"{folder}/tools.py": HELPERS["tools.py"]})
    found = reading.read(content, "a.zip")
    assert found.files["tools.py"] == b"import os\n"  # which a cell writes after it
    assert "entropy" in found.functions
    assert not list(tmp_path.iterdir())


def test_a_file_without_a_name_in_a_zip_is_passed_over():
    content = zipped({"tiny.ipynb": NOTEBOOKS[0], "x": b""}).replace(b"x\0\0", b"\0\0\0")
    nameless = re.sub(
        rb"(PK\x01\x02.{42})x", rb"\1\0", re.sub(rb"(PK\x03\x04.{26})x", rb"\1\0", content, flags=re.S), flags=re.S
    )
    assert "entropy" in reading.read(nameless, "a.zip").functions


def test_a_damaged_member_of_a_zip_is_a_damaged_zip():
    content = bytearray(zipped({"tiny.ipynb": NOTEBOOKS[0]}))
    start = 30 + len("tiny.ipynb")
    content[start : start + 40] = b"\xff" * 40
    with pytest.raises(reading.UnreadableError, match="it is a damaged zip"):
        reading.read(bytes(content), "a.zip")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("surgery (2)", "surgery"),
        ("surgery copy 3 (1)", "surgery"),
        ("surgery-1", "surgery"),
        ("surgery 2", "surgery"),
        ("surgery - copy - copy", "surgery"),
        ("copycat", "copycat"),
        ("copy  " * 40 + "x", "copy  " * 40 + "x"),
        ("copy 1" * 40 + "x", "copy 1" * 40 + "x"),
    ],
)
def test_the_name_of_a_copy_is_told_at_once(name, stem):
    """A pattern that goes back would take longer than the age of the universe for the last two."""
    assert COPY.sub("", name) == stem


def test_a_line_of_blanks_is_read_once():
    assert reading.read(b"x = (\n" + b" " * LONG + b"\n", "a.py").problems
    assert cells.MAGIC.match("x, y = !ls")
    assert cells.MAGIC.match(" = %time")
    assert not cells.MAGIC.match(" " * LONG)


def test_a_line_of_an_answer_is_read_once():
    given = next(
        line for line in checking.GIVEN if line.startswith("**My prediction**, made before running the cell. F")
    )
    parts = ["first", "second", "third", "fourth", "why"]
    line = "".join(a + b for a, b in zip(given.split("*?*"), [*parts, ""], strict=True))
    assert checking.letters_of(line) == len("".join(parts))
    assert checking.letters_of(given) == 0
    assert (
        checking.letters_of(given.split("*?*")[0] + ", then " * LONG)
        == len(given.split("*?*")[0] + ", then " * LONG) - 1
    )


@pytest.mark.parametrize("known", [(), ("a|b", "c"), ("|" * 5,)])
def test_a_rubric_of_bars_is_read_once(known):
    assert rubric_lines("|" * LONG, known) == () or known == ("|" * 5,)
    assert rubric_lines("a | b | c|x", ("a|b", "c")) == ("a|b", "c", "x")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"due": 5}', "due: expected a text, got 5"),
        ('{"due": "0001-01-01T00:00+14:00"}', "due: expected a moment"),
        ('{"days": "x"}', "expected due, days, per_day and attempts"),
        ("[" * LONG, "expected JSON"),
        (b"\xff", "expected JSON"),
    ],
)
def test_rules_of_lateness_that_cannot_be_are_refused(record, message, tmp_path):
    (tmp_path / "late.json").write_bytes(record if isinstance(record, bytes) else record.encode())
    with pytest.raises(ValueError, match=rf"late.json: .*{re.escape(message)}"):
        write.kept_late(tmp_path)


def test_an_extension_beyond_a_life_is_refused(tmp_path):
    (tmp_path / "roster.csv").write_bytes(ROSTERS[0].replace(b",2\n", b",999999999999\n"))
    with pytest.raises(ValueError, match="row 2, column extension: expected a whole number of days"):
        read_roster(tmp_path / "roster.csv")
    assert Late("2026-11-30", days=1).share_lost("2026-12-30T00:00", 10_000) == 0


def test_a_long_roster_is_read_once(tmp_path):
    (tmp_path / "roster.csv").write_text("id,name\n" + "".join(f"s{i},Ada {i}\n" for i in range(20_000)))
    assert len(read_roster(tmp_path / "roster.csv")) == 20_000


def test_the_valid_files_say_what_they_say(tmp_path):
    """The seeds are no empty shells: what is read of them is what was put in."""
    assert [s.defines for s in BY_NAME["notebook"].read(NOTEBOOKS[0], tmp_path) if s.defines] == ["entropy"]
    assert [s.defines for s in reading.read(SCRIPTS[0]).statements if s.defines] == ["entropy", "moments"]
    whole = BY_NAME["marks"].read(BY_NAME["marks"].seeds[0], tmp_path / ".")
    assert whole.results[0].words["why"].points == 1.0
    (mark,) = BY_NAME["saved-marks"].read(BY_NAME["saved-marks"].seeds[0], tmp_path)
    assert (mark.submission, mark.points, mark.question) == ("ada", 2.0, "why")
    assert BY_NAME["export-metadata"].read(BY_NAME["export-metadata"].seeds[0], tmp_path)["submission_12"][:4] == "2023"
