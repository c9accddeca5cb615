"""However a student's code ends, there is a sentence for it; the text of the code is not searched here."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import companion
from elbo_coursework.sandbox import Answer, Limits, call
from elbo_coursework.submissions import Code

SHORT = Limits(cpu_per_call=1, cpu_total=3, memory=2**30, output=1000, wall_clock_factor=30)


def run(body: str, *inputs, limits: Limits = SHORT, name: str = "f", modules=()) -> list[Answer]:
    return call(Code(body, tuple(modules), None), name, list(inputs or [{"x": 1.0}]), limits)


def test_values_go_there_and_back():
    body = "def f(**given):\n    assert type(given['a']).__name__ == 'ndarray'\n    return given"
    inputs = {"a": np.array([[1.0, 1 / 3], [np.inf, -0.0]]), "n": np.int64(3), "t": "ä", "d": {"b": [True, False]}}
    (answer,) = run(body, inputs)
    assert answer.value == {"a": [[1.0, 1 / 3], [np.inf, -0.0]], "n": 3, "t": "ä", "d": {"b": [True, False]}}
    ragged = run("def f(x):\n    return [row.sum() for row in x]", {"x": [np.arange(2), np.arange(3)]})
    assert ragged[0].value == [1, 3]
    tensor = "def f(x):\n    import torch\n    return torch.tensor(x, requires_grad=True) * 2"
    assert run(tensor, {"x": 1.5}, limits=Limits(), modules=["torch"])[0].value == 3.0


WRITES = "def f(x):\n    import os, sys\n    os.write(int(sys.argv[1]), {!r})"
FORGED = "The code wrote something else in place of its answer."
ENDINGS = {
    "def f(x):\n    while True: pass": "The code ran longer than 1 s.",
    "def f(x):\n    return len(bytearray(2**31))": "The code used more than 1 GiB of memory.",
    "def f(x):\n    return 'a' * 10**7": "The code returned more than 1000 characters.",
    "def f(x):\n    y = 0\n    return 1 / y": "The code raised ZeroDivisionError: division by zero, in line 3 of f.",
    "def f(x):\n    return g(x)": (
        "The code raised NameError: name 'g' is not defined, in line 2 of f; grading keeps imports by name, functions, "
        "classes and constants only."
    ),
    "def f(x):\n    raise SystemExit(0)": "The code tried to end its process.",
    "def f(x):\n    import os\n    os._exit(3)": "The code ended its own process with status 3.",
    "def f(x):\n    import os, signal\n    os.kill(os.getpid(), 9)": "The code tried to end a process.",
    "def f(x):\n    import faulthandler\n    faulthandler._sigabrt()": "The code ended its own process by SIGABRT.",
    "def f(x):\n    import socket\n    socket.socket()": "The code tried to open a socket.",
    "def f(x):\n    import os\n    os.system('true')": "The code tried to start another program.",
    "def f(x):\n    import subprocess\n    subprocess.run(['true'])": "The code tried to start another program.",
    "def f(x):\n    import os\n    os.fork()": "The code tried to start another process.",
    "def f(x):\n    open('/etc/passwd').read()": "The code tried to read the file /etc/passwd.",
    "def f(x):\n    import elbo_coursework": "The code tried to import elbo_coursework.",
    "def f(x):\n    import resource\n    resource.setrlimit(resource.RLIMIT_CPU, (9, 9))": (
        "The code tried to change its limits."
    ),
    "def f(x):\n    return f": (
        "The code raised TypeError: the answer is or holds a function, and should be made of numbers and arrays."
    ),
    "def f(x):\n    import os, sys, time\n    os.close(int(sys.argv[1]))\n    time.sleep(600)": (
        "The code closed the pipe on which it answers."
    ),
    WRITES.format(b"[1]\n"): FORGED,
    WRITES.format(b'{"violations": 3, "cpu": 1, "value": 1}\n'): FORGED,
    WRITES.format(b'{"violations": [], "cpu": NaN}\n'): FORGED,
}


@pytest.mark.parametrize(("body", "message"), ENDINGS.items(), ids=ENDINGS.values())
def test_every_ending_has_a_sentence(body, message):
    assert run(body) == [Answer(error=message)]


def test_the_package_can_be_read_and_what_lies_beside_it_cannot():
    root = Path(companion.__file__).parents[1]
    inside, beside = root / "companion" / "units.py", root / "seed.txt"
    body = "def f(x):\n    return open({!r}).read()[:3]"
    assert run(body.format(str(inside))) == [Answer('"""')]
    assert run(body.format(str(beside))) == [Answer(error=f"The code tried to read the file {beside}.")]


