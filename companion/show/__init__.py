"""Figures, players and tables of records, never of models; what one page of the book arranges is in ``chapters``."""

from companion.show.charts import paired_panels, seed_dots
from companion.show.figure import GUIDE, PALETTE, Figure, panels, save, style
from companion.show.heatmaps import count_maps, draw_table, heat_maps
from companion.show.images import StoredFigure, beta_player, image_grid, image_sheet, sample_gallery
from companion.show.plane import contour_plane, empty_plane, family_plane, rd_plane, skew_plane
from companion.show.tables import Table, claim_table, run_label, spread
from companion.show.widgets import Explorer, PhasePad, Player

__all__ = [
    "GUIDE",
    "PALETTE",
    "Explorer",
    "Figure",
    "PhasePad",
    "Player",
    "StoredFigure",
    "Table",
    "beta_player",
    "claim_table",
    "contour_plane",
    "count_maps",
    "draw_table",
    "empty_plane",
    "family_plane",
    "heat_maps",
    "image_grid",
    "image_sheet",
    "paired_panels",
    "panels",
    "rd_plane",
    "run_label",
    "sample_gallery",
    "save",
    "seed_dots",
    "skew_plane",
    "spread",
    "style",
]
