"""Give every reader a million changed files, and count what it says to them.

    python scripts/fuzz.py [--reader NAME ...] [--inputs N] [--seed S]

The readers, their valid files and the changes are those of the tests (``tests/mutations.py``). Where atheris is
installed it chooses what to change, by the lines of our code that an input has reached; else a plain loop does. Each
reader has a process of its own, with a GiB of address space beyond what it begins with, and a second of processor time
an input. What no reader may do is stored in ``_build/fuzz/NAME`` with the command that does it again. The counts go to
``book/results/fuzz.csv``, whole after every reader, beside their provenance; rows of other readers stay.
"""

import argparse
import csv
import json
import os
import resource
import signal
import sys
from collections import Counter
from contextlib import nullcontext
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import process_time
from traceback import format_exc
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "coursework" / "tests")]
TABLE, BUILD = ROOT / "book" / "results" / "fuzz.csv", ROOT / "_build" / "fuzz"
MEMORY, SECONDS, LAST_SECONDS = 2**30, 1.0, 10.0  # an input may use; at the last, the process is ended
MOST_FAULTS = 20  # of one reader, after which it is not asked again
COLUMNS = ("reader", "inputs", "accepted", "refused", "faults", "slowest_ms", "peak_mib")


def engine() -> str:
    try:
        return f"atheris {version('atheris')}"
    except PackageNotFoundError:
        return "plain loop"


def readers() -> dict[str, Any]:
    """All readers by name; what they import is watched by atheris, where it is there."""
    watched: Any = nullcontext()
    if engine() != "plain loop":
        import atheris

        watched = atheris.instrument_imports(include=["companion", "elbo_coursework"])
    with watched:
        import hostile
        import hostile_coursework
    return {reader.name: reader for reader in (*hostile.READERS, *hostile_coursework.READERS)}


