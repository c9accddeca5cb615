"""What a site needs once it has an address, and the page for instructors."""

import re
import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path

import nbformat
import pytest
from sphinx_builds import sphinx
from test_project import ROOT, script

INDEX = """# Rates & codes

```{note}
A box.
```

With $R$.

The *rate* & what it costs.

```{toctree}
book/page
```
"""
FILES = {
    "index.md": INDEX,
    "book/page.ipynb": nbformat.writes(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell("# Page\n\n" + 60 * "word ")],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
    ),
    "conf.py": f"""
import sys
sys.path.insert(0, {str(ROOT / "site")!r})
extensions = ["myst_nb", "sphinx_book_theme", "launch"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
html_theme = "sphinx_book_theme"
html_title = "A book"
""",
}
MINUTES = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty-five": 25, "thirty": 30, "forty": 40}


def site(folder: Path, **named: str) -> Path:
    """A strict build of a book of two pages, with these variables alone naming an address and a repository."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BOOK_URL", "GITHUB_REPOSITORY"):
            patch.delenv(name, raising=False)
        for name, value in named.items():
            patch.setenv(name, value)
        done = sphinx("-W", "-n", "-q", folder, folder / "html")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


def tags(page: Path) -> dict[str, str]:
    """The tags of a page that tell what stands on a shown link."""
    found = re.findall(
        r'<meta (?:property|name)="((?:og|twitter):[\w:]+|description)" content="([^"]*)"', page.read_text()
    )
    return {name: unescape(text) for name, text in found}


def test_without_an_address_there_is_nothing_that_needs_one(tmp_path):
    html = site(tmp_path)
    said = "The rate & what it costs."
    shown = {"og:type": "article", "og:site_name": "A book", "og:title": "Rates & codes", "og:description": said}
    assert tags(html / "index.html") == {**shown, "description": said}
    assert tags(html / "book" / "page.html")["description"] == 38 * "word " + "word…"
    assert not (html / "sitemap.xml").exists()
    assert "colab" not in (html / "book" / "page.html").read_text()
    assert 'href="../_static/notebooks/page.ipynb"' in (html / "book" / "page.html").read_text()
    assert len(nbformat.read(html / "_static" / "notebooks" / "page.ipynb", 4).cells) == 1
    lost = (html / "404.html").read_text()
    assert '<base href="/">' in lost
    assert {"index.html", "search.html"} == set(re.findall(r'<a href="([^"]*)"', lost))


def test_an_address_makes_the_map_the_picture_and_the_buttons(tmp_path):
    html = site(tmp_path, BOOK_URL="https://ann.example/book", GITHUB_REPOSITORY="ann/codes")
    places = [element.text for element in ET.parse(html / "sitemap.xml").iter() if element.tag.endswith("loc")]
    assert places == ["https://ann.example/book/book/page.html", "https://ann.example/book/index.html"]
    shown = tags(html / "book" / "page.html")
    assert shown["og:url"] == "https://ann.example/book/book/page.html"
    assert shown["og:image"] == "https://ann.example/book/_static/preview.png"
    assert '<base href="https://ann.example/book/">' in (html / "404.html").read_text()
    page = (html / "book" / "page.html").read_text()
    assert 'href="https://colab.research.google.com/github/ann/codes/blob/notebooks/book/page.ipynb"' in page
    assert 'href="https://mybinder.org/v2/gh/ann/codes/notebooks?urlpath=lab/tree/book/page.ipynb"' in page
    assert 'href="../_static/notebooks/page.ipynb"' in page
    head, install, title = nbformat.read(html / "_static" / "notebooks" / "page.ipynb", 4).cells
    assert "[Page](https://ann.example/book/book/page.html)" in head.source
    assert "https://github.com/ann/codes\n" in install.source
    assert title.source.startswith("# Page\n")


def test_an_address_that_is_none_stops_the_build():
    with pytest.raises(ValueError, match="BOOK_URL: expected an address that begins with https://, got 'codes'"):
        script("launch", "site").address("codes")


def test_the_picture_of_a_link_is_small_and_of_the_expected_size():
    picture = (ROOT / "book" / "_static" / "preview.png").read_bytes()
    assert len(picture) < 60_000
    assert [int.from_bytes(picture[i : i + 4], "big") for i in (16, 20)] == [1200, 630]


def test_the_syllabi_add_up_what_the_pages_say():
    """The minutes of each page are those of its own frame; those of a week are the sum of its pages'."""
    rows = re.findall(r"^\| ([^|]*\{doc\}[^|]*) \| (\d+) \|", (ROOT / "book" / "instructors.md").read_text(), re.M)
    weeks = re.findall(
        r"^\| \d+ \| ([^|]*\{doc\}[^|]*) \| (\d+) \|", (ROOT / "book" / "instructors.md").read_text(), re.M
    )
    assert (len(rows), len(weeks)) == (25, 4 + 8 + 12)
    for pages, minutes in rows + weeks:
        assert sum(map(reading, re.findall(r"\{doc\}`(\w+)`", pages))) == int(minutes), pages


def reading(page: str) -> int:
    """The minutes that a page says it takes to read."""
    word = re.search(r"\*\*Time\*\* ([\w-]+) minutes to read", (ROOT / "book" / f"{page}.ipynb").read_text())[1].lower()
    return MINUTES.get(word) or int(word)
