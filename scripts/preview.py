"""Draw the picture that stands beside a shared link to the site, 1200 x 630 pixels: title and plane of MNIST."""

import json
from base64 import b64decode
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

BOOK = Path(__file__).parents[1] / "book"
SIZE, MARGIN = (1200, 630), 15
TITLE, ASKED = "Rate,\nDistortion\nand the ELBO", "What information does a\nvariational autoencoder keep?"


def plane() -> Image.Image:
    """The picture of all families, as the page ``mnist`` stores it."""
    cells = json.loads((BOOK / "mnist.ipynb").read_text())["cells"]
    (cell,) = (cell for cell in cells if cell["source"] == ["show.family_plane(points)"])
    return Image.open(BytesIO(b64decode(cell["outputs"][0]["data"]["image/png"])))


def main() -> None:
    canvas = Image.new("RGB", SIZE, "white")
    picture = plane().convert("RGBA")
    picture.thumbnail((SIZE[0], SIZE[1] - 2 * MARGIN), Image.Resampling.LANCZOS)
    canvas.paste(picture, (SIZE[0] - picture.width - MARGIN, MARGIN), picture)
    for text, size, top in ((TITLE, 72, 130), (ASKED, 32, 430)):
        ImageDraw.Draw(canvas).text((50, top), text, "black", ImageFont.load_default(size))
    canvas.quantize(256, Image.Quantize.MAXCOVERAGE).save(BOOK / "_static" / "preview.png", optimize=True)


if __name__ == "__main__":
    main()
