"""Files that are whole or absent: written under a temporary name, then moved into place."""

import errno
import glob
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

if sys.platform != "win32":
    import fcntl

#: What to do where a file cannot be written, by the number of the error.
REMEDIES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free space there")
REMEDIES |= dict.fromkeys((errno.EACCES, errno.EPERM), "allow this user to write there, or choose another folder")
REMEDIES |= {errno.EROFS: "choose a folder that can be written", errno.EIO: "check the disk"}
REMEDIES |= dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EEXIST), "make the folder there, or choose another")


class StorageError(OSError):
    """A file could not be written; the message says which, why, and what to do."""


def sentence(error: OSError) -> str:
    """What the error of the file system says, with what to do where it names a file and that is known."""
    if error.filename is None or error.errno not in REMEDIES or error.errno == errno.ENOENT:
        return str(error)
    return f"{error.filename}: {error.strerror}: {REMEDIES[error.errno]}, then call again"


@contextmanager
def named_storage_errors(path: Path) -> Iterator[None]:
    """Inside, an error of the file system at writing ``path`` is a ``StorageError``; any other stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        raise StorageError(
            f"{path}: it could not be written ({error.strerror}): {REMEDIES[error.errno]}, then call again, "
            "which goes on from what is stored"
        ) from error


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it over ``path`` when the block ends without an error.

    A process killed inside the block leaves ``path`` as it was, and its temporary file to the next who writes ``path``
    (but on Windows, where it stays). Several writers may work at once: the last one wins. What is moved has reached the
    disk, so that after a power cut ``path`` is the old file or the new one, and so that a full disk is noticed that
    tells only then.

    Raises ``StorageError`` where the disk is full or the folder cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "note.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     os.listdir(folder)
    ['note.txt']
    """
    path = Path(path)
    with named_storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(path)
        with _temporary(path) as temporary:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)


def clear_leftovers(path: Path) -> None:
    """Delete the temporary files of ``path`` whose writers were killed.

    A living writer, here or on another machine that shares the folder, holds the lock of its own, which the system
    takes from a killed one: no clock and no name of a process is needed to tell them apart.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.part"):
        if sys.platform != "win32":
            with suppress(OSError), left.open("rb+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A new temporary file of ``path``, empty, locked where the system lets a file be moved that is open."""
    while True:
        temporary = path.with_name(f".{path.name}.{token_hex(4)}.part")
        with temporary.open("xb") as file:
            if sys.platform == "win32":
                file.close()
            else:
                with suppress(OSError):  # a file system without locks, on which nothing is cleared either
                    fcntl.flock(file, fcntl.LOCK_EX)
                if not os.fstat(file.fileno()).st_nlink:  # cleared by another before it was locked
                    continue
            try:
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)
            return
