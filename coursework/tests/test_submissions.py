"""What of a submission runs, and what is refused, with its line."""

import json

import numpy as np
import pytest
from examples import SOLUTION, notebook, script

from elbo_coursework.submissions import code, read

FORBIDDEN = ("companion.exact", "scipy.stats", "scipy.special.entr")


def source(path, name="entropy", forbidden=()):
    return code(read(path), name, forbidden)


def test_only_what_the_function_leads_to_is_kept(tmp_path):
    path = notebook(
        tmp_path / "a.ipynb",
        "%matplotlib inline\nimport numpy as np, os\nimport matplotlib.pyplot as plt",
        "from elbo_coursework import check\nEPS = np.finfo(float).eps\nDATA = np.load('x.npy')\nN = len('abc')",
        "def log(p):\n    return np.log(p + EPS)\n\nfor i in range(10**9):\n    print(i)\ncheck(log, 'tiny')",
        "def entropy(p):\n    return -(p * log(p)).sum()",
        "def other():\n    return os.listdir()",
    )
    found = source(path)
    assert found.source.splitlines() == [
        "import numpy as np",
        "try:",
        "    EPS = np.finfo(float).eps",
        "except Exception:",
        "    pass",
        "def log(p):",
        "    return np.log(p + EPS)",
        "def entropy(p):",
        "    return -(p * log(p)).sum()",
    ]
    assert (found.modules, found.refused) == (("numpy",), None)
    assert source(path, "other").refused.startswith("Line 2 of cell 2 imports os, which grading does not allow")
    assert source(path, "absent").source == ""


def test_the_last_definition_counts(tmp_path):
    text = "def entropy(p):\n    return 1\nfirst = entropy\ndef entropy(p):\n    return first(p) + 1\n"
    space = {}
    exec(source(script(tmp_path / "a.py", text)).source, space)
    assert space["entropy"](None) == 2


