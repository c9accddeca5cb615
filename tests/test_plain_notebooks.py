"""The plain notebooks: every page reads without MyST, says the same, and runs."""

import re
from base64 import b64decode
from textwrap import dedent

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from test_project import NOTEBOOKS, ROOT, script

RAW = re.compile(r"(?:```|:::) *\{|\{[\w:]+\}`|^\([\w-]+\)=|^:label:", re.M)
MACRO = re.compile(r"\\(?:E|KL|MI|Ent|nats)(?![A-Za-z])")
CONFIG = r"""
title: Codes
parse: {myst_enable_extensions: [colon_fence, dollarmath]}
bibtex_bibfiles: [book/works.bib]
sphinx: {config: {mathjax3_config: {tex: {macros: {KL: "\\operatorname{KL}"}}}}}
"""
WORKS = r"""
@article{ann2001, author={Ann M{\"u}ller and Bob van der Aa}, title={One}, year={2001}, doi={10.1/one}}
@book{cat2002, author={Cat Cé and Dan Dé and Eve Eé}, title={Two}, year={2002}}
"""


@pytest.fixture(scope="module")
def plain():
    return script("plain_notebooks", "site")


@pytest.fixture(scope="module")
def book(plain):
    """The book, with an address and a repository."""
    return plain.Book(ROOT, "https://ann.example/book", "ann/codes")


def prose(notebook: NotebookNode) -> list[str]:
    """The Markdown of a notebook, that of its outputs as well."""
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"] + [
        data["text/markdown"] for data in outputs if "text/markdown" in data
    ]


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_page_is_plain_and_says_the_same(plain, book, path):
    """No directive, role or macro is left; code and what it printed are those of the page; all folds are closed."""
    page, made = nbformat.read(path, 4), plain.Page(book, path.stem).notebook()
    nbformat.validate(made)
    for text in prose(made):
        assert not RAW.search(text)
        assert not MACRO.search(text)
        assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
        assert all(line.count("$$") in (0, 2) for line in text.split("\n") if line.startswith(">"))
    install, *rest = code(made)
    assert "github.com/ann/codes" in install.source
    assert [cell.source for cell in rest] == [cell.source for cell in code(page)]
    for cell, old in zip(rest, code(page), strict=True):
        assert [output.get("text") for output in cell.outputs] == [output.get("text") for output in old.outputs]
        shown = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
        assert not re.search(r"<svg|<script|var\(--", shown)
        assert shown.count("<img") == sum(map(is_picture, old.outputs))
        assert all(words.strip() for words in re.findall(r'<img alt="([^"]*)"', shown))
        if "hide-input" in old.metadata.get("tags", ()):
            assert cell.metadata["jupyter"]["source_hidden"]


def is_picture(output: NotebookNode) -> bool:
    data = output.get("data", {})
    return "image/svg+xml" in data or "data-figure=" in data.get("text/html", "")


