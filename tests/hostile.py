"""What reads files that others wrote in ``companion``, each with valid files to begin from: see ``mutations``."""

import gzip
import hashlib
import io
import json
import struct
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from mutations import Reader, in_file, parsed
from PIL import Image
from safetensors.torch import save
from torch import nn

from companion import coding, data, learn, results, sweeps
from companion.cli.coding import stored
from companion.cli.commands import changes, grid
from companion.cli.options import parser
from companion.coding.container import HEAD, Container
from companion.data import files, formats, images
from companion.learn import CheckpointError, State
from companion.learn.checkpoint import load_state, read_config
from companion.models import family
from companion.results.schema import read_rows
from companion.results.table import ResultsTable
from companion.terms import RateDistortion

RESULTS = Path(__file__).parents[1] / "book" / "results"
RNG = np.random.default_rng(0)
INK = RNG.random((3, 105, 105)) < 0.3
SMALL = RNG.random((3, 8, 8)) < 0.3


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def amat(images: np.ndarray) -> bytes:
    return b"".join(b" ".join(b"%d" % pixel for pixel in image.ravel()) + b"\n" for image in images)


def zipped(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def png(ink: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(ink).save(stream, "png", **options)
    return stream.getvalue()


PACKED = {
    "images_packed": np.packbits(INK.reshape(3, -1), axis=1),
    "alphabet_names": np.array(["Tagalog", "Keble"]),
    "alphabet_id": np.array([0, 1, 1], np.uint8),
    "character_in_alphabet": np.array([1, 2, 3], np.uint8),
    "drawer": np.array([1, 16, 17], np.uint8),
}
DRAWINGS = {f"images/Tagalog/character0{i + 1}/000{i}_0{i + 1}.png": png(~ink) for i, ink in enumerate(INK)}
SPLITS = dict.fromkeys(formats.SPLITS, SMALL) | {"test_labels": np.arange(3)}


def with_member(arrays: dict[str, np.ndarray], content: bytes) -> bytes:
    name, _, array = content.partition(b"\n")
    members = {f"{key}.npy": npy(each) for key, each in arrays.items()}
    path = name[:100].decode("latin-1").replace("\0", "")
    return zipped(zipfile.ZIP_STORED, **members | {f"{path}.npy": array})


def named_arrays(arrays: dict[str, np.ndarray]) -> tuple[bytes, ...]:
    return tuple(name.encode() + b"\n" + npy(array) for name, array in arrays.items())


def packed_member(content: bytes, folder: Path) -> Any:
    """A line with a name, and the array of that name; the others are as they should be."""
    return formats.parse_omniglot_npz(with_member(PACKED, content))


CONTENT = amat(SMALL)


def gzip_file(path: Path) -> Any:
    with patch.object(files, "locate", lambda source: path):
        return files.read(files.Source(path.name, (), hashlib.sha256(CONTENT).hexdigest()))


def cached(path: Path) -> Any:
    with patch.object(images, "_cache_path", lambda name: path):
        return data.load("mnist-static")


def cached_member(content: bytes, folder: Path) -> Any:
    return in_file("set.npz", cached)(with_member(SPLITS, content), folder)


def tiny() -> State:
    """A run of one layer, with its optimiser, after a step."""
    model = nn.Linear(2, 3)
    nn.init.ones_(model.weight)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = State({"model": model}, [optimizer], step=4, seconds=1.5)
    state.history = [(4, RateDistortion(1.0, 2.0, 0.1, 0.1, 0.1, 10, "validation"))]
    state.keep()
    return state


STEP = {"rate": 1.0, "distortion": 2.0, "rate_se": 0.1, "distortion_se": 0.1, "elbo_se": 0.1, "n": 10}
PROGRESS = json.dumps({"step": 4, "seconds": 1.5, "history": [[4, {**STEP, "split": "validation", "seed": 0}]]})


@cache
def checkpoint() -> bytes:
    return save({name: tensor.contiguous() for name, tensor in tiny().tensors().items()}, {"progress": PROGRESS})


def split_head(content: bytes) -> tuple[bytes, bytes]:
    """The head of a safetensors file, and its tensors."""
    (length,) = struct.unpack_from("<Q", content)
    return content[8 : 8 + length], content[8 + length :]


def load_checkpoint(path: Path) -> None:
    load_state(path, tiny(), model_only=False)


def checkpoint_head(content: bytes, folder: Path) -> None:
    whole = struct.pack("<Q", len(content)) + content + split_head(checkpoint())[1]
    in_file("checkpoint.safetensors", load_checkpoint)(whole, folder)


def progress(content: bytes, folder: Path) -> None:
    head = json.loads(split_head(checkpoint())[0])
    head["__metadata__"]["progress"] = content.decode("utf-8", "replace")
    checkpoint_head(json.dumps(head).encode(), folder)


RUN = learn.preset("laptop", "digits", width=0.05, latent_dim=2, steps=4)
CONFIGS = tuple(
    json.dumps(config.settings()).encode()
    for config in (
        RUN,
        RUN.replace(family="-+v", objective="target_rate", target=3.0, pseudo_inputs=3),
        RUN.replace(categories=3, dense=True, objective="mi_valid"),
        RUN.replace(walked=(0.1, 0.3), stay=1, cooldown=1),
    )
)


@cache
def weights() -> bytes:
    model = learn.build(RUN, (8, 8))
    return save({f"model/{name}": t.contiguous() for name, t in model.state_dict().items()}, {"progress": PROGRESS})


def run(content: bytes, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(weights())
    in_file("config.json", lambda path: learn.load_run(path.parent))(content, folder)


def provenance(path: Path) -> Any:
    return ResultsTable(path.with_suffix(".csv"), []).provenance()


def table(path: Path) -> Any:
    return results.records(results.load(path))


def toml(content: bytes, folder: Path) -> Any:
    with patch.object(learn.config, "training_images", lambda name: 1000):  # which would fetch them
        return in_file("grid.toml", sweeps.read_grid)(content, folder)


@cache
def coder() -> tuple[Any, bytes]:
    model = family("---", image_shape=(8, 8), width=0.1, latent_dim=2).eval()
    return model, coding.compress(model, SMALL)


def stack(content: bytes, folder: Path) -> Any:
    """The bytes as the head, the bits and the counts of a file that is whole and the model's own."""
    model, valid = coder()
    head = list(HEAD.unpack(content[: HEAD.size].ljust(HEAD.size, b"\0")))
    axes, rest = head[2] % 9, content[HEAD.size :]
    rest = rest[: 2 * axes + (len(rest) - 2 * axes) // 4 * 4].ljust(2 * axes + 4, b"\1")
    head[:2], head[2], head[5:7], head[8] = (
        HEAD.unpack_from(valid)[:2],
        axes,
        HEAD.unpack_from(valid)[5:7],
        (len(rest) - 2 * axes) // 4,
    )
    body = HEAD.pack(*head) + rest
    return coding.decompress(model, body + struct.pack("<I", zlib.crc32(body)))


companion_parser = cache(parser)


def command_line(content: bytes, folder: Path) -> Any:
    """What a command line asks for, as far as it can be told without doing it."""
    options = parsed(companion_parser(), content)
    name = getattr(getattr(options, "command", None), "__name__", "")
    with patch.object(learn.config, "training_images", lambda name: 1000):
        if name == "train_command":
            return sweeps.expand(changes(options))
        if name == "sweep_command" and not options.grid:
            return grid(options)
        if name == "path_command":
            return sweeps.expand_paths(
                changes(options) | {step: getattr(options, step) for step in ("first", "stay", "cooldown")}
            )
    return options


LINES = (
    "data mnist-static",
    "train --data digits --preset laptop --beta 1 --seed 0 --family=-+v --width 0.5 --latent-dim 3 --out runs/a",
    "train --data digits --objective target_rate --target 3 --weight 2 --epochs 2 --precision bf16 --dense",
    "sweep --data digits --betas 0.1,0.3,1 --seeds 0,1 --families=---,--v --jobs 2 --budget 25m --engine dask",
    "path --data mnist-static --betas 3,1,0.3 --first 20 --stay 6 --cooldown 4 --threads 1",
    "evaluate runs/a --split validation --draw-seed 3 --device cpu",
    "measure my_model.py:build --data mnist-static --scale 255 --out report --beside table.csv",
    "compress runs/a digits.rd --first 10 --images own.npy",
    "decompress runs/a digits.rd digits.npy",
    "sweep --grid grid.toml --verify 2",
    "show runs/digits",
)


def heads(pattern: str, lines: int) -> tuple[bytes, ...]:
    """The beginnings of committed tables."""
    return tuple(b"".join(path.read_bytes().splitlines(True)[:lines]) for path in sorted(RESULTS.glob(pattern)))


def small_provenance() -> bytes:
    whole = json.loads((RESULTS / "wae_gan.json").read_bytes())
    return json.dumps({"runs": dict(list(whole["runs"].items())[:2])}).encode()


NAMES = ("mnist", "relatives", "vmi_mnist", "latents_mnist", "paths", "members", "mi_bounds", "likelihoods")
TABLES = tuple(head for name in NAMES for head in heads(f"{name}.csv", 4))
CHECKPOINT = {"refuses": (ValueError, CheckpointError), "says": "expected|damaged|of another architecture"}
DATA = {"refuses": (ValueError, data.DataError), "says": "expected|damaged|altered"}
READERS = (
    Reader("idx", (idx(SMALL.astype(np.uint8)), idx(np.arange(5, dtype=np.uint8))), lambda c, f: formats.parse_idx(c)),
    Reader("amat", (amat(SMALL[:, :4, :4]),), lambda c, f: formats.parse_amat(c, side=4)),
    Reader("npz", (npz(**PACKED),), lambda c, f: formats.parse_omniglot_npz(c)),
    Reader("npz-member", named_arrays(PACKED), packed_member),
    Reader("zip", (zipped(**DRAWINGS),), lambda c, f: formats.parse_omniglot_zips([c])),
    Reader("png", (*DRAWINGS.values(), png(INK[0], bits=1)), lambda c, f: formats.parse_drawing(c)),
    Reader(
        "gzip",
        (gzip.compress(CONTENT), gzip.compress(CONTENT[:900]) + gzip.compress(CONTENT[900:])),
        in_file("a.gz", gzip_file),
        **DATA,
    ),
    Reader("cache", (npz(**SPLITS),), in_file("set.npz", cached), **DATA),
    Reader("cache-member", named_arrays(SPLITS), cached_member, **DATA),
    Reader("checkpoint", (checkpoint(),), in_file("checkpoint.safetensors", load_checkpoint), **CHECKPOINT),
    Reader("checkpoint-head", (split_head(checkpoint())[0],), checkpoint_head, **CHECKPOINT),
    Reader("checkpoint-progress", (PROGRESS.encode(),), progress, **CHECKPOINT),
    Reader("config", CONFIGS, in_file("config.json", lambda path: read_config(path.parent)), **CHECKPOINT),
    Reader("run", CONFIGS[::3], run, **CHECKPOINT),
    Reader("rows", TABLES, in_file("rows.csv", read_rows)),
    Reader("table", TABLES, in_file("table.csv", table)),
    Reader("provenance", (small_provenance(),), in_file("rows.json", provenance)),
    Reader("grid", tuple(path.read_bytes() for path in sorted(RESULTS.glob("*.toml"))), toml),
    Reader("container", (coder()[1],), lambda c, f: Container.from_bytes(c)),
    Reader("stack", (coder()[1][:-4],), stack),
    Reader("npy", (npy(SMALL), npy(SMALL.astype(">f4")), npy(np.arange(6).reshape(2, 3))), in_file("a.npy", stored)),
    Reader(
        "command-line",
        tuple("\n".join(line.split(" ")).encode() for line in LINES),
        command_line,
        says="expected|error:",
    ),
)
