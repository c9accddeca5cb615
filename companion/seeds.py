"""Random streams by name: a path of whole numbers, the seed first, then what the numbers are for.

Two paths give independent streams, also where one is the other with zeros behind it.
"""

import numpy as np

#: The second number of a path, what is drawn under a seed: the order of the training images, the draws of codes,
#: binary training images of grey ones, binary held-out images of grey ones, and the points of a shared list of codes.
ORDER, DRAWS, PIXELS, HELD_OUT, POINTS = 1, 2, 3, 4, 5


def sequence(seed: int, *path: int) -> np.random.SeedSequence:
    """The seed sequence of a path.

    >>> int(sequence(1).generate_state(1)[0]) == int(sequence(1, 0).generate_state(1)[0])
    False
    """
    return np.random.SeedSequence(seed, spawn_key=path)


def numpy_generator(seed: int, *path: int) -> np.random.Generator:
    """A fresh numpy generator for a path."""
    return np.random.default_rng(sequence(seed, *path))
