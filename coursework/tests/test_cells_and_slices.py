"""A file is read from its bytes, whatever its encoding; a function's slice has what it needs, and no more."""

import ast
import io
import json
import zipfile

import pytest
from forms import NUMPY, PLAIN, notebook_text

from elbo_coursework.inside import reading

CELLS = [NUMPY, "größe = 'ä€'", PLAIN]
TEXT = notebook_text(CELLS)
SCRIPT = "\n\n".join(CELLS) + "\n"


def old(version):
    """A notebook in an older format."""
    listed = [{"cell_type": "code", "language": "python", "input": c, "outputs": []} for c in CELLS]
    return json.dumps({"nbformat": version, "worksheets": [{"cells": listed}], "metadata": {}}).encode()


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


FILES = {
    "notebook": ("a.ipynb", TEXT.encode()),
    "renamed": ("a.ipynb.txt", TEXT.encode()),
    "json": ("A.JSON", TEXT.encode()),
    "notebook with a mark": ("a.ipynb", TEXT.encode("utf-8-sig")),
    "notebook in UTF-16": ("a.ipynb", TEXT.encode("utf-16")),
    "notebook in UTF-16 without a mark": ("a.ipynb", TEXT.encode("utf-16-le")),
    "notebook in UTF-32": ("a.ipynb", TEXT.encode("utf-32")),
    "format 3": ("a.ipynb", old(3)),
    "format 2": ("a.ipynb", old(2)),
    "script": ("a.py", SCRIPT.encode()),
    "script of Windows": ("a.py", SCRIPT.replace("\n", "\r\n").encode()),
    "script of an old Macintosh": ("a.py", SCRIPT.replace("\n", "\r").encode()),
    "script with a mark": ("a.py", SCRIPT.encode("utf-8-sig")),
    "script in UTF-16": ("a.py", SCRIPT.encode("utf-16")),
    "script in UTF-16, large end first": ("a.py", SCRIPT.encode("utf-16-be")),
    "declared Latin-1": ("a.py", ("# -*- coding: latin-1 -*-\n" + SCRIPT).replace("€", "ö").encode("latin-1")),
    "declared cp1252": ("a.py", ("#!/usr/bin/env python\n# vim: fileencoding=cp1252\n" + SCRIPT).encode("cp1252")),
    "undeclared cp1252": ("a.py", SCRIPT.encode("cp1252")),
    "zip": ("a.zip", zipped({"work/a.ipynb": TEXT, "__MACOSX/work/._a.ipynb": "x", "work/data.csv": "1"})),
    "zip with a draft of another name": ("ada_a.zip", zipped({"a.ipynb": TEXT, "draft.ipynb": "{}"})),
    "zip with a script": ("a.zip", zipped({"a.PY": SCRIPT})),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_whatever_it_is(name):
    file, content = FILES[name]
    found = reading.read(content, file)
    assert found.problems == []
    assert found.functions == ["np", "größe", "entropy"]
    values = [each.node.value.value for each in found.statements if "größe" in each.binds]
    assert values in (["ä€"], ["äö"])


def test_a_zip_brings_its_scripts_and_a_star_import_their_names():
    content = zipped({"a.ipynb": notebook_text(["from mine import *"]), "mine.py": "def f(): ...", "sub/other.py": ""})
    found = reading.read(content, "a.zip")
    assert found.files == {"mine.py": b"def f(): ..."}
    assert [each.location for each in found.slice("f")] == ["cell 1, line 1"]
    written = reading.read(notebook_text(["%%writefile a.py\nx = 1", "%%writefile -a a.py\ny = 2"]).encode())
    assert written.files == {"a.py": b"x = 1y = 2"}


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.ipynb", "it is empty"),
        (b" \n", "a.py", "it is empty"),
        (b"<!DOCTYPE html>", "a.ipynb", "it is a page of HTML: hand in the notebook itself, by File > Download"),
        (b'{"cells": [', "a.ipynb", "it is no whole notebook (JSONDecodeError: Expecting value"),
        (b'{"cells": 3}', "a.ipynb", "it is no whole notebook (TypeError: its cells are no list)"),
        (b"PK\x03\x04", "a.zip", "it is a damaged zip"),
        (zipped({"a.txt": ""}), "a.zip", "it is a zip, which should hold one notebook or script, and holds none"),
        (zipped({"b.ipynb": "", "c.ipynb": ""}), "a.zip", "and holds b.ipynb, c.ipynb"),
    ],
)
def test_what_cannot_be_read_is_told(content, name, words):
    with pytest.raises(reading.UnreadableError) as raised:
        reading.read(content, name)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("break", "'break' outside loop, line 1"),
        ("x = 1\n\ndef f(a, a): ...", "duplicate argument 'a' in function definition, line 3"),
        ("def f(:", "invalid syntax, line 1"),
        ("%matplotlib inline\nx = (", "'(' was never closed, line 2"),
        ("return 1", "'return' outside function, line 1"),
        ("x = '\0'", "source code string cannot contain null bytes"),
    ],
)
def test_a_cell_that_python_cannot_read_is_told_and_the_others_are_kept(cell, words):
    found = reading.read(notebook_text(["a = 1", cell, "b = 2"]).encode())
    (problem,) = found.problems
    assert problem.replace("ValueError: ", "") == f"cell 2 is left out, as Python cannot read it: {words}."
    assert found.functions == ["a", "b"]


