"""Every command that writes, with a small work, and what it makes when it is left alone."""

import csv
import hashlib
import http.server
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from companion import cli, learn
from companion.data import files, sets
from elbo_coursework import __main__ as coursework
from elbo_coursework import confinement
from soak.processes import Main, Moment, Started, set_environment, superuser

Entry = tuple[tuple[str, ...], str]
TIMES = {"seconds", "created"}  # what two runs of one command tell differently
MODEL = """
from companion.models import family
def build():
    return family("---", image_shape=(8, 8), latent_dim=2, width=0.1, dense=True)
"""
ANSWER = "def joint_and_marginals(p_data, encoder):\n    return {}, {}, {}\n"
SMALL = ["--data", "digits", "--dense", "--width", "0.1", "--latent-dim", "2"]


@dataclass
class Command:
    """A command that does the same in an empty ``folder`` each time, and what it makes there when it is undisturbed."""

    name: str
    main: Main
    arguments: Sequence[str]
    folder: Path
    prepare: tuple[Callable[[], object], ...] = ()
    truth: list[Entry] = field(default_factory=list)
    events: int = 0
    size: int = 0

    def start(self, moment: Moment | None = None, *more: Callable[[], object], name: str = "") -> Started:
        """Start it, to be disturbed at ``moment``."""
        return Started(self.main, self.arguments, self.folder, moment, (*self.prepare, *more), name)

    def learn_truth(self) -> None:
        """Run it undisturbed; raises ``RuntimeError`` where it fails even so."""
        ended = self.start().ended()
        if ended.status:
            raise RuntimeError(f"{self.name}: expected to end well when it is left alone, got {ended}")
        self.truth, self.events = entries(self.folder), ended.events
        self.size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        shutil.rmtree(self.folder)


@contextmanager
def served(folder: Path) -> Iterator[Callable[[], object]]:
    """A server of a small image set; gives what lets a process know of the set."""
    folder.mkdir()
    sources = []
    for split in ("train", "validation", "test"):
        content = b" ".join([b"0 1"] * 392) + b"\n"
        (folder / f"{split}.amat").write_bytes(content * 500)
        digest = hashlib.sha256(content * 500).hexdigest()
        sources.append((f"small/{split}.amat", digest))
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield partial(offer, f"http://127.0.0.1:{server.server_port}", sources)
        server.shutdown()


def offer(address: str, sources: list[tuple[str, str]]) -> None:
    """Enter the small set among those that can be loaded."""
    found = tuple(files.Source(path, (f"{address}/{Path(path).name}",), digest) for path, digest in sources)
    sets.SETS["small"] = replace(sets.SETS["mnist-static"], sources=(found,))


@contextmanager
def commands(place: Path) -> Iterator[dict[str, Command]]:
    """Every command that writes, by name, each with a small work in a folder of its own below ``place``."""
    (place / "model.py").write_text(MODEL)
    (place / "class").mkdir(mode=0o700)
    for name in ("ada", "bob"):
        (place / "class" / f"{name}.py").write_text(ANSWER)
    learn.train(learn.preset("laptop", "digits", dense=True, width=0.1, steps=4), out=place / "run", progress=False)
    out = {name: place / f"out-{name}" for name in ("train", "sweep", "path", "data", "compress", "measure", "grade")}
    level = next(name for name in confinement.LEVELS if has(name))
    grading = ["--assignment", "surgery", "--self-study", "--isolation", level, "--jobs", "2"]
    grading += ["--allow-root"] if superuser() else []
    work = {
        "train": ["train", *SMALL, "--steps", "6", "--out", f"{out['train']}"],
        "sweep": ["sweep", *SMALL, "--betas", "0.1,1", "--steps", "4", "--jobs", "1", "--out", f"{out['sweep']}"],
        "path": ["path", *SMALL, "--betas", "3,1", "--first", "3", "--stay", "2", "--cooldown", "2", "--jobs", "1"],
        "data": ["data", "small"],
        "compress": ["compress", f"{place / 'run'}", f"{out['compress'] / 'images.bits'}", "--first", "20"],
        "measure": ["measure", f"{place / 'model.py'}:build", "--data", "digits", "--out", f"{out['measure']}"],
        "grade": ["grade", f"{place / 'class'}", "--out", f"{out['grade']}", *grading],
    }
    work["path"] += ["--out", f"{out['path']}"]
    cached = partial(set_environment, COMPANION_CACHE=f"{out['data']}", COMPANION_DATA="")
    with served(place / "served") as offered:
        prepare = {"data": (cached, offered)}
        mains = dict.fromkeys(work, cli.main) | {"grade": coursework.main}
        yield {name: Command(name, mains[name], work[name], out[name], prepare.get(name, ())) for name in work}


def has(level: str) -> bool:
    """Whether this machine has a level of isolation."""
    try:
        confinement.isolation(level, allow_root=True)
    except ValueError:
        return False
    return True


def entries(folder: Path) -> list[Entry]:
    """What a command has made: every row of its tables and every other file, by a key, as a hash."""
    return [entry for path in sorted(folder.rglob("*")) if path.is_file() for entry in _entries(path, folder)]


def _entries(path: Path, folder: Path) -> Iterator[Entry]:
    name, content = str(path.relative_to(folder)), path.read_bytes()
    if path.suffix == ".csv":
        for row in csv.DictReader(content.decode("utf-8-sig").splitlines()):
            told = [row.get(column) or "" for column in ("config_hash", "split", "submission")]
            yield (name, *told), repr(row)
        return
    if path.suffix == ".json":
        content = json.dumps(_without_times(json.loads(content))).encode()
    elif path.suffix == ".safetensors":  # a header that holds seconds, of the length that the first eight bytes tell
        content = content[8 + int.from_bytes(content[:8], "little") :]
    elif path.suffix == ".html":
        content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", b"", content)
    yield (name,), hashlib.sha256(content).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(inner) for name, inner in value.items() if name not in TIMES}
    return value
