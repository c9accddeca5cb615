"""Hostile submissions: none earns more than it should, learns or changes anything, or keeps a class from its grades.

Each attack is the source of a submission to one question. It is told where the secret, the submissions and the records
are, which is more than a student knows, and gives back all that it could learn.
"""

import ctypes
import io
import json
import os
import platform
import secrets
import tempfile
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from time import monotonic

import pytest

from elbo_coursework import Limits, assignment, confinement, grade, grade_folder, jail, sandbox
from elbo_coursework.confinement import LEVELS, Isolation
from elbo_coursework.questions import PUBLIC_SEED
from elbo_coursework.submissions import Submission

SURGERY = assignment("surgery")
RATE = replace(SURGERY, questions=(SURGERY.question("rate"),), manual=())
MOST = RATE.questions[0].points
LIMITS = Limits(cpu_per_call=2, cpu_total=4, cpu_start=8, wall_clock=120)
SHORT = Limits(cpu_per_call=1, cpu_total=2, cpu_start=6, wall_clock=5, submission=30)


def available(level: str) -> bool:
    """Whether the machine has that level of isolation."""
    try:
        return confinement.isolation(level, allow_root=True).level == level
    except ValueError:
        return False


HERE = [level for level in LEVELS if available(level)]
#: The best level that the machine has; the others are for ``make test-full``.
EACH = [pytest.param(level, marks=[pytest.mark.full] if i else []) for i, level in enumerate(HERE)]
HONEST = """
import numpy as np
def rate(encoder, prior):
    with np.errstate(all="ignore"):
        terms = np.where(encoder > 0, encoder * np.log(encoder / prior), 0.0)
    return float(terms.sum() / len(encoder))
"""
PRIVATE = "ada's own thoughts on the rate, 3141"
#: Before each attack: ``tries`` gives what its arguments give or raise; ``system`` is a call of the system.
BEFORE = """
import builtins, ctypes, gc, os, signal, socket, sys, time
import numpy as np
SEED, OTHER, RECORD, OUT, PLACES, REPOSITORY = {paths!r}
libc = ctypes.CDLL(None, use_errno=True)

def tries(*works):
    found = []
    for work in works:
        try:
            found.append(repr(work())[-20000:])
        except BaseException as error:
            found.append(type(error).__name__)
    return " ".join(found)

def system(*given):
    libc.syscall.restype = ctypes.c_long
    result = libc.syscall(*given)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result

def text(path):
    with open(path, "rb") as file:
        return file.read(10**6)

def overwrite(path, content=b"forged"):
    with open(path, "r+b") as file:
        file.write(content)
"""


def landlock() -> bool:
    """Whether the system has Landlock, without which the levels below the full one hold little."""
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0


def works(*lines: str) -> str:
    """A submission whose function gives what each of these expressions gives."""
    return "def rate(encoder, prior):\n    return tries(" + ", ".join(f"lambda: {line}" for line in lines) + ")"


