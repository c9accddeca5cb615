"""Ctrl+C and SIGTERM, which a cluster sends before it takes a machine away."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import Any

STOPS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, inside ``sigterm_raises``."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Inside, SIGTERM raises ``Terminated``, so that what is open is closed as at Ctrl+C."""

    def stop(number: int, frame: Any) -> None:
        raise Terminated

    with _handling({signal.SIGTERM: stop}):
        yield


@contextmanager
def stops_held() -> Iterator[list[int]]:
    """Inside, the first Ctrl+C or SIGTERM only enters the list; it takes effect where the block ends, a second at once.

    One that is ignored stays so. Outside the main thread nothing changes.
    """
    held: list[int] = []

    def hold(number: int, frame: Any) -> None:
        held.append(number)
        if len(held) > 1:
            _restore(before)
            signal.raise_signal(number)

    try:
        with _handling(dict.fromkeys(STOPS, hold)) as before:
            yield held
    finally:
        if len(held) == 1:
            signal.raise_signal(held[0])


@contextmanager
def _handling(handlers: dict[signal.Signals, Any]) -> Iterator[dict[signal.Signals, Any]]:
    """Let ``handlers`` take the signals inside the block, but for those that are ignored; yields those before."""
    before: dict[signal.Signals, Any] = {}
    if current_thread() is main_thread():
        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in handlers}
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, handlers[number])
        yield before
    finally:
        _restore(before)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
