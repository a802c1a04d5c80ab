"""This room shows people how far the work is, on whatever terminal or log they have."""

from sweeps.display.listing import Block, Fitted, Listing, spread, whole
from sweeps.display.progress import Display, LineDisplay, QuietDisplay, Update, View, display_for
from sweeps.display.redrawing import Refresh, can_redraw, redrawn

__all__ = [
    "Block",
    "Display",
    "Fitted",
    "LineDisplay",
    "Listing",
    "QuietDisplay",
    "Refresh",
    "Update",
    "View",
    "can_redraw",
    "display_for",
    "redrawn",
    "spread",
    "whole",
]
