"""However a student's code ends, there is a sentence for it, and it finds nothing that it should not see."""

import os
import subprocess
import sys

import numpy as np
import pytest

from elbo_coursework import confinement
from elbo_coursework.confinement import Isolation, isolation
from elbo_coursework.sandbox import Answer, Limits, call, survey

SHORT = Limits(cpu_per_call=1, cpu_total=3, memory=2**30, output=1000)
ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def isolated() -> Isolation:
    """The strongest that this machine has."""
    for level in confinement.LEVELS:
        try:
            return isolation(level, allow_root=True)
        except ValueError:
            continue
    raise AssertionError("no level of isolation")


@pytest.fixture
def run(isolated):
    def run(body: str, *inputs, limits: Limits = SHORT, references=None) -> list[Answer]:
        submission = {"content": body.encode(), "file": "one.py", "helpers": {}}
        return call(submission, "f", list(inputs or [{"x": 1.0}]), limits, isolated, references)[0]

    return run


def test_values_go_there_and_back(run):
    body = "def f(**given):\n    assert type(given['a']).__name__ == 'ndarray'\n    return given"
    inputs = {"a": np.array([[1.0, 1 / 3], [np.inf, -0.0]]), "n": np.int64(3), "t": "ä", "d": {"b": [True, False]}}
    (answer,) = run(body, inputs)
    assert answer.value == {"a": [[1.0, 1 / 3], [np.inf, -0.0]], "n": 3, "t": "ä", "d": {"b": [True, False]}}
    ragged = run("def f(x):\n    return [row.sum() for row in x]", {"x": [np.arange(2), np.arange(3)]})
    assert ragged[0].value == [1, 3]
    tensor = "import torch\ndef f(x):\n    return torch.tensor(x, requires_grad=True) * 2"
    assert run(tensor, {"x": 1.5}, limits=Limits())[0].value == 3.0


TOLD = {
    "def f(x):\n    y = 0\n    return 1 / y": "The code raised ZeroDivisionError: division by zero, in line 3 of f.",
    "def f(x):\n    return g(x)": (
        "The code raised NameError: name 'g' is not defined, in line 2 of f; no cell that Python can read gives it a "
        "value, so look whether one was deleted, renamed or moved."
    ),
    "def f(x):\n    raise SystemExit(0)": "The code tried to end its process.",
    "def f(x):\n    import companion": (
        "The code raised ModuleNotFoundError: No module named 'companion', in line 2 of f; grading has no companion, "
        "as it holds the answers."
    ),
    "A = 1 / 0\ndef f(x):\n    return A": (
        "The code needs what the file, line 1 should have made, and that raised ZeroDivisionError: division by zero."
    ),
    "def f(x):\n    return f": (
        "The code raised TypeError: the answer is or holds a function, and should be made of numbers and arrays."
    ),
    "from scipy.stats import entropy\ndef f(x):\n    return entropy([x, 1])": (
        "The code raised PermissionError: scipy.stats.entropy does the work of the question: write the sum yourself, "
        "in line 2 of f."
    ),
    "def f(x):\n    raise type('E' * 10**6, (Exception,), {})('\\x1b[31m' + 'a' * 10**6)": (
        f"The code raised {'E' * 60}:  [31m{'a' * 195}, in line 2 of f."
    ),
}
FORGED = "The code wrote something else in place of its answer."
WRITES = (
    "def f(x):\n    import gc\n"
    "    line = next(o for o in gc.get_objects() if type(o).__name__ == 'Lines').answers\n"
    "    line.write({!r})\n    line.flush()\n"
)
ENDED = {
    "def f(x):\n    while True: pass": "The code ran longer than 1 s.",
    "def f(x):\n    return len(bytearray(2**31))": "The code used more than 1 GiB of memory.",
    "def f(x):\n    import os\n    os._exit(3)": "The code ended its own process with status 3.",
    "def f(x):\n    import faulthandler\n    faulthandler._sigabrt()": "The code ended its own process by SIGABRT.",
    "def f(x):\n    import time\n    time.sleep(600)": "The code ran longer than 2 s by the clock.",
    WRITES.format("[1]\n"): FORGED,
    WRITES.format("[" * 10**5 + "\n"): "The code returned more than 1000 characters.",
    WRITES.format("[" * 9000 + "\n"): FORGED,
}


@pytest.mark.parametrize(("body", "message"), TOLD.items(), ids=range(len(TOLD)))
def test_every_error_has_a_sentence(run, body, message):
    assert run(body, limits=Limits()) == [Answer(error=message, told=True)]


@pytest.mark.parametrize(("body", "message"), ENDED.items(), ids=range(len(ENDED)))
def test_every_end_has_a_sentence(run, body, message):
    assert run(body, limits=Limits(1, 3, memory=2**30, output=1000, wall_clock=2 if "sleep" in body else 60)) == [
        Answer(error=message)
    ]


def test_the_time_of_all_calls_is_limited_too(run):
    body = "def f(x):\n    import time\n    end = time.process_time() + 0.7\n    while time.process_time() < end: pass"
    limits = Limits(cpu_per_call=1, cpu_total=2, cpu_start=1)
    message = [answer.error for answer in run(body, *[{"x": 1.0}] * 9, limits=limits)]
    assert set(message) == {"", "The code ran longer than 1 s."}
    assert message == sorted(message)