#: Attacks that read, write, or reach for other processes, by what they do.
REACH = {
    "open the seed": works("text(SEED)", "text('../seed.txt')", "text('../../seed.txt')", "os.listdir(OUT)"),
    "torch.from_file on the seed and others": "import torch\n"
    + works(
        "bytes(torch.from_file(SEED, size=32, dtype=torch.uint8).tolist())",
        "bytes(torch.from_file(OTHER, size=200, dtype=torch.uint8).tolist())",
        "bytes(torch.from_file(RECORD, size=200, dtype=torch.uint8).tolist())",
    ),
    "torch.from_file with shared writes": "import torch\n"
    + works(*(f"torch.from_file({p}, shared=True, size=9, dtype=torch.uint8).fill_(57)" for p in ("RECORD", "OTHER"))),
    "torch.save onto others": "import torch\n" + works("torch.save({}, OTHER)", "torch.save({}, RECORD)"),
    "numpy's files": works(
        "np.fromfile(SEED, dtype='u1').tobytes()",
        "np.memmap(OTHER, dtype='u1', mode='r+').fill(0)",
        "np.save(OTHER, np.zeros(9))",
        "np.zeros(9).tofile(RECORD)",
        "np.genfromtxt(SEED, dtype=str)",
    ),
    "pandas and matplotlib": works(
        "__import__('pandas').read_csv(SEED)", "__import__('matplotlib.pyplot').imread(OTHER)"
    ),
    "write records and submissions": works(
        "overwrite(RECORD)", "overwrite(OTHER)", "overwrite(SEED)", "os.remove(OTHER)"
    )
    + "\n"
    + "os.path.exists(OUT) and [os.replace(RECORD, OTHER)]",
    "make what lies beside": works(
        "open(os.path.join(OUT, 'grades.csv'), 'w')", "os.rename(OUT, OUT + '2')", "os.chmod(OUT, 0o777)"
    ),
    "import the grader": works(
        "__import__('companion.__main__')",
        "__import__('elbo_coursework.grading').grading.LIMITS",
        "(sys.path.extend([REPOSITORY, REPOSITORY + '/coursework']), __import__('companion').__file__)[1]",
        "__import__('elbo_coursework.oracle').oracle",
    ),
    "name the grader's module": "import companion.__main__ as m\nimport elbo_coursework.__main__ as n\n"
    "def rate(encoder, prior):\n    return m.main.x or n.main",
    "match on the traceback": """
def rate(encoder, prior):
    found = []
    try:
        raise ValueError
    except ValueError as error:
        match error:
            case ValueError(__traceback__=trace):
                frame = trace.tb_frame
    while frame:
        match frame:
            case object(f_locals=held, f_globals=most, f_back=back):
                found.append(repr(held)[:20000] + repr(most)[:20000])
                frame = back
    return " ".join(found)
""",
    "all objects": works("[repr(one)[:300] for one in gc.get_objects() if isinstance(one, (dict, str, list))][:5000]"),
    "the processes' own files": works(
        "[text(f'/proc/{p}/cmdline') for p in os.listdir('/proc') if p.isdigit()]",
        "[text(f'/proc/{p}/environ') for p in os.listdir('/proc') if p.isdigit()]",
        "text(f'/proc/{os.getppid()}/environ')",
        "text(f'/proc/{os.getppid()}/maps')",
        "open(f'/proc/{os.getppid()}/mem', 'r+b')",
        "os.listdir(f'/proc/{os.getppid()}/fd')",
        "os.listdir(f'/proc/{os.getppid()}/cwd')",
        "os.listdir(f'/proc/{os.getppid()}/root/')",
    ),
    "the environment": works(
        "dict(os.environ)", "ctypes.c_char_p.in_dll(libc, 'environ')", "sys.argv", "os.getlogin()"
    ),
    "class bodies and mangled names": """
class _Guard:
    from os import environ as __environ
    import builtins as __builtins
    held = repr(dict(__environ)), repr(__builtins.__dict__.keys())
    def reach(self):
        return self.__builtins.open(SEED).read()
def rate(encoder, prior):
    return tries(lambda: _Guard.held, lambda: _Guard().reach(), lambda: _Guard._Guard__builtins.open(OTHER).read())
""",
    "update_wrapper and ForwardRef": """
import functools, typing
class Taken: pass
def rate(encoder, prior):
    functools.update_wrapper(Taken, open, assigned=["__self__"], updated=[])
    hint = lambda: typing.get_type_hints(type("T", (), {"__annotations__": {"x": "open(SEED).read()"}}), globals())
    return tries(lambda: Taken.__self__.open(SEED).read(), hint,
        lambda: typing.ForwardRef("open(OTHER).read()")._evaluate(globals(), {}, frozenset()))
""",
    "builtins by match": """
def rate(encoder, prior):
    match builtins:
        case object(open=opened, eval=run, __import__=get):
            return tries(lambda: opened(SEED).read(), lambda: run("open(OTHER).read()"), lambda: get("elbo_coursework"))
""",
    "links": works(
        "[os.symlink(SEED, 'link'), text('link')]",
        "[os.link(SEED, 'hard'), text('hard')]",
        "[os.symlink(OUT, 'folder'), os.listdir('folder')]",
        "[os.mknod('disk', 0o60666, os.makedev(254, 0)), text('disk')]",
        "[os.mkfifo('pipe')]",
        "os.listdir('/dev/disk')",
    ),
    "handles": works(
        "[os.readlink(f'/dev/fd/{i}') for i in range(20)]",
        "[(i, os.lseek(i, 0, 0), os.read(i, 100)) for i in range(3, 20) if os.isatty(i) is None]",
        "os.open('..', os.O_RDONLY) and os.listdir('../..')",
        "os.fchdir(os.open('/', os.O_PATH)) or os.listdir('.')",
    ),
    "ptrace and the memory of others": works(
        "system(101, 16, os.getppid(), 0, 0)",
        "system(310, os.getppid(), 0, 0, 0, 0, 0)",
        "system(434, os.getppid(), 0)",
        "system(101, 0, 0, 0, 0)",
    ),
    "namespaces and mounts": works(
        "system(272, 0x10000000)",
        "system(272, 0x10000000 | 0x20000)",
        "libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None) or [][0]",
        "libc.umount2(b'/', 2) or [][0]",
        "os.chroot('.')",
        "system(155, b'.', b'.')",
        "system(428, -100, b'/', 1)",
        "system(308, 0, 0)",
    ),
    "the network": works(
        *(f"socket.create_connection(('127.0.0.1', {port}), 1)" for port in (22, 80, 8888)),
        "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "socket.socket(socket.AF_UNIX).connect('\\0abstract')",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('::1', 9))",
        "socket.getaddrinfo('example.org', 80)",
    ),
    "other calls of the system": works(
        *(f"system({n}, 0, 0, 0, 0, 0)" for n in (425, 321, 298, 323, 447, 442)),
        "system(0x40000000 | 57)",
        "system(304, -1, 0, 0)",
        "libc.personality(0x0040000)",
    ),
    "the cache and the path of Python": works(
        "[open(os.path.join(p, 'reading.py'), 'w') for p in sys.path if p]",
        "[os.makedirs(os.path.join(os.path.dirname(m.__file__), '__pycache__', 'x')) for m in (np, os)]",
        "open(np.__file__, 'a')",
        "open(os.path.join(os.path.dirname(np.__file__), 'sitecustomize.py'), 'w')",
        "open(sys.executable, 'r+b')",
    ),
    "signals to others": works(
        "os.kill(os.getppid(), signal.SIGKILL)",
        "os.kill(os.getppid(), signal.SIGSTOP)",
        "os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)",
        "os.kill(-1, signal.SIGKILL)",
        "os.killpg(0, signal.SIGTERM)",
        "system(234, os.getppid(), os.getppid(), 9)",
        "__import__('resource').prlimit(os.getppid(), 0, (0, 0))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
    ),
    "more than the limits": works(
        "__import__('resource').setrlimit(9, (-1, -1))",
        "__import__('resource').setrlimit(0, (10**6, 10**6))",
        "__import__('resource').setrlimit(6, (99, 99))",
        "__import__('resource').setrlimit(7, (4096, 4096))",
    ),
}
FORK = """
    child = os.fork()
    if child == 0:
        {inside}
        for _ in range(400):
            for path in (RECORD, OTHER, os.path.join(PLACES, "survivor")):
                try:
                    open(path, "w").write("forged")
                except OSError:
                    pass
            time.sleep(0.05)
        os._exit(0)
"""
#: Attacks that leave something running or lying about.
REMAIN = {
    "fork and survive": "def rate(encoder, prior):" + FORK.format(inside="signal.signal(15, signal.SIG_IGN)"),
    "fork twice, with a session": "def rate(encoder, prior):"
    + FORK.format(inside="os.setsid()\n        if os.fork():\n            os._exit(0)"),
    "clone by the system's number": works("system(56, 0x100 | 0x200 | 17, 0, 0, 0, 0)", "system(57)", "system(58)"),
    "clone with a namespace": works(
        "system(56, 0x10000000 | 17, 0, 0, 0, 0)", "system(435, 0, 0)", "os.posix_spawn('/bin/sh', ['sh'], {})"
    ),
    "another program": works(
        "__import__('subprocess').run(['/bin/sh', '-c', f'sleep 60; echo forged > {RECORD}'])",
        "os.system(f'(sleep 3; echo forged > {OTHER}) &')",
        "os.popen('cat ' + SEED).read()",
        "__import__('multiprocessing').Process(target=print).start()",
    ),
    "threads that go on": """
import threading
def forever():
    while True:
        try:
            open(RECORD, "w").write("forged")
        except OSError:
            time.sleep(0.01)
def rate(encoder, prior):
    return tries(lambda: threading.Thread(target=forever, daemon=False).start())
""",
    "another program in its own place": "def rate(encoder, prior):\n    os.execv('/bin/sh', ['sh', '-c', "
    "f'cat {SEED} >&3; cat {SEED} >&4; sleep 1; (sleep 60; echo forged > {RECORD}) & echo {{}} >&4'])",
    "memory of the system": works(
        "system(29, 0x3141, 4096, 0o1666)", "system(68, 0x3141, 0o1666)", "system(64, 0x3141, 1, 0o1666)"
    ),
    "queues and keys": works(
        "system(240, b'survivor', 0o102, 0o666, 0)",
        "system(248, b'user', b'survivor', b'x', 1, -4)",
        "system(250, 11, system(250, 0, -4, 0, 0, 0), 0, 0, 0)",
    ),
    "files for the next run": """
FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run", ".", "..", PLACES, os.environ["HOME"], *sys.path)
FOUND = [os.path.exists(os.path.join(folder or ".", "survivor")) for folder in FOLDERS]
def rate(encoder, prior):
    for folder in FOLDERS:
        tries(lambda: open(os.path.join(folder or ".", "survivor"), "w").write("learnt by heart"))
    return "SURVIVED" if any(FOUND) else ""
""",
    "threads at the end": """
import atexit
def rate(encoder, prior):
    atexit.register(lambda: time.sleep(1000))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 0.5
""",
}
LIE = """
ANSWERS = []
for number in range(3, 30):
    try:
        os.write(number, b"")
        ANSWERS.append(number)
    except OSError:
        pass
def say(line):
    for number in ANSWERS:
        os.write(number, line)
"""


