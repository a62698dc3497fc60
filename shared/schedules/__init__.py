"""Learning-rate schedules as pure functions of the step; no torch, no NumPy, no state."""

from __future__ import annotations

from shared.schedules.admission import FROM_SCRATCH, ScheduleWarning, Start, resolve, warnings
from shared.schedules.menu import CATALOG, Entry
from shared.schedules.phase import ANY_OPTIMIZER, Breakpoint, OptimizerTraits
from shared.schedules.resolved import LrEvent, ResolvedSchedule, multiplier_at
from shared.schedules.sampling import sample_steps
from shared.schedules.spec import GroupParams, ScheduleSpec
from shared.schedules.stats import Stats, stats

__all__ = [
    "ANY_OPTIMIZER",
    "CATALOG",
    "FROM_SCRATCH",
    "Breakpoint",
    "Entry",
    "GroupParams",
    "LrEvent",
    "OptimizerTraits",
    "ResolvedSchedule",
    "ScheduleSpec",
    "ScheduleWarning",
    "Start",
    "Stats",
    "multiplier_at",
    "resolve",
    "sample_steps",
    "stats",
    "warnings",
]