def test_after_an_error_the_next_call_is_made_and_after_an_end_none(run):
    body = "def f(x):\n    if x < 0: raise ValueError('below 0')\n    return x"
    answers = run(body, {"x": 1.0}, {"x": -1.0}, {"x": 2.0})
    assert [answer.value for answer in answers] == [1.0, None, 2.0]
    body = "import os\ndef f(x):\n    if x < 0: os._exit(0)\n    return x"
    answers = run(body, {"x": 1.0}, {"x": -1.0}, {"x": 2.0})
    assert answers[0] == Answer(1.0)
    assert answers[1] == answers[2] == Answer(error="The code ended its own process with status 0.")


def test_a_reference_stands_in_place_of_a_function(run):
    body = "def g(x):\n    return 0\ndef f(x):\n    return g(x) + g(x=[1, 2])[1]"
    (answer,) = run(body, references={"g": lambda x: np.asarray(x) * 10})
    assert answer.value == 10 + 20
    refused = "def f(x):\n    return [g(x) for _ in range(3000)]\ndef g(x): pass"
    (answer,) = run(refused, references={"g": lambda x: x})
    assert "g was called more than 2000 times" in answer.error


def test_the_code_sees_nothing_of_the_instructor(isolated, monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_SEED", "a heron")
    (tmp_path / "seed.txt").write_text("a heron")
    body = (
        "import os, sys\n"
        "def f(x):\n"
        "    def held(path):\n"
        "        try:\n            return open(path).read()\n        except OSError as error:\n            return ''\n"
        f"    paths = [{str(tmp_path / 'seed.txt')!r}, '/proc/self/cmdline', '/proc/1/environ', '/etc/passwd']\n"
        "    return [dict(os.environ), os.listdir('.'), sys.argv[1:], list(map(held, paths)), os.getuid()]"
    )
    submission = {"content": body.encode(), "file": "one.py", "helpers": {"mine.py": b"ONE = 1"}}
    environment, files, arguments, held, user = call(submission, "f", [{"x": 1.0}], Limits(), isolated)[0][0].value
    assert "heron" not in str(environment)
    assert files == ["mine.py"]
    assert len(arguments) == 1
    if isolated.level == "full":
        assert held == [""] * 4
        assert user in (1000, 65534)


def test_nothing_of_a_call_is_left(run):
    before = set(os.listdir("/tmp"))
    body = "import os\ndef f(x):\n    open('kept', 'w').write('x')\n    return os.getcwd()"
    run(body)
    assert not {name for name in set(os.listdir("/tmp")) - before if os.path.exists(f"/tmp/{name}/kept")}


def test_a_survey_tells_what_a_file_holds(isolated):
    def held(text, file="one.ipynb"):
        return survey({"content": text, "file": file, "helpers": {}}, SHORT, isolated)

    assert held(b"def f(x): pass\nA = 1\ndef g(x): pass", "a.py")["functions"] == ["f", "A", "g"]
    assert held(b"<!DOCTYPE html><p>", "a.html")["problems"] == [
        "The file cannot be read: it is a page of HTML: hand in the notebook itself, by File > Download."
    ]
    large = b"A = [" + b"1," * 10**7 + b"]"
    assert held(large, "a.py")["problems"] == ["the file is left out: to read it takes more memory than there may be."]


def test_isolation_is_asked_for_and_told(monkeypatch):
    with pytest.raises(ValueError, match="isolation: expected one of full, user, none, got 'some'"):
        isolation("some")
    monkeypatch.setattr(confinement, "refusal", lambda level: "it is not there")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ValueError, match="isolation: expected 'full', and it is not there; add --isolation none"):
        isolation("full")
    assert isolation("none") == Isolation("none")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ValueError, match=r"allow_root: grading as the superuser .* or add --allow-root"):
        isolation("none")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ValueError, match=r"platform: expected Linux .* got win32"):
        isolation("none")


WITHOUT = {
    "an ordinary user": ["unshare", "--user", "--map-user=1000"],
    "a superuser without namespaces": ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"],
}
PROBE = """
import sys
from elbo_coursework import confinement, sandbox
levels = {}
for level in confinement.LEVELS:
    try:
        isolated = confinement.isolation(level, allow_root=True)
    except ValueError as error:
        levels[level] = str(error)
        continue
    submission = {"content": b"def f(x): return 2 * x", "file": "a.py", "helpers": {}}
    levels[level] = sandbox.call(submission, "f", [{"x": 2}], sandbox.Limits(), isolated)[0][0].value
print(levels)
"""


@pytest.mark.parametrize("who", WITHOUT)
def test_each_level_works_or_says_why_not(who):
    command = [*WITHOUT[who], sys.executable, "-c", PROBE]
    if subprocess.run([*WITHOUT[who], "true"], capture_output=True, check=False).returncode:
        command = command[len(WITHOUT[who]) :]  # nothing to take away: as it is
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COMPANION_SEED": ""})
    levels = eval(done.stdout)
    assert levels["none"] == 4
    assert all(value == 4 or "isolation: expected" in value for value in levels.values())
    if ROOT and who == "an ordinary user":
        assert "only the superuser" in levels["user"]


@pytest.mark.parametrize("name", ["cpu_per_call", "cpu_total", "cpu_start", "memory", "output", "wall_clock"])
def test_limits_are_positive(name):
    with pytest.raises(ValueError, match=f"{name}: expected above 0, got 0"):
        Limits(**{name: 0})
