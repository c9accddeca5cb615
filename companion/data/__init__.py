"""Real images with their splits, licence and source, verified before they are used.

>>> digits = load("digits")
>>> digits.train.shape, digits.train.dtype.name
((1197, 8, 8), 'bool')

``load`` looks in the cache, then in the folder that ``COMPANION_DATA`` names, then downloads. The cache is the
user's (``COMPANION_CACHE`` moves it).
"""

from companion.data.files import DataError
from companion.data.images import ImageData, available, load
from companion.data.sets import BINARISATIONS, NAMES, SETS

__all__ = ["BINARISATIONS", "NAMES", "SETS", "DataError", "ImageData", "available", "load"]
