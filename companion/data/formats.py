"""From the bytes of the published files to arrays: idx, amat text, and the two forms of Omniglot."""

import io
import re
import zipfile

import numpy as np
from PIL import Image

OMNIGLOT_SIDE = 105


def parse_idx(content: bytes) -> np.ndarray:
    """The array in an idx file of unsigned bytes (the form of MNIST): magic number, shape, values."""
    dims = content[3]
    shape = np.frombuffer(content, ">i4", count=dims, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dims).reshape(shape)


def parse_amat(content: bytes, side: int = 28) -> np.ndarray:
    """The binary images ``[n, side, side]`` in amat text: one image a line, pixels 0 or 1 between single blanks."""
    characters = np.frombuffer(content, np.uint8).reshape(-1, 2 * side * side)
    return (characters[:, ::2] == ord("1")).reshape(-1, side, side)


def parse_omniglot_npz(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ink ``[n, 105, 105]``, alphabet and drawer of the packed file, in the order of ``parse_omniglot_zips``."""
    with np.load(io.BytesIO(content)) as packed:
        ink = np.unpackbits(packed["images_packed"], axis=1)[:, : OMNIGLOT_SIDE**2]
        names = packed["alphabet_names"][packed["alphabet_id"]].astype(str)
        key = [names, packed["character_in_alphabet"].astype(int), packed["drawer"].astype(int)]
    order = np.lexsort(key[::-1])
    return ink[order].reshape(-1, OMNIGLOT_SIDE, OMNIGLOT_SIDE).astype(bool), key[0][order], key[2][order]


def parse_omniglot_zips(contents: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ink ``[n, 105, 105]``, alphabet and drawer of upstream's zips, by alphabet, character and drawer."""
    drawings = {}
    for content in contents:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                if found := re.search(r"([^/]+)/character(\d+)/\d+_(\d+)\.png$", name):
                    key = (found[1], int(found[2]), int(found[3]))
                    drawings[key] = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("1"))
    order = sorted(drawings)
    ink = ~np.stack([drawings[key] for key in order])
    return ink, np.array([key[0] for key in order]), np.array([key[2] for key in order])


def area_average(ink: np.ndarray, side: int = 28) -> np.ndarray:
    """Grey images ``[n, side, side]`` (uint8) of square binary ones: each output pixel is the inked share of its area.

    >>> area_average(np.ones((1, 3, 3)), side=2)[0].tolist()
    [[255, 255], [255, 255]]
    """
    edges = np.linspace(0, ink.shape[1], side + 1)
    pixels = np.arange(ink.shape[1])
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None) * side / ink.shape[1]
    blocks = np.array_split(ink, max(1, len(ink) // 1000))
    return np.concatenate([np.rint(255 * (weights @ b.astype(float) @ weights.T)).astype(np.uint8) for b in blocks])