def says(line: str) -> str:
    """A submission that writes what these bytes are to whatever it can, before and in place of its answer."""
    return LIE + f"say({line})\ndef rate(encoder, prior):\n    say({line})\n    say({line})\n    return 0"


#: Attacks by what is answered.
ANSWERS = {
    "forged grades": says('b\'{"earned": 15, "correct": 5, "points": 15, "credit": 1, "value": true}\\n\' * 9'),
    "forged questions": says('b\'{"reference": "rate", "given": [[[1.0]], [1.0]], "named": {}}\\n\' * 99'),
    "a question of another kind": says('b\'{"reference": ["rate"], "given": 7, "named": [[]]}\\n\' * 9'),
    "no JSON": says("b'\\x00\\xff{]\\n' * 9"),
    "JSON of another kind": says("b'[1, 2]\\n\"rate\"\\nnull\\n3\\n'"),
    "deep JSON": says("b'{\"value\": ' + b'[' * 900 + b']' * 900 + b'}\\n'"),
    "deeper JSON": says("b'[' * 10**5 + b'\\n'"),
    "deep uses": says('b\'{"value": 1, "uses": [\' + b"[" * 900 + b"]" * 900 + b"]}\\n"'),
    "no numbers": says('b\'{"value": NaN}\\n{"value": Infinity}\\n{"value": 1e999}\\n{"value": -Infinity}\\n\''),
    "huge numbers": says('b\'{"value": \' + b"9" * 4000 + b"}\\n" + b\'{"value": \' + b"9" * 10**5 + b"}\\n"'),
    "control characters": says('b\'{"error": "\\\\ud800\\\\u001b[2J\\\\u0007<script>"}\\n\' * 9'),
    "an answer too long": "def rate(encoder, prior):\n    return 'a' * 10**7",
    "an answer without end of line": says("b'x' * 3 * 10**6"),
    "numbers that equal all": """
class Equal(float):
    __eq__ = __le__ = __ge__ = lambda *_: True
    __hash__ = None
def rate(encoder, prior):
    return [Equal(np.nan), np.inf, 10**400, -0.0]
""",
    "a number beyond floats": "def rate(encoder, prior):\n    return 10**400",
    "nothing but NaN": "def rate(encoder, prior):\n    return np.nan if len(encoder) % 2 else -1e308",
    "true": "def rate(encoder, prior):\n    return True",
    "what would be unpacked": "def rate(encoder, prior):\n    return {'__reduce__': ['os.system', 'true']}",
    "a changed judge": """
def rate(encoder, prior):
    for module in list(sys.modules.values()):
        for name in ("allclose", "isclose", "dumps", "encoded", "attempt", "raised"):
            if hasattr(module, name):
                setattr(module, name, lambda *a, **k: "0.5")
    return 0.5
""",
    "an exception with a long name": "def rate(encoder, prior):\n    raise type('E' * 1_900_000, (Exception,), {})",
    "an exception with the instance": "def rate(encoder, prior):\n    raise ValueError(repr(encoder.tolist()))",
    "an exception named by the instance": """
def rate(encoder, prior):
    error = type("E" + "_".join(f"{x:.6f}"[2:] for x in encoder[0]), (Exception,), {})("x")
    error.add_note(repr(encoder.tolist()))
    raise error
""",
    "an answer with the instance": "def rate(encoder, prior):\n    return repr(encoder.tolist())",
    "keys with the instance": "def rate(encoder, prior):\n    return {repr(encoder.tolist()): 1}",
    "an exception that fails itself": """
class E(BaseException):
    def __str__(self):
        raise self
def rate(encoder, prior):
    raise E
""",
    "a group of exceptions": "def rate(encoder, prior):\n    raise BaseExceptionGroup('g', [KeyboardInterrupt()] * 99)",
    "tags": "def rate(encoder, prior):\n    raise ValueError('<script>alert(1)</script>')",
    "closed handles": "def rate(encoder, prior):\n    os.closerange(0, 256)",
    "handles of its own": "def rate(encoder, prior):\n    os.closerange(0, 256)\n"
    "    [os.open('/dev/zero', os.O_RDWR) for _ in range(30)]",
    "its own end": "def rate(encoder, prior):\n    signal.raise_signal(9)",
    "a crash": "def rate(encoder, prior):\n    ctypes.string_at(0)",
    "a stack without end": "sys.setrecursionlimit(10**9)\ndef rate(encoder, prior):\n    return rate(encoder, prior)",
    "an exit": "import atexit\natexit.register(os._exit, 0)\ndef rate(encoder, prior):\n    os._exit(0)",
}
#: Points for infinity, which is the right answer to some instances.
LUCKY = {"no numbers": MOST / 3}
#: Attacks on memory and files, which end by a limit.
USE = {
    "memory": "def rate(encoder, prior):\n    return bytearray(2**33)",
    "arrays": "def rate(encoder, prior):\n    held = []\n    while True: held.append(np.ones(2**24))",
    "mapped memory": "import mmap\ndef rate(encoder, prior):\n    return tries(*[lambda: mmap.mmap(-1, 2**30)] * 9)",
    "files in memory": works("[os.write(os.memfd_create('a'), bytes(2**24)) for _ in range(999)]"),
    "shared memory": works(
        "[open(f'/dev/shm/survivor{i}', 'wb').write(bytes(2**20)) for i in range(99)]",
        "__import__('multiprocessing.shared_memory').shared_memory.SharedMemory('survivor', True, 2**20)",
    ),
    "many files": works("[os.open('/dev/null', 0) for _ in range(10**5)]", "[os.pipe() for _ in range(10**5)]"),
    "a large file": works("open('large', 'wb').write(bytes(2**28))", "os.truncate('large', 2**40)"),
    "large pairs of sockets": works("[p.setsockopt(1, 7, 2**24) for p in socket.socketpair()]"),
    "many pairs of sockets": works("[socket.socketpair()[0].send(bytes(2**17)) for _ in range(10**5)]"),
    "time": "def rate(encoder, prior):\n    while True: pass",
    "time while loading": "while True: rate = 1",
    "time, with its signal caught": "def rate(encoder, prior):\n    signal.signal(signal.SIGXCPU, lambda *_: None)\n"
    "    while True: pass",
}
#: Attacks that wait or flood; each is ended by the clock.
STALL = {
    "sleep": "def rate(encoder, prior):\n    time.sleep(10**6)",
    "stop": "def rate(encoder, prior):\n    signal.raise_signal(signal.SIGSTOP)",
    "raise and sleep": "def rate(encoder, prior):\n    signal.alarm(1)\n    signal.signal(14, lambda *_: None)\n"
    "    time.sleep(100) if rate.__dict__.setdefault('n', []) else rate.n.append(1)\n    raise ValueError('once')",
    "questions without end": LIE
    + 'def rate(encoder, prior):\n    while True: say(b\'{"reference": "rate", "given": [], "named": {}}\\n\')',
    "questions whose answers nobody reads": LIE
    + 'def rate(encoder, prior):\n    say(b\'{"reference": "rate", "given": [], "named": {}}\\n\' * 2000)\n'
    "    time.sleep(10**6)",
    "output without end": LIE + "def rate(encoder, prior):\n    while True: say(b'x' * 2**16)",
    "a byte a second": LIE + "def rate(encoder, prior):\n    while True: say(b' '); time.sleep(0.5)",
    "a destructor": "class D:\n    def __del__(self): time.sleep(10**6)\ndef rate(encoder, prior):\n    D()",
}
KINDS = {"reach": REACH, "remain": REMAIN, "answers": ANSWERS, "use": USE}
ATTACKS = {name: source for kind in KINDS.values() for name, source in kind.items()}
#: A class with every third attack at the best level, and for ``make test-full`` all of them at every level.
SOME = [name for i, name in enumerate(ATTACKS) if i % 3 == 0 or "instance" in name]
CLASSES = ["some", *(pytest.param(level, marks=pytest.mark.full) for level in HERE)]


