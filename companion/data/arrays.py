"""Archives and arrays of unknown origin: what a file says of its size is judged before that much is made."""

import gzip
import io
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

#: The most bytes that a file may unpack to; the largest that is published, the text of static MNIST, has 78 million.
LARGEST = 2**28
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of which zipfile unpacks no more than it is asked for
#: What zipfile raises for a damaged archive.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError)


def read_gzip(path: Path) -> bytes:
    """The content of a gzipped file; raises ``ValueError`` where it is damaged, or larger than ``LARGEST``."""
    try:
        with gzip.open(path) as file:
            content = file.read(LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"expected a whole gzip file, got a damaged one: {error}") from error
    if len(content) > LARGEST:
        raise ValueError(f"expected at most {LARGEST} bytes of content, got more")
    return content


def read_zip(content: bytes) -> dict[str, bytes]:
    """The files in a zip, by name; raises ``ValueError`` where it is damaged, or unpacks to more than ``LARGEST``."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > LARGEST or any(i.compress_type not in METHODS for i in infos):
                raise ValueError(f"more than {LARGEST} bytes of content, or another method than deflate")
            return {info.filename: _member(archive, info) for info in infos}
    except ZIP_ERRORS as error:
        raise ValueError(f"expected a whole zip file, got one that cannot be read: {error}") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        return file.read(info.file_size)  # asked for all, zipfile would unpack all there is, whatever the head says


def read_npz(content: bytes) -> dict[str, np.ndarray]:
    """The arrays that ``numpy.savez`` stored, by name; raises ``ValueError`` as ``read_zip`` and ``read_npy`` do."""
    return {name.removesuffix(".npy"): read_npy(file) for name, file in read_zip(content).items()}


def read_npy(content: bytes) -> np.ndarray:
    """The array that ``numpy.save`` stored; raises ``ValueError`` for objects, and unless it is as large as it says.

    >>> stored = io.BytesIO()
    >>> np.save(stored, np.arange(3))
    >>> read_npy(stored.getvalue())
    array([0, 1, 2])
    """
    stream = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy would take some heads that are none of its own
            shape, fortran, dtype = HEADERS[np.lib.format.read_magic(stream)](stream)
            if min(shape, default=0) < 0:
                raise ValueError(f"a shape of {shape}")
            flat = np.frombuffer(content, dtype, offset=stream.tell())
            return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")
    except Exception as error:  # the head is Python, of which its parser may think anything
        raise ValueError(f"expected an array stored by numpy.save, got other bytes: {error}") from error
