"""Images in training, validation and test splits, with their licence and source: published sets, or your own arrays.

>>> digits = load("digits")
>>> digits.train.shape, digits.train.dtype.name
((1197, 8, 8), 'bool')

``load`` reads one of the sets of ``NAMES``; ``SETS`` says where each is from, ``available`` whether it is at hand.
It looks in the cache, then in the folder that ``COMPANION_DATA`` names, then downloads, and verifies every file by
sha256; ``DataError`` says what is missing and what to do. The cache is the user's (``COMPANION_CACHE`` moves it).

``ImageData.from_arrays`` makes the same record of any arrays. Grey images become binary by a rule of
``BINARISATIONS``:

>>> grey = digits.train.astype("uint8") * 200
>>> own = ImageData.from_arrays(grey[:1000], grey[1000:1100], grey[1100:], binarise="dynamic")
>>> own.epoch(0).shape, own.epoch(0).dtype.name
((1000, 8, 8), 'bool')
"""

from companion.data.files import DataError
from companion.data.images import ImageData, available, load
from companion.data.sets import BINARISATIONS, NAMES, SETS

__all__ = ["BINARISATIONS", "NAMES", "SETS", "DataError", "ImageData", "available", "load"]
