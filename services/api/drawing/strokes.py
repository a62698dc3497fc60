"""The measures of every chart, and its plainest parts."""

from __future__ import annotations

from html import escape

WIDTH = 800
LEFT, RIGHT = 72, 16
"""Plots with longer labels than most begin further right."""
SIZE = 12
PLOT_HEIGHT, ROW = 220, 20
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#555555")
"""Told apart by people who see colours differently (Okabe and Ito, 2008), less the pale yellow."""
DASHES = ("", ' stroke-dasharray="7 4"', ' stroke-dasharray="2 4"')
"""Lines beyond the palette take its colours again, broken."""
CHARACTER = 7.2
"""Pixels of an average character at size 12, on the generous side."""


HALO = 'stroke="#ffffff" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'


def text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = SIZE, fill: str = "#222222"
) -> str:
    """Return words at a place, escaped, as black as `fill`."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">'
        f"{clean(words)}</text>"
    )


def haloed(words: str) -> str:
    """Return what `text` made with a white rim, which keeps lines behind it from striking it through."""
    return words.replace("<text ", f"<text {HALO} ", 1)


def clean(words: str) -> str:
    """Return words escaped for XML, a blank for what cannot be printed."""
    return escape("".join(c if c.isprintable() else " " for c in words))


def colour_of(index: int) -> str:
    """Return a colour of the palette, counted around."""
    return PALETTE[index % len(PALETTE)]


def line(x1: float, y1: float, x2: float, y2: float, stroke: str) -> str:
    """Return a thin straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'
