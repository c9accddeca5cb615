"""Pictures of records, never of models; what one page of the book arranges is in ``companion.show.chapters``.

- The plane: ``rd_plane`` of a few points, ``family_plane`` and ``skew_plane`` of the rows of a sweep,
  ``contour_plane``, and ``empty_plane`` to draw into.
- Bars, dots and lines: ``seed_dots``, ``paired_panels``. Heat maps: ``count_maps``, ``draw_table``.
- Images: ``image_sheet``, ``sample_gallery``, ``StoredFigure``.
- Figures that live on a page without a kernel: ``LiveFigure`` by a script of its own, ``Player`` and
  ``Explorer`` by frames, ``PhasePad``, and ``plane_explorer`` of all rows, or of rows with a ``Look`` of their own.
- Words: ``Table``; ``claim_table``, a ``ClaimTable``, and ``VerdictCount`` of its verdicts, one of which may be
  ``Unseen``; ``arrival_report`` of the runs that have not arrived; ``run_label``, ``spread``.
- ``report_page``: a ``studies.ModelReport`` as one HTML file; ``model_plane`` is its plane.
- A figure of your own: ``panels`` gives a ``Figure`` and its axes in the book's ``style``, with the colours of
  ``PALETTE``, ``GUIDE`` for lines that guide the eye and the colour map ``SHADE``; ``save`` writes it whole.
"""

from companion.show.charts import count_maps, draw_table, paired_panels, seed_dots
from companion.show.explorer import Look, plane_explorer
from companion.show.figure import GUIDE, PALETTE, SHADE, Figure, panels, save, style
from companion.show.images import StoredFigure, image_sheet, sample_gallery
from companion.show.plane import contour_plane, empty_plane, family_plane, rd_plane, skew_plane
from companion.show.report import model_plane, report_page
from companion.show.tables import (
    ClaimTable,
    Table,
    Unseen,
    VerdictCount,
    arrival_report,
    claim_table,
    run_label,
    spread,
)
from companion.show.widgets import Explorer, LiveFigure, PhasePad, Player

__all__ = [
    "GUIDE",
    "PALETTE",
    "SHADE",
    "ClaimTable",
    "Explorer",
    "Figure",
    "LiveFigure",
    "Look",
    "PhasePad",
    "Player",
    "StoredFigure",
    "Table",
    "Unseen",
    "VerdictCount",
    "arrival_report",
    "claim_table",
    "contour_plane",
    "count_maps",
    "draw_table",
    "empty_plane",
    "family_plane",
    "image_sheet",
    "model_plane",
    "paired_panels",
    "panels",
    "plane_explorer",
    "rd_plane",
    "report_page",
    "run_label",
    "sample_gallery",
    "save",
    "seed_dots",
    "skew_plane",
    "spread",
    "style",
]
