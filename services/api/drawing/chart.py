"""What a chart is, before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

AxisScale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line: x and y of equal length; a y that is None or not finite breaks the line."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    look: Literal["line", "plan", "dots"] = "line"
    """`plan` is wide and pale, so that a line that follows it stays visible on top; `dots` step back."""
    colour: int = 0
    """Index into the palette, counted around."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes with its lines; panels of a chart share the x axis."""

    title: str
    series: Sequence[Series]
    scale: AxisScale = "linear"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the x axis worth a line through every panel, with a word at its head.

    One of many has the colour of the series it belongs to, and its word only where a pointer rests on it.
    """

    x: float
    label: str
    colour: int | None = None
    """Index into the palette, as of a series."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels under each other, what is marked in them, and sentences below."""

    title: str
    panels: Sequence[Panel]
    x_label: str = "step"
    x_scale: AxisScale = "linear"
    marks: Sequence[Mark] = ()
    notes: Sequence[str] = ()
