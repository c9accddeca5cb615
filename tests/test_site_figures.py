"""Figures as a page gets them: SVG within it, settings beside it, cards of chapters, and icons without their script."""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import nbformat.v4 as nb
import pytest
from fontTools.ttLib import TTFont
from sphinx_builds import sphinx

from companion import show

SITE = Path(__file__).parents[1] / "site"
CONF = f"""
import sys
sys.path.insert(0, {str(SITE)!r})
extensions = ["myst_nb", "sphinx_design", "figures", "chapters"]
nb_execution_mode, exclude_patterns, numfig, root_doc = "off", ["_build"], True, "index"
"""
INDEX = """# The book

```{live} hero
:settings: hero.json
:still: hero.svg
:label: Two < three
:alt: Ten "digits"
:name: fig-hero
A caption with *words*.
```

See {numref}`fig-hero`.

```{chapters} Part I
```

```{toctree}
book/one
```
"""
TOC = "parts:\n- caption: Part I\n  chapters:\n  - file: book/one\n  - file: book/notes\n"
PLOT = {"image": {"alt": "a <plot>"}, "figure": {"caption": "What is drawn.", "name": "fig-plot"}}


def drawing(title):
    figure, axes = show.panels((3, 2))
    axes.set_title(title)
    return figure


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A strict build of a page with a figure that lives, and a chapter with a picture and a player."""
    folder = tmp_path_factory.mktemp("book")
    results = folder / "book" / "results"
    results.mkdir(parents=True)
    (results / "hero.json").write_text(json.dumps({"digits": "AA</script>"}))
    (results / "models" / "mnist" / "family").mkdir(parents=True)
    (results / "models" / "mnist" / "family" / "copies.png").write_bytes(b"a sheet")
    (results / "hero.svg").write_text(drawing("a hero").svg())
    frames = [drawing(f"frame {i}") for i in range(3)]
    player = show.Player(frames, ["a", "b", "c"], name="time", alt="three frames", start=1)
    cells = [
        nb.new_markdown_cell("# Chapter one"),
        nb.new_code_cell(
            "plot", outputs=[output({"image/svg+xml": drawing("a plot").svg()})], metadata={"mystnb": PLOT}
        ),
        nb.new_code_cell("play", outputs=[output({"text/html": player._repr_html_()})]),
    ]
    metadata = {"companion": {"about": "All of it.", "needs": []}, "language_info": {"name": "python"}}
    (folder / "book" / "one.ipynb").write_text(nb.writes(nb.new_notebook(cells=cells, metadata=metadata)))
    for name, text in {"index.md": INDEX, "conf.py": CONF, "_toc.yml": TOC}.items():
        (folder / name).write_text(text)
    done = sphinx("-W", "-q", folder, folder / "_build" / "html")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "_build" / "html"


def output(data):
    return nb.new_output("execute_result", data, execution_count=1)


def handed_over(path):
    """The name and the data that a script hands to the figures of a page."""
    name, data = re.fullmatch(r'rd\.loaded\("([^"]+)", (.*)\);\n', path.read_text(), re.DOTALL).groups()
    return name, json.loads(data)


def test_a_picture_stands_in_its_page_with_its_words_and_its_number(book):
    page = (book / "book" / "one.html").read_text()
    (figure,) = re.findall(r'<figure[^>]*id="fig-plot">.*?</figure>', page, re.DOTALL)
    assert '<svg role="img" aria-label="a &lt;plot&gt;"' in figure
    assert ">a plot</text>" in figure
    assert "What is drawn." in figure
    assert "<img" not in figure


def test_the_settings_of_a_figure_stand_beside_its_page(book):
    page = (book / "book" / "one.html").read_text()
    (name,) = re.findall(r'data-load="([^"]+)" data-figure="player"', page)
    assert "application/json" not in page
    assert ">frame 1</text>" in page
    assert ">frame 2</text>" not in page
    told, settings = handed_over(book / "_static" / f"{name}.js")
    assert told == name
    assert settings["captions"] == ["a", "b", "c"]
    assert ">frame 2</text>" in settings["frames"][2]


def test_a_page_that_is_no_notebook_shows_a_figure_that_lives(book):
    page = (book / "index.html").read_text()
    (figure,) = re.findall(r'<figure[^>]*id="fig-hero">.*?</figure>', page, re.DOTALL)
    assert 'role="group" aria-label="Two &lt; three"' in figure
    assert 'aria-label="Ten &quot;digits&quot;"' in figure
    assert ">a hero</text>" in figure
    assert "A caption with <em>words</em>." in figure
    assert re.search(r'href="#fig-hero"><span class="std std-numref">Fig. 1</span>', page)
    (name,) = re.findall(r'data-load="([^"]+)"', figure)
    assert handed_over(book / "_static" / f"{name}.js") == (name, {"digits": "AA</script>"})


def test_a_part_is_shown_as_cards_of_its_notebooks(book):
    page = (book / "index.html").read_text()
    (card,) = re.findall(r'<div class="sd-card.*?<a [^>]*>', page, re.DOTALL)
    assert "Chapter one" in card
    assert "All of it." in card
    assert 'href="book/one.html"' in card
    picture = next((book / "_images").glob("one*.svg")).read_text()
    assert ">a plot</text>" in picture
    assert "var(--" not in picture


def test_letters_and_sheets_come_with_the_site(book):
    assert (book / "_static" / "models" / "mnist" / "family" / "copies.png").read_bytes() == b"a sheet"
    for name in ("dejavu-sans.woff", "dejavu-sans-oblique.woff"):
        assert (book / "_static" / name).read_bytes().startswith(b"wOFF")
        assert f'url("{name}")' in (SITE.parent / "book" / "_static" / "figures.css").read_text()


def test_icons_are_drawn_into_the_pages_and_their_script_is_gone(tmp_path):
    spec = importlib.util.spec_from_file_location("icons", SITE / "icons.py")
    icons = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(icons)
    vendor = tmp_path / "_static" / "vendor" / "fontawesome"
    (vendor / "6.5.2" / "js").mkdir(parents=True)
    regular, solid = (
        '{sun:[512,512,[9728],"f185","M1 1z"]}',
        '{bars:[448,512,["x"],"f0c9","M0 96z"],sun:[384,512,[],"f185","M2 2z"]}',
    )
    (vendor / "6.5.2" / "js" / "all.min.js").write_text(regular + solid)
    letters = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"  # any font will do
    (vendor / "6.5.2" / "webfonts").mkdir()
    shutil.copyfile(letters, vendor / "6.5.2" / "webfonts" / "fa-solid-900.ttf")
    (tmp_path / "_static" / "a.css").write_text('p::before { content: "\\f6c5"; } i { content: "\uf400"; }')
    head = '<link href="_static/vendor/fontawesome/6.5.2/css/all.min.css"/>\n'
    head += '<script src="_static/vendor/fontawesome/6.5.2/js/all.min.js"></script>\n'
    page = tmp_path / "index.html"
    page.write_text(
        f'{head}<p><span class="fa-solid fa-bars"></span><i class="theme fas fa-sun fa-lg" data-mode="light"></i></p>'
    )
    icons.draw(SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path), None)
    assert page.read_text() == (
        '<p><span class="fa-solid fa-bars">'
        '<svg viewBox="0 0 448 512" aria-hidden="true"><path d="M0 96z"/></svg></span>'
        '<i class="theme fas fa-sun fa-lg" data-mode="light">'
        '<svg viewBox="0 0 384 512" aria-hidden="true"><path d="M2 2z"/></svg></i></p>'
    )
    assert not vendor.exists()
    assert [f"{code:x}" for code in TTFont(tmp_path / "_static" / "icons.woff").getBestCmap()] == ["f400", "f6c5"]
    page.write_text(f'{head}<i class="fas fa-none"></i>')
    (vendor / "6.5.2" / "js").mkdir(parents=True)
    (vendor / "6.5.2" / "js" / "all.min.js").write_text(solid)
    (vendor / "6.5.2" / "webfonts").mkdir()
    shutil.copyfile(letters, vendor / "6.5.2" / "webfonts" / "fa-solid-900.ttf")
    with pytest.raises(icons.ExtensionError, match="expected an icon of Font Awesome, got 'none'"):
        icons.draw(SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path), None)
