"""A figure as SVG that belongs to its page: its colours by CSS variables, its text as text, and no more than needed."""

import base64
import html
import io
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np
from PIL import Image

SPACE, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
FONT = "'DejaVu Sans', sans-serif"  # the site serves the first, so that the signs of a formula keep their places
INK = "ink"  # the name of an image of ink on white, which a dark page shows as light on dark
SHAPE = ("d", "x", "y", "width", "height")
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
READABLE = 11  # pixels, the least that letters get on a narrow page
LETTER = 10  # the least that they are drawn with there: exponents and their like grow (``--rd-letter`` in figures.css)
SIZE = re.compile(r"font-size: ([\d.]+)px")
BOX = re.compile(r'viewBox="0 0 ([\d.]+) ')
VARIABLE = re.compile(r"var\(--[\w-]+, ([^()]*)\)")
FAMILY = re.compile(r"font-family: [^;]*")
NUMBER = re.compile(r"-?\d+\.\d{3,}")
PIXELS = "data:image/png;base64,"
PNG = re.compile(PIXELS + '([^"]*)')
INKED = re.compile(r'<image\b[^>]*\bclass="ink"[^>]*>')
ENLARGED = 4  # times, so that a browser that scales an image keeps its pixels equal, with soft edges
UNTURNED = re.compile(r"rotate\(-?0 .*\)")


def themed(written: str, variables: Mapping[str, str]) -> str:
    """The ``<svg>`` element of a file that matplotlib wrote, about half as long, black where no colour is named.

    Names of parts go, which two figures on one page would share; coordinates are rounded to a hundredth of a point.

    Args:
        variables: a CSS variable for each colour that the page may change; the colour itself stands behind it, for a
            viewer that sets none

    >>> print(themed('<svg xmlns="http://www.w3.org/2000/svg"><path d="M 1.234 2" style="fill: red"/></svg>', {}))
    <svg xmlns="http://www.w3.org/2000/svg" fill="var(--rd-ink, #000)" ...<path d="M 1.23 2" style="fill: red" /></svg>
    """
    ElementTree.register_namespace("", SPACE[1:-1])
    ElementTree.register_namespace("xlink", LINK[1:-1])
    root = ElementTree.fromstring(written)
    used = {each.get(f"{LINK}href") for each in root.iter()} | set(re.findall(r"url\((#\w+)\)", written))
    for parent in list(root.iter()):
        for style in parent.findall(f"{SPACE}style"):
            parent.remove(style)
        _slim(parent, variables, used)
    root.attrib |= {"fill": "var(--rd-ink, #000)", "stroke-linejoin": "round", "style": "image-rendering: pixelated"}
    return ElementTree.tostring(root, encoding="unicode").strip()


def _slim(element: ElementTree.Element, variables: Mapping[str, str], used: set[str | None]) -> None:
    given = element.attrib
    if f"#{given.get('id')}" not in used and given.pop("id", None) == INK:
        given["class"] = INK
    if UNTURNED.fullmatch(given.get("transform", "")):
        del given["transform"]
    for name in given.keys() & set(SHAPE):
        given[name] = " ".join(NUMBER.sub(lambda found: f"{float(found[0]):.2f}", given[name]).split())
    if (png := given.get(f"{LINK}href", "")).startswith(PIXELS):
        given[f"{LINK}href"] = PIXELS + _coded(small(base64.b64decode(png[len(PIXELS) :])))
    if "style" in given:
        named = COLOUR.sub(lambda found: _variable(found[0], variables), given["style"])
        given["style"] = FAMILY.sub(f"font-family: {FONT}", named)
    if not (element.text or "").strip():
        element.text = None
    if not (element.tail or "").strip():
        element.tail = None


def _variable(colour: str, variables: Mapping[str, str]) -> str:
    return f"var({variables[colour]}, {colour})" if colour in variables else colour


def small(png: bytes) -> bytes:
    """The same pixels by a palette, where that is shorter and 256 colours do: matplotlib writes four bytes a pixel."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    codes, chosen = np.unique(np.ascontiguousarray(pixels).view(">u4"), return_inverse=True)  # a number a pixel
    if len(codes) > 256:
        return png
    colours = codes.view(np.uint8).reshape(-1, 4)
    image, written = Image.fromarray(chosen.reshape(pixels.shape[:2]).astype(np.uint8), "P"), io.BytesIO()
    image.putpalette(colours[:, :3].tobytes())
    image.save(written, "PNG", optimize=True, transparency=colours[:, 3].tobytes())
    return min(png, written.getvalue(), key=len)


def framed(svg: str, alt: str) -> str:
    """The picture in a frame that keeps its letters readable: it scrolls where the page is too narrow for them.

    Raises ``ValueError`` for an empty ``alt``, which says what the picture shows, or an ``svg`` without a ``viewBox``.
    """
    if not alt.strip():
        raise ValueError("alt: expected a description of the picture, got an empty one")
    box = BOX.search(svg)
    if not box:
        raise ValueError(f"svg: expected an element with a viewBox from 0 0, got {svg[:60]!r}")
    wide, smallest = float(box[1]), max(LETTER, min(map(float, SIZE.findall(svg)), default=READABLE))
    sizes = f"--rd-wide: {1.8 * wide:.0f}px; --rd-least: {READABLE / smallest * wide:.0f}px"
    svg = SIZE.sub(lambda size: _growing(size[0], float(size[1])), svg)
    svg = INKED.sub(lambda image: PNG.sub(lambda png: PIXELS + _coded(inked(base64.b64decode(png[1]))), image[0]), svg)
    named = svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(alt)}" ', 1)
    return f'<div class="rd-still" style="{sizes}">{named}</div>'


def plain(svg: str) -> str:
    """The picture with the colours that were drawn in place of CSS variables, for where no page sets them.

    >>> plain('<path style="fill: var(--rd-1, #0072b2)" />')
    '<path style="fill: #0072b2" />'
    """
    return VARIABLE.sub(r"\1", svg)


def _growing(written: str, size: float) -> str:
    return written if size >= LETTER else f"font-size: max({size:g}px, var(--rd-letter, 0px))"


def _coded(png: bytes) -> str:
    return base64.b64encode(png).decode()


def inked(png: bytes) -> bytes:
    """An image of ink on white as ink on nothing, so that it can be inverted on any ground; larger, pixel by pixel."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("LA")).astype(int)
    alpha = (255 - pixels[..., 0]) * pixels[..., 1] // 255
    colours = np.stack([0 * alpha] * 3 + [alpha], -1).astype(np.uint8).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    written = io.BytesIO()
    Image.fromarray(colours).save(written, "PNG")
    return small(written.getvalue())
