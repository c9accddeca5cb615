"""The process of a student's code, forked from one that has loaded the libraries: for tests of anything but isolation.

It runs the whole of ``inside/child.py`` within the same limits, sees the same libraries, and is refused the same calls
of the system, such as those that start processes; but its files are not kept from it. So a grade takes a tenth of the
time. Run as a file, this is the process that forks.
"""

import compileall
import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from select import select
from types import ModuleType
from typing import BinaryIO

LOADED = ("numpy", "scipy.stats", "torch", "matplotlib.pyplot", "pandas", "asyncio")


@dataclass
class Fork:
    """What ``sandbox.Process`` needs of a process."""

    stdin: BinaryIO
    stdout: BinaryIO
    told: BinaryIO
    pid: int

    def wait(self, timeout: float) -> int:
        if not select([self.told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a fork", timeout)
        return int(self.told.readline())


class Forks:
    """A process that forks; ``started`` stands in place of ``confinement.started``."""

    def __init__(self, folder: Path) -> None:
        from elbo_coursework import confinement  # which the process that forks has not

        confinement.lay_out(folder, None)
        compileall.compile_dir(folder / "inside", quiet=1)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package = Path(confinement.__file__).parent
        command = [os.path.realpath(sys.executable), "-I", "-S", "-B", __file__, folder, package]
        home = confinement.environment(str(folder / "home"))
        with theirs:
            self.process = subprocess.Popen(command, stdin=theirs, env=home)

    @contextmanager
    def started(self, program, isolated):
        """A fork in an empty folder, and its end."""
        given, answers, told = os.pipe(), os.pipe(), os.pipe()
        with tempfile.TemporaryDirectory() as folder:
            theirs = [given[0], answers[1], told[1]]
            socket.send_fds(self.socket, [folder.encode()], theirs)
            for number in theirs:
                os.close(number)
            opened = (os.fdopen(given[1], "wb"), os.fdopen(answers[0], "rb"), os.fdopen(told[0], "rb", 0))
            with opened[0] as stdin, opened[1] as stdout, opened[2] as ending:
                fork = Fork(stdin, stdout, ending, int(ending.readline()))
                try:
                    yield fork
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(fork.pid, signal.SIGKILL)
                    ending.read()

    def close(self) -> None:
        self.socket.close()
        self.process.wait()


def serve(folder: str, package: str) -> None:
    """Fork for each folder that is sent, with the ends of three pipes, until nobody can send any more."""
    sys.path += [f"{folder}/site"]
    for name in LOADED:
        import_module(name)
    child, isolation = imported(f"{folder}/inside", "child"), imported(package, "jail")
    asked, told = socket.socket(fileno=0), dict[int, int]()
    gc.freeze()

    def ended(*_given) -> None:
        """Tell how each fork ended that has."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pipe = told.pop(found[0])
                os.write(pipe, b"%d\n" % os.waitstatus_to_exitcode(found[1]))
                os.close(pipe)

    signal.signal(signal.SIGCHLD, ended)
    while (sent := socket.recv_fds(asked, 4096, 3))[0]:
        commands, answers, pipe = sent[1]
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        number = os.fork()
        if number == 0:
            try:
                become(sent[0].decode(), commands, answers)
                isolation.refuse_calls()
                child.main("")
            finally:
                os._exit(0)
        told[number] = pipe
        os.write(pipe, b"%d\n" % number)
        os.close(commands)
        os.close(answers)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def imported(folder: str, name: str) -> ModuleType:
    """The module of that name in a folder from which nothing else is imported."""
    sys.path.insert(0, folder)
    found = import_module(name)
    sys.path.remove(folder)
    return found


def become(place: str, commands: int, answers: int) -> None:
    """Be a process of its own, in its folder, with nothing open but its two pipes."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.setsid()
    os.dup2(commands, 0)
    os.dup2(answers, 1)
    os.closerange(3, 256)
    os.chdir(place)


if __name__ == "__main__":
    serve(*sys.argv[1:])