def file_name(attack: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in attack)


def hashes(*roots: Path) -> dict[str, str]:
    paths = [path for root in roots for path in ([root] if root.is_file() else sorted(root.rglob("*")))]
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()}


def children() -> set[int]:
    """The processes that this one would have to wait for."""
    found = set()
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split() if folder.name.isdigit() else []
        except OSError:
            continue
        if fields and int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(folder.name))
    return found


def left() -> set[str]:
    """What could be left on the machine: files in places that all can write, and the system's own memory."""
    places = [Path(p) for p in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/dev/mqueue")]
    files = {str(path) for place in places if place.is_dir() for path in place.glob("*survivor*")}
    return files | {
        line
        for kind in ("shm", "msg", "sem")
        for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]
        if " 12609 " in f" {line} "
    }


class Class:
    """A class that was graded, with what was seen while it was."""

    def __init__(self, level: str, attacks: list[str], root: Path, patch: pytest.MonkeyPatch) -> None:
        self.attacks = attacks
        self.level, self.folder, self.out, self.seed = level, root / "class", root / "out", root / "seed.txt"
        self.folder.mkdir(parents=True)
        self.secret = secrets.token_hex(16)
        self.seed.write_text(self.secret)
        self.seed.chmod(0o600)
        patch.setenv("COMPANION_SEED", self.secret)
        self.said: dict[str, list[str]] = {}
        patch.setattr(sandbox, "call", self.spied(sandbox.call))
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # who survives becomes a child of this process
        for name in ("aaron", "zoe"):
            (self.folder / f"{name}.py").write_text(f"{HONEST}\n# {PRIVATE}\n")
        self.grade()
        self.record = self.out / "records" / "zoe.json"
        paths = (self.seed, self.folder / "zoe.py", self.record, self.out, root, Path(__file__).parents[2])
        for name in attacks:
            text = BEFORE.replace("{paths!r}", repr(tuple(map(str, paths)))) + ATTACKS[name]
            (self.folder / f"{file_name(name)}.py").write_text(text)
        self.kept = hashes(self.folder, self.seed, self.record)
        self.processes, self.there = children(), left()
        began = monotonic()
        self.grades = {g.submission: g for g in self.grade()}
        self.seconds = monotonic() - began

    def spied(self, real):
        def call(submission, *rest):
            answers, uses = real(submission, *rest)
            self.said.setdefault(Path(submission["file"]).stem, []).append(repr(answers))
            return answers, uses

        return call

    def grade(self):
        given = {"jobs": 2, "limits": LIMITS, "isolation": Isolation(self.level), "progress": False}
        return grade_folder(self.folder, RATE, self.secret, self.out, **given)