@pytest.fixture
def written(plain, tmp_path):
    """A function that makes the plain form of a page of these cells, in a book of two pages."""

    def written(*cells: NotebookNode | str, **named: str) -> NotebookNode:
        (tmp_path / "book").mkdir()
        (tmp_path / "_config.yml").write_text(CONFIG)
        (tmp_path / "book" / "works.bib").write_text(WORKS)
        other = "# Other page\n\n(sec-there)=\n## There\n\n$$\nx\n$$ (eq-x)\n\n```{prf:lemma} Far\n:label: lem-far\n```"
        for name, page in {"other": (other,), "page": ("# This page", *cells)}.items():
            made = [nbformat.v4.new_markdown_cell(dedent(cell)) if isinstance(cell, str) else cell for cell in page]
            (tmp_path / "book" / f"{name}.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made)))
        plain.write(tmp_path, tmp_path / "out", **named)
        return nbformat.read(tmp_path / "out" / "page.ipynb", 4)

    return written


def said(notebook: NotebookNode) -> str:
    """The Markdown of a page after its title."""
    return "\n---\n".join(prose(notebook)[1:])


def test_a_theorem_is_a_quote_with_its_formulas_on_one_line_each(written):
    theorem = r"""
        ```{prf:theorem} No less than $0$
        :label: thm-here

        Let $p$ and $q$ be $\KL$-close. Then

        $$
        \KL(p \,\|\, q)
        \ge 0
        $$ (eq-here)
        ```

        :::{prf:proof}
        From {prf:ref}`lem-far` and {eq}`eq-x`, as {eq}`eq-here` says; `\KL`. Checked in
        `tests/test_a.py::test_b`.
        :::

        - {prf:ref}`thm-here`, $a
          \KL b$, {doc}`other`, {ref}`sec-there`.
    """
    assert (
        said(written(theorem)).strip()
        == dedent(r"""
        > **Theorem (No less than $0$).**
        >
        > Let $p$ and $q$ be $\operatorname{KL}$-close. Then
        >
        > $$ \operatorname{KL}(p \,\|\, q) \ge 0 \tag{1} $$

        > **Proof.**
        >
        > From [Lemma *Far*](other.ipynb) and [equation 1 of *Other page*](other.ipynb), as (1) says; `\KL`. Checked in
        > <small><code>tests/test_a.py::<wbr>test_b</code></small>.

        - Theorem *No less than $0$*, $a \operatorname{KL} b$, [Other page](other.ipynb), [There](other.ipynb).
    """).strip()
    )


def test_an_exercise_folds_its_hint_and_its_solution_with_the_code(written):
    begun = """
        ```{exercise-start} Count
        :label: ex-count
        ```
        How many?

        *Hint.* Few.
        ```{exercise-end}
        ```
    """
    solution = "```{solution-start} ex-count\n:class: dropdown\n```\nThree."
    answer = nbformat.v4.new_code_cell("1 + 2", execution_count=1)
    short = """
        ```{exercise} Again
        Why?

        *Hint.* Since.
        ```

        ```{solution} ex-again
        So.
        ```

        :::{dropdown} Is it $3$?
        It is.
        :::
    """
    made = written(begun, solution, answer, "So three.\n```{solution-end}\n```", short)
    assert (
        said(made)
        == dedent("""
        **Exercise (Count).**
        How many?

        <details>
        <summary>Hint</summary>

        Few.


        </details>
        ---
        <details>
        <summary>Solution</summary>

        Three.

        *Its code is in the folded cell below.*

        </details>
        ---
        <details>
        <summary>Solution, continued</summary>

        So three.


        </details>
        ---
        **Exercise (Again).**
        Why?

        <details>
        <summary>Hint</summary>

        Since.

        </details>

        <details>
        <summary>Solution</summary>

        So.

        </details>

        **Is it $3$?**

        <details>
        <summary>Answer</summary>

        It is.

        </details>
    """).strip()
    )
    (cell,) = code(made)
    assert (cell.source, cell.execution_count) == ("1 + 2", 1)
    assert cell.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}


def test_a_figure_is_a_picture_in_plain_colours_with_its_caption_below(written):
    svg = '<svg viewBox="0 0 1 1" style="image-rendering: pixelated"><path style="fill: var(--rd-1, #0072b2)" /></svg>'
    still = svg.replace("<svg ", '<svg role="img" aria-label="A still." ', 1)
    live = (
        f'<div class="rd-figure" data-figure="player"><div class="rd-view">{still}</div>'
        '<p class="rd-caption">One.</p>'
        '<script type="application/json">{"frames": ["<svg >no</svg>"]}</script></div>'
    )
    told = {"figure": {"caption": r"All that $\KL$ says.", "name": "fig-all"}, "image": {"alt": 'An "odd" thing.'}}
    cell = nbformat.v4.new_code_cell("draw()", metadata={"mystnb": told, "tags": ["hide-input"]}, execution_count=1)
    cell.outputs = [
        nbformat.v4.new_output("execute_result", {"image/svg+xml": svg, "text/plain": "Figure"}, execution_count=1),
        nbformat.v4.new_output("display_data", {"text/html": live, "text/plain": "Player"}),
        nbformat.v4.new_output("stream", text="R 1.0\n"),
    ]
    made = written("{numref}`fig-all` shows it.", cell)
    assert said(made) == "Figure 1 shows it.\n---\n**Figure 1.** All that $\\operatorname{KL}$ says."
    drawn, alive, stream = code(made)[0].outputs
    assert stream.text == "R 1.0\n"
    assert drawn.data["text/plain"] == "Figure"
    white = '<svg {}viewBox="0 0 1 1" style="background: #fff; image-rendering: pixelated">'
    white += '<path style="fill: #0072b2" /></svg>'
    for output, alt, named, caption in (
        (drawn, "An &quot;odd&quot; thing.", "", ""),
        (alive, "A still.", 'role="img" aria-label="A still." ', "\n<p>One.</p>"),
    ):
        found = re.fullmatch(
            r'(?s)<img alt="(.*?)" src="data:image/svg\+xml;base64,(.*?)" />(.*)', output.data["text/html"]
        )
        assert (found[1], found[3]) == (alt, caption)
        assert b64decode(found[2]).decode() == white.format(named)
    assert code(made)[0].metadata.jupyter == {"source_hidden": True, "outputs_hidden": False}


