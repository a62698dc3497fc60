"""Where the words of marks stand: beside their lines, in rows above the plot, none with a line through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.api.drawing.axes import Axis
from services.api.drawing.chart import Mark
from services.api.drawing.strokes import CHARACTER, RIGHT, WIDTH

ROWS = 6
"""Where marks stand too close for so many, words cross lines; those that would cross words are left out."""
GAP, AIR = 4.0, 2.0


@dataclass(frozen=True, slots=True)
class Label:
    """A mark's words between two pixels of a row, at which its line begins too; row 0 is the highest."""

    mark: Mark
    x: float
    start: float
    end: float
    row: int = 0

    @property
    def leads(self) -> bool:
        """Whether the words stand left of their line."""
        return self.end < self.x

    def spans(self, other: Label) -> bool:
        """Tell whether the other's line runs through these words where it does not begin below them."""
        return other.x != self.x and self.start - AIR < other.x < self.end + AIR

    def touches(self, other: Label) -> bool:
        """Tell whether the words would run into each other in one row."""
        return self.start < other.end + GAP and other.start < self.end + GAP

    def clashes(self, other: Label) -> bool:
        """Tell whether either runs through the other where they stand."""
        high, low = (self, other) if self.row < other.row else (other, self)
        crossed = low.spans(high) or (low.row == high.row and high.spans(low))
        return crossed or (low.row == high.row and low.touches(high))


def placed(marks: Sequence[Mark], across: Axis) -> list[Label]:
    """Return where the words of marks stand, of each that has room, from left to right.

    Words go to the right, each lower than those that reach over its line. Near the edge they go to the left,
    and so do those that would reach over the line of one that does.
    """
    sided = _sided(marks, across)
    leading = [label for label in reversed(sided) if label.leads]
    standing: list[Label] = []
    for label in [*leading, *(label for label in sided if not label.leads)]:
        standing += _in_row(label, standing)
    return sorted(standing, key=lambda label: (label.x, label.mark.label))


def _sided(marks: Sequence[Mark], across: Axis) -> list[Label]:
    """Return the words at their sides, all in row 0, from left to right."""
    found: list[Label] = []
    for mark in sorted(marks, key=lambda m: (m.x, m.label), reverse=True):
        x, width = across.place(mark.x), CHARACTER * len(mark.label)
        right, left = Label(mark, x, x + GAP, x + GAP + width), Label(mark, x, x - GAP - width, x - GAP)
        leads = right.end > WIDTH - RIGHT or any(one.leads and right.spans(one) for one in found)
        found.append(left if leads and left.start >= across.start else _inside(right, across))
    return found[::-1]


def _inside(label: Label, across: Axis) -> Label:
    """Return words that fit on neither side moved into the plot, over their own line."""
    start = max(min(label.start, label.start + WIDTH - RIGHT - label.end), across.start)
    return replace(label, start=start, end=start + label.end - label.start)


def _in_row(label: Label, standing: Sequence[Label]) -> list[Label]:
    """Return the words in the highest row that has room for them, or nothing."""
    rows = [replace(label, row=row) for row in range(ROWS)]
    apart = [one for one in rows if not any(one.row == o.row and one.touches(o) for o in standing)]
    free = [one for one in apart if not any(one.clashes(other) for other in standing)]
    return (free or apart)[:1]
