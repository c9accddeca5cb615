"""What a process that runs a student's code is kept from: the levels of isolation, and what is laid open to it.

The process starts with an empty environment in an empty folder, with Python, the libraries and the folder ``inside``.
``jail`` does the rest, as the process itself.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from re import split
from typing import Any

INSIDE = Path(__file__).parent / "inside"
LEVELS = ("full", "user", "none")
#: What the code may import besides Python's own library, where it is installed, and what these need.
LIBRARIES = ("numpy", "scipy", "torch", "matplotlib", "pandas")
OURS = ("companion", "elbo_coursework")  # hold the answers
SYSTEM = (
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/lib32",
    "/nix",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
)
FIRST_USER = 61_000  # of those that processes become on the level ``user``
GRACE_SECONDS = 3.0  # seconds between the last word of a process and its end
TARGET = "/site"
MISSING = {
    "full": "this machine lets no process have namespaces and a root of its own ({why})",
    "user": "only the superuser can run code as another user",
}
AS_ROOT = (
    "allow_root: grading as the superuser starts students' code beside what only the superuser may touch; "
    "use another user, or add --allow-root"
)


@dataclass(frozen=True)
class Isolation:
    """What a process is kept from.

    Attributes:
        level: ``full``, namespaces and a root of its own; ``user``, another user (for the superuser); or ``none``
    """

    level: str


def isolation(level: str = "full", allow_root: bool = False) -> Isolation:
    """The isolation of that level, if this machine has it.

    Raises ``ValueError``: for a level that is unknown or that is not to be had here, with the reason; for the superuser
    without ``allow_root``; on a system other than Linux.
    """
    if level not in LEVELS:
        raise ValueError(f"isolation: expected one of {', '.join(LEVELS)}, got {level!r}")
    if sys.platform != "linux":
        raise ValueError(f"platform: expected Linux to limit what a student's code may do, got {sys.platform}")
    if os.geteuid() == 0 and not allow_root:
        raise ValueError(AS_ROOT)
    why = "" if level == "none" else refusal(level)
    if why:
        raise ValueError(f"isolation: expected {level!r}, and {why}; {advice(level)}")
    return Isolation(level)


def advice(level: str) -> str:
    """What else there is, in a clause."""
    if level == "full" and os.geteuid() == 0 and not refusal("user"):
        return "add --isolation user to run the code as another user"
    return (
        "add --isolation none to run the code under your own account, which without Landlock can read and change your "
        "files"
    )


@cache
def refusal(level: str) -> str:
    """Why a level is not to be had here, or nothing."""
    if level == "user" and os.geteuid() != 0:
        return MISSING["user"]
    try:
        with started(["-c", "import sys; sys.path.append('{site}'); import numpy"], Isolation(level)) as process:
            _, told = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        return "a process with it does not end"
    if process.returncode == 0:
        return ""
    why = (told.decode("utf-8", "replace").strip().splitlines() or ["no reason"])[-1]
    return MISSING["full"].format(why=why) if level == "full" else f"another user cannot run Python here ({why})"


@contextmanager
def started(program: list[str], isolated: Isolation) -> Iterator[subprocess.Popen[bytes]]:
    """Start Python with the arguments ``program`` in an empty folder, isolated; end it and all that it started.

    In the arguments, ``{inside}`` and ``{site}`` stand for the folders ``inside`` and of the libraries, as it sees
    them.
    """
    full = isolated.level == "full"
    with temporary_folder() as folder:
        orders: dict[str, Any] = {"level": isolated.level, "folder": folder, "user": FIRST_USER + next(USERS) % 4000}
        if full:
            orders |= {"binds": binds(), "masks": masks(), "scratch": "16m"}
        else:
            lay_out(Path(folder), orders["user"] if isolated.level == "user" else None)
        inside, site, home = (
            ("/inside", TARGET, "/tmp") if full else (f"{folder}/{x}" for x in ("inside", "site", "home"))
        )
        python = [os.path.realpath(sys.executable), "-I", "-S", "-B"]
        orders |= {"home": home, "open": [*readable(), f"{folder}/inside", f"{folder}/site"]}
        orders["program"] = [*python, *(part.format(inside=inside, site=site) for part in program)]
        orders["environment"] = environment(home)
        jail = [*python, str(Path(__file__).with_name("jail.py")), json.dumps(orders)]
        streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(jail, cwd=folder if full else home, start_new_session=True, env={}, **streams)
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired, ValueError, OSError):
                process.communicate(timeout=GRACE_SECONDS)  # what outlives the group could hold the pipes
            for stream in (process.stdin, process.stdout, process.stderr):
                with suppress(OSError):
                    stream.close()  # type: ignore[union-attr]


@contextmanager
def temporary_folder() -> Iterator[str]:
    """A folder that is gone afterwards, however deep the code nested what it made in it."""
    held = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    try:
        yield held.name
    finally:
        subprocess.run(["rm", "-rf", held.name], check=False, stderr=subprocess.DEVNULL)  # of any depth
        with suppress(RecursionError):
            held.cleanup()  # of folders that were closed


USERS = count(os.getpid())


def lay_out(folder: Path, user: int | None) -> None:
    """Without a root of its own: the libraries as links, what runs beside the code as copies, and a home."""
    folder.chmod(0o755)
    for part in ("site", "home"):
        (folder / part).mkdir()
    for source, target in libraries():
        (folder / "site" / Path(target).name).symlink_to(source)
    shutil.copytree(INSIDE, folder / "inside", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (folder / "site", folder / "home", *folder.glob("inside/**")):  # whatever the umask is
        path.chmod(0o755)
    for path in folder.glob("inside/*.py"):
        path.chmod(0o644)
    if user is not None:
        os.chown(folder / "home", user, user)
        (folder / "home").chmod(0o700)  # not for those that run beside it


@cache
def binds() -> list[tuple[str, str]]:
    """What is laid open, and where: Python, the system's libraries, the libraries, and the folder ``inside``."""
    found = [(path, path) for path in SYSTEM if os.path.lexists(path)]
    prefix = os.path.realpath(sys.base_prefix)
    if not any(f"{prefix}/".startswith(f"{path}/") for path, _ in found):
        found.append((prefix, prefix))
    return [*found, *libraries(), (str(INSIDE), "/inside")]


