"""What a drawing of a graph is, before it is laid out: boxes, groups of boxes, and the wires between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Tone = Literal["plain", "value", "gradient"]
Shape = Literal["box", "round", "plain"]
"""`box` is a rectangle, `round` an oval ended one (inputs), `plain` one without an outline (constants)."""
Flow = Literal["right", "down"]
LINE_CHARACTERS = 60
"""A longer line is shortened in the picture; its whole text stays in the box's title."""


@dataclass(frozen=True, slots=True)
class Text:
    """A line at a wire; its tone is told by colour, by place (values above, gradients below) and by word."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Box:
    """A node: its lines, the group it lies in, and its heat."""

    id: str
    lines: tuple[str, ...]
    """The first is written bold. A box with heat carries the number in one of its lines."""
    group: str | None = None
    shape: Shape = "box"
    heat: float | None = None
    """A value on the drawing's heat scale; not finite is drawn with a dashed outline, none without colour."""
    title: str | None = None
    """What is read out and shown when pointed at; by default the lines."""


@dataclass(frozen=True, slots=True)
class Group:
    """A frame around boxes, and around the groups whose parent it is."""

    id: str
    label: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Wire:
    """An edge between two boxes, with lines above and below it (in a drawing that flows down: beside it)."""

    source: str
    target: str
    above: tuple[Text, ...] = ()
    below: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Heat:
    """The scale of the boxes' heat: what it says, and the values of its pale and of its deep end."""

    title: str
    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where a finite value lies on the scale, from 0 to 1; values beyond the ends lie at them."""
        span = self.high - self.low
        return min(1.0, max(0.0, (value - self.low) / span)) if span > 0 else 0.5


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph to be drawn; `description` is the text alternative, `notes` are written under the picture."""

    title: str
    description: str
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    groups: tuple[Group, ...] = ()
    flow: Flow = "right"
    heat: Heat | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        boxes, groups = {b.id for b in self.boxes}, {g.id for g in self.groups}
        if len(boxes) != len(self.boxes):
            raise ValueError("two boxes share an id")
        if not {b.group for b in self.boxes} - {None} <= groups:
            raise ValueError("a box lies in a group that is not there")
        if not {end for wire in self.wires for end in (wire.source, wire.target)} <= boxes:
            raise ValueError("a wire ends at a box that is not there")

    def enclosing(self, group: str | None) -> Iterator[str]:
        """Yield a group and those around it, the innermost first."""
        parents = {g.id: g.parent for g in self.groups}
        while group is not None:
            yield group
            group = parents[group]


def printable(text: str) -> str:
    """Return a text as one line without control, direction and other invisible characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shortened(text: str, *, characters: int = LINE_CHARACTERS) -> str:
    """Return one printable line of at most so many characters."""
    line = printable(text)
    return line if len(line) <= characters else line[: characters - 1] + "…"


def number(value: float) -> str:
    """Return a number with up to six significant digits: 110, 0.0833333, −2.5e-07."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "not a number"
    shown = f"{value:.6g}"
    return "0" if shown in {"0", "-0"} else shown.replace("-", "−", 1) if value < 0 else shown


WORDS: dict[Tone, str] = {"plain": "", "value": "value ", "gradient": "gradient "}


def worded(text: Text) -> str:
    """Return a wire's line for forms that know neither colour nor place: the tone is said in a word."""
    return shortened(WORDS[text.tone] + text.text)
