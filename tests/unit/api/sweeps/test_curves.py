"""How a sweep's lines share an axis."""

from __future__ import annotations

from services.api.drawing import Series
from services.api.sweeps.curves import scale_of


def line(*ys: float | None) -> Series:
    return Series("a line", list(range(len(ys))), ys)


def test_an_axis_is_logarithmic_where_one_schedule_towers_over_another() -> None:
    assert scale_of([line(1.0, 0.5), line(0.1, 0.09)]) == "linear"
    assert scale_of([line(1.0, 0.5), line(30.0, None)]) == "log"
    # A decay to nothing does not make its own top small.
    assert scale_of([line(1.0, 1e-9), line(1.0, 1.0)]) == "linear"


def test_lines_without_points_or_above_nothing_are_drawn_as_they_are() -> None:
    assert scale_of([]) == scale_of([line(None)]) == scale_of([line(-1.0), line(5.0)]) == "linear"
