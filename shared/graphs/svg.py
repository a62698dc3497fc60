"""A drawing as SVG: equal drawings give equal bytes, nothing in it is active, every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from shared.graphs.drawing import Box, Drawing, Flow, Heat, Text, Tone, number, printable, shortened
from shared.graphs.layout import LINE, PADDING, SIZE, Placed, Point, Rect, layered
from shared.graphs.measuring import text_width

EDGE, HEADER, TITLE_SIZE = 16.0, 34.0, 15.0
COLOURS: dict[Tone, str] = {"plain": "#444444", "value": "#1b6e2e", "gradient": "#b3201b"}
PALE, DEEP = (255, 248, 225), (240, 138, 60)
"""Ends of the heat scale; black text keeps a contrast above 7 on all of it (WCAG 2, level AAA)."""
ARROW = 7.0
LEGEND_WIDTH, LEGEND_HEIGHT = 120.0, 56.0
NOTE_WIDTH = 320.0
"""Notes are wrapped to the picture, or to this width where it is narrower: they never widen it much."""


def svg(drawing: Drawing) -> str:
    """Return the drawing as an SVG document."""
    placed = layered(drawing)
    body = [
        *(_frame(g.label, rect) for g, rect in zip(drawing.groups, placed.groups, strict=True)),
        *(line for route in placed.routes for line in _route(route)),
        *(_group_name(g.label, rect) for g, rect in zip(drawing.groups, placed.groups, strict=True)),
        *(_labels(drawing, placed)),
        *(_box(box, rect, drawing.heat) for box, rect in zip(drawing.boxes, placed.boxes, strict=True)),
    ]
    width = _whole_width(drawing, placed)
    foot = list(_foot(drawing, top=HEADER + placed.height + EDGE, width=width - 2 * EDGE))
    height = HEADER + placed.height + EDGE + sum(taken for _, taken in foot)
    middle = (width - placed.width) / 2
    moved = f'<g transform="translate({middle:.1f} {HEADER:.1f})">'
    parts = [_head(drawing, width, height), moved, *body, "</g>", *(part for part, _ in foot)]
    return "\n".join([*parts, "</svg>\n"])


def heat_colour(box: Box, heat: Heat | None) -> str:
    """Return the fill of a box as #rrggbb; white where it has no finite heat."""
    if heat is None or box.heat is None or not math.isfinite(box.heat):
        return "#ffffff"
    share = heat.place(box.heat)
    return "#" + "".join(f"{round(p + (d - p) * share):02x}" for p, d in zip(PALE, DEEP, strict=True))


def _whole_width(drawing: Drawing, placed: Placed) -> float:
    title = text_width(shortened(drawing.title, characters=120), size=TITLE_SIZE)
    room = max(placed.width, title, NOTE_WIDTH)
    notes = [text_width(line, size=SIZE) for note in drawing.notes for line in _wrapped(note, room)]
    return max(placed.width, title, LEGEND_WIDTH * 3 if drawing.heat else 0.0, *notes, 0.0) + 2 * EDGE


def _head(drawing: Drawing, width: float, height: float) -> str:
    w, h = math.ceil(width), math.ceil(height)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
        f'role="img" font-family="DejaVu Sans, sans-serif" font-size="{SIZE:g}">'
    )
    alternatives = f"<title>{_escaped(drawing.title)}</title>\n<desc>{_escaped(drawing.description)}</desc>"
    heading = _text(EDGE, 22, shortened(drawing.title, characters=120), size=TITLE_SIZE)
    return "\n".join([opening, alternatives, f'<rect width="{w}" height="{h}" fill="#ffffff"/>', heading])


def _escaped(text: str) -> str:
    return escape(printable(text))


def _text(x: float, y: float, text: str, *, size: float = SIZE, look: str = "") -> str:
    colour = "" if "fill=" in look else ' fill="#222222"'
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{colour}{look}>{_escaped(text)}</text>'


def _frame(label: str, rect: Rect) -> str:
    """Return the frame of a group; its name is written later, above the wires that cross it."""
    return (
        f"<g><title>{_escaped(label)}</title>"
        f'<rect x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" height="{rect.height:.1f}" rx="8" '
        'fill="#f4f6f8" fill-opacity="0.6" stroke="#9aa5b1" stroke-dasharray="4 3"/></g>'
    )


def _group_name(label: str, rect: Rect) -> str:
    name = _fitted(shortened(label), rect.width - 2 * PADDING)
    plate = (
        f'<rect x="{rect.x + PADDING - 3:.1f}" y="{rect.y + 2:.1f}" '
        f'width="{text_width(name, size=SIZE) + 6:.1f}" height="{LINE + 1:.1f}" fill="#f4f6f8"/>'
    )
    return plate + _text(rect.x + PADDING, rect.y + 15, name, look=' fill="#52606d"')


def _fitted(text: str, width: float) -> str:
    """Return as much of a line as a width holds."""
    if text_width(text, size=SIZE) <= width:
        return text
    kept = text
    while kept and text_width(kept + "…", size=SIZE) > width:
        kept = kept[:-1]
    return kept + "…" if kept else ""


