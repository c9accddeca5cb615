"""Plant small slips in the code that computes, one at a time, and count those that no test notices: tests/mutants.md.

mutmut makes the slips (a sign, a constant, a missing argument, another comparison) and runs the tests that reach each.
With ``--sample`` a random choice of the slips of each area is planted. A survivor that no input can tell from the code
as it is counts as equivalent when the table of tests/mutants.md gives a reason; reasons are kept from run to run.
"""

import argparse
import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

AREAS = ("data", "exact", "measure", "models", "objectives", "terms")
MUTMUT = sys.executable, "-m", "mutmut"
SUMMARY = Path("tests/mutants.md")
SURVIVED, UNTESTED = 0, 33  # mutmut's exit codes; any other is that of a failing test or of a time-out
HEADING = "| Function | Line | Becomes | Why no test can tell |\n| :-- | :-- | :-- | :-- |\n"
TEXT = """# Slips that survive the tests

`make mutants` plants small slips in the functions that compute, one at a time, by mutmut 3.8.1, and runs the tests that
reach each (doctests and notebooks left out). A slip is *killed* when a test fails. One is *equivalent* when no input
can tell it from the code as it is; the second table gives the reason. The *survivors* are the others that were not
killed; their share is of the slips planted that are not equivalent. Where not all were planted, they are a random
choice, those with the quickest tests first.

| Area | Slips | Planted | Killed | Equivalent | Survivors | Share |
| :-- | --: | --: | --: | --: | --: | --: |
"""


def mutants(area: str) -> dict[str, int | None]:
    """The exit code of the tests for every slip of ``area``, by name; None where it was not planted."""
    found: dict[str, int | None] = {}
    for path in sorted(Path("mutants/companion").rglob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return {name: code for name, code in sorted(found.items()) if name.split(".")[1] == area}


def choice(area: str, sample: int) -> list[str]:
    """At most ``sample`` slips of ``area`` that were not planted yet, chosen at random; all of them for 0."""
    names = list(mutants(area))
    chosen = random.Random(0).sample(names, min(sample, len(names))) if sample else names
    return [name for name in chosen if mutants(area)[name] is None]


def line_of(name: str) -> tuple[str, str, str]:
    """The function of a slip, the line as it is, and what becomes of it."""
    shown = subprocess.run([*MUTMUT, "show", name], capture_output=True, text=True, check=True).stdout.splitlines()
    before, after = (
        " ".join(line[1:].strip() for line in shown if re.match(rf"\{sign}(?!\{sign}\{sign})", line)) for sign in "-+"
    )
    function = re.sub(r"\.x[ǁ_]", ".", re.sub(r"__mutmut_\d+$", "", name)).replace("ǁ", ".").removeprefix("companion.")
    return function, cell(before), cell(after)


def cell(code: str) -> str:
    """Code as a cell of a Markdown table."""
    return "`` " + code.replace("|", "\\|") + " ``"


def reasons() -> dict[tuple[str, ...], str]:
    """Why each slip of the present table is equivalent."""
    rows = re.findall(r"^\| (\S+) \| (`` .*? ``) \| (`` .*? ``) \| (.*?) ?\|$", SUMMARY.read_text(), re.M)
    return {row[:3]: row[3] for row in rows}


def summarise() -> None:
    """Write tests/mutants.md from what was planted so far."""
    known = reasons() if SUMMARY.is_file() else {}
    counts, table = "", ""
    for area in AREAS:
        codes = Counter(mutants(area).values())
        left = [line_of(name) for name, code in mutants(area).items() if code in (SURVIVED, UNTESTED)]
        equivalent = sum(bool(known.get(row)) for row in left)
        planted, survivors = codes.total() - codes[None], len(left) - equivalent
        share = f"{100 * survivors / (planted - equivalent):.1f} %" if planted > equivalent else ""
        counts += (
            f"| {area} | {codes.total()} | {planted} | {planted - len(left)} | {equivalent} | {survivors} | {share} |\n"
        )
        table += "".join(f"| {' | '.join(row)} | {known.get(row, '')} |\n" for row in sorted(left))
    SUMMARY.write_text(TEXT + counts + "\n" + HEADING + table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; all by default")
    parser.add_argument("--sample", type=int, default=0, help="how many slips of each area, at random; 0, all")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if wrong := set(given.areas) - set(AREAS):
        parser.error(f"expected areas of {', '.join(AREAS)}, got {', '.join(sorted(wrong))}")
    command = [*MUTMUT, "run", "--max-children", str(given.jobs)]
    if not Path("mutants/mutmut-stats.json").is_file():  # makes the slips, learns which tests reach each, plants none
        subprocess.run([*command, "none"], check=False)
    names = [name for area in given.areas or AREAS for name in choice(area, given.sample)]
    if names:
        subprocess.run([*command, *names], check=True)
    summarise()


if __name__ == "__main__":
    main()