def sliced(*cells, name="f"):
    """The first lines of the statements to which a function leads."""
    found = reading.read(notebook_text(list(cells)).encode()).slice(name)
    return [ast.unparse(each.node).splitlines()[0] for each in found]


USES = "def f():\n    return t"
SLICES = {
    "nothing else": (["t = 1", "u = 2", USES], ["t = 1", "def f():"]),
    "none": (["t = 1"], []),
    "an item": (["t = {}", "t['a'] = 1", USES], ["t = {}", "t['a'] = 1", "def f():"]),
    "a method": (
        ["t = []", "t.append(1)", "t.count(1)", "print(t)", USES],
        ["t = []", "t.append(1)", "t.count(1)", "def f():"],
    ),
    "given away": (["t = g()", "h(t)", "x = h(t)", USES], ["t = g()", "h(t)", "def f():"]),
    "a number cannot change": (["t = 3", "train(t)", USES], ["t = 3", "def f():"]),
    "a function cannot change": (["f = lambda: 1", "plot(f)", "y = f()"], ["f = lambda: 1"]),
    "drawn": (["t = g()", "plt.plot(t)", "ax1.step(t, t)", USES], ["t = g()", "def f():"]),
    "filled by one's own": (
        ["t = []", "def put(x):\n    x.append(1)", "n = put(t)", "def see(x):\n    return len(x)", "m = see(t)", USES],
        ["t = []", "def put(x):", "n = put(t)", "def f():"],
    ),
    "calls of the function itself": (
        ["t = 0", "def f():\n    global t\n    t += 1", "for i in range(9):\n    f()"],
        ["t = 0", "def f():"],
    ),
    "a cache of a helper": (
        [
            "t = {}",
            "def g(x):\n    t[x] = 1\n    return t",
            "losses = [g(i) for i in range(9)]",
            "def f():\n    return g(1)",
        ],
        ["t = {}", "def g(x):", "def f():"],
    ),
    "a counter of a helper": (
        ["t = 0", "def g():\n    global t\n    t += 1\n    return t", "losses = g()", "def f():\n    return g()"],
        ["t = 0", "def g():", "def f():"],
    ),
    "loaded by a helper": (
        ["def g():\n    global t\n    t = 1\n    return True", "done = g()", USES],
        ["def g():", "done = g()", "def f():"],
    ),
    "an optimiser": (
        [
            "t = Net(n)",
            "n = 3",
            "o = optim.Adam(t.parameters(), lr=n)",
            "for i in range(3):\n    o.step()",
            "def f():\n    return t",
        ],
        ["t = Net(n)", "n = 3", "o = optim.Adam(t.parameters(), lr=n)", "for i in range(3):", "def f():"],
    ),
    "settings of a used module": (
        [
            "import numpy as np",
            "import torch",
            "np.seterr(all='ignore')",
            "torch.manual_seed(0)",
            "def f():\n    return np.pi",
        ],
        ["import numpy as np", "np.seterr(all='ignore')", "def f():"],
    ),
    "modules in try": (
        ["try:\n    import plots as t\nexcept ImportError:\n    t = None", "t.show()", USES],
        ["try:", "def f():"],
    ),
    "several modules": (["import a, t, b.c", USES], ["import t", "def f():"]),
    "by text": (["t = 1", "u = 2", "def f():\n    return eval('t + 1')"], ["t = 1", "def f():"]),
    "by the walrus": (["x = [t := i for i in range(3)]", USES], ["x = [(t := i) for i in range(3)]", "def f():"]),
    "timed by a magic": (["%time t = 3", USES], ["t = 3", "def f():"]),
    "in a cell that is timed apart": (["t = 1", "%%timeit\nt = 2", USES], ["t = 1", "def f():"]),
}


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_has_what_a_function_needs_and_no_more(name):
    cells, expected = SLICES[name]
    assert sliced(*cells) == expected


def test_answers_in_words_go_to_the_next_mark():
    text = {"cell_type": "markdown", "source": "<!-- answer: why -->"}
    words = {"cell_type": "markdown", "source": ["Because ", "of it."]}
    output = {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "<Figure>"}}
    code = {"cell_type": "code", "source": "plot()", "outputs": [output, {"output_type": "stream", "text": ["1\n"]}]}
    own = {"cell_type": "markdown", "source": "## My heading", "attachments": {"page.jpg": {"image/jpeg": "/9j/"}}}
    end = {"cell_type": "markdown", "source": "<!-- end -->\n## Next"}
    content = json.dumps({"cells": [words, text, words, code, own, end, words]}).encode()
    expected = [("text", "Because of it."), ("code", "plot()"), ("image", "iVBO"), ("output", "1\n")]
    expected += [("text", "## My heading"), ("image", "/9j/")]
    assert reading.read(content).answers == {"why": expected}
    written = {"cell_type": "markdown", "source": "<!-- answer: why -->\nBecause."}
    content = json.dumps({"cells": [written, end, words]}).encode()
    assert reading.read(content).answers == {"why": [("text", "<!-- answer: why -->\nBecause.")]}
