"""Files that somebody meant harm with: how a valid one is changed, and what a reader may say to it.

What reads files that others wrote is a ``Reader``. Whatever bytes it is given, it accepts them, or raises one of
``refuses`` with one sentence that says what was expected. Everything else is a fault, and so is an attempt to unpickle,
to run a program, to open a connection, or to write outside its folder.
"""

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

LONGEST = 2**18  # bytes of a changed file
#: What often stands where arithmetic or a parser goes wrong.
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
DIGITS = (b"-1", b"0", b"1e999", b"NaN", b"Infinity", b"-Infinity", b"1" + b"0" * 18, b"9" * 5000, b"0.5", b"true")
TOKENS = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\n", b"\r", b'"', b"'", b"\\", b",", b";", b"=", b"%"),
    *(
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"]",
        b"../",
        b"/etc/passwd",
        b"..\\",
        b"__class__",
        b"-",
        b"--",
        b"|" * 2000,
    ),
    *(
        b"[" * 3000,
        b'{"a":' * 3000,
        b"(" * 3000,
        b" " * 3000,
        b'"' * 1001,
        b"a" * 140_000,
        b"cos\nsystem\n(S'true'\ntR.",
    ),
)
WATCHED = {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
Mutation = Callable[[bytearray, Random, Sequence[bytes]], None]


class Fault(BaseException):
    """What no reader may do; no ``except Exception`` hides it."""


@dataclass(frozen=True)
class Reader:
    """What takes bytes that others wrote.

    Attributes:
        seeds: valid files, from which the others are made
        read: takes the bytes and an empty folder of its own
        refuses: the classes that it may raise
        says: what each refusal says, a regular expression
    """

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes, Path], Any]
    refuses: tuple[type[BaseException], ...] = (ValueError,)
    says: str = "expected"

    def outcome(self, content: bytes, folder: Path) -> str:
        """``accepted``, or the class of the refusal; a fault is raised as it is."""
        watch(folder)
        try:
            self.read(content, folder)
        except self.refuses as error:
            sentence = str(error)
            if "\n" in sentence or not re.search(self.says, sentence):
                raise Fault(f"{self.name}: {type(error).__name__} says no sentence: {sentence[:500]!r}") from error
            return type(error).__name__
        finally:
            watch(None)
        return "accepted"


def in_file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes, Path], Any]:
    """``read`` on the bytes as the file ``name`` of the folder."""

    def reader(content: bytes, folder: Path) -> Any:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return reader


class UsageError(ValueError):
    """What ``argparse`` says before it ends the process with status 2."""


def parsed(top: Any, content: bytes) -> Any:
    """The options of a command line, an argument a line, or None where it asks for help."""
    arguments = content.decode("utf-8", "surrogateescape").split("\n")
    said = io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            return top.parse_args(arguments)
    except SystemExit as error:
        if error.code == 0:
            return None
        if error.code != 2 or not said.getvalue().startswith("usage:"):
            raise Fault(f"exits with {error.code}: {said.getvalue()[-300:]}") from error
        raise UsageError(" ".join(said.getvalue().split())) from error


def mutated(content: bytes, rng: Random, seeds: Sequence[bytes]) -> bytes:
    """``content`` after one to six changes; ``seeds`` are what parts are taken from."""
    data = bytearray(content)
    for _ in range(1 + min(rng.randrange(6), rng.randrange(6))):
        MUTATIONS[rng.randrange(len(MUTATIONS))](data, rng, seeds)
    return bytes(data[:LONGEST])


def try_changed(reader: Reader, folder: Path, examples: int) -> None:
    """Give ``reader`` so many changed files, the same each time; raises ``Fault`` where it takes one amiss."""

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None)
    @given(st.sampled_from(reader.seeds), st.randoms(use_true_random=False))
    def judge(content: bytes, rng: Random) -> None:
        reader.outcome(mutated(content, rng, reader.seeds), folder)

    judge()


def flip(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def truncate(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def delete(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    start, end = span(data, rng)
    del data[start:end]


def duplicate(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    start, end = span(data, rng)
    data[start:start] = data[start:end]


def splice(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    other = seeds[rng.randrange(len(seeds))]
    (start, end), (first, last) = span(data, rng), span(other, rng)
    data[start:end] = other[first:last]


def insert(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = TOKENS[rng.randrange(len(TOKENS))]


def number(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    """A whole number in binary, as heads have them."""
    at, size = rng.randrange(len(data) + 1), 1 << rng.randrange(4)
    value = NUMBERS[rng.randrange(len(NUMBERS))] % (1 << 8 * size)
    data[at : at + size] = value.to_bytes(size, ("little", "big")[rng.randrange(2)])


def digits(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    """A number in text, or a word that stands in its place."""
    at = rng.randrange(len(data) + 1)
    if found := re.compile(rb"[-+]?[0-9][0-9.e]*|true|false|null|\"[^\"]{0,40}\"").search(data, at):
        data[found.start() : found.end()] = (*DIGITS, *TOKENS)[rng.randrange(len(DIGITS) + len(TOKENS))]


def span(data: bytes | bytearray, rng: Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + (1 << rng.randrange(13)))


MUTATIONS: tuple[Mutation, ...] = (flip, truncate, delete, duplicate, splice, insert, number, digits, digits)
_folder: list[str] = []


def watch(folder: Path | None) -> None:
    """From now on let nothing be written outside ``folder``; None ends it."""
    if not _folder:
        sys.addaudithook(_judge)
    _folder[:] = [str(folder) if folder else ""]


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    if not _folder[0]:
        return
    if event in WATCHED:
        raise Fault(f"{event} {arguments!r:.200}")
    if event == "open" and arguments[2] & WRITES and not str(arguments[0]).startswith((_folder[0], os.devnull)):
        raise Fault(f"writes {arguments[0]!r}")
