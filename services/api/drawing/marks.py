"""Marks through a chart's panels, and the sentences below it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from services.api.drawing.axes import Axis
from services.api.drawing.chart import Mark
from services.api.drawing.labels import Label, placed
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
LABEL_ROW = 14


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a chart over its x axis, the same in every panel."""

    across: Axis
    labels: Sequence[Label]
    """Where the words of the few stand."""
    quiet: Sequence[Mark]
    """Those whose words only a pointer finds: the many, and what found no room."""

    @classmethod
    def of(cls, marks: Sequence[Mark], across: Axis) -> Self:
        """Return the marks with their words placed."""
        labels = placed([mark for mark in marks if mark.colour is None], across)
        quiet = set(marks) - {label.mark for label in labels}
        return cls(across, labels, sorted(quiet, key=lambda m: (m.x, m.label, m.colour or 0)))

    @property
    def height(self) -> int:
        """The pixels that the words need above a plot."""
        return LABEL_ROW * (1 + max(label.row for label in self.labels)) if self.labels else 0

    def drawn(self, top: float) -> Iterator[str]:
        """Draw every mark through the panel whose plot begins at `top`; words lie over lines."""
        foot = top + PLOT_HEIGHT
        for mark in self.quiet:
            yield _quiet(mark, self.across.place(mark.x), top, foot)
        tops = [top - self.height + LABEL_ROW * label.row for label in self.labels]
        for label, head in zip(self.labels, tops, strict=True):
            yield (
                f'<line x1="{label.x:.1f}" y1="{head:.1f}" x2="{label.x:.1f}" y2="{foot:.1f}" '
                f'stroke="{COLOUR}" stroke-dasharray="4 3"/>'
            )
        yield from (_words(label, head) for label, head in zip(self.labels, tops, strict=True))


def _words(label: Label, head: float) -> str:
    place, anchor = (label.end, "end") if label.leads else (label.start, "start")
    return haloed(text(place, head + 10, label.mark.label, anchor=anchor, size=11, fill=COLOUR))


def _quiet(mark: Mark, x: float, top: float, foot: float) -> str:
    colour = COLOUR if mark.colour is None else colour_of(mark.colour)
    return (
        f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{foot:.1f}" stroke="{colour}" '
        f'stroke-opacity="0.7" stroke-dasharray="2 4"><title>{clean(mark.label)}</title></line>'
    )


def noted(notes: Sequence[str], top: float) -> list[str]:
    """Return the sentences below a chart, line by line."""
    width = int((WIDTH - LEFT - RIGHT) / CHARACTER)
    lines = [line for note in notes for line in textwrap.wrap(note, width, subsequent_indent="    ")]
    return [text(LEFT, top + ROW * row, line) for row, line in enumerate(lines)]