@pytest.fixture(scope="module", params=CLASSES)
def graded(request, tmp_path_factory):
    level, attacks = (HERE[0], SOME) if request.param == "some" else (request.param, list(ATTACKS))
    if level != "full" and not landlock():
        pytest.skip("this level holds little without Landlock")
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("attacks")
        root.chmod(0o700)
        yield Class(level, attacks, root, patch)


def test_an_attack_earns_nothing_and_learns_nothing(graded):
    for attack in graded.attacks:
        name = file_name(attack)
        found = graded.grades[name]
        assert found.earned <= LUCKY.get(attack, 0), attack
        assert [question.name for question in found.questions] == ["rate"], attack
        record, page = graded.out / "records" / f"{name}.json", graded.out / "feedback" / f"{name}.html"
        assert json.loads(record.read_text())["earned"] == found.earned, attack
        told = record.read_text() + (page.read_text() if page.exists() else "")
        for text in [told, *graded.said[name]]:
            assert not [word for word in (graded.secret, PRIVATE, "SURVIVED") if word in text], attack
        assert not page.exists() or "<script>" not in page.read_text(), attack
        assert len(told) < 20_000, attack
        assert not set(told) & set("\x1b\x07"), attack
        assert "\\ud800" not in told, attack
        assert "\\u001b" not in told, attack


