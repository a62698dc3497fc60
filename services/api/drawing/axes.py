"""From values to pixels: ranges, ticks at 1, 2 and 5 times a power of ten, and their labels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from services.api.drawing.chart import AxisScale, Chart, Panel


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values laid over a range of pixels."""

    low: float
    high: float
    start: float
    end: float
    scale: AxisScale = "linear"

    def place(self, value: float) -> float:
        """Return the pixel of a value; the range is never empty."""
        low, high, at = self.low, self.high, value
        if self.scale == "log":
            low, high, at = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return the values to mark, all inside the range."""
        if self.scale == "log":
            return _log_ticks(self.low, self.high)
        return linear_ticks(self.low, self.high)


def usable(value: float | None, scale: AxisScale) -> bool:
    """Tell whether a value can be drawn: finite, and above zero on a logarithmic axis."""
    return value is not None and math.isfinite(value) and (scale == "linear" or value > 0)


def linear_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return about `wanted` round values between `low` and `high`."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = max(1, len(decades) // 6)
    multiples = (1, 2, 5) if len(decades) <= 3 else (1,)
    values = [m * 10.0**d for d in decades[::every] for m in multiples]
    return [v for v in values if low * 0.999 <= v <= high * 1.001]


def tick_label(value: float) -> str:
    """Return a short text for a tick: 0.05, 1500, 2e-05."""
    return "0" if value == 0 else f"{value:.10g}" if 1e-4 <= abs(value) < 1e7 else f"{value:.6g}"


def _spread(values: Iterable[float]) -> tuple[float, float] | None:
    found = list(values)
    return (min(found), max(found)) if found else None


def y_axis(panel: Panel, *, top: float, bottom: float) -> Axis:
    """Return the vertical axis that holds every drawable value of a panel, with air above and below."""
    values = (y for s in panel.series for y in s.ys if y is not None and usable(y, panel.scale))
    low, high = _spread(values) or (1.0, 10.0)
    if panel.scale == "log":
        factor = max((high / low) ** 0.05, 1.05)
        return Axis(low / factor, high * factor, bottom, top, "log")
    air = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    floor = 0.0 if 0 <= low <= 0.25 * high else low - air
    return Axis(floor, high + air, bottom, top)


def x_axis(chart: Chart, *, left: float, right: float) -> Axis:
    """Return the horizontal axis shared by all panels, wide enough for every mark; log wants x above 0."""
    drawn = (x for panel in chart.panels for series in panel.series for x in series.xs)
    low, high = _spread(chain(drawn, (mark.x for mark in chart.marks))) or (0.1, 1.0)
    return Axis(low, high if high > low else low + 1.0, left, right, chart.x_scale)
