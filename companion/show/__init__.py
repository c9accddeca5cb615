"""Pictures: plots and players that draw records, never models."""

from companion.show.families import family_plane, run_label, skew_plane
from companion.show.plots import PALETTE, Picture, image_sheet, plane, rd_plane, save, style
from companion.show.rows import claim_table, spread, twin
from companion.show.sheets import StoredPicture, beta_player, sample_sheet
from companion.show.widgets import Explorer, PhasePad, Player
from companion.show.written import Table

__all__ = [
    "PALETTE",
    "Explorer",
    "PhasePad",
    "Picture",
    "Player",
    "StoredPicture",
    "Table",
    "beta_player",
    "claim_table",
    "family_plane",
    "image_sheet",
    "plane",
    "rd_plane",
    "run_label",
    "sample_sheet",
    "save",
    "skew_plane",
    "spread",
    "style",
    "twin",
]
