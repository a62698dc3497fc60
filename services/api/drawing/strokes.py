"""The measures of every chart, and its plainest parts."""

from __future__ import annotations

from html import escape

WIDTH = 800
LEFT, RIGHT = 72, 16
PLOT_HEIGHT, ROW = 220, 20
CHARACTER = 7.2
"""Pixels of an average character at size 12, on the generous side."""


def text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, fill: str = "#222222"
) -> str:
    """Return words at a place, escaped, as black as `fill`."""
    clean = "".join(c if c.isprintable() else " " for c in words)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">'
        f"{escape(clean)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, stroke: str) -> str:
    """Return a thin straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'
