"""The SVG writer: equal charts give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator

from services.api.drawing.axes import Axis, tick_label, usable, x_axis, y_axis
from services.api.drawing.chart import Chart, Panel, Series
from services.api.drawing.marks import Marks, noted
from services.api.drawing.strokes import (
    CHARACTER,
    DASHES,
    LEFT,
    PALETTE,
    PLOT_HEIGHT,
    RIGHT,
    ROW,
    SIZE,
    WIDTH,
    clean,
    colour_of,
    line,
    text,
)
from services.api.drawing.summary import summary
from shared.graphs.measuring import text_width

HEADER, FOOTER = 34, 40
GAP = 8.0
"""Between a label and its axis, and at least between it and the edge."""


def svg(chart: Chart) -> str:
    """Return the chart as an SVG document."""
    across = x_axis(chart, left=_left(chart), right=WIDTH - RIGHT)
    marks = Marks.of(chart.marks, across)
    parts, top = [text(LEFT, 22, chart.title, size=15)], float(HEADER)
    for panel in chart.panels:
        legend, used = _legend(panel, top)
        plot_top = top + used + 6 + marks.height
        parts += [*legend, *_plot(panel, across, plot_top), *marks.drawn(plot_top)]
        top = plot_top + PLOT_HEIGHT + FOOTER
    parts.append(text((across.start + across.end) / 2, top - 6, chart.x_label, anchor="middle"))
    notes = noted(chart.notes, top + ROW)
    return _document(chart, [*parts, *notes], round(top + 6 + ROW * len(notes)))


def _left(chart: Chart) -> float:
    """Return where the plots begin: all at one place, right of the widest label."""
    ticks = (tick for panel in chart.panels for tick in y_axis(panel, top=0.0, bottom=1.0).ticks())
    return max(LEFT, *(GAP * 2 + text_width(tick_label(tick), size=SIZE) for tick in ticks))


def _document(chart: Chart, parts: list[str], height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" font-family="DejaVu Sans, sans-serif" font-size="12">'
    )
    words = f"<title>{clean(chart.title)}</title>\n<desc>{clean(summary(chart))}</desc>"
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, words, ground, *parts, "</svg>\n"])


def _legend(panel: Panel, top: float) -> tuple[list[str], float]:
    """Return the panel's title with its legend beside it, and the height they take."""
    parts = [text(LEFT, top + 14, panel.title, size=13)]
    start = x = LEFT + 24 + CHARACTER * len(panel.title) * 1.1
    y = top + 14
    for series in panel.series:
        label = series.label if len(series.label) <= 60 else series.label[:59] + "…"
        width = 34 + CHARACTER * len(label) + 14
        if x + width > WIDTH - RIGHT and x > start:
            x, y = start, y + ROW
        parts += [_stroke(series, f"{x:.1f},{y - 4:.1f} {x + 26:.1f},{y - 4:.1f}"), text(x + 32, y, label)]
        x += width
    return parts, y - top + 6


def _plot(panel: Panel, across: Axis, top: float) -> Iterator[str]:
    bottom = top + PLOT_HEIGHT
    up = y_axis(panel, top=top, bottom=bottom)
    for tick in up.ticks():
        y = up.place(tick)
        yield line(across.start, y, across.end, y, "#e6e6e6")
        yield text(across.start - GAP, y + 4, tick_label(tick), anchor="end")
    for tick in across.ticks():
        x = across.place(tick)
        yield line(x, bottom, x, bottom + 5, "#888888")
        yield _below(x, bottom + 18, tick_label(tick))
    yield line(across.start, bottom, across.end, bottom, "#888888")
    yield line(across.start, top, across.start, bottom, "#888888")
    drawn = [mark for series in panel.series for mark in _series(series, panel, across, up)]
    yield from drawn or [text(across.start + 12, top + 20, "no points yet", fill="#888888")]


def _below(x: float, y: float, label: str) -> str:
    """Return the label of a tick, under it unless the picture ends before the label would."""
    half = text_width(label, size=SIZE) / 2
    return text(min(x, WIDTH - 2 - half), y, label, anchor="middle")


def _series(series: Series, panel: Panel, across: Axis, up: Axis) -> Iterator[str]:
    for run in _runs(series, panel):
        places = [(across.place(x), up.place(y)) for x, y in run]
        if len(places) == 1:
            x, y = places[0]
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour_of(series.colour)}"/>'
        else:
            yield _stroke(series, " ".join(f"{x:.1f},{y:.1f}" for x, y in places))


def _runs(series: Series, panel: Panel) -> Iterator[list[tuple[float, float]]]:
    """Yield the stretches of a line that can be drawn without a break."""
    run: list[tuple[float, float]] = []
    for x, y in zip(series.xs, series.ys, strict=True):
        if y is not None and usable(y, panel.scale):
            run.append((x, y))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _stroke(series: Series, points: str) -> str:
    broken = DASHES[series.colour // len(PALETTE) % len(DASHES)]
    look = {
        "line": f'stroke-width="1.4"{broken}',
        "plan": f'stroke-width="5" stroke-opacity="0.3"{broken}',
        "dots": 'stroke-width="1.8" stroke-dasharray="0.1 5"',  # round ends make dots of such dashes
    }[series.look]
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour_of(series.colour)}" {look} '
        f'stroke-linejoin="round" stroke-linecap="round"/>'
    )
