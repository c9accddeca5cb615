"""Before anything is installed: is this Python new enough, and is there room? Runs on any Python 3."""

import shutil
import sys

OLDEST = (3, 11)
GIGABYTES = 3


def problem(version: tuple, free: float) -> str:
    """What stands in the way, in one sentence, or an empty string."""
    if version[:2] < OLDEST:
        return "Python {}.{} is too old: expected {}.{} or newer; name one with make PYTHON=/path/to/python".format(
            *(version[:2] + OLDEST)
        )
    if free < GIGABYTES * 1e9:
        return "the disk is nearly full: expected {} GB free, found {:.1f}; make room, or clone elsewhere".format(
            GIGABYTES, free / 1e9
        )
    return ""


if __name__ == "__main__":
    sys.exit(problem(tuple(sys.version_info), shutil.disk_usage(".").free) or 0)