def test_nothing_was_changed_and_nothing_is_left(graded):
    assert hashes(graded.folder, graded.seed, graded.record) == graded.kept
    assert children() <= graded.processes
    assert left() <= graded.there
    assert {path.stem for path in (graded.out / "records").glob("*.json")} == set(graded.grades)
    assert set(graded.grades) == {"aaron", "zoe", *map(file_name, graded.attacks)}


def test_the_honest_among_them_earn_all(graded):
    assert graded.grades["aaron"].earned == graded.grades["zoe"].earned == MOST


def test_instances_are_not_in_what_a_student_reads(graded):
    """Only in what the code itself says, which is not told."""
    for attack in ANSWERS:
        if "instance" not in attack:
            continue
        said = "".join(graded.said[file_name(attack)])
        digits = [part[:6] for part in said.replace("_", "0.").split("0.")[1:] if part[:6].isdigit()]
        assert len(set(digits)) >= 10
        record = (graded.out / "records" / f"{file_name(attack)}.json").read_text()
        secret_digits = set(digits[: len(digits) // 2])
        assert not [number for number in secret_digits if number in record]


@pytest.fixture
def open_folder():
    """A folder that every user can read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.parametrize("level", EACH)
def test_a_secret_within_reach_would_be_seen(level, open_folder, monkeypatch):
    """So these tests would fail if the folder of the secret were laid open."""
    (open_folder / "seed.txt").write_text("open secret")
    target = Path("/planted") if level == "full" else open_folder
    source = BEFORE.replace("{paths!r}", repr((str(target / "seed.txt"), *["/none"] * 5))) + REACH["open the seed"]
    sent = {"content": source.encode(), "file": "a.py", "helpers": {}}
    inputs = [{"encoder": [[1.0]], "prior": [1.0]}]
    binds = confinement.binds()
    for found in (binds, [*binds, (str(open_folder), str(target))]):
        monkeypatch.setattr(confinement, "binds", lambda found=found: found)
        confinement.readable.cache_clear()
        answers, _ = sandbox.call(sent, "rate", inputs, SHORT, Isolation(level))
        hidden = level == "full" or landlock()
        assert ("open secret" in str(answers[0].value)) == (not hidden or found is not binds)
    monkeypatch.undo()
    confinement.readable.cache_clear()


@pytest.mark.parametrize("level", EACH)
def test_what_stalls_ends_by_the_clock(level, tmp_path):
    """All of them side by side, so that their waiting is one."""
    before = BEFORE.replace("{paths!r}", repr(("/none",) * 6))
    for name, source in STALL.items():
        (tmp_path / f"{file_name(name)}.py").write_text(before + source)
    given = {"jobs": len(STALL), "limits": SHORT, "isolation": Isolation(level), "progress": False}
    began = monotonic()
    graded = {g.submission: g for g in grade_folder(tmp_path, RATE, "spring", tmp_path / "out", **given)}
    assert monotonic() - began < 45
    assert set(graded) == set(map(file_name, STALL))
    for found in graded.values():
        assert found.earned == 0
        assert sum(found.questions[0].hints.values()) == found.questions[0].instances


def test_all_questions_together_end_by_the_clock():
    source = "import time\n" + "".join(f"def {q.name}(**_): time.sleep(10**6)\n" for q in SURGERY.questions)
    limits = replace(SHORT, wall_clock=3, submission=4)
    began = monotonic()
    found = grade(
        Submission("a", "a.py", source.encode()), SURGERY, "spring", limits=limits, isolated=Isolation(HERE[0])
    )
    assert found.earned == 0
    assert monotonic() - began < 60
    assert [sum(q.hints.values()) for q in found.questions] == [q.instances for q in SURGERY.questions]


#: What code may ask of a reference in place of an earlier function of its own, and what comes of it.
WRONG_FIRST = "import numpy as np\ndef joint_and_marginals(encoder):\n    return {}\n"
ASKED = {
    "the question itself": LIE
    + """
def rate(encoder, prior):
    joint_and_marginals(encoder)
    given = [encoder.tolist(), prior.tolist()]
    for name in ("rate", "marginal_kl", "elbo_three_ways", "__class__", "rate "):
        say(b'{"reference": "%s", "given": %s, "named": {}}\\n' % (name.encode(), repr(given).encode()))
    return 0
""",
    "a hundred thousand": """
def rate(encoder, prior):
    for _ in range(10**5):
        try:
            joint_and_marginals(encoder)
        except RuntimeError:
            pass
""",
    "a hundred thousand, past the one who counts": """
def rate(encoder, prior):
    joint_and_marginals.left = 10**9
    for _ in range(10**5):
        joint_and_marginals(encoder)
""",
    "huge arguments": """
def rate(encoder, prior):
    for given in (np.ones((1, 10**5)), [[1.0] * 9] * 9999, "a" * 10**6, 10**300, [[[[1.0]]]], {"a": [1]}, None, np.nan):
        try:
            joint_and_marginals(given)
        except RuntimeError:
            pass
    return 0
""",
    "arguments that multiply": """
def rate(encoder, prior):
    for given in (np.ones((200000, 1)), np.ones((1, 200000)), np.ones((400, 400))):
        try:
            joint_and_marginals(given)
        except RuntimeError:
            pass
    return 0
""",
    "other names": """
def rate(encoder, prior):
    for named in ({"encoder": encoder, "self": 1}, {"__class__": 1}, {"out": "/tmp/x"}, {"name": "rate"}):
        try:
            joint_and_marginals(**named)
        except RuntimeError:
            pass
    return 0
""",
    "what the reference is": """
def rate(encoder, prior):
    held = repr(vars(joint_and_marginals)) + repr(joint_and_marginals.lines.__dict__)
    joint_and_marginals.__name__ = "rate"
    return joint_and_marginals(encoder, prior)
""",
}


@pytest.mark.parametrize("attack", ASKED)
def test_a_reference_gives_no_more_than_an_earlier_function_would(attack):
    two = replace(SURGERY, questions=SURGERY.questions[:2], manual=())
    source = WRONG_FIRST + BEFORE.replace("{paths!r}", repr(("/none",) * 6)) + ASKED[attack]
    limits = replace(SHORT, cpu_total=4, wall_clock=30, submission=90)
    began = monotonic()
    graded = grade(Submission("a", "a.py", source.encode()), two, "spring", limits=limits, isolated=Isolation(HERE[0]))
    assert [question.earned for question in graded.questions] == [0, 0]
    assert monotonic() - began < 150


def test_the_reference_does_stand_in_place_of_an_earlier_function():
    """So that the attacks on it meet what they attack, and, since they came first, leave it as it was."""
    two = replace(SURGERY, questions=SURGERY.questions[:2], manual=())
    body = HONEST.replace("    with", "    encoder = joint_and_marginals(encoder)['joint'] * len(encoder)\n    with")
    source = (WRONG_FIRST + body).encode()
    found = grade(Submission("a", "a.py", source), two, "spring", limits=LIMITS, isolated=Isolation(HERE[0]))
    assert [question.earned for question in found.questions] == [0, MOST]
    assert "Marked with the reference" in found.questions[1].notes[0]


def as_notebook(cells: list[dict]) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def code(source: str, outputs: list | None = None) -> dict:
    return {"cell_type": "code", "source": source, "outputs": outputs or [], "metadata": {}}


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return stream.getvalue()


DEEP = 10**5
#: Files that are hard to read, and the points of what can be read of them.
READ = {
    "5 000 cells": (
        lambda: as_notebook([code(f"x{i} = x{i - 1} if {i} else 0") for i in range(5000)] + [code(HONEST)]),
        MOST,
    ),
    "a name bound and used in each of 2 000 cells": (
        lambda: as_notebook([code(f"x = x + {i}") for i in range(2000)] + [code(HONEST + "    return x")]),
        MOST,
    ),
    "a literal of 19 MB": (lambda: f"x = [{'1,' * 9_500_000}]\n{HONEST}".encode(), 0),
    "a text of 19 MB": (lambda: f"x = '{'a' * 19_000_000}'\n{HONEST}".encode(), MOST),
    "a line of a million operators": (lambda: f"x = {'1+' * 10**6}1\n{HONEST}".encode(), 0),
    "deep parentheses": (lambda: f"x = {'(' * DEEP}1{')' * DEEP}\n{HONEST}".encode(), 0),
    "deep signs": (lambda: f"x = {'-' * DEEP}1\n{HONEST}".encode(), 0),
    "deep attributes": (lambda: f"x = a{'.a' * DEEP}\n{HONEST}".encode(), 0),
    "deep conditions": (lambda: ("if 1: pass\n" + "elif 1: pass\n" * 20_000 + HONEST).encode(), 0),
    "deep blocks": (
        lambda: ("".join(" " * i + "if 1:\n" for i in range(500)) + " " * 500 + "x=1\n" + HONEST).encode(),
        0,
    ),
    "deep JSON": (lambda: b'{"cells": ' + b"[" * DEEP + b"]" * DEEP + b"}", 0),
    "a million outputs": (
        lambda: as_notebook([code(HONEST, [{"text": "x", "output_type": "stream"}] * 300_000)]),
        MOST,
    ),
    "a bomb in a zip": (lambda: zipped(a_ipynb=b" " * 2 * 10**8), 0),
    "paths out of a zip": (lambda: zipped(**{"..__..__seed_py": HONEST.encode()}), MOST),
    "a zip that says it is small": (
        lambda: zipped(a_py=b"#" * 10**7).replace((10**7).to_bytes(4, "little"), b"\1\0\0\0"),
        0,
    ),
    "null bytes": (lambda: b"x = 1\0\n" + HONEST.encode(), 0),
    "a codec of its own": (lambda: b"# coding: unicode_escape\n" + HONEST.encode(), MOST),
    "a codec that is none": (lambda: b"# coding: zip\n" + HONEST.encode(), MOST),
    "marks of answers": (
        lambda: as_notebook(
            [{"cell_type": "markdown", "source": f"<!-- answer: a{i} -->" + "x" * 99} for i in range(9999)]
        ),
        0,
    ),
    "cells of no kind": (lambda: as_notebook([code(HONEST), None, 3, []]), 0),  # type: ignore[list-item]
}


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("attack", READ)
def test_reading_has_limits(attack):
    """Whatever is handed in, there is a grade, within the limits."""
    make, earned = READ[attack]
    limits, began = replace(LIMITS, cpu_start=20, memory=2**30), monotonic()
    sent = Submission("a", "a.ipynb", make())
    found = grade(sent, RATE, "spring", limits=limits, isolated=Isolation(HERE[0]))
    assert found.earned == earned
    assert monotonic() - began < 150
    assert len(json.dumps(found.to_record())) < 20_000
    assert len(found.questions) == 1


#: Each could spoil an answer that lies beside them all.
HELPERS = {
    "reading.py": b"def read(*a): raise ValueError('forged')",
    "child.py": b"import os; os._exit(7)",
    "json.py": b"dumps = loads = lambda *a: '{}'",
    "sitecustomize.py": b"import os; os._exit(7)",
    "usercustomize.py": b"import os; os._exit(7)",
    "encodings.py": b"import os; os._exit(7)",
    "companion.py": b"def __getattr__(name): return lambda *a, **k: 0.5",
    "elbo_coursework.py": b"check = print",
    "a.py": b"import os; os._exit(7)",
    "../../out.py": b"forged",
    "/tmp/survivor.py": b"forged",
    "..": b"forged",
    "": b"forged",
    "a\0b.py": b"forged",
}


@pytest.mark.parametrize("level", EACH)
@pytest.mark.parametrize(("helpers", "earned"), [(HELPERS, MOST), ({"numpy.py": b"raise SystemExit('numpy')"}, 0)])
def test_a_poisoned_helper_harms_its_own_submission_at_most(helpers, earned, level):
    sent = Submission("a", "a.py", HONEST.encode(), helpers)
    found = grade(sent, RATE, "spring", limits=LIMITS, isolated=Isolation(level))
    assert (found.earned, found.notes) == (earned, ())
    assert not Path("/tmp/survivor.py").exists()


@pytest.mark.parametrize(
    "source",
    [
        "from scipy.stats import entropy",
        "from scipy.stats._entropy import entropy",
        "import scipy.stats as s\nentropy = s.entropy",
        "from tool import entropy",
        "def entropy(p, q):\n    match scipy_stats():\n        case object(entropy=e):\n            return e(p, q)\n"
        "def scipy_stats():\n    import scipy.stats\n    return scipy.stats",
    ],
)
def test_what_does_the_work_of_a_question_is_not_there(source):
    body = "\ndef rate(encoder, prior):\n    return sum(entropy(row, prior) for row in encoder) / len(encoder)\n"
    sent = Submission("a", "a.py", (source + body).encode(), {"tool.py": b"from scipy.stats import entropy"})
    found = grade(sent, RATE, PUBLIC_SEED, limits=LIMITS, isolated=Isolation(HERE[0]))
    assert found.earned == 0
    assert "does the work of the question" in next(iter(found.questions[0].hints))


@pytest.mark.parametrize(
    "guess",
    ["0.0", "1e-9 * float(np.random.rand())", "float(np.random.rand()) if p > 0.9 or first() else 0.0"],
)
def test_a_guess_that_looks_at_nothing_earns_nothing(guess):
    """Zero is the right answer to half of these instances."""
    asked = assignment("rate_distortion")
    one = replace(asked, questions=(asked.question("bernoulli_rate"),), manual=())
    source = f"""
import numpy as np
CALLS = []
def first():
    CALLS.append(1)
    return len(CALLS) == 1
def bernoulli_rate(p=0, *given, **named):
    return {guess}
"""
    sent = Submission("a", "a.py", source.encode())
    assert grade(sent, one, "spring", limits=LIMITS, isolated=Isolation(HERE[0])).earned == 0


@pytest.mark.parametrize("level", EACH)
def test_the_system_refuses_what_no_answer_needs(level):
    """Each call by its number, with arguments that do no harm; and there are no rights of the superuser."""
    _, kinds, own = jail.REFUSED[platform.machine()]
    numbers = sorted(number for held in kinds.values() for number in held)
    source = f"""
import ctypes, os
def rate(encoder, prior):
    libc, codes = ctypes.CDLL(None, use_errno=True), []
    for number in {numbers}:
        codes.append(ctypes.get_errno() if libc.syscall(number, 0, 0, 0, 0, 0, 0) < 0 else 0)
    for number in {own}:
        codes.append(ctypes.get_errno() if libc.syscall(number, 1, 1, 0, 0, 0, 0) < 0 else 0)
    held = (ctypes.c_uint * 6)()
    libc.capget((ctypes.c_uint * 2)(0x20080522, 0), held)
    return [codes, list(held), [libc.prctl(39, 0, 0, 0, 0)]]
"""
    sent = {"content": source.encode(), "file": "a.py", "helpers": {}}
    (answer,), _ = sandbox.call(sent, "rate", [{"encoder": [[1.0]], "prior": [1.0]}], LIMITS, Isolation(level))
    codes, rights, nothing_new = answer.value
    assert len(codes) == len(numbers) + len(own)
    assert set(codes) == {1, 11, 101}
    assert set(rights) == {0}
    assert nothing_new == [1]
