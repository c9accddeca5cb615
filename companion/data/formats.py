"""From the bytes of the published files to arrays in splits: idx, amat text, and the two forms of Omniglot.

The cache of parsed sets is named after the source of this module: whatever changes here, the files are parsed again.
"""

import io
import re
from math import prod

import numpy as np
from PIL import Image

from companion.data.arrays import read_npz, read_zip

SPLITS = ("train", "validation", "test")
IDX = b"\0\0\x08"  # what an idx file of unsigned bytes begins with
SPLIT_SEED = 0  # of the random splits of the digits and of Omniglot
OMNIGLOT_SIDE = 105  # pixels
#: The arrays of Omniglot's packed file: the kinds of their numbers, and their axes.
PACKED = {
    "images_packed": ("u", 2),
    "alphabet_names": ("U", 1),
    "alphabet_id": ("iu", 1),
    "character_in_alphabet": ("iu", 1),
    "drawer": ("iu", 1),
}

#: Arrays by split, images ``[n, H, W]``, and by ``SPLIT_labels`` where there are labels, ``[n]``.
Arrays = dict[str, np.ndarray]


def static_mnist(contents: list[bytes]) -> Arrays:
    """The statically binarised MNIST: amat text, one file a split, no labels."""
    return {split: parse_amat(content) for split, content in zip(SPLITS, contents, strict=True)}


def idx_set(contents: list[bytes]) -> Arrays:
    """MNIST's form, images and labels of two parts: the last 10 000 images of the first are the validation split."""
    images, labels, test, test_labels = map(parse_idx, contents)
    parts = [(images[:-10_000], labels[:-10_000]), (images[-10_000:], labels[-10_000:]), (test, test_labels)]
    return _in_splits(parts)


def omniglot(contents: list[bytes]) -> Arrays:
    """Drawers 1 to 15 train, of which 1 345 random images validate; drawers 16 to 20 test; labels: alphabets."""
    ink, alphabet, drawer = parse_omniglot_npz(contents[0]) if len(contents) == 1 else parse_omniglot_zips(contents)
    grey, labels = area_average(ink), np.unique(alphabet, return_inverse=True)[1]
    seen = np.random.RandomState(SPLIT_SEED).permutation(np.flatnonzero(drawer <= 15))
    indices = np.sort(seen[1345:]), np.sort(seen[:1345]), np.flatnonzero(drawer > 15)
    return _in_splits([(grey[index], labels[index]) for index in indices])


def digits(_: list[bytes]) -> Arrays:
    """The 1 797 digits shipped with scikit-learn, 8 x 8, levels 0 to 16; a fixed random split 1 197 / 300 / 300."""
    from sklearn.datasets import load_digits

    levels, labels = load_digits(return_X_y=True)
    grey = np.rint(levels.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    order = np.random.RandomState(SPLIT_SEED).permutation(len(grey))
    return _in_splits([(grey[index], labels[index]) for index in np.split(order, [1197, 1497])])


def _in_splits(parts: list[tuple[np.ndarray, np.ndarray]]) -> Arrays:
    named = list(zip(SPLITS, parts, strict=True))
    return {split: images for split, (images, _) in named} | {f"{split}_labels": labels for split, (_, labels) in named}


def parse_idx(content: bytes) -> np.ndarray:
    """The array in an idx file of unsigned bytes (the form of MNIST): magic number, shape, values.

    Raises ``ValueError`` for other bytes, and unless there are as many values as the shape says.
    """
    axes = content[3] if len(content) > 3 and content[:3] == IDX else 0
    start = 4 + 4 * axes
    shape = [int.from_bytes(content[at : at + 4]) for at in range(4, start, 4)]
    if not 1 <= axes <= 3 or 0 in shape or len(content) != start + prod(shape):
        raise ValueError(f"idx: expected unsigned bytes and their shape before them, got {len(content)} other bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def parse_amat(content: bytes, side: int = 28) -> np.ndarray:
    """The binary images ``[n, side, side]`` in amat text: one image a line, pixels 0 or 1 between single blanks.

    Raises ``ValueError`` for other text.
    """
    line = 2 * side * side
    characters = np.frombuffer(content[: len(content) // line * line], np.uint8).reshape(-1, line)
    pixels, blanks = characters[:, ::2], characters[:, 1::2]
    whole = len(content) % line == 0 and not content.translate(None, b"01 \n")
    if not whole or (pixels < ord("0")).any() or (blanks >= ord("0")).any():
        raise ValueError(f"amat: expected lines of {side * side} pixels, 0 or 1, between blanks, got other text")
    return (pixels == ord("1")).reshape(-1, side, side)


def parse_omniglot_npz(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ink ``[n, 105, 105]``, alphabet and drawer of the packed file, in the order of ``parse_omniglot_zips``.

    Raises ``ValueError`` for another file.
    """
    packed = _packed(content)
    ink = np.unpackbits(packed["images_packed"], axis=1)[:, : OMNIGLOT_SIDE**2]
    names = packed["alphabet_names"][packed["alphabet_id"]].astype(str)
    key = [names, packed["character_in_alphabet"].astype(int), packed["drawer"].astype(int)]
    order = np.lexsort(key[::-1])
    return ink[order].reshape(-1, OMNIGLOT_SIDE, OMNIGLOT_SIDE).astype(bool), key[0][order], key[2][order]


def _packed(content: bytes) -> Arrays:
    """The arrays of Omniglot's packed file, which fit each other; raises ``ValueError`` for others."""
    packed = read_npz(content)
    for name, (kinds, axes) in PACKED.items():
        found = packed.get(name, np.empty(()))
        if found.dtype.kind not in kinds or found.ndim != axes:
            raise ValueError(f"omniglot: expected the arrays {', '.join(PACKED)}, got {found.dtype} as {name}")
    sizes = {len(packed[name]) for name in PACKED if name != "alphabet_names"}
    width, alphabets = packed["images_packed"].shape[1], range(len(packed["alphabet_names"]))
    if len(sizes) > 1 or width != -(-(OMNIGLOT_SIDE**2) // 8) or not np.isin(packed["alphabet_id"], alphabets).all():
        raise ValueError(f"omniglot: expected drawings of 105 x 105, each of an alphabet, got {sizes} of {width} bytes")
    return packed


def parse_omniglot_zips(contents: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ink ``[n, 105, 105]``, alphabet and drawer of upstream's zips, by alphabet, character and drawer.

    Raises ``ValueError`` for other files.
    """
    drawings = {}
    for content in contents:
        for name, file in read_zip(content).items():
            if found := re.search(r"([^/]+)/character(\d{1,4})/\d+_(\d{1,4})\.png$", name, re.A):
                drawings[found[1], int(found[2]), int(found[3])] = parse_drawing(file)
    if not drawings:
        raise ValueError("omniglot: expected drawings ALPHABET/characterNN/NNNN_NN.png, got none")
    order = sorted(drawings)
    ink = np.stack([drawings[key] for key in order])
    return ink, np.array([key[0] for key in order]), np.array([key[2] for key in order])


def parse_drawing(content: bytes) -> np.ndarray:
    """The ink ``[105, 105]`` of a drawing, a png, black on white; raises ``ValueError`` for another file."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.size != (OMNIGLOT_SIDE, OMNIGLOT_SIDE):
                raise ValueError(f"an image of {image.size}")
            return ~np.asarray(image.convert("1"))
    except Exception as error:  # a decoder raises what it likes; the size is known before it makes anything
        raise ValueError(f"omniglot: expected a png of 105 x 105 pixels, got {error}") from error


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
