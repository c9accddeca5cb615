"""Before anything is installed: is this Python new enough, and is there room? Runs on any Python 3."""

import os
import shutil
import sys

OLDEST = (3, 11)
GIGABYTES = 3  # as measured, with the CPU build of PyTorch
GIGABYTES_CUDA = 9  # the default build on Linux brings CUDA


def problem(version: tuple, free: float, needed: float = GIGABYTES) -> str:
    """What stands in the way, in one sentence, or an empty string."""
    if version[:2] < OLDEST:
        return "Python {}.{} is too old: expected {}.{} or newer; name one with make PYTHON=/path/to/python".format(
            *(version[:2] + OLDEST)
        )
    if free < needed * 1e9:
        return "the disk is nearly full: expected {} GB free, found {:.1f}; make room, or clone elsewhere".format(
            needed, free / 1e9
        )
    return ""


if __name__ == "__main__":
    cuda = sys.platform == "linux" and not os.environ.get("TORCH_INDEX")
    free = shutil.disk_usage(".").free
    sys.exit(problem(tuple(sys.version_info), free, GIGABYTES_CUDA if cuda else GIGABYTES) or 0)