def test_a_citation_is_words_with_a_link_where_there_is_one(written):
    text = "{cite:t}`ann2001` says so {cite}`ann2001,cat2002`, as {cite:t}`cat2002` and {cite:p}`cat2002`"
    ann, cat = "https://doi.org/10.1/one", "Cé et al."
    assert said(written(text)) == (
        f"[Müller and van der Aa (2001)]({ann}) says so ([Müller and van der Aa, 2001]({ann}); {cat}, 2002), "
        f"as {cat} (2002) and ({cat}, 2002)"
    )


def test_any_other_role_is_its_words(written):
    assert said(written("{result}`1.5 <a.csv: b | c=d>`, {term}`rate`, {doc}`that <other>`")) == (
        "1.5, rate, [that](other.ipynb)"
    )


def test_a_table_keeps_its_cells_and_a_box_becomes_a_quote(written):
    text = """
        (sec-here)=
        ## Here

        | {doc}`other` | $a$ |
        | --- | --- |
        | $\\KL$ | $b \\| \\KL$ |

        :::{admonition} Mind
        :class: note
        One
        - two
        :::
    """
    expected = "\n## Here\n\n| [Other page](other.ipynb) | $a$ |\n| --- | --- |\n"
    expected += "| $\\operatorname{KL}$ | $b \\| \\operatorname{KL}$ |\n\n> **Mind**\n>\n> One\n> - two"
    assert said(written(text)).strip() == expected.strip()


def test_an_address_makes_links_and_a_first_cell_and_a_repository_one_that_installs(written):
    bare = nbformat.v4.new_code_cell("import imagecodecs\nimport numpy")
    made = written("By {prf:ref}`lem-far`.", bare, url="https://ann.example", repository="ann/codes")
    link = "[Lemma *Far*](https://ann.example/book/other.html#lem-far)"
    site = "*[This page](https://ann.example/book/page.html)*, a page of [Codes](https://ann.example/), as a notebook. "
    assert prose(made) == [site + "On the site its figures live.", "# This page", f"By {link}."]
    assert "git clone --quiet --depth 1 https://github.com/ann/codes\n" in code(made)[0].source
    assert "%pip install --quiet ./codes ./codes/coursework imagecodecs\n" in code(made)[0].source
    assert made.cells[1].cell_type == "code"


def test_a_label_that_nobody_wrote_stops_the_build(written):
    with pytest.raises(KeyError, match="thm-nowhere"):
        written("{prf:ref}`thm-nowhere`")


def test_a_plain_notebook_runs_from_nothing(plain, book, tmp_path):
    """Where the package is at hand the cell that installs it does nothing, and every other cell runs."""
    made = plain.Page(book, "four_roads").notebook()
    stored = [cell.outputs for cell in code(made)]
    NotebookClient(made, timeout=600, coalesce_streams=True, resources={"metadata": {"path": tmp_path}}).execute()
    fresh = [[output for output in cell.outputs if output.get("name") != "stderr"] for cell in code(made)]
    assert fresh[0] == []
    assert [[output.output_type for output in each] for each in fresh] == [
        [o.output_type for o in each] for each in stored
    ]
    assert list(tmp_path.iterdir()) == []
