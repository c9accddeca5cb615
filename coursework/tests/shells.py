"""Runs notebooks in IPython, as a kernel does: their cells one after another, each notebook in a process of its own.

Standard input has a dict as JSON, cells by name; each line of the answer has a name, and what the last cell printed and
raised.
"""

import io
import json
import os
import sys
import tempfile
import traceback
from contextlib import redirect_stderr, redirect_stdout

import examples
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import elbo_coursework


def run(cells):
    """What the last cell printed and raised, after the others; an error in these stops nothing, as by hand."""
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.user_ns |= {"check": elbo_coursework.check, "TINY": examples.TINY}
    printed = io.StringIO()
    for cell in cells[:-1]:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            shell.run_cell(cell, store_history=True)
    with redirect_stdout(printed), redirect_stderr(io.StringIO()):
        done = shell.run_cell(cells[-1], store_history=True)
    error = done.error_before_exec or done.error_in_exec
    words = "" if error is None else f"{type(error).__name__}: {error}"
    return {"printed": printed.getvalue(), "error": words}


def apart(cells):
    """``run`` in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                sys.path.insert(0, folder)  # as a kernel has it
                os.write(writing, json.dumps(run(cells)).encode())
        except BaseException:
            os.write(writing, json.dumps({"printed": "", "error": traceback.format_exc()}).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text)


if __name__ == "__main__":
    for name, cells in json.load(sys.stdin).items():
        print(json.dumps([name, apart(cells)]), flush=True)
