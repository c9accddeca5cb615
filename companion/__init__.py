"""Rate, distortion and the ELBO: the package that every notebook of the book calls.

Everything is four distributions: the data ``p*(x)``, an encoder ``e(z|x)``, a decoder ``d(x|z)`` and a
marginal ``m(z)``. The submodules stand on floors, and each imports only from the floors below it:

``units``, ``terms`` and ``stats`` (records), ``exact`` (closed forms and tables), ``data`` (verified images),
``models`` (e, d and m), ``measure`` (estimates with standard errors), ``adapters`` (models of other libraries),
``objectives`` (what is minimised), ``learn`` (one run), ``coding`` (rate and distortion as the bits of a file),
``results`` (tables), ``studies`` (what single chapters measure), ``sweeps`` (grids of runs), ``show`` (pictures),
``cli`` (``python -m companion``).

Importing the package imports none of them, and no torch, until they are used.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
__all__ = [
    "adapters",
    "cli",
    "coding",
    "data",
    "exact",
    "learn",
    "measure",
    "models",
    "objectives",
    "results",
    "show",
    "stats",
    "studies",
    "sweeps",
    "terms",
    "units",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