def test_the_time_of_all_calls_is_limited_too():
    body = "def f(x):\n    import time\n    end = time.process_time() + 0.7\n    while time.process_time() < end: pass"
    limits = Limits(cpu_per_call=1, cpu_total=2, wall_clock_factor=30)
    message = [answer.error for answer in run(body, *[{"x": 1.0}] * 9, limits=limits)]
    assert set(message) == {"", "The code ran longer than 2 s."}
    assert message == sorted(message)


def test_code_that_sleeps_is_stopped_by_the_clock():
    body = "def f(x):\n    import time\n    time.sleep(600)"
    assert run(body, limits=Limits(wall_clock_factor=0.2)) == [Answer(error="The code ran longer than 2 s.")]


def test_a_file_is_not_written_and_silence_about_it_does_not_help(tmp_path):
    target = tmp_path / "grades.csv"
    body = f"def f(x):\n    try:\n        open({str(target)!r}, 'w')\n    except Exception:\n        pass\n    return x"
    assert run(body) == [Answer(error=f"The code tried to write the file {target}.")]
    assert not target.exists()


def test_after_an_error_the_next_call_is_made_and_after_an_end_none():
    body = "def f(x):\n    if x < 0: raise ValueError('below 0')\n    return x"
    answers = run(body, {"x": 1.0}, {"x": -1.0}, {"x": 2.0})
    assert [answer.value for answer in answers] == [1.0, None, 2.0]
    body = "def f(x):\n    if x < 0: raise_at = [i for i in iter(int, 1)]\n    return x"
    answers = run(body, {"x": 1.0}, {"x": -1.0}, {"x": 2.0})
    assert answers[0] == Answer(1.0)
    assert answers[1] == answers[2] != answers[0]


def test_code_that_fails_to_load_says_so_once_for_each():
    assert (
        run("ONE = 1 / 0\ndef f(x):\n    return x", {"x": 1.0}, {"x": 2.0})
        == [Answer(error="The code raised ZeroDivisionError: division by zero.")] * 2
    )


def test_the_child_sees_nothing_of_the_instructor(monkeypatch):
    monkeypatch.setenv("COMPANION_SEED", "secret")
    body = "def f(x):\n    import os, sys\n    return [dict(os.environ), os.listdir('.'), sys.argv[1:]]"
    environment, files, arguments = run(body)[0].value
    assert "secret" not in str(environment)
    libraries = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
    assert set(environment) == {"HOME", "LANG", "PATH", "PYTHONHASHSEED", "TMPDIR"} | libraries
    assert files == []
    assert arguments[0].isdigit()


def test_nothing_of_a_call_is_left():
    body = "def f(x):\n    import os\n    return [os.getpid(), os.getcwd()]"
    pid, folder = run(body)[0].value
    assert not os.path.exists(f"/proc/{pid}")
    assert not os.path.exists(folder)


def test_another_system_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ValueError, match=r"platform: expected Linux .* got win32"):
        run("def f(x): return x")


@pytest.mark.parametrize("name", ["cpu_per_call", "cpu_total", "memory", "output", "wall_clock_factor"])
def test_limits_are_positive(name):
    with pytest.raises(ValueError, match=f"{name}: expected above 0, got 0"):
        Limits(**{name: 0})
