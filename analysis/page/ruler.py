"""This module places the curves of an extractor's examination in small pictures of the page, a panel for each."""

from collections.abc import Sequence
from typing import Any

from analysis.ruler import RulerCurve, curve_text, ends_text

WIDTH, HEIGHT = 132, 72  # of a panel, in its own units
_LEFT, _RIGHT, _TOP, _BASE = 8.0, 124.0, 7.0, 66.0


def ruler_panels(curves: Sequence[RulerCurve]) -> list[dict[str, Any]]:
    """Returns what the template draws of each disturbance."""
    return [_panel(curve) for curve in curves]


def _panel(curve: RulerCurve) -> dict[str, Any]:
    points = [(_x(place), _y(height)) for place, height in zip(curve.places, curve.heights, strict=True)]
    low, high = (_y(height) for height in curve.band)
    return {
        "name": curve.disturbance,
        "rises": curve.rises,
        "ends": ends_text(curve),
        "words": curve_text(curve),
        "line": " ".join(f"{x:g},{y:g}" for x, y in points),
        "real": points[0],
        "levels": points[1:],
        "band_top": high,
        "band_base": low,
        "band_height": round(low - high, 1),
    }


def _x(place: float) -> float:
    return round(_LEFT + place * (_RIGHT - _LEFT), 1)


def _y(height: float) -> float:
    return round(_BASE - height * (_BASE - _TOP), 1)
