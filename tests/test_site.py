"""The site's own Sphinx extensions: what is broken on a page stops a strict build, and says where."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from sphinx_builds import sphinx

SITE = Path(__file__).parents[1] / "site"
PAGE = """# Page

```{prf:theorem} One
:label: thm-one
```
Checked in `tests/test_x.py::test_one`. The rate is {result}`2.13 <a.csv: -rate | family=--v, beta=1>` nats.
What a {term}`rate` is: ![a dot](dot.png) <img src="dot.png" alt="a dot">

```{theorem-ledger}
```

```{provenance}
```

```{glossary}
rate
  What a code costs.
```
"""
MADE_BY = {"companion": "0.1.0", "torch": "2.13", "python": "3.11", "processor": "a chip", "gpu": None}
RUNS = {
    name: {
        "config": {"beta": beta, "seed": 0, "preset": "laptop"},
        "hash": name,
        "kept": 20,
        "made_by": MADE_BY,
        "seconds": 90,
    }
    for name, beta in (("abc", 1.0), ("def", 0.5))
}
FILES = {
    "book/results/a.json": json.dumps({"runs": RUNS}),
    "book/results/a.csv": "family,beta,rate\n--v,1.0,-2.134\n--v,3,-1\n",
    "book/dot.png": "",
    "tests/test_x.py": 'import pytest\n\n\n@pytest.mark.verifies("thm-one")\ndef test_one(): ...\n',
    "index.md": "# Rates\n\nTwo **rates**, a rated rate, and `rate`.\n\n```{toctree}\nbook/page\n```\n",
    "conf.py": f"""
import sys
sys.path.insert(0, {str(SITE)!r})
extensions = ["myst_parser", "sphinx_proof", "theorems", "checks", "provenance", "terms", "sphinx_design"]
""",
}
BROKEN = [  # what stands in the page, what in its place, and what the build says
    ("::test_one", "::test_two", "tests/test_x.py::test_two does not exist, or verifies nothing"),
    ("2.13 <", "2.14 <", "2.14 <a.csv: -rate | family=--v, beta=1>: the table says 2.13"),
    ("family=--v, beta=1>", "family=--v>", "expected one row of that kind, found 2"),
    ("a.csv", "b.csv", "with a table of book/results"),
    ("![a dot]", "![]", "a picture has no alt text: book/dot.png"),
    (' alt="a dot"', ' alt=""', 'a picture has no alt text: <img src="dot.png" alt="">'),
    ("{term}`rate`", "{term}`price`", "term not in glossary: 'price'"),
]


def build(folder: Path, page: str) -> subprocess.CompletedProcess:
    """A strict build of a book of one page."""
    for name, text in {**FILES, "book/page.md": page}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sphinx("-W", "-n", "--keep-going", "-q", folder, folder / "html")


def test_a_page_in_order_is_built_and_its_theorems_are_listed(tmp_path):
    done = build(tmp_path, PAGE)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "html" / "book" / "page.html").read_text()
    assert "The rate is 2.13 nats" in page
    mark = r'Checked in <a class="tested[^>]*href="#ledger-thm-one" title="tests/test_x.py::test_one">test</a>\.'
    assert len(re.findall(mark, page)) == 1
    assert re.search(r'<li><p><span class="target" id="ledger-thm-one"></span>.*tests/test_x.py::test_one', page)
    front = (tmp_path / "html" / "index.html").read_text()
    assert re.findall(r'Two <strong><a class="term[^>]*#term-rate">rates</a></strong>, a rated rate, and', front)
    text = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "a 2 laptop 0.1 companion 0.1.0, torch 2.13, Python 3.11, a chip" in text
    assert "beta kept step minutes hash 1.0 20 1.5 abc 0.5 20 1.5 def" in text  # the seed tells no run from another


@pytest.mark.parametrize(("right", "wrong", "message"), BROKEN, ids=[message for *_, message in BROKEN])
def test_what_is_broken_stops_the_build(tmp_path, right, wrong, message):
    done = build(tmp_path, PAGE.replace(right, wrong, 1))
    assert done.returncode == 1
    assert message in done.stderr