def _route(route: Sequence[Sequence[Point]]) -> Iterator[str]:
    for i, points in enumerate(route):
        drawn = _from_inside(points) if i == 0 else points
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        yield f'<polyline points="{corners}" fill="none" stroke="#52606d" stroke-width="1.3"/>'
    yield _arrow(route[-1])


def _from_inside(points: Sequence[Point]) -> Sequence[Point]:
    """Return a line that begins under its box, so that it touches a round one too; the box covers it."""
    (x, y), after = points[0], next((p for p in points if p != points[0]), points[0])
    length = math.hypot(after[0] - x, after[1] - y) or 1.0
    return [(x - (after[0] - x) / length * PADDING, y - (after[1] - y) / length * PADDING), *points]


def _arrow(points: Sequence[Point]) -> str:
    """Return the head of an arrow at the end of a line."""
    x, y = points[-1]
    back = next((p for p in reversed(points) if p != points[-1]), (x - 1.0, y))
    length = math.hypot(x - back[0], y - back[1])
    dx, dy = (x - back[0]) / length * ARROW, (y - back[1]) / length * ARROW
    left, right = (x - dx - dy / 2, y - dy + dx / 2), (x - dx + dy / 2, y - dy - dx / 2)
    corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in ((x, y), left, right))
    return f'<polygon points="{corners}" fill="#52606d"/>'


def _labels(drawing: Drawing, placed: Placed) -> Iterator[str]:
    for wire, rect, route in zip(drawing.wires, placed.labels, placed.routes, strict=True):
        if rect is None:
            continue
        if drawing.flow == "right":
            yield _through(route)
        yield from _lines((*wire.above, *wire.below), len(wire.above), rect, drawing.flow)


def _through(route: Sequence[Sequence[Point]]) -> str:
    """Return the piece of a wire between what is written above and below it."""
    (x1, y1), (x2, y2) = route[0][-1], route[1][0]
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#52606d" stroke-width="1.3"/>'
    )


def _lines(texts: Sequence[Text], above: int, rect: Rect, flow: Flow) -> Iterator[str]:
    across = rect.x + rect.width / 2
    first = rect.y + rect.height / 2 - (LINE * above if flow == "right" else LINE * len(texts) / 2)
    for i, text in enumerate(texts):
        gap = 5 if i >= above else 0
        y = first + LINE * i + (10 + gap if flow == "right" else 12)
        yield _text(
            across, y, shortened(text.text), look=f' fill="{COLOURS[text.tone]}" text-anchor="middle"'
        )


def _box(box: Box, rect: Rect, heat: Heat | None) -> str:
    rounding = {"box": 4.0, "round": min(14.0, rect.height / 2), "plain": 0.0}[box.shape]
    wrong = box.heat is not None and not math.isfinite(box.heat)
    dashes = ' stroke-dasharray="3 3"' if wrong else ""
    outline = "none" if box.shape == "plain" else "#243b53"
    frame = (
        f'<rect x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" height="{rect.height:.1f}" '
        f'rx="{rounding:.1f}" fill="{heat_colour(box, heat)}" stroke="{outline}"'
        f"{dashes}/>"
    )
    across = rect.x + rect.width / 2
    lines = [
        _text(across, rect.y + 6 + LINE * i + 12, shortened(line), look=_look(first=i == 0))
        for i, line in enumerate(box.lines)
    ]
    title = box.title or "; ".join(box.lines)
    return f"<g><title>{_escaped(title)}</title>{frame}{''.join(lines)}</g>"


def _look(*, first: bool) -> str:
    return ' text-anchor="middle"' + (' font-weight="bold"' if first else "")


def _wrapped(note: str, width: float) -> list[str]:
    """Return a note in lines of at most `width`; a word that is longer has a line of its own."""
    lines: list[str] = []
    for word in shortened(note, characters=160).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size=SIZE) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _foot(drawing: Drawing, *, top: float, width: float) -> Iterator[tuple[str, float]]:
    """Yield the notes and the legend under the picture, each with the height it takes."""
    y = top
    if drawing.heat is not None:
        yield _legend(drawing.heat, y), LEGEND_HEIGHT
        y += LEGEND_HEIGHT
    for line in (line for note in drawing.notes for line in _wrapped(note, width)):
        yield _text(EDGE, y + 10, line, look=' fill="#52606d"'), LINE + 2
        y += LINE + 2


def _legend(heat: Heat, y: float) -> str:
    steps = 24
    wide = LEGEND_WIDTH / steps
    ramp = "".join(_patch(EDGE + i * wide, y + 16, wide, i / (steps - 1)) for i in range(steps))
    ends = _ends(heat, y + 42)
    return _text(EDGE, y + 10, shortened(heat.title)) + ramp + "".join(ends)


def _patch(x: float, y: float, width: float, share: float) -> str:
    fill = heat_colour(Box("", (), heat=share), Heat("", 0.0, 1.0))
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width + 0.5:.1f}" height="12" fill="{fill}"/>'


def _ends(heat: Heat, y: float) -> Iterable[str]:
    yield _text(EDGE, y, number(heat.low))
    yield _text(EDGE + LEGEND_WIDTH, y, number(heat.high), look=' text-anchor="end"')
