"""A curve through points of one's own: the escape hatch, without code."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from shared.schedules.bounds import at_least_one
from shared.schedules.lengths import Span
from shared.schedules.phase import (
    About,
    Advice,
    Corners,
    Fault,
    Phase,
    Place,
    Rate,
    short_decay,
)

MAX_POINTS = 1000
Point = Annotated[tuple[Span, Rate], Field(strict=False)]
FORMS = {
    "linear": "v_i + (v_{i+1}−v_i)·u",
    "cosine": "v_i + (v_{i+1}−v_i)·½(1−cos πu)",
    "step": "v_i",
}


class Piecewise(Phase):
    """S(t) = v_i + (v_{i+1}−v_i)·u between points (t_i, v_i), u = (t−t_i)/(t_{i+1}−t_i).

    `cosine` puts ½(1−cos πu) for u; `step` holds v_i up to the next point.

    Boundary values: S(t_i) = v_i; the first value before the first point, the last after the last.
    """

    about: ClassVar[About] = About(
        purpose="Any curve, through points you name: lines, half cosines, or steps between them.",
        formula="v_i + (v_{i+1}−v_i)·u, u = (t−t_i)/(t_{i+1}−t_i); cosine: ½(1−cos πu) for u; step: v_i",
        latex=r"v_i+(v_{i+1}-v_i)\,u,\quad u=\frac{t-t_i}{t_{i+1}-t_i}",
        symbols={"t_i": "length of points[i]", "v_i": "value of points[i]", "u": "share between two points"},
        example={
            "name": "piecewise",
            "points": [["0st", 0.0001], ["10%", 0.01], ["60%", 0.01], ["100%", 0.0002]],
            "interpolation": "cosine",
        },
        boundaries=(("t = t_i", "v_i"), ("t ≤ t_0", "v_0"), ("t ≥ the last t_i", "the last v_i")),
        sources=("optax.piecewise_interpolate_schedule",),
    )

    name: Literal["piecewise"]
    points: Annotated[
        tuple[Point, ...],
        Field(max_length=MAX_POINTS, strict=False, json_schema_extra={"minItems": 1}),
        AfterValidator(at_least_one),
    ]
    interpolation: Literal["linear", "cosine", "step"] = "linear"

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        for item, (before, after) in enumerate(pairwise(self.points), start=1):
            if after[0].steps <= before[0].steps:
                message = f"is at step {after[0].steps}, not after the point before it; move or drop one"
                yield Fault("points", message, item)
                return

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        last = self.points[-1][0].steps
        if last > self.steps:
            item = next(i for i, (at, _) in enumerate(self.points) if at.steps > self.steps)
            message = f"is at step {self.points[item][0].steps}, beyond its phase of {self.steps}"
            yield Advice("beyond_phase", "points", message, item)
        if 0 < last < self.steps and last * 100 < total_steps:
            message = f"the last point is at step {last} of {total_steps}; the rest runs at its value"
            yield Advice("short_horizon", "points", message)
        if self.interpolation != "step":
            falls = ((a, b) for a, b in pairwise(self.points) if b[1] < a[1])
            shortest = min((b[0].steps - a[0].steps for a, b in falls), default=None)
            yield from () if shortest is None else short_decay(shortest, name="points")

    def form(self) -> str:
        """Return how this one goes from point to point."""
        return FORMS[self.interpolation]

    def warm_up(self) -> int | None:
        """Return the steps of the phase when it only climbs."""
        values = [value for _, value in self.points]
        return self.steps if values[0] < values[-1] and values == sorted(values) else None

    def lr_at(self, t: int) -> float:
        """Return the value between the points around t."""
        after = bisect_right(self.points, t, key=_step)
        if after == 0:
            return self.points[0][1]
        at, value = self.points[after - 1]
        if after == len(self.points) or self.interpolation == "step":
            return value
        end, target = self.points[after]
        u = (t - at.steps) / (end.steps - at.steps)
        if self.interpolation == "cosine":
            u = 0.5 * (1.0 - math.cos(math.pi * u))
        return value + (target - value) * u

    def corners(self) -> tuple[Corners, ...]:
        """Return every point."""
        inside = tuple(at.steps for at, _ in self.points if 0 < at.steps < self.steps)
        return (Corners(inside, "drop" if self.interpolation == "step" else "point", tame=False),)


def _step(point: tuple[Span, float]) -> int:
    return point[0].steps
