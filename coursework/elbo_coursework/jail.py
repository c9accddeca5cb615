"""Isolation: a process that gives up all it does not need, and then becomes the one in which a student's code runs.

Run as a file, with its orders as JSON. On the level ``full`` it gets namespaces of its own for files, processes,
network and interprocess communication, and a root of its own, read-only but for a small folder in memory, which has
Python, the libraries and the folder ``inside``, and no more. On the level ``user`` (the superuser, where namespaces
are missing) it becomes another user. On the level ``none`` it stays who it is. On both, it can open no other files
where the system has Landlock (Linux 5.13), which needs no namespaces.

On every level the system then refuses it calls that no answer needs: those that start processes or reach others, open
the network, make namespaces and mounts, or hold memory that no limit counts or that stays when the process has ended.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from contextlib import suppress
from typing import Any

NEW_FILES, NEW_NAME, NEW_IPC, NEW_USER, NEW_PROCESSES, NEW_NETWORK = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
READ_ONLY, NO_SUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
KEPT_FLAGS = NO_SUID | NO_DEVICES | 8 | 1024 | 2048  # of a mount, which may not be lost: no programs, no times
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
DEATH_SIGNAL, NO_NEW_PRIVILEGES, DROP_CAPABILITY = 1, 38, 24
NOBODY = 65534
DEVICES = ("null", "zero", "urandom", "random")

FILES = 256  # that may be open at a time

#: The architecture in the system's own numbers, and its calls that are refused.
REFUSED = {
    "x86_64": (
        0xC000003E,
        {
            "processes": (56, 57, 58),  # clone, fork, vfork
            "signals": (62, 200, 129, 297, 424),  # kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal
            "others": (101, 310, 311, 312, 434, 438, 440),  # ptrace, process_vm_readv, _writev, kcmp, pidfd_open...
            "namespaces": (272, 308, 165, 166, 155, 161, *range(428, 434), 442),  # unshare, setns, mount, ...
            "network": (41,),  # socket
            "kept": (248, 249, 250, 29, 64, 68, 240),  # keys, shmget, semget, msgget, mq_open
            "uncounted": (54, 319, 447, 323, 321, 298, 425, 426, 427),  # setsockopt, memfd_create, ..., io_uring
        },
        (234, 302),  # tgkill, prlimit64: of this process only
    ),
    "aarch64": (
        0xC00000B7,
        {
            "processes": (220,),
            "signals": (129, 130, 138, 240, 424),
            "others": (117, 270, 271, 272, 434, 438, 440),
            "namespaces": (97, 268, 40, 39, 41, 51, *range(428, 434), 442),
            "network": (198,),
            "kept": (217, 218, 219, 194, 190, 186, 180),
            "uncounted": (208, 279, 447, 282, 280, 241, 425, 426, 427),
        },
        (131, 261),
    ),
}
CLONE3, NO_SUCH_CALL, NOT_PERMITTED = 435, 38, 1
WORDS = {"processes": 11, "network": 101}  # as where there are too many, and where there is none
SECCOMP, FILTER = 22, 2
ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of the system's filters

#: Landlock, by which a process gives up files without namespaces: its calls, and what can be given up.
CREATE_RULES, ADD_RULE, RESTRICT = 444, 445, 446
VERSION, BENEATH = 1, 1
EXECUTE, WRITE, READ, LIST, TRUNCATE, DEVICE_CALLS = 1, 2, 4, 8, 1 << 14, 1 << 15
ALL_BUT_DEVICES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
MAKE_DEVICES = 1 << 6 | 1 << 11  # of characters and of blocks
CONNECT, SIGNALS = 3, 3  # bind and connect by TCP; abstract sockets and signals to others

libc = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    """The system's ``sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_calls() -> None:
    """Have the system refuse the calls of ``REFUSED``, for good; raises ``OSError`` where it has no filters."""
    if platform.machine() not in REFUSED:
        return
    architecture, kinds, own = REFUSED[platform.machine()]
    refuse = (RETURN, 0, 0, ERROR | NOT_PERMITTED)
    steps = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    steps += [(AT_LEAST, 0, 1, 0x40000000), refuse]  # another way to number the same calls
    steps += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, ERROR | NO_SUCH_CALL)]
    for kind, numbers in kinds.items():
        for number in numbers:
            steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | WORDS.get(kind, NOT_PERMITTED))]
    for number in own:  # the first argument is a process
        steps += [(EQUAL, 0, 5, number), (LOAD, 0, 0, 16), (EQUAL, 2, 0, os.getpid()), (EQUAL, 1, 0, 0), refuse]
        steps += [(RETURN, 0, 0, ALLOW)]
    steps += [(RETURN, 0, 0, ALLOW)]
    held = b"".join(struct.pack("HBBI", *step) for step in steps)
    done(libc.prctl(SECCOMP, FILTER, ctypes.byref(Filter(len(steps), held)), 0, 0), "seccomp")


