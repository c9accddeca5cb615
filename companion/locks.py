"""Locks between processes, also of several machines that share a folder; the system takes them from a killed one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path

from filelock import FileLock, Timeout

from companion.atomic import named_storage_errors

POLL = 0.2  # seconds between two looks at a lock that is waited for


class BusyError(OSError):
    """Another process is at work there; the message says where."""


@contextmanager
def locked(file: Path, wait: float = inf) -> Iterator[None]:
    """Inside, no other process and no other thread is in a block of the same ``file``; a thread may enter again.

    The file, hidden by its name, is deleted at the end, and its folder made at the beginning. Where this user cannot
    write, nothing is locked, as nothing can be stored either.

    Args:
        wait: seconds after which ``BusyError`` is raised

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with locked(Path(folder) / ".lock"):
    ...         print(os.listdir(folder))
    ...     print(os.listdir(folder))
    ['.lock']
    []
    """
    with named_storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file.absolute(), is_singleton=True) if os.access(file.parent, os.W_OK) else None
        try:
            if lock:
                lock.acquire(-1 if wait == inf else max(0.0, wait), POLL)
        except Timeout as error:
            raise BusyError(
                f"{file.parent}: another process is at work there: wait until it has ended, or choose another folder"
            ) from error
    try:
        yield
    finally:
        if lock and lock.lock_counter == 1:
            with suppress(OSError):  # deleted with its folder, or held open by Windows, which deletes it at the release
                file.unlink()
        if lock:
            lock.release()
