"""Pictures: plots and players that draw records, never models."""

from companion.show.plots import PALETTE, Picture, image_sheet, plane, rd_plane, save, style
from companion.show.widgets import Player

__all__ = ["PALETTE", "Picture", "Player", "image_sheet", "plane", "rd_plane", "save", "style"]