def done(result: int, what: str) -> None:
    """Raise ``OSError`` where a call of the system failed."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """The system's call."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    done(libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def bind(source: str, target: str) -> None:
    """Lay ``source`` open, read-only, at ``target``."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    mount(source, target, None, BIND | RECURSIVE)
    with open("/proc/self/mountinfo") as file:  # what is mounted in it is a mount of its own
        points = [line.split()[4].encode().decode("unicode_escape") for line in file]
    for point in points:
        if f"{point}/".startswith(f"{target}/"):
            kept = os.statvfs(point).f_flag & KEPT_FLAGS
            mount("none", point, None, BIND | REMOUNT | READ_ONLY | NO_SUID | kept)


def give_up_files(orders: dict[str, Any]) -> None:
    """Keep ``orders["open"]``, to be read, and the folder ``orders["home"]``; raises ``OSError`` without Landlock."""
    version = libc.syscall(CREATE_RULES, None, ctypes.c_size_t(0), VERSION)
    if version < 1:
        raise OSError(ctypes.get_errno(), "Landlock")
    every = ALL_BUT_DEVICES[max(known for known in ALL_BUT_DEVICES if known <= version)]
    held = struct.pack("QQQ", every, CONNECT, SIGNALS)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = libc.syscall(CREATE_RULES, held, ctypes.c_size_t(len(held)), 0)
    done(min(rules, 0), "Landlock")
    open_to = [(path, EXECUTE | READ | LIST) for path in orders["open"]]
    open_to += [(f"/dev/{name}", READ | WRITE) for name in DEVICES]
    for path, allowed in [*open_to, (orders["home"], every & ~MAKE_DEVICES)]:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed &= every if os.path.isdir(path) else EXECUTE | WRITE | READ | TRUNCATE | DEVICE_CALLS
        done(libc.syscall(ADD_RULE, rules, BENEATH, struct.pack("=Qi", allowed, opened), 0), f"Landlock {path}")
        os.close(opened)
    done(libc.syscall(RESTRICT, rules, 0), "Landlock")
    os.close(rules)


def new_root(orders: dict[str, Any]) -> None:
    """Build a root in memory at ``orders["folder"]``, and leave the old one."""
    root = orders["folder"]
    mount("none", "/", None, RECURSIVE | PRIVATE)
    mount("tmpfs", root, "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
    for source, target in orders["binds"]:
        if os.path.islink(source):
            os.symlink(os.readlink(source), root + target)
        else:
            bind(source, root + target)
    for path in orders["masks"]:  # what lies in a folder that is open, and should not
        if os.path.isdir(root + path):
            mount("tmpfs", root + path, "tmpfs", READ_ONLY | NO_SUID, "size=4k,mode=000")
        elif os.path.exists(root + path):
            mount("/dev/null", root + path, None, BIND)
    os.mkdir(f"{root}/dev")
    for name in DEVICES:
        os.close(os.open(f"{root}/dev/{name}", os.O_CREAT | os.O_WRONLY))
        mount(f"/dev/{name}", f"{root}/dev/{name}", None, BIND)
    os.mkdir(f"{root}/tmp")
    mount("tmpfs", f"{root}/tmp", "tmpfs", NO_SUID | NO_DEVICES, f"size={orders['scratch']},mode=1777")
    mount("none", root, None, REMOUNT | READ_ONLY | NO_SUID | NO_DEVICES)
    os.chdir(root)
    done(libc.syscall(PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    done(libc.umount2(b".", DETACH), "umount")
    os.chdir("/tmp")


def enter(orders: dict[str, Any]) -> None:
    """Take the namespaces, and go on as the second process in them: to the first, the system's signals mean nothing.

    The processes outside and first inside wait, and end with the status of the second, 128 more for a signal.
    """
    root, user, group = os.geteuid() == 0, os.geteuid(), os.getegid()
    flags = NEW_FILES | NEW_NAME | NEW_IPC | NEW_PROCESSES | NEW_NETWORK | (0 if root else NEW_USER)
    done(libc.unshare(flags), "unshare")
    if not root:
        for name, text in (("setgroups", "deny"), ("gid_map", f"1000 {group} 1"), ("uid_map", f"1000 {user} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    wait_for(os.fork())
    libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    new_root(orders)
    if root:
        become(NOBODY)
        libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    wait_for(os.fork())


def wait_for(child: int) -> None:
    """End as ``child`` does; return at once in the child itself."""
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os._exit(status if status >= 0 else 128 - status)


def become(user: int) -> None:
    """Another user, of no group but its own, which ends with its parent."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)  # another user loses it


def main(orders: dict[str, Any]) -> None:
    """Give up what the level says, and become the program."""
    libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    os.umask(0o022)  # another user has to enter what is made here
    try:
        if orders["level"] == "full":
            enter(orders)
        elif orders["level"] == "user":
            become(orders["user"])
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        for capability in range(64):  # a superuser without any can do what its files let it
            libc.prctl(DROP_CAPABILITY, capability, 0, 0, 0)
        libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        if orders["level"] != "full":
            with suppress(OSError):  # an older system
                give_up_files(orders)
        try:
            refuse_calls()
        except OSError:
            if orders["level"] != "none":
                raise
        os.execve(orders["program"][0], orders["program"], orders["environment"])
    except (OSError, KeyError) as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(125)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
