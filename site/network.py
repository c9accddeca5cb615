"""Sphinx extension: the network that the figure *lab* runs in the reader's browser, once for all pages.

Pages are also opened as files, from which a script may not fetch others, so data come as scripts that call
``rd.loaded(name, data)``. ``_static/one_network.js`` holds the network of ``book/results/members``, its numbers in half
precision as they are stored; a figure loads it by ``rd.load("one_network")``. What else it needs are its settings.
"""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from safetensors import safe_open
from sphinx.application import Sphinx
from torch import nn

from companion import learn
from companion.models import MultiRateVAE
from companion.models.layers import GatedConv2d, GatedConvTranspose2d
from companion.models.multirate import SHARPNESS

MEMBERS = Path("book", "results", "members", "family---")
Facts = dict[str, Any]


def network(folder: Path) -> Facts:
    """What ``network.js`` loads of the network in ``folder``.

    centre, span, sharpness, side : as in ``MultiRateVAE``; the side of an image in pixels
    layers : in their order, see ``described``
    tensors : name and shape of each, in the order in which they stand in ``halves``
    halves : the numbers in half precision, low byte first, as base64
    """
    _, model = learn.load_run(folder)
    if not (isinstance(model, MultiRateVAE) and model.image_shape and len(set(model.image_shape)) == 1):
        raise ValueError(f"{folder}: expected one network for all beta, of square images, got {type(model).__name__}")
    layers = [described(model, index) for index in range(len(model.layers))]
    about = {"centre": model.centre, "span": model.span, "sharpness": SHARPNESS, "side": model.image_shape[0]}
    return {**about, "layers": layers, **halves(folder / "model.safetensors")}


def described(model: MultiRateVAE, index: int) -> Facts:
    """One layer: where it stands, its gates, and the numbers from which its arithmetic follows."""
    name = model.layers[index]
    layer, parent = model.get_submodule(name), model.get_submodule(name.rpartition(".")[0])
    role = "opening" if name == model.opening else name.removeprefix("encoder.")
    kept = role if role in ("opening", "mean", "variance") else ""
    about: Facts = {"name": name, "gates": f"gates.{index}", "role": kept}
    about["part"] = "heads" if role in ("mean", "variance") else name.split(".")[0]
    about |= {"transposed": isinstance(layer, nn.ConvTranspose2d)}
    about |= {"gated": isinstance(parent, GatedConv2d | GatedConvTranspose2d)}
    if isinstance(layer, nn.Linear):
        return about | {"kernel": 1, "stride": 1, "padding": 0, "extra": 0}
    return about | shape(layer, getattr(parent, "trim", 0))


def shape(layer: nn.Module, trim: int) -> Facts:
    """Kernel, stride and padding of a convolution, the same both ways, and what its output is wider by."""
    options: Facts = {name: getattr(layer, name) for name in ("kernel_size", "stride", "padding", "output_padding")}
    if any(len(set(pair)) > 1 for pair in options.values()) or layer.dilation != (1, 1) or layer.groups != 1:
        raise ValueError(f"layer: expected a square convolution without dilation or groups, got {layer}")
    kernel, stride, padding, extra = (pair[0] for pair in options.values())
    return {"kernel": kernel, "stride": stride, "padding": padding, "extra": extra - trim}


def halves(weights: Path) -> Facts:
    """The tensors of a model's file, as they are stored."""
    with safe_open(weights, "np") as stored:
        found = {name: stored.get_tensor(name) for name in sorted(stored.keys())}
    if wrong := [name for name, tensor in found.items() if tensor.dtype != "<f2"]:
        raise ValueError(f"{weights}: expected numbers in half precision, got others in {wrong[0]}")
    together = b"".join(tensor.tobytes() for tensor in found.values())
    shapes = [[name.removeprefix("model/"), list(tensor.shape)] for name, tensor in found.items()]
    return {"tensors": shapes, "halves": b64encode(together).decode()}


def script(name: str, data: Facts) -> str:
    """The script that hands ``data`` to the figures of a page."""
    return f'rd.loaded("{name}", {json.dumps(data, separators=(",", ":"))});\n'


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the network beside the static files."""
    if error or app.builder.format != "html":
        return
    path = Path(app.outdir, "_static", "one_network.js")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script("one_network", network(Path(app.srcdir) / MEMBERS)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect both."""
    app.add_css_file("lab.css")
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
