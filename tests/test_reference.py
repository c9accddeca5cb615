"""The pages of the package: every public name has its entry, and docstrings are shown as they are meant."""

import ast
import json
import re
import shutil
from html import unescape
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from sphinx.util.inventory import InventoryFile
from sphinx_builds import sphinx
from test_project import NOTEBOOKS, ROOT, script

FLOORS = [
    "adapters",
    "coding",
    "data",
    "exact",
    "learn",
    "measure",
    "models",
    "objectives",
    "results",
    "show",
    "studies",
    "sweeps",
]
PACKAGES = [*(f"companion.{floor}" for floor in FLOORS), "elbo_coursework"]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
SETTINGS = {
    name: value for name, value in CONFIG.items() if name.split("_")[0] in ("autodoc", "python", "nitpick", "add")
}
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "site")!r})
extensions = ["myst_parser", "sphinx.ext.autodoc", "reference"]
globals().update({SETTINGS!r})
"""
STUBS = {f"{name}.md": f"# {name}\n" for name in ("coursework", "ten_minutes")}  # pages that are linked
INDEX = """# Index

Bound by `companion.measure.infonce`, or `terms.Terms`, or `elbo_surgery`, not by `infonce` or `beta_vae`.

```{toctree}
:glob:
notation
coursework
ten_minutes
reference/*
```
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    """The pages of the package, built strictly without the rest of the book."""
    folder = tmp_path_factory.mktemp("book")
    shutil.copytree(ROOT / "book" / "reference", folder / "reference")
    for name, text in {"conf.py": CONF, "index.md": INDEX, "notation.md": "# Notation\n", **STUBS}.items():
        (folder / name).write_text(text)
    done = sphinx("-W", "-n", "--keep-going", "-q", folder, folder / "html")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def entries(pages) -> set[str]:
    """The names that have an entry; one by another address does not count."""
    with (pages / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "", lambda root, uri: uri)
    return {name for kind, names in found.items() if kind.startswith("py:") for name in names}


def resolved(name: str) -> Any:
    """The object of that name."""
    parts = name.split(".")
    for i in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:i]))
            for part in parts[i:]:
                thing = getattr(thing, part)
            return thing
        except (ImportError, AttributeError):
            continue
    raise AssertionError(f"{name}: an entry without an object")


def imported() -> set[tuple[str, str]]:
    """What the code of the pages imports from the packages: modules and names."""
    cells = [cell for path in NOTEBOOKS for cell in json.loads(path.read_text())["cells"]]
    lines = [line for cell in cells if cell["cell_type"] == "code" for line in [*cell["source"], "\n"]]
    source = "\n".join(line for line in lines if not line.startswith("%"))
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    return {
        (n.module, a.name)
        for n in found
        if (n.module or "").startswith(("companion", "elbo_coursework")) and "chapters" not in n.module
        for a in n.names
    }


def test_every_public_name_has_a_docstring_and_an_entry(entries):
    public = [(package, name) for package in PACKAGES for name in import_module(package).__all__]
    assert {f"{package}.{name}" for package, name in public} <= entries
    reference = script("reference", "site")
    for package, name in public:
        thing = getattr(import_module(package), name)
        said = (
            thing.__doc__
            if callable(thing) or isinstance(thing, ModuleType)
            else reference.comment(f"{package}.{name}")
        )
        assert said, f"{package}.{name} has no docstring"


def test_what_a_page_imports_has_an_entry(entries):
    known = {id(resolved(name)) for name in entries}
    missing = [
        f"{module}.{name}" for module, name in sorted(imported()) if id(resolved(f"{module}.{name}")) not in known
    ]
    assert missing == []


def test_an_entry_reads_well(pages):
    page = (pages / "reference" / "measure.html").read_text()
    text = unescape(" ".join(re.sub("<[^>]*>", "", page).split()))
    assert "barber_agakov(log_q: Tensor, entropy: float | Estimate) → Estimate" in text
    assert "E log Q(z|x) + H(z) <= I(x; z) (Barber and Agakov (2003); Serdega (2019), eq. 4.4)." in text
    assert "The logarithm of an <em>estimated</em> mean is too small" in page
    assert re.search(r'<dt><code[^>]*><span class="pre">scores</span></code></dt>\s*<dd><p><code', page)
    assert page.count('class="doctest') >= 10
    assert "Any" not in text


def test_signatures_are_short(pages):
    """Types by their last name, defaults that can be read."""
    texts = [page.read_text() for page in (pages / "reference").glob("*.html")]
    found = [entry for text in texts for entry in re.findall("<dt class=.sig.*?</dt>", text, re.DOTALL)]
    signatures = [" ".join(unescape(re.sub("<[^>]*>", "", entry)).split()) for entry in found]
    assert len(signatures) > 200
    assert [entry for entry in signatures if re.search("[~<]|torch[.](?!float)", entry)] == []
    for default in ("best: dict[str, Tensor] = ...,", "Tensor] = elbo,", "across: str = 'λ',"):
        assert any(default in entry for entry in signatures), default


def test_a_name_in_full_is_a_link(pages):
    front = (pages / "index.html").read_text()
    sentence = front[front.index("Bound by") : front.index("beta_vae")]
    linked = re.findall(r'href="reference/(\w+)\.html#\S+"><code.*?>([\w.]+)</span></code></a>', sentence)
    full = "companion.measure.infonce"
    assert linked == [("measure", full), ("package", "terms.Terms"), ("exact", "elbo_surgery")]


DOCSTRINGS = [  # a block, and what stands in its place
    (["p*(x) and |x|, x_ and m_step"], [r"p\*(x) and \|x\|, x\_ and m_step"]),
    (["E log Q(z|x) is *no* bound on ``|z|*``"], [r"E log Q(z\|x) is *no* bound on ``|z|*``"]),
    (["KL(q || m) * 2, *two", "words*"], [r"KL(q \|\| m) \* 2, *two", "words*"]),
    (
        ["x, y : d(x|z),", "    in nats", "*z : rest"],
        ["``x``, ``y``", r"    d(x\|z),", "    in nats", "``*z``", "    rest"],
    ),
    (
        ["Args:", "    x, y: d(x|z),", "        in nats", "    *z: rest"],
        [".. rubric:: Arguments", "", "``x``, ``y``", r"    d(x\|z),", "    in nats", "``*z``", "    rest"],
    ),
    (["    e(z|x) = m(z) / Z"], [".. code-block:: text", "", "    e(z|x) = m(z) / Z"]),
    ([">>> 2 * 3", "6"], [">>> 2 * 3", "6"]),
]


@pytest.mark.parametrize(("block", "expected"), DOCSTRINGS, ids=[block[0] for block, _ in DOCSTRINGS])
def test_a_docstring_becomes_markup(block, expected):
    assert script("reference", "site").rest([*block, ""]) == [*expected, ""]
