"""Marks through a chart's panels, and the sentences below it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from services.api.drawing.axes import Axis
from services.api.drawing.chart import Mark
from services.api.drawing.strokes import (
    CHARACTER,
    LEFT,
    PLOT_HEIGHT,
    RIGHT,
    ROW,
    WIDTH,
    clean,
    colour_of,
    haloed,
    text,
)

COLOUR = "#b00020"
LABEL_ROWS = 5
"""Labels that would touch stand under each other, in so many rows at most."""


def marked(marks: Sequence[Mark], across: Axis, top: float) -> Iterator[str]:
    """Draw every mark through the panel that begins at `top`, from left to right; labels lie over lines."""
    taken = [0.0] * LABEL_ROWS
    labels: list[str] = []
    for mark in sorted(marks, key=lambda m: (m.x, m.label)):
        x, width = across.place(mark.x), CHARACTER * len(mark.label)
        if mark.colour is not None:
            yield _quiet(mark, x, top, colour_of(mark.colour))
            continue
        start = min(x + 4, WIDTH - RIGHT - width)
        row = next((r for r, end in enumerate(taken) if end < start), LABEL_ROWS - 1)
        taken[row] = start + width + 4
        yield (
            f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{top + PLOT_HEIGHT:.1f}" '
            f'stroke="{COLOUR}" stroke-dasharray="4 3"/>'
        )
        labels.append(haloed(text(start, top + 12 + 14 * row, mark.label, size=11, fill=COLOUR)))
    yield from labels


def _quiet(mark: Mark, x: float, top: float, colour: str) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{top + PLOT_HEIGHT:.1f}" stroke="{colour}" '
        f'stroke-opacity="0.7" stroke-dasharray="2 4"><title>{clean(mark.label)}</title></line>'
    )


def noted(notes: Sequence[str], top: float) -> list[str]:
    """Return the sentences below a chart, line by line."""
    width = int((WIDTH - LEFT - RIGHT) / CHARACTER)
    lines = [line for note in notes for line in textwrap.wrap(note, width, subsequent_indent="    ")]
    return [text(LEFT, top + ROW * row, line) for row, line in enumerate(lines)]
