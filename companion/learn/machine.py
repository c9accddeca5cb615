"""What this machine can do for a run: its devices, its compiler, and the precision that its processor computes in."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from warnings import warn

import torch


class CompilerError(RuntimeError):
    """A compiled network could not be made or loaded; the message names the folder to delete."""


def check_device(name: str) -> torch.device:
    """The torch device ``name``; raises ``ValueError`` where this machine or build of torch has none such."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device: expected cpu, cuda or mps, as present here, got {name!r} ({reason})") from error
    return torch.device(name)


def check_compiler() -> None:
    """Raise ``ValueError`` where networks cannot be compiled for want of a C++ compiler."""
    if not shutil.which(os.environ.get("CXX", "c++")):
        raise ValueError("compile: expected a C++ compiler on the path, found none: install one, or train without it")


@contextmanager
def named_compiler_errors() -> Iterator[None]:
    """Inside, what goes wrong in torch's compiler is a ``CompilerError``: as a rule, a file of its cache is damaged."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
            raise
        from torch._inductor.runtime.cache_dir_utils import cache_dir  # slow to import, and needed only here

        reason = str(error).strip().splitlines()[0]
        raise CompilerError(
            f"compile: torch's compiler failed ({reason}): delete its cache, the folder {cache_dir()}, and train again"
        ) from error


def native_bf16() -> bool:
    """Whether this processor multiplies numbers of 16 bits (bfloat16) itself."""
    return any(present for name, present in torch.cpu.get_capabilities().items() if "bf16" in name)


def warn_of_slow_bf16(precision: str, device: str) -> None:
    """Warn, in one line, where ``precision`` is bf16 and the processor has to imitate it."""
    if precision == "bf16" and torch.device(device).type == "cpu" and not native_bf16():
        warn("precision: this processor has no native bf16, and takes 6 to 10 times as long as in fp32", stacklevel=3)