REFUSED = {
    "from companion.exact.tables import entropy as h\ndef entropy(p):\n    return h(p)": "companion.exact.tables.e",
    "from companion import exact\ndef entropy(p):\n    return exact.tables.entropy(p)": "exact.tables.entropy, which",
    "import companion\ndef entropy(p):\n    c = companion\n    return c": "hands on the module companion.",
    "import companion\ndef entropy(p):\n    return companion.exact.tables.entropy(p)": "companion.exact.tables.entropy",
    "import companion.exact.tables as t\ndef entropy(p):\n    f = t.entropy\n    return f(p)": "companion.exact.tables",
    "def entropy(p):\n    from companion.exact import decomposition as s\n    return s.entropy(p)": (
        "companion.exact.decomposition"
    ),
    "from scipy import special\ndef entropy(p):\n    return special.entr(p)": (
        "scipy.special.entr, which does the work of this question."
    ),
    "def entropy(p):\n    import elbo_coursework.assignments.surgery as s\n    return s.ASSIGNMENT": "elbo_coursework",
    "def entropy(p):\n    return eval('1')": "Line 2 of entropy uses eval, which grading does not allow.",
    "def entropy(p):\n    return __import__('os')": "Line 2 of entropy uses __import__",
    "def entropy(p):\n    return getattr(p, 'su' + 'm')()": "Line 2 of entropy uses getattr",
    "def entropy(p):\n    return open('x')": "Line 2 of entropy uses open",
    "def entropy(p):\n    return ().__class__.__base__": "uses .__base__, which grading does not allow.",
    "import random\ndef entropy(p):\n    return random._os": "uses random._os, which is private.",
    "import numpy as np\ndef entropy(p):\n    return np.os.environ": "uses .os",
    "import numpy as np\ndef entropy(p):\n    return np.load('x')": "uses numpy.load",
    "import sys\ndef entropy(p):\n    return sys.modules": "Line 1 of the file imports sys",
    "def entropy(p):\n\n    import ctypes\n    return 1": "Line 3 of entropy imports ctypes",
    "import math as m\nimport numpy as m\ndef entropy(p):\n    return m.log(p)": "imports two different things as m",
    "def helper(p):\n    import socket\ndef entropy(p):\n    return helper(p)": "Line 2 of helper imports socket",
    "@eval\ndef entropy(p):\n    return 1": "Line 1 of entropy uses eval",
    "def entropy(p):\n    return (i for i in [1]).gi_frame.f_builtins": "which grading does not allow",
    "from typing import get_type_hints as g\ndef entropy(p):\n    return g(p)": "uses typing.get_type_hints",
    "from functools import __builtins__ as b\ndef entropy(p):\n    return b": "uses functools.__builtins__",
    "from collections import _sys as s\ndef entropy(p):\n    return s.modules": "uses collections._sys",
    "from fractions import operator as o\ndef entropy(p):\n    return o.attrgetter('x')(p)": "uses .attrgetter",
    "import companion\ndef entropy(p):\n    lambda companion: 0\n    return companion.exact.tables.entropy(p)": "does",
    "import numpy as np\ndef entropy(p):\n    return np.fromregex('x', 'y', 'z')": "uses numpy.fromregex",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_what_is_not_allowed_is_refused(tmp_path, text, message):
    assert message in source(script(tmp_path / "a.py", text), forbidden=FORBIDDEN).refused


@pytest.mark.parametrize(
    "text",
    [
        "def entropy(p):\n    vars = p.var()\n    return vars",
        "def entropy(p):\n    # pasted\u2028from a page\x0c\n    return p.var()",
        "\ufeffdef entropy(p):\n    return p.var()",
        "import warnings\ndef entropy(p):\n    with warnings.catch_warnings():\n        return p.var()",
        "def entropy(p):\n    from scipy import stats\n    return stats\ndef entropy(p):\n    return p.var()",
        "x = [0][1]\ndef entropy(p):\n    return p.var()\n    x",
        "t = %timeit 1\nt?\ndef entropy(p):\n    return p.var()",
    ],
    ids=["builtin", "line ends", "mark", "warnings", "superseded", "constant", "magic"],
)
def test_honest_code_runs(tmp_path, text):
    found, space = source(script(tmp_path / "a.py", text), forbidden=FORBIDDEN), {}
    assert found.refused is None
    exec(found.source, space)
    assert space["entropy"](np.array([1.0, 3.0])) == 1


def test_a_name_that_is_only_local_is_not_what_was_imported_elsewhere(tmp_path):
    text = """
from companion.exact.tables import entropy as total
def entropy(p):
    total = 0.0
    for value in p:
        total += value
    return total
def another(p):
    return total(p)
"""
    path = script(tmp_path / "a.py", text)
    assert source(path, forbidden=FORBIDDEN).refused is None
    assert "import" not in source(path, forbidden=FORBIDDEN).source
    assert "does the work" in source(path, "another", FORBIDDEN).refused


def test_a_name_handed_on_by_another_module_is_found_where_it_is_defined(tmp_path):
    text = "from companion.exact.decomposition import entropy as h\ndef entropy(p):\n    return h(p)"
    found = source(script(tmp_path / "a.py", text), forbidden=("companion.exact.tables",))
    assert (
        found.refused == "Line 2 of entropy uses companion.exact.tables.entropy, which does the work of this question."
    )


def test_a_cell_that_python_cannot_read_is_left_out_and_named(tmp_path):
    found = read(notebook(tmp_path / "a.ipynb", "def f(:", SOLUTION))
    assert found.unreadable == ("cell 2 is left out, as Python cannot read it: invalid syntax, line 1.",)
    assert code(found, "entropy", FORBIDDEN).source.startswith("import numpy as np")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cells": 3}', json.dumps({"cells": [{"cell_type": "code"}]})])
def test_what_is_no_notebook_is_an_error(tmp_path, text):
    with pytest.raises(ValueError, match=r"path: expected a notebook, and a\.ipynb is none"):
        read(script(tmp_path / "a.ipynb", text))


def test_another_ending_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"expected a notebook \.ipynb or a script \.py, got a\.pdf"):
        read(script(tmp_path / "a.pdf", ""))
