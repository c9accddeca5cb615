"""Sphinx extension: the directive ``{dependencies}`` lists what is installed with the book, and its licences."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

OURS = {"elbo-companion", "elbo-coursework"}
PACKAGE = (("elbo-companion", ""),)
BESIDES = (("elbo-companion", "book"), ("elbo-companion", "test"), ("elbo-coursework", ""))
#: Identifiers of SPDX for the words of older metadata.
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU General Public License (GPL)": "GPL",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def needed(*roots: tuple[str, str]) -> dict[str, Distribution]:
    """What each of ``roots``, a distribution and one of its extras or "", needs at whatever remove, as it is here."""
    found: dict[str, Distribution] = {}
    seen, left = set(), list(roots)
    while left:
        name, extra = left.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            here = distribution(name)
        except PackageNotFoundError:  # of an extra that was not installed
            continue
        found[name] = here
        for asked in map(Requirement, here.requires or []):
            if asked.marker is None or asked.marker.evaluate({"extra": extra}):
                left += [(canonicalize_name(asked.name), each) for each in ("", *asked.extras)]
    return {name: found[name] for name in sorted(found.keys() - OURS)}


def licence(installed: Distribution) -> str:
    """What the metadata say of the licence, in the identifiers of SPDX, or an empty string."""
    told = installed.metadata
    if expression := told.get_all("License-Expression"):
        return expression[0]
    lines = [line.rsplit(" :: ", 1)[1] for line in told.get_all("Classifier") or [] if line.startswith("License :: ")]
    words = [line for line in lines if line != "OSI Approved"]
    words = words or [text.splitlines()[0] for text in told.get_all("License") or []]
    return ", ".join(SPDX.get(word, word) for word in words)


def markdown() -> list[str]:
    """The lines of the two tables."""
    package = needed(*PACKAGE)
    besides = {name: each for name, each in needed(*BESIDES).items() if name not in package}
    title = f"The {len(besides)} that the book, its tests and the grader need besides"
    return [*table(package), "", f"````{{dropdown}} {title}", *table(besides), "````"]


def table(installed: dict[str, Distribution]) -> list[str]:
    """One line a distribution."""
    lines = [f"| {name} | {each.version} | {licence(each)} |" for name, each in installed.items()]
    return ["| distribution | version | licence |", "| --- | --- | --- |", *lines]


class Dependencies(SphinxDirective):
    """See the module."""

    def run(self) -> list[nodes.Node]:
        """The tables, parsed as the page is."""
        self.env.note_reread()  # it tells of what is installed
        holder = nodes.container()
        self.state.nested_parse(StringList(markdown()), self.content_offset, holder)
        return holder.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the directive."""
    app.add_directive("dependencies", Dependencies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
