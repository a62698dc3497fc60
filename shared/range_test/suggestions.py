"""Rates by the role they are meant for, each with a plain sentence and a schedule ready to start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from shared.range_test.reading import Reading

Role = Literal["peak", "one_cycle_max", "cyclic_max", "cyclic_base", "constant", "cautious"]
PEAK, CONSTANT, CAUTIOUS = 1.5, 4.0, 10.0
"""What the rate of the bottom is divided by; checked against grids by `bench/range_test.py`."""
BASE = 4.0
"""What the highest rate of a cycle is divided by (Smith, arXiv 1506.01186, §3.3: a third or a quarter)."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rate for one role, and by which rule."""

    role: Role
    lr: float
    rule: str
    say: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A schedule as a training job takes it, for one role."""

    role: str
    schedule: dict[str, Any]


def suggestions(reading: Reading) -> list[Suggestion]:
    """Return a rate for every role, none when the curve tells of none."""
    if reading.landmarks is None:
        return []
    bottom = reading.landmarks.bottom
    peak, constant, cautious = (_rounded(bottom / share) for share in (PEAK, CONSTANT, CAUTIOUS))
    base, at = _rounded(peak / BASE), "where the loss is lowest"
    return [
        Suggestion("peak", peak, "bottom/1.5", f"Begin at {peak:g} when the rate decays to the end."),
        Suggestion("one_cycle_max", peak, "bottom/1.5", f"Let a one-cycle schedule rise to {peak:g}."),
        Suggestion("cyclic_max", peak, "bottom/1.5", f"Let cycles rise to {peak:g}."),
        Suggestion("cyclic_base", base, "bottom/6", f"Let cycles fall back to {base:g}."),
        Suggestion("constant", constant, "bottom/4", f"Hold {constant:g}, a quarter of the rate {at}."),
        Suggestion("cautious", cautious, "bottom/10", f"Hold {cautious:g} where nothing may go wrong."),
    ]


def ready_schedules(found: list[Suggestion]) -> list[Ready]:
    """Return the schedules that the suggested rates make, as bodies of jobs take them."""
    by_role = {one.role: one.lr for one in found}
    if not by_role:
        return []
    peak = by_role["peak"]
    cycles = {"name": "cyclic", "base_lr": by_role["cyclic_base"], "max_lr": by_role["cyclic_max"]}
    return [
        Ready("peak", {"name": "polynomial", "base_lr": peak, "power": 1.0}),
        Ready("one_cycle_max", {"name": "one_cycle", "base_lr": peak, "max_lr": by_role["one_cycle_max"]}),
        Ready("cyclic_max", {**cycles, "step_size_up": "2ep"}),
        Ready("constant", {"name": "constant", "base_lr": by_role["constant"]}),
        Ready("cautious", {"name": "constant", "base_lr": by_role["cautious"]}),
    ]


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
