"""From the bytes of the published files to arrays in splits: idx, amat text, and the two forms of Omniglot.

The cache of parsed sets is named after the source of this module: whatever changes here, the files are parsed again.
"""

import io
import re
import zipfile

import numpy as np
from PIL import Image

SPLITS = ("train", "validation", "test")
SPLIT_SEED = 0  # of the random splits of the digits and of Omniglot
OMNIGLOT_SIDE = 105  # pixels

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