class Judge:
    """Gives inputs to one reader, within the limits, and counts."""

    def __init__(self, reader: Any, inputs: int, scratch: Path) -> None:
        self.reader, self.inputs, self.scratch = reader, inputs, scratch
        self.counts, self.faults, self.slowest, self.seen = Counter[str](), set[str](), 0.0, 0
        self.started, self.memory = process_time(), peak()
        self.present = os.open(scratch / "present", os.O_RDWR | os.O_CREAT)
        signal.signal(signal.SIGPROF, self.slow)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))

    def slow(self, *_: Any) -> NoReturn:
        from mutations import Fault

        raise Fault(f"takes more than {SECONDS:g} s")

    def __call__(self, content: bytes) -> None:
        os.ftruncate(self.present, 0)
        os.pwrite(self.present, content, 0)  # found there if the process does not survive it
        began = process_time()
        try:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            signal.setitimer(signal.ITIMER_VIRTUAL, LAST_SECONDS)
            self.counts[self.reader.outcome(content, self.scratch / "files")] += 1
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.store(content, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.slowest = max(self.slowest, process_time() - began)
        self.seen += 1
        if self.seen == self.inputs or len(self.faults) == MOST_FAULTS:
            self.report()

    def store(self, content: bytes, error: BaseException) -> None:
        """Keep the first input of each fault, by where it was raised."""
        self.counts["fault"] += 1
        at, told = error.__traceback__, format_exc()
        while at and at.tb_next:
            at = at.tb_next
        where = f"{type(error).__name__} {at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at else ""
        if where not in self.faults:
            self.faults.add(where)
            store(self.reader.name, content, told)

    def report(self) -> NoReturn:
        """Say what was counted, and end the process."""
        told = {"inputs": self.seen, "counts": self.counts, "slowest": self.slowest, "peak": peak() - self.memory}
        (self.scratch / "report.json").write_text(json.dumps(told | {"seconds": process_time() - self.started}))
        os._exit(0)


def peak() -> int:
    """The most KiB that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def store(name: str, content: bytes, told: str) -> None:
    """Keep an input that no reader may be harmed by, with what happened."""
    path = BUILD / name / f"fault-{sha256(content).hexdigest()[:12]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    command = f"python scripts/fuzz.py --reader {name} --replay {path.relative_to(ROOT)}"
    path.with_suffix(".txt").write_text(f"{command}\n\n{told}")
    print(f"{name}: a fault, again by: {command}\n{told.splitlines()[-1][:300]}", file=sys.stderr, flush=True)


def fuzz(reader: Any, inputs: int, seed: int, scratch: Path) -> None:
    """Judge so many inputs, in this process, which does not return."""
    from mutations import LONGEST, mutated

    (scratch / "files").mkdir()
    judge = Judge(reader, inputs, scratch)
    for content in reader.seeds:
        judge(content)
    if engine() == "plain loop":
        rng = Random(seed)
        while True:
            judge(mutated(rng.choice(reader.seeds), rng, reader.seeds))
    import atheris

    def change(content: bytes, longest: int, number: int) -> bytes:
        rng = Random(number)
        return mutated(content, rng, reader.seeds)[:longest] if rng.randrange(4) else atheris.Mutate(content, longest)

    corpus = BUILD / reader.name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for content in reader.seeds:
        (corpus / sha256(content).hexdigest()[:12]).write_bytes(content)
    flags = [
        f"-seed={seed + 1}",
        f"-max_len={LONGEST}",
        "-timeout=3600",
        "-rss_limit_mb=0",
        "-verbosity=0",
        "-len_control=0",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], judge, custom_mutator=change)
    atheris.Fuzz()


def run(reader: Any, inputs: int, seed: int) -> dict[str, Any]:
    """What a process of its own finds about a reader; one that does not survive an input is asked no further."""
    fast = Path("/dev/shm")
    with TemporaryDirectory(dir=fast if fast.is_dir() else None) as folder:
        child = os.fork()
        if not child:
            try:
                fuzz(reader, inputs, seed, Path(folder))
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        report = Path(folder, "report.json")
        if report.is_file():
            return dict(json.loads(report.read_text()))
        store(reader.name, Path(folder, "present").read_bytes(), f"the process ended with status {status}")
    return {"inputs": 0, "counts": {"fault": 1}, "slowest": LAST_SECONDS, "peak": 0, "seconds": 0.0}


def row(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """The line of the table."""
    refused = {kind: n for kind, n in sorted(found["counts"].items()) if kind not in ("accepted", "fault")}
    counts = {"inputs": found["inputs"], "accepted": found["counts"].get("accepted", 0)}
    told = {
        "refused": "; ".join(f"{kind} {n}" for kind, n in refused.items()),
        "faults": found["counts"].get("fault", 0),
    }
    return {
        "reader": name,
        **counts,
        **told,
        "slowest_ms": round(1000 * found["slowest"]),
        "peak_mib": found["peak"] // 1024,
    }


def enter(name: str, found: dict[str, Any], order: list[str]) -> None:
    """Write the table anew with the line of one reader, and the provenance beside it."""
    from companion.results import write_provenance, write_rows

    known, beside = {}, TABLE.with_suffix(".json")
    if TABLE.is_file():
        with TABLE.open(newline="") as file:
            known = {line["reader"]: line for line in csv.DictReader(file)}
    told = json.loads(beside.read_text()) if beside.is_file() else {"engines": {}, "seconds": []}
    seconds = dict(zip(known, told["seconds"], strict=True)) | {name: round(found["seconds"], 1)}
    known[name] = row(name, found)
    engines = told["engines"] | {name: engine()}
    rows = [known[each] for each in order if each in known]
    write_rows(TABLE, rows)
    names = [line["reader"] for line in rows]
    write_provenance(beside, engines={n: engines[n] for n in names}, seconds=[seconds[n] for n in names])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reader", nargs="*", metavar="NAME", help="all by default")
    parser.add_argument("--inputs", type=int, default=10**6, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Path, metavar="FILE", help="give this one input to the reader")
    asked = parser.parse_args()
    known = readers()
    names = asked.reader or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"--reader: expected some of {', '.join(known)}, got {', '.join(unknown)}")
    if asked.replay:
        with TemporaryDirectory() as folder:
            print(known[names[0]].outcome(asked.replay.read_bytes(), Path(folder)))
        return
    for name in names:
        found = run(known[name], asked.inputs, asked.seed)
        print(*row(name, found).values(), f"{found['seconds']:.0f} s", flush=True)
        enter(name, found, list(known))


if __name__ == "__main__":
    main()
