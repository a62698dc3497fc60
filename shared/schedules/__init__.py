"""Learning-rate schedules as pure functions of the step; no torch, no NumPy, no state."""

from __future__ import annotations

from shared.schedules.admission import FROM_SCRATCH, Start, resolve
from shared.schedules.advice import ScheduleWarning, warnings
from shared.schedules.feedback import AnyController, AnyFeedback, ManualParams, controller_of
from shared.schedules.menu import CATALOG, PHASES, Entry
from shared.schedules.phase import ANY_OPTIMIZER, Breakpoint, OptimizerTraits
from shared.schedules.resolved import LrEvent, ResolvedSchedule, multiplier_at
from shared.schedules.sampling import sample_steps
from shared.schedules.spec import AS_WRITTEN, GroupParams, ScheduleSpec
from shared.schedules.stats import Stats, stats

__all__ = [
    "ANY_OPTIMIZER",
    "AS_WRITTEN",
    "CATALOG",
    "FROM_SCRATCH",
    "PHASES",
    "AnyController",
    "AnyFeedback",
    "Breakpoint",
    "Entry",
    "GroupParams",
    "LrEvent",
    "ManualParams",
    "OptimizerTraits",
    "ResolvedSchedule",
    "ScheduleSpec",
    "ScheduleWarning",
    "Start",
    "Stats",
    "controller_of",
    "multiplier_at",
    "resolve",
    "sample_steps",
    "stats",
    "warnings",
]
