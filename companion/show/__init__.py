"""Pictures: plots and players that draw records, never models."""

from companion.show.plots import PALETTE, image_sheet, rd_plane, save, style
from companion.show.widgets import Player

__all__ = ["PALETTE", "Player", "image_sheet", "rd_plane", "save", "style"]