@cache
def readable() -> list[str]:
    """What a process without a root of its own may read: the same, where it lies."""
    return sorted({os.path.realpath(source) for source, target in binds() if target != "/inside"})


@cache
def masks() -> list[str]:
    """The folders of our own packages, where they lie in what is laid open."""
    specs = [find_spec(name) for name in OURS]
    folders = [os.path.dirname(os.path.realpath(spec.origin)) for spec in specs if spec and spec.origin]
    return [folder for folder in folders if any(f"{folder}/".startswith(f"{target}/") for _, target in binds())]


@cache
def libraries() -> list[tuple[str, str]]:
    """The files and folders of the libraries, and of all that they require, and where they are laid open."""
    found, waiting, seen = dict[str, Path](), list(LIBRARIES), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            held = distribution(name)
        except PackageNotFoundError:
            continue
        waiting += [split(r"[^\w.-]", text)[0] for text in held.requires or () if "extra ==" not in text]
        for top in {file.parts[0] for file in held.files or ()} - {"..", "__pycache__"}:
            found[top] = Path(str(held.locate_file(top)))
    shown = [(str(path), f"{TARGET}/{name}") for name, path in sorted(found.items()) if path.exists()]
    return [pair for pair in shown if Path(pair[0]).name not in OURS]


def environment(home: str) -> dict[str, str]:
    """All that the child sees of the environment."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    plain = {"PATH": os.defpath, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
    return threads | plain | {"MPLBACKEND": "Agg", "MPLCONFIGDIR": home, "TORCHINDUCTOR_CACHE_DIR": home}
