"""A chart in words, for people who hear it: what its axes span, and where each line goes."""

from __future__ import annotations

from collections.abc import Iterator

from services.api.drawing.axes import usable
from services.api.drawing.chart import Chart, Panel, Series

MOST_LINES, MOST_MARKS = 12, 12


def summary(chart: Chart) -> str:
    """Return one sentence for each panel, then the marks and the notes."""
    return " ".join([*(_panel(panel, chart) for panel in chart.panels), *_marks(chart), *chart.notes])


def _panel(panel: Panel, chart: Chart) -> str:
    found = [said for series in panel.series if (said := _line(series, panel, chart))]
    if not found:
        return f"{panel.title}: no points yet."
    more = [f"and {len(found) - MOST_LINES} more lines"] if len(found) > MOST_LINES else []
    return f"{panel.title} by {chart.x_label}: {'; '.join([*found[:MOST_LINES], *more])}."


def _line(series: Series, panel: Panel, chart: Chart) -> str | None:
    drawn = [
        (x, y)
        for x, y in zip(series.xs, series.ys, strict=True)
        if y is not None and usable(y, panel.scale) and usable(x, chart.x_scale)
    ]
    if not drawn:
        return None
    (x1, first), (x2, last) = drawn[0], drawn[-1]
    ys = [y for _, y in drawn]
    if len(drawn) == 1:
        return f"{series.label}, {first:.3g} at {x1:.6g}"
    span = f"from {first:.3g} at {x1:.6g} to {last:.3g} at {x2:.6g}"
    return f"{series.label}, {span}, lowest {min(ys):.3g}, highest {max(ys):.3g}"


def _marks(chart: Chart) -> Iterator[str]:
    if chart.marks:
        named = [f"{mark.label} at {mark.x:.6g}" for mark in chart.marks[:MOST_MARKS]]
        more = [f"and {len(chart.marks) - MOST_MARKS} more"] if len(chart.marks) > MOST_MARKS else []
        yield f"Marked: {'; '.join([*named, *more])}."
