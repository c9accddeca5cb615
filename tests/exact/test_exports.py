"""The names that ``companion.exact`` exports: on one screen, without torch, and none that hides a submodule."""

import pkgutil
import re
import subprocess
import sys

from companion import exact


def test_importing_the_exact_floor_imports_no_torch():
    code = "import sys, companion.exact; assert not {'torch', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_exported_name_hides_a_submodule():
    assert not {module.name for module in pkgutil.iter_modules(exact.__path__)} & set(exact.__all__)


def test_the_docstring_lists_what_is_exported_and_nothing_else():
    lines = re.findall(r"^([\w, ]+) : ", exact.__doc__, re.MULTILINE)
    listed = [name for line in lines for name in line.split(", ")]
    assert sorted(listed) == sorted(exact.__all__)
    assert exact.__doc__.count("\n") <= 60
