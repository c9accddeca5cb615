"""The way through a book: numbers, the line of a chapter, the map, and what is told of links."""

import json
import sys
from itertools import combinations
from pathlib import Path

import nbformat.v4 as nb
import pytest
from sphinx_builds import sphinx
from test_project import script

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))
import tips  # noqa: E402
import way  # noqa: E402

CONF = f"""
import sys
sys.path.insert(0, {str(SITE)!r})
extensions = ["myst_nb", "sphinx_proof", "sphinx_multitoc_numbering", "chapters", "way", "tips", "offline", "synonyms"]
nb_execution_mode, exclude_patterns, numfig, html_theme = "off", ["_build"], True, "sphinx_book_theme"
mathjax3_config = {{"tex": {{}}}}
"""
TOC = """parts:
- caption: Start here
  numbered: 1
  chapters: [{file: book/tour}]
- caption: Part I
  numbered: 1
  chapters: [{file: book/one}, {file: book/two}]
- caption: Look up
  chapters: [{file: book/words}]
"""
INDEX = """# The book

```{chapter-map}
```

```{toctree}
:numbered: 1
book/tour
```
```{toctree}
:numbered: 1
book/one
book/two
```
```{toctree}
book/words
```
"""
WORDS = """# Words

`companion.measure.evaluate_all` and `short.name`.

```{glossary}
rate
  What a *code* costs.
```
"""
THEOREM = """
```{prf:theorem} First
:label: thm-first
It is {term}`so <rate>`.
```
"""
PAGES = {
    "tour": ("The tour", "**Before you start** nothing."),
    "one": ("One & only", "**Before you start** read {doc}`tour`.\n\nSee {doc}`two`." + THEOREM),
    "two": (
        "Two",
        "**Before you start** read {doc}`the tour <tour>` and {doc}`one`; {doc}`words` helps.\n**Time** {doc}`two`",
    ),
}


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """A strict build of three chapters and a glossary."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "book").mkdir()
    for name, (title, text) in PAGES.items():
        cells = [nb.new_markdown_cell(f"# {title}\n\n{text}")]
        kernel = {"name": "python3", "display_name": "Python 3"}
        (folder / "book" / f"{name}.ipynb").write_text(
            nb.writes(nb.new_notebook(cells=cells, metadata={"kernelspec": kernel}))
        )
    for name, text in {"conf.py": CONF, "_toc.yml": TOC, "index.md": INDEX, "book/words.md": WORDS}.items():
        (folder / name).write_text(text)
    done = sphinx("-W", "-n", "-q", folder, folder / "_build")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "_build"


def test_chapters_are_numbered_throughout_and_theorems_by_chapter(html):
    page = (html / "book" / "one.html").read_text()
    assert '<span class="section-number">2. </span>One &amp; only' in page
    assert "Theorem 2.1" in page
    assert "<h1>Words<" in (html / "book" / "words.html").read_text()


def test_a_chapter_says_where_it_stands(html):
    page = (html / "book" / "one.html").read_text()
    assert '<p>Chapter 2 of 3 <span class="chapter-part">Part I</span></p>' in page
    assert '<a rel="prev" href="tour.html" title="The tour" aria-label="Previous: The tour">Previous</a>' in page
    assert '<a rel="next" href="two.html" title="Two" aria-label="Next: Two">Next</a>' in page
    assert 'rel="prev"' not in (html / "book" / "tour.html").read_text().partition("<article")[2].partition("<h1")[0]
    assert "chapter-line" not in (html / "book" / "words.html").read_text()


def test_the_map_has_each_chapter_and_what_it_builds_on(html):
    page = (html / "index.html").read_text()
    drawn = page[page.index('<nav class="chapter-map"') :].partition("</nav>")[0]
    assert drawn.count("<li>") == 3
    assert '<a href="book/one.html"><span class="map-number">2</span>One &amp; only</a></li>' in drawn
    assert drawn.count("<path") == 1
    assert '<span class="map-after">after 2</span>' in drawn


def test_lines_that_stand_side_by_side_have_lanes_of_their_own():
    needs = {1: set(), 2: set(), 3: {2}, 4: {2}, 5: {4}, 6: {3, 5}}
    found = way.lanes(needs)
    assert set(found) == {2, 3, 4, 5}
    ends = {2: 4, 3: 6, 4: 5, 5: 6}
    for one, other in combinations(ends, 2):
        assert found[one] != found[other] or ends[one] < other or ends[other] < one


def test_what_is_told_of_a_link_has_neither_links_nor_names(html):
    text = (html / "_static" / "tips_of_the_book.js").read_text()
    told = json.loads(text[text.index(", ") + 2 : -3])
    assert told["book/words.html#term-rate"] == "<p><strong>rate</strong></p><p>What a <em>code</em> costs.</p>"
    theorem = told["book/one.html#thm-first"]
    assert "Theorem 2.1" in theorem
    assert "<a" not in theorem
    assert " id=" not in theorem
    assert theorem.count("<div") == theorem.count("</div>")


def test_a_block_ends_where_its_own_div_does():
    page = '<div class="proof theorem admonition" id="thm-a"><div><p>x</p></div></div><div>y</div>'
    assert dict(tips.tips(page)) == {"thm-a": '<div class="proof theorem admonition"><div><p>x</p></div></div>'}


def test_long_names_in_code_may_break_after_the_signs_that_join_them(html):
    page = (html / "book" / "words.html").read_text()
    assert "companion.<wbr>measure.<wbr>evaluate_<wbr>all" in page
    assert ">short.name<" in page


def test_every_synonym_belongs_to_a_chapter():
    root = SITE.parent
    assert {f"book/{page}" for page in script("synonyms", "site").SYNONYMS} <= {
        chapter.page for chapter in way.numbered(root)
    }
