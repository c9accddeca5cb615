"""Sphinx extension: the theme's icons as drawings within the page, in place of a script of 1.5 MB and its fonts.

Of Font Awesome a page shows about two dozen icons. Those that stand in a page are read from the script that the theme
brings; those that style sheets ask for by their code stay letters of a font, which is cut down to them. The script, its
style sheets and the rest of its fonts are left out.
"""

import re
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

from fontTools import subset
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ICON = re.compile(r'<(i|span) class="((?:[\w-]+ )*?(?:fas|fa-solid) fa-([a-z-]+)[^"]*)"([^>]*)></\1>')
TOLD = re.compile(r"<(?:script|link)[^>]*vendor/fontawesome[^>]*>(?:</script>)?\n?")
CODE = re.compile(r"\\(f[0-9a-f]{3})\b|([\uf000-\uf8ff])")  # in digits, or as the letter itself
SVG = '<svg viewBox="0 0 {width} {height}" aria-hidden="true"><path d="{path}"/></svg>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it."""
    app.connect("build-finished", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def draw(app: Sphinx, error: Exception | None) -> None:
    """Set the icons into every page that was written, and remove what they came from."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    vendor = static / "vendor" / "fontawesome"
    if not vendor.is_dir():
        return
    drawings = Drawings(vendor)
    cut(vendor, static)
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text()
        if "vendor/fontawesome" in text:
            page.write_text(ICON.sub(drawings.icon, TOLD.sub("", text)))
    shutil.rmtree(vendor)


def cut(vendor: Path, static: Path) -> None:
    """Write the letters that the style sheets ask for as ``icons.woff``."""
    sheets = (path.read_text() for path in static.rglob("*.css") if vendor not in path.parents)
    codes = sorted({code or f"{ord(letter):x}" for sheet in sheets for code, letter in CODE.findall(sheet)})
    whole = next(vendor.glob("*/webfonts/fa-solid-900.ttf"))
    asked = ["--unicodes=" + ",".join(codes), "--flavor=woff", f"--output-file={static / 'icons.woff'}"]
    subset.main([str(whole), *asked])


class Drawings:
    """The icons of the script in the folder ``vendor``, which is read when the first is asked for."""

    def __init__(self, vendor: Path) -> None:
        self.vendor = vendor
        self.drawn: dict[str, str] = {}

    @cached_property
    def script(self) -> str:
        """The text of the script."""
        return next(self.vendor.glob("*/js/all.min.js")).read_text()

    def icon(self, found: re.Match[str]) -> str:
        """The element of one icon, with its drawing inside."""
        element, classes, name, rest = found.groups()
        return f'<{element} class="{classes}"{rest}>{self.drawing(name)}</{element}>'

    def drawing(self, name: str) -> str:
        """The picture of an icon; raises ``ExtensionError`` for a name that the script does not know."""
        if name not in self.drawn:
            described = re.findall(rf'(?<![\w-])"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]', self.script)
            if not described:
                raise ExtensionError(f"expected an icon of Font Awesome, got {name!r}")
            width, height, path = described[-1]  # after the regular one, where there are two
            self.drawn[name] = SVG.format(width=width, height=height, path=path)
        return self.drawn[name]
