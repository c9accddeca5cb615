"""The process of a student's code, forked from one that has loaded the libraries: for tests of anything but isolation.

It runs the whole of ``inside/child.py`` within the same limits, and sees the same libraries, but has no jail around it:
so a grade costs a hundredth of the time. Run as a file, this is the process that forks.
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
        return int(self.told.readline())


class Forks:
    """A process that forks; ``started`` stands in place of ``confinement.started``."""

    def __init__(self, folder: Path) -> None:
        from elbo_coursework import confinement

        confinement.lay_out(folder, None)
        compileall.compile_dir(folder / "inside", quiet=1)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [os.path.realpath(sys.executable), "-I", "-S", "-B", __file__, folder]
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
            opened = (os.fdopen(given[1], "wb"), os.fdopen(answers[0], "rb"), os.fdopen(told[0], "rb"))
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


def serve(folder: str) -> None:
    """Fork for each folder that is sent, with the ends of three pipes, until nobody can send any more."""
    child, asked, told = load(folder), socket.socket(fileno=0), dict[int, int]()

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
            become(child, sent[0].decode(), commands, answers)
        told[number] = pipe
        os.write(pipe, b"%d\n" % number)
        os.close(commands)
        os.close(answers)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def load(folder: str) -> ModuleType:
    """The module ``child``, beside the libraries that students use."""
    sys.path += [f"{folder}/site", f"{folder}/inside"]
    child = import_module("child")
    sys.path.remove(f"{folder}/inside")
    for name in LOADED:
        import_module(name)
    gc.freeze()
    return child


def become(child: ModuleType, place: str, commands: int, answers: int) -> None:
    """Be the process of the code, in its folder."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.setsid()
    os.dup2(commands, 0)
    os.dup2(answers, 1)
    os.closerange(3, 256)
    os.chdir(place)
    try:
        child.main("")
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
