"""What is allowed of a schedule and probably not meant."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from shared.schedules.phase import Corners
from shared.schedules.resolved import ResolvedSchedule

Loc = tuple[str | int, ...]
FEW = 64
"""Of a phase with more corners only what lies before the first and after the last is searched for zeros."""


@dataclass(frozen=True, slots=True)
class ScheduleWarning:
    """Something allowed and probably not meant; `code` is stable."""

    code: str
    message: str
    loc: Loc


def at(phase: int, name: str, item: int | str | None = None) -> Loc:
    """Return the place of a field of a phase, or of an item or a field in it."""
    return ("schedule", "phases", phase, name, *(() if item is None else (item,)))


def warnings(resolved: ResolvedSchedule) -> list[ScheduleWarning]:
    """Return what is allowed and probably not meant, phase by phase."""
    idle = (_unused_base(resolved), _jumps(resolved), _idle(resolved))
    return [*_phase_warnings(resolved), *chain.from_iterable(idle)]


def _phase_warnings(resolved: ResolvedSchedule) -> Iterator[ScheduleWarning]:
    for index, phase in enumerate(resolved.phases):
        for advice in phase.advice(total_steps=resolved.updates):
            yield ScheduleWarning(advice.code, advice.message, at(index, advice.field, advice.item))


def _unused_base(resolved: ResolvedSchedule) -> Iterator[ScheduleWarning]:
    """Yield that no phase works from `base_lr`, where one came; a phase's own rate that equals it passes."""
    if resolved.base_lr not in {None, *(phase.own_rate() for phase in resolved.phases)}:
        own = " and ".join(dict.fromkeys(phase.rate_field or "points" for phase in resolved.phases))
        part = "base_lr of the schedule plays no part"
        message = f"{part}: every phase has a rate of its own, in its {own}; leave it out"
        yield ScheduleWarning("unused_setting", message, ("schedule", "base_lr"))


def _jumps(resolved: ResolvedSchedule) -> Iterator[ScheduleWarning]:
    """Yield borders where the rate more than doubles or halves at once, that of a fork to its parent too."""
    ends = [phase.lr_at(phase.steps) for phase in resolved.phases[:-1]]
    for index, left in enumerate([resolved.parent_lr, *ends]):
        right = resolved.phases[index].lr_at(0)
        if left is not None and max(left, right) > 2.0 * min(left, right):
            begins = "this phase begins" if index else "the fork leaves its parent"
            message = f"the rate jumps from {left:.6g} to {right:.6g} where {begins}"
            yield ScheduleWarning("jump_between_phases", message, ("schedule", "phases", index))


def _idle(resolved: ResolvedSchedule) -> Iterator[ScheduleWarning]:
    """Yield stretches at rate 0, in which a training goes on and learns nothing."""
    for begin, end in _stretches_at_zero(resolved):
        index, _ = resolved.locate(begin)
        loc = ("schedule", "phases", index)
        if end - begin > 1:
            message = f"the rate is 0 for {end - begin} updates from step {begin} on, which do nothing"
            yield ScheduleWarning("rate_of_zero", f"{message}; keep it above 0, or end the run there", loc)
        elif begin == resolved.start_step:
            message = "the rate of the first update is 0, so it does nothing; start above 0"
            yield ScheduleWarning("starts_at_zero", message, loc)


def _stretches_at_zero(resolved: ResolvedSchedule) -> list[tuple[int, int]]:
    """Return the steps [begin, end) at rate 0, as far as they are searched; phases may share a stretch."""
    found: list[tuple[int, int]] = []
    for begin, end in _one_way(resolved):
        first, past = _zeros(resolved.lr, begin, end)
        if first < past:
            joined = found.pop()[0] if found and found[-1][1] == first else first
            found.append((joined, past))
    return found


def _zeros(lr: Callable[[int], float], begin: int, end: int) -> tuple[int, int]:
    """Return the steps [first, past) at rate 0 of a leg; they lie at one end of it, if anywhere."""
    leg, at_begin, at_end = range(begin, end), lr(begin) == 0.0, lr(end - 1) == 0.0
    if not (at_begin or at_end):
        return begin, begin
    first = begin if at_begin else begin + bisect_left(leg, True, key=lambda t: lr(t) == 0.0)
    past = end if at_end else begin + bisect_left(leg, True, key=lambda t: lr(t) != 0.0)
    return first, past


def _one_way(resolved: ResolvedSchedule) -> Iterator[tuple[int, int]]:
    """Yield steps [begin, end) along which the rate goes one way only: from corner to corner of a phase."""
    for start, phase, corners in zip(resolved.borders, resolved.phases, resolved.corners, strict=False):
        yield from ((start + begin, start + end) for begin, end in _legs(phase.steps, corners))


def _legs(steps: int, corners: Sequence[Corners]) -> list[tuple[int, int]]:
    few = sum(len(one.steps) for one in corners) <= FEW
    inside = {step for one in corners for step in (one.steps if few else (*one.steps[:1], *one.steps[-1:]))}
    legs = list(pairwise(sorted({0, *inside, steps})))
    return legs if few else [legs[0], legs[-1]]
