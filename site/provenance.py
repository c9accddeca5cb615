"""Sphinx extension: the directive ``{provenance}`` tells of every table in ``book/results`` how it was made."""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from companion.results.schema import machine

Facts = dict[str, Any]


def tables(results: Path) -> dict[str, Facts]:
    """What the provenance of each table says, by the table's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}


def markdown(results: Path) -> list[str]:
    """The lines of the page's tables: one of all files, and for each sweep one of its runs."""
    found = tables(results)
    lines = ["| table | runs | scale | hours of one core | made by |", "| --- | --- | --- | --- | --- |"]
    lines += [summary(name, facts) for name, facts in found.items()]
    for name, facts in found.items():
        if "runs" in facts and all("seconds" in run for run in facts["runs"].values()):
            lines += ["", f"````{{dropdown}} The runs of {name}.csv", *runs(list(facts["runs"].values())), "````"]
    return lines


def summary(name: str, facts: Facts) -> str:
    """One line of the table of all files."""
    made = list(facts.get("runs", {}).values())
    seconds = [run["seconds"] for run in made if "seconds" in run] if made else facts.get("seconds", [])
    scale = ", ".join(sorted({run.get("config", run)["preset"] for run in made})) or "laptop"
    by = sorted({line for run in [*made, facts] if "made_by" in run for line in [machine(run["made_by"])]})
    hours = f"{sum(seconds) / 3600:.1f}" if seconds else ""
    return f"| {name} | {len(made) or ''} | {scale} | {hours} | {'; '.join(by)} |"


def runs(made: list[Facts]) -> list[str]:
    """A table of the runs of one sweep: what tells them apart, the weights that were kept, and the time."""
    configs = [run["config"] for run in made]
    names = list(dict.fromkeys(name for config in configs for name in config))
    told = [name for name in names if len({str(config.get(name)) for config in configs}) > 1]
    lines = [f"| {' | '.join(told)} | kept step | minutes | hash |", "| --- " * (len(told) + 3) + "|"]
    for run, config in zip(made, configs, strict=True):
        cells = ["" if config.get(name) is None else f"`{config[name]}`" for name in told]
        lines.append(f"| {' | '.join(cells)} | {run['kept']} | {run['seconds'] / 60:.1f} | `{run['hash']}` |")
    return lines


class Provenance(SphinxDirective):
    """See the module."""

    def run(self) -> list[nodes.Node]:
        """The tables, parsed as the page is."""
        self.env.note_reread()  # it tells of other files than its own
        holder = nodes.container()
        results = Path(self.env.srcdir) / "book" / "results"
        self.state.nested_parse(StringList(markdown(results)), self.content_offset, holder)
        return holder.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the directive."""
    app.add_directive("provenance", Provenance)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
