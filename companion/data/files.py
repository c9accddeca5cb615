"""The published files: where they are, how they are verified, how they are fetched."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import pooch

from companion.atomic import StorageError, atomic_write
from companion.data.arrays import read_gzip

CACHE_NAME = "elbo-companion"


class DataError(RuntimeError):
    """A data file is missing, altered, or could not be fetched or stored; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """One published file.

    ``path`` is where it lies below the data folder, without ``.gz``; ``sha256`` is of the content, unpacked;
    ``download`` is the sha256 of the file as the ``urls`` serve it, where that is not the content itself.
    """

    path: str
    urls: tuple[str, ...]
    sha256: str
    download: str = ""


def cache_folder() -> Path:
    """The folder of everything this package stores: ``COMPANION_CACHE``, or the user's cache."""
    return Path(os.environ.get("COMPANION_CACHE") or pooch.os_cache(CACHE_NAME)).absolute()


def data_folder() -> Path | None:
    """The folder ``COMPANION_DATA`` names, absolute, or None; raises ``DataError`` when it does not exist."""
    named = os.environ.get("COMPANION_DATA")
    if not named:
        return None
    folder = Path(named).absolute()
    if not folder.is_dir():
        raise DataError(
            f"COMPANION_DATA: expected an existing folder, got {named!r}: correct it, or unset it to download"
        )
    return folder


def locate(source: Source) -> Path | None:
    """The file of ``source``, plain or gzipped, in the data folder or the cache; None where in neither."""
    for folder in (data_folder(), cache_folder() / "downloads"):
        for path in (source.path, source.path + ".gz"):
            if folder is not None and (folder / path).is_file():
                return folder / path
    return None


def read(source: Source) -> bytes:
    """The verified, unpacked content of ``source``, downloaded first where no local copy is found."""
    path = locate(source) or fetch(source)
    try:
        content = read_gzip(path) if path.suffix == ".gz" else path.read_bytes()
    except ValueError as error:
        raise DataError(f"{path}: the file is truncated or altered ({error}): delete it and load again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise DataError(
            f"{path}: the file is truncated or altered: expected sha256 {source.sha256} of its content, "
            f"got {found}: delete it and load again"
        )
    return content


def fetch(source: Source) -> Path:
    """Download ``source`` from its first mirror that serves the right bytes, with a progress bar.

    The file appears under its name only when whole and verified, so several processes may fetch at once.

    Raises ``DataError`` where no mirror has it, and ``StorageError`` where the disk is full.
    """
    if not source.urls:
        raise DataError(f"{source.path}: it is published nowhere: point COMPANION_DATA at a folder that holds it")
    folder = check_writable(cache_folder() / "downloads")
    gzipped = source.urls[0].endswith(".gz")
    target = folder / (source.path + ".gz" * gzipped)
    failures = []
    for url in source.urls:
        try:
            with atomic_write(target) as temporary:
                pooch.HTTPDownloader(progressbar=True, timeout=60)(url, temporary, None)
                check_download(temporary, source)
            return target
        except StorageError:
            raise
        except Exception as error:  # any mirror may fail in its own way; the next one is tried
            failures.append(f"{url}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
    raise DataError(
        f"{source.path}: no mirror served the expected file ({'; '.join(failures)}): check the network, "
        "or point COMPANION_DATA at a folder that holds it"
    )


def check_download(path: Path, source: Source) -> None:
    """Raise ``ValueError`` unless the file at ``path`` is what the mirrors of ``source`` serve."""
    expected, found = source.download or source.sha256, pooch.file_hash(path)
    if found != expected:
        raise ValueError(f"expected sha256 {expected}, got {found}")


def check_writable(folder: Path) -> Path:
    """Create ``folder`` where needed; raises ``DataError`` when nothing can be stored there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"{folder}: the cache cannot be written ({error.strerror}): make it writable, "
            "or set COMPANION_CACHE to a folder that is"
        ) from error
    return folder
