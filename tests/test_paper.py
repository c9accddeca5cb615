"""The book on paper: what the site plays or scrolls stands on it; and the site links the PDF where it was built."""

import importlib.util
import re
from pathlib import Path

import nbformat.v4 as nb
import pytest
from pypdf import PdfReader
from sphinx_builds import sphinx

from companion import show

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("latex", ROOT / "scripts" / "latex.py")
latex = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(latex)
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "site")!r})
extensions = ["myst_nb", "sphinx_proof", "sphinx_design", "paper"]
project, copyright = "A book", "2026. Text CC BY 4.0"
myst_enable_extensions = ["dollarmath"]
nb_execution_mode, language, exclude_patterns = "off", "en_GB", ["_build"]
mathjax3_config = {{"tex": {{"macros": {{"E": "\\\\mathbb{{E}}"}}}}}}
latex_documents = [("index", "book.tex", "A book", "Ann", "manual")]
"""
PAGE = """# Page

```{prf:proof}
By $\\E[z] = 0$.
```
````{grid} 1
```{grid-item-card} Read
```
````
```{where-built} _build/latex/book.pdf
Or {download}`on paper <_build/latex/book.pdf>`.
```
"""
WIDE = f"{'| a ' * 11}|\n{'| --- ' * 11}|\n{'| b ' * 11}|\n"
PLAIN = "| one |\n| --- |\n| 83.5 |\n"


def drawn(step):
    figure, axes = show.panels((3, 2))
    axes.set_title(f"drawn at step {step}")
    return figure


PLAYER = show.Player(
    [drawn(step) for step in (10, 20, 30)],
    ["step 10", "step 20", "step 30"],
    name="training",
    alt="A dot < a line.",
    start=1,
)
TABLE = show.Table(["family", "what it says", "R"], [["-+v", "a sentence of many words", "0.5"], ["---", "less", "25"]])


def build(folder: Path, builder: str) -> str:
    """A strict build of a book of one notebook, and the file it gives."""
    cells = [nb.new_markdown_cell(text) for text in (PAGE, WIDE, PLAIN)]
    picture = {"image/svg+xml": drawn(50).svg()}
    for data in (*({"text/html": one._repr_html_(), "text/plain": repr(one)} for one in (PLAYER, TABLE)), picture):
        cells.append(nb.new_code_cell("shown", outputs=[nb.new_output("execute_result", data, execution_count=1)]))
    language = {"name": "python", "pygments_lexer": "python"}
    notebook = nb.new_notebook(cells=cells, metadata={"language_info": language})
    (folder / "index.ipynb").write_text(nb.writes(notebook))
    (folder / "conf.py").write_text(CONF)
    out = folder / "_build" / builder
    done = sphinx("-W", "-n", "-q", "-b", builder, folder, out)
    assert (done.returncode, done.stderr) == (0, "")
    return (out / ("book.tex" if builder == "latex" else "index.html")).read_text()


def words(pdf: Path) -> str:
    """The title of a picture, as text in its PDF, whose ticks are numbers."""
    return " ".join(re.findall(r"[a-z]\w* \w+ \w+ \d+", PdfReader(pdf).pages[0].extract_text()))


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    return folder / "_build" / "latex", build(folder, "latex")


def test_a_player_is_one_frame_and_a_table_keeps_its_cells(paper):
    out, tex = paper
    image, caption = re.search(
        r"\\sphinxincludegraphics\[scale=0.72\]\{\{(\w+)\}.pdf\}\n\\caption\{(.*)\}", tex
    ).groups()
    assert words(out / f"{image}.pdf") == "drawn at step 20"
    assert caption.startswith("A dot < a line. On the site this figure moves; training: step 20.")
    rows = tex[tex.index(r"\begin{tabulary}{\linewidth}[t]{lLr}") :]
    cells = re.findall(r"\\sphinxAtStartPar\n(.*)\n", rows[: rows.index(r"\end{tabulary}")])
    code = [rf"\sphinxcode{{\sphinxupquote{{{name}}}}}" for name in (r"\sphinxhyphen{}+v", r"\sphinxhyphen{}" * 3)]
    assert cells[-6:] == [code[0], "a sentence of many words", "0.5", code[1], "less", "25"]
    assert "Player(" not in tex
    pictures = re.findall(r"includegraphics\[scale=0.72\]\{\{(\w+)\}.pdf\}", tex)
    assert [words(out / f"{name}.pdf") for name in pictures] == ["drawn at step 20", "drawn at step 50"]
    assert not any(page.images for name in pictures for page in PdfReader(out / f"{name}.pdf").pages)


def test_the_rest_of_a_page_is_set_for_paper(paper):
    _, tex = paper
    assert r"\AtBeginDocument{\def\E{\mathbb{E}}}" in tex
    assert r"\date{2026. Text CC BY 4.0}" in tex
    assert r"\setmainlanguage{british}" in tex
    assert r"Proof. By \(\E[z] = 0\)." in tex
    assert "sphinxadmonition" not in tex
    assert "a table of 11 columns" in tex
    assert tex.count("83.5") == 1
    assert "Read" not in tex
    assert "on paper" not in tex


def test_the_site_links_the_pdf_where_it_was_built(tmp_path):
    assert "on paper" not in build(tmp_path, "html")
    pdf = tmp_path / "_build" / "latex" / "book.pdf"
    pdf.parent.mkdir(parents=True)
    pdf.write_bytes(b"a book")
    link = re.search(r'<a class="reference download[^>]*href="([^"]*book.pdf)"', build(tmp_path, "html"))
    assert (tmp_path / "_build" / "html" / link[1]).read_bytes() == b"a book"


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ([], ""),
        (
            ["xelatex", "FreeSerif.otf"],
            "the PDF needs xelatex, FreeSerif.otf; .*install texlive-xetex fonts-freefont-otf;",
        ),
    ],
)
def test_what_latex_lacks_is_named_with_its_package(missing, told):
    assert re.match(told, latex.problem(missing))
    assert bool(latex.problem(missing)) == bool(missing)


def test_a_program_and_a_file_that_are_nowhere_are_not_found(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not any(map(latex.found, latex.PACKAGES))
