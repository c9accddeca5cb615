"""Small books built by Sphinx as ``python -m sphinx`` does, but in this process, which imports its libraries once."""

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

from sphinx.cmd.build import build_main

SITE = Path(__file__).parents[1] / "site"
OWN_SUFFIXES = "source_suffix..rst=restructuredtext"  # extensions add to the default, for all builds to come


def sphinx(*arguments: object) -> CompletedProcess:
    """What a build with these arguments returns and says."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings(), imports_of_its_own():
        warnings.simplefilter("ignore")
        status = build_main(["-D", OWN_SUFFIXES, *map(str, arguments)])
    return CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


@contextmanager
def imports_of_its_own() -> Iterator[None]:
    """Forget the extensions of the site afterwards, and where they lie."""
    path = sys.path.copy()
    yield
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(SITE)):
            del sys.modules[name]
