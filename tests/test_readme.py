"""What README tells to type works: every command is understood, and each is run."""

import re
import shlex
import shutil

import nbformat
import pytest
from test_project import NOTEBOOKS, ROOT

from companion import cli, learn, results
from companion.cli.options import parser

README = (ROOT / "README.md").read_text()
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
PAGES = [README, *(path.read_text() for path in sorted((ROOT / "book").rglob("*.md")))]
PAGES += [
    cell.source
    for path in NOTEBOOKS
    for cell in nbformat.read(path, as_version=4).cells
    if cell.cell_type == "markdown"
]


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code of one language in a page."""
    return [code for found, code in BLOCKS.findall(text) if found == language]


def commands(text: str) -> list[list[str]]:
    """The arguments of every call of the package in a page's blocks of bash."""
    lines = "\n".join(blocks(text, "bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[3:] for line in lines if line.startswith("python -m companion")]


@pytest.mark.parametrize("arguments", [each for page in PAGES for each in commands(page)], ids=" ".join)
def test_every_command_of_every_page_is_understood(arguments):
    if "--help" in arguments:
        with pytest.raises(SystemExit, match="0"):
            parser().parse_args(arguments)
    else:
        assert parser().parse_args(arguments).command


def test_every_target_of_make_that_is_named_is_there():
    makefile = (ROOT / "Makefile").read_text()
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z-]+)", page, re.M)}
    assert {"book", "test", "serve"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M))


MODEL = """
from companion import models

def build():
    return models.family("---", image_shape=(28, 28), dense=True)
"""


@pytest.mark.full
@pytest.mark.needs("mnist-static")
def test_every_command_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """As they stand, one after the other, but for shorter trainings, and a table for each of two machines to merge."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book").symlink_to(ROOT / "book")
    (tmp_path / "my_model.py").write_text(MODEL)
    (grid,) = blocks(README, "toml")
    (tmp_path / "grid.toml").write_text("steps = 4\nwidth = 0.1\n" + grid)
    shortened = 0
    for arguments in commands(README):
        if arguments[0] == "merge":
            for place in ("here", "there"):
                (tmp_path / place).mkdir()
                for kind in ("csv", "json"):
                    shutil.copy(tmp_path / f"grid.{kind}", tmp_path / place)
        if arguments[0] in ("train", "path"):
            arguments += (
                ["--steps", "4", "--dense"]
                if arguments[0] == "train"
                else ["--first", "4", "--stay", "2", "--cooldown", "2", "--dense"]
            )
            shortened += 1
        if "tcp://HOST:8786" in arguments:
            continue
        if "--help" in arguments:
            with pytest.raises(SystemExit, match="0"):
                cli.main(arguments)
        else:
            assert cli.main(arguments) == 0, capsys.readouterr().err
    assert shortened == 2
    rows = results.read_rows(tmp_path / "grid.csv")
    assert len(rows) == 2 * (2 * 2 * 2 + 2)  # on two splits: families, betas and seeds, and two targets
    assert results.read_rows(tmp_path / "all.csv") == rows


@pytest.mark.full
@pytest.mark.needs("mnist-static")
def test_the_package_is_used_as_the_readme_says(monkeypatch, capsys):
    original = learn.preset
    monkeypatch.setattr(learn, "preset", lambda *told, **named: original(*told, **named, steps=4, dense=True))
    (code,) = blocks(README, "python")
    exec(compile(code, "README.md", "exec"), {})
    assert re.search(r"R \d+\.\d+ ± \d+\.\d+", capsys.readouterr().out)
