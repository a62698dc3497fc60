"""Rates by the role they are meant for, each with a plain sentence and a schedule ready to start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from shared.range_test.reading import Reading

Role = Literal["peak", "one_cycle_max", "cyclic_max", "cyclic_base", "constant", "cautious"]
PEAK, CONSTANT, CAUTIOUS = 1.2, 0.5, 0.1
"""Shares of the bottom's rate; `bench/range_test.py` holds the first two against grids."""
BASE = 4.0
"""What a cycle's highest rate is divided by (3 or 4: Smith, arXiv 1506.01186, §3.3)."""


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
    peak, constant, cautious = (_rounded(share * bottom) for share in (PEAK, CONSTANT, CAUTIOUS))
    base = _rounded(peak / BASE)
    cycle = f"Let cycles go from {base:g} to {peak:g} and back."
    return [
        Suggestion("peak", peak, "1.2 × bottom", f"Begin at {peak:g} when the rate decays to the end."),
        Suggestion("one_cycle_max", peak, "1.2 × bottom", f"Let a one-cycle schedule rise to {peak:g}."),
        Suggestion("cyclic_max", peak, "1.2 × bottom", cycle),
        Suggestion("cyclic_base", base, "0.3 × bottom", cycle),
        Suggestion("constant", constant, "0.5 × bottom", f"Hold {constant:g} from beginning to end."),
        Suggestion("cautious", cautious, "0.1 × bottom", f"Hold {cautious:g} where nothing may be upset."),
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
        Ready("one_cycle_max", {"name": "one_cycle", "max_lr": by_role["one_cycle_max"]}),
        Ready("cyclic_max", {**cycles, "step_size_up": "2ep"}),
        Ready("constant", {"name": "constant", "base_lr": by_role["constant"]}),
        Ready("cautious", {"name": "constant", "base_lr": by_role["cautious"]}),
    ]


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
