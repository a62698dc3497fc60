"""Admission: a schedule's lengths become whole steps once, and what cannot be is refused with its remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from shared.errors import Finding, Refused
from shared.schedules.advice import at
from shared.schedules.bounds import MAX_RATE
from shared.schedules.lengths import round_half_up
from shared.schedules.menu import AnyPhase
from shared.schedules.phase import OptimizerTraits, Place
from shared.schedules.resolved import ResolvedSchedule
from shared.schedules.spec import ScheduleSpec
from shared.schedules.suitability import feedback_findings, optimizer_findings, warm_up_findings


@dataclass(frozen=True, slots=True)
class Start:
    """Where a schedule begins: updates already done, and S there, which its first phase calls `previous`."""

    step: int = 0
    previous: float | None = None


FROM_SCRATCH = Start()


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise Refused("the schedule cannot be run as written", code="schedule_refused", findings=findings)


def _exact_durations(spec: ScheduleSpec, *, total_steps: int, steps_per_epoch: int) -> list[Fraction]:
    """Return each phase's length in steps before rounding; `rest` is what the others leave of T."""
    rest = [k for k, phase in enumerate(spec.phases) if phase.duration.unit == "rest"]
    _refuse(
        [Finding(at(k, "duration"), 'only one phase may be "rest"; give this one a length') for k in rest[1:]]
    )
    exact = [
        Fraction(0)
        if phase.duration.unit == "rest"
        else phase.duration.exact_steps(whole=total_steps, steps_per_epoch=steps_per_epoch)
        for phase in spec.phases
    ]
    for k in rest:
        exact[k] = total_steps - sum(exact, start=Fraction(0))
    return exact


def phase_steps(spec: ScheduleSpec, *, total_steps: int, steps_per_epoch: int) -> list[int]:
    """Return N of every phase: borders ⌊Σ + ½⌋ are rounded cumulatively, so that phases tile [0, T] exactly.

    Raises `Refused` when they do not tile, or when one resolves to no step at all.
    """
    exact = _exact_durations(spec, total_steps=total_steps, steps_per_epoch=steps_per_epoch)
    borders = [0]
    total = Fraction(0)
    for part in exact:
        total += part
        borders.append(round_half_up(total))
    if borders[-1] != total_steps or min(exact) < 0:
        named = round_half_up(sum((part for part in exact if part > 0), start=Fraction(0)))
        message = f'the phases last {named} steps of {total_steps}; make one "rest" or let them add up'
        _refuse([Finding(("schedule", "phases"), message)])
    steps = [end - start for start, end in pairwise(borders)]
    _refuse(
        [
            Finding(
                at(k, "duration"), f"resolves to 0 of {total_steps} steps; make it longer or leave it out"
            )
            for k, length in enumerate(steps)
            if length < 1
        ]
    )
    return steps


def _settle(phase: AnyPhase, place: Place, index: int) -> AnyPhase:
    """Return a resolved phase, or raise `Refused` with every fault of it."""
    _refuse([*_missing_rate(phase, place, index)])
    settled = phase.settled(place)
    _refuse([Finding(at(index, fault.field, fault.item), fault.message) for fault in settled.faults(place)])
    if not all(settled.lr_at(t) <= MAX_RATE for t in (0, settled.steps)):
        message = f"the learning rate must not exceed {MAX_RATE:g}; lower its factors"
        _refuse([Finding(at(index, "name"), message)])
    return settled


def _missing_rate(phase: AnyPhase, place: Place, index: int) -> Iterator[Finding]:
    """Yield that a phase works from a rate that nothing says."""
    own = phase.own_rate()
    if own == "previous" and place.previous is None:
        message = 'the first phase has no phase before it; write a number for "previous"'
        yield Finding(at(index, "lr"), message)
    if own is None and phase.rate_field is not None and place.base_lr is None:
        message = f"wanted the rate that {phase.name} works from, here or as {phase.rate_field} of the phase"
        yield Finding(("schedule", "base_lr"), f"{message}; none came")


def _check_groups(spec: ScheduleSpec, groups: Collection[str] | None) -> None:
    if groups is None:
        return
    known = ", ".join(sorted(groups))
    _refuse(
        [
            Finding(("schedule", "groups", name), f"names no group of this net; it has {known}")
            for name in spec.groups
            if name not in groups
        ]
    )


def resolve(
    spec: ScheduleSpec,
    *,
    total_steps: int,
    steps_per_epoch: int,
    optimizer: OptimizerTraits,
    groups: Collection[str] | None = None,
    start: Start = FROM_SCRATCH,
) -> ResolvedSchedule:
    """Return the schedule in whole steps for a run of `total_steps` with epochs of `steps_per_epoch`.

    `groups` are the parameter groups of the net, in its order, where it is known. From a later `start` the
    phases share the steps that are left, and % is of those. Raises `Refused` with findings such as
    ("schedule", "phases", 1, "gamma").
    """
    _check_groups(spec, groups)
    _refuse([*optimizer_findings(spec, optimizer), *feedback_findings(spec.feedback)])
    left = total_steps - start.step
    steps = phase_steps(spec, total_steps=left, steps_per_epoch=steps_per_epoch)
    phases: list[AnyPhase] = []
    previous, warm_up = start.previous, None
    for index, (phase, length) in enumerate(zip(spec.phases, steps, strict=True)):
        place = Place(length, steps_per_epoch, spec.base_lr, previous, optimizer, warm_up)
        phases.append(_settle(phase, place, index))
        previous, warm_up = phases[-1].lr_at(length), phases[-1].warm_up()
    _refuse([*warm_up_findings(phases, optimizer)])
    return ResolvedSchedule(
        total_steps=total_steps,
        steps_per_epoch=steps_per_epoch,
        start_step=start.step,
        parent_lr=start.previous,
        base_lr=spec.base_lr,
        phases=tuple(phases),
        groups=spec.groups,
        own_momentum=optimizer.momentum,
        forms=tuple(phase.form() for phase in phases),
        feedback=None if spec.feedback is None else spec.feedback.settled(),
        charted_factor=_charted_factor(spec, groups or ()),
    )


def _charted_factor(spec: ScheduleSpec, groups: Collection[str]) -> float:
    """Return lr_mult of the group whose rate a curve shows."""
    factors = [spec.groups[name].lr_mult if name in spec.groups else 1.0 for name in groups]
    return 1.0 if not factors or 1.0 in factors else factors[0]
