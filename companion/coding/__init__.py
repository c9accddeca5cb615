"""Codes: a model's rate and distortion as the bits of a file that can be read back.

- ``compress`` and ``decompress``: images as a file whose length is the negative ELBO, by bits back with asymmetric
  numeral systems. ``bits_back`` gives the file with its account, image by image (``BitsBack``).
- ``select`` and ``selected``: one sample of e(z|x) sent by a number, the index of a point of a Poisson process that
  both sides know; ``write_indices`` and ``read_indices``: such numbers as bits; ``message_bound``: their length.
- ``CodingError``: a file that is damaged, or belongs to another model or version.

The entropy coder is that of the library ``constriction`` (Bamler, 2022).
"""

from companion.coding.container import CodingError
from companion.coding.poisson import message_bound, read_indices, select, selected, write_indices
from companion.coding.stack import BitsBack, bits_back, compress, decompress

__all__ = [
    "BitsBack",
    "CodingError",
    "bits_back",
    "compress",
    "decompress",
    "message_bound",
    "read_indices",
    "select",
    "selected",
    "write_indices",
]
