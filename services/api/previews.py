"""Schedules before any training, drawn with their figures; the trainer calls the same code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.api.drawing import Chart, Mark, Panel, Series
from services.api.drawing.chart import AxisScale
from services.api.places import client_place
from services.api.presenting import warning_answers
from services.api.schemas import Answer, WarningAnswer
from shared.errors import Finding, Refused
from shared.schedules import (
    ANY_OPTIMIZER,
    ResolvedSchedule,
    ScheduleSpec,
    resolve,
    sample_steps,
    stats,
    warnings,
)

MAX_SCHEDULES = 20
MAX_STEPS = 1_000_000
MAX_BREAKPOINTS = 1000
MAX_EVALUATED = 10_000
Steps = Annotated[int, Field(ge=1, le=MAX_STEPS)]


class Request(BaseModel):
    """A frozen request body."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class LabelledSchedule(Request):
    """A schedule and the name it has in a chart's legend."""

    label: Annotated[str, Field(min_length=1, max_length=80)]
    schedule: ScheduleSpec

    def place(self, loc: Sequence[str | int], index: int) -> list[str | int]:
        """Return where something of this schedule stands in the body, as the client wrote it."""
        body = {"schedule": {"name": ""}} if self.schedule.short else None
        return ["schedules", index, *client_place(loc, body)]


class Run(Request):
    """How long a schedule is laid out for; `steps_per_epoch` is needed where a length counts epochs."""

    total_steps: Steps
    steps_per_epoch: Steps | None = None


class PreviewRequest(Run):
    """Schedules to be laid over the same number of steps."""

    schedules: Annotated[list[LabelledSchedule], Field(min_length=1, max_length=MAX_SCHEDULES)]
    points: Annotated[int, Field(ge=2, le=10_000)] = 1000


class EvaluateRequest(Run):
    """Steps at which one schedule is wanted exactly."""

    schedule: ScheduleSpec
    steps: Annotated[
        list[Annotated[int, Field(ge=0, le=2 * MAX_STEPS)]], Field(min_length=1, max_length=MAX_EVALUATED)
    ]


class BreakpointAnswer(Answer):
    """A step where the curve has a corner, a jump, a peak or a border."""

    step: int
    cause: str


LISTED = TypeAdapter(list[BreakpointAnswer])
"""Makes a thousand of them at once."""


class StatsAnswer(Answer):
    """Figures over all updates; `final` is that of the last one."""

    first: float
    final: float
    min: float
    max: float
    mean: float
    sum: float


class PreviewCurve(Answer):
    """One schedule over its steps: momentum where a phase cycles it, and its first 1,000 breakpoints."""

    label: str
    steps: list[int]
    lr: list[float]
    momentum: list[float | None] | None
    breakpoints: list[BreakpointAnswer]
    breakpoints_total: int
    stats: StatsAnswer
    resolved: dict[str, Any]
    warnings: list[WarningAnswer]


class PreviewAnswer(Answer):
    """Schedules laid over the same steps."""

    curves: list[PreviewCurve]


class EvaluateAnswer(Answer):
    """Exact values at the steps asked for; `phase` and `epoch` count from 0.

    `epoch` is null where the request says nothing of epochs.
    """

    steps: list[int]
    lr: list[float]
    groups: dict[str, list[float]]
    momentum: list[float | None] | None
    phase: list[int]
    epoch: list[int] | None


def _resolved(spec: ScheduleSpec, body: Run, *loc: str | int) -> ResolvedSchedule:
    """Return the schedule in whole steps; findings are placed where it stands in the body."""
    per_epoch = body.steps_per_epoch or _without_epochs(spec, *loc)
    try:
        return resolve(spec, total_steps=body.total_steps, steps_per_epoch=per_epoch, optimizer=ANY_OPTIMIZER)
    except Refused as error:
        findings = [Finding((*loc, *f.loc), f.message) for f in error.findings]
        raise Refused(error.detail, code=error.code, findings=findings) from None


def _without_epochs(spec: ScheduleSpec, *loc: str | int) -> int:
    """Return 1, which no length is measured by. Raises `Refused` where one counts epochs."""
    counted = ((phase.name, *found) for phase in spec.phases for found in phase.in_epochs())
    for phase, name, length in counted:
        where = f" in {loc[0]}[{loc[1]}]" if loc else ""
        since = f"since {name} of {phase}{where} is {length}"
        message = f"wanted how many steps an epoch has, {since}; none came"
        found = Finding(("steps_per_epoch",), message)
        raise Refused("a schedule cannot be laid out as written", code="schedule_refused", findings=[found])
    return 1


def _momentum(schedule: ResolvedSchedule, steps: list[int]) -> list[float | None] | None:
    return [schedule.momentum(t) for t in steps] if schedule.cycles_momentum else None


def _curve(one: LabelledSchedule, body: PreviewRequest, index: int) -> PreviewCurve:
    schedule = _resolved(one.schedule, body, "schedules", index)
    steps, corners = sample_steps(schedule, body.points), islice(schedule.breakpoints(), MAX_BREAKPOINTS)
    return PreviewCurve(
        label=one.label,
        steps=steps,
        lr=[schedule.lr(t) for t in steps],
        momentum=_momentum(schedule, steps),
        breakpoints=LISTED.validate_python([{"step": step, "cause": cause} for step, cause in corners]),
        breakpoints_total=schedule.breakpoint_count,
        stats=StatsAnswer.model_validate(stats(schedule), from_attributes=True),
        resolved=schedule.model_dump(mode="json"),
        warnings=[w.model_copy(update={"loc": one.place(w.loc, index)}) for w in _warnings(schedule)],
    )


def _warnings(schedule: ResolvedSchedule) -> list[WarningAnswer]:
    return [*warning_answers(warnings(schedule)), *_unheard(schedule), *_unchecked(schedule)]


def _unchecked(schedule: ResolvedSchedule) -> Iterator[WarningAnswer]:
    """Yield the names that only a net or a task can tell to be right."""
    if schedule.groups:
        message = "a preview knows of no net, so whether it has these groups is checked with the job"
        yield WarningAnswer(code="not_checked", message=message, loc=["schedule", "groups"])
    if schedule.feedback is not None:
        message = "a preview knows of no task, so whether it yields this metric is checked with the job"
        yield WarningAnswer(code="not_checked", message=message, loc=["schedule", "feedback", "monitor"])


def _unheard(schedule: ResolvedSchedule) -> Iterator[WarningAnswer]:
    """Yield that feedback is not drawn, where there is any."""
    if schedule.feedback is not None:
        name = schedule.feedback.name
        message = f"{name} answers to a training, of which a preview knows nothing: drawn with M = 1"
        yield WarningAnswer(code="feedback_not_drawn", message=message, loc=["schedule", "feedback"])


def preview(body: PreviewRequest) -> PreviewAnswer:
    """Lay schedules over their steps. Raises `Refused`."""
    return PreviewAnswer(curves=[_curve(one, body, i) for i, one in enumerate(body.schedules)])


def preview_chart(answer: PreviewAnswer, scale: AxisScale) -> Chart:
    """Return schedules as one chart with one legend, the mean rate in it, and marks where a phase begins.

    Momentum has a panel of its own.
    """
    rates = [
        Series(f"{c.label} (mean {c.stats.mean:.3g})", c.steps, c.lr, colour=i)
        for i, c in enumerate(answer.curves)
    ]
    momenta = [
        Series(c.label, c.steps, c.momentum, colour=i) for i, c in enumerate(answer.curves) if c.momentum
    ]
    marks = [
        Mark(b.step, f"{c.label}: {b.cause}", colour=i)
        for i, c in enumerate(answer.curves)
        for b in c.breakpoints
        if b.cause.endswith(" begins") and b.step > c.steps[0]
    ]
    panels = [Panel("learning rate", rates, scale), *([Panel("momentum", momenta)] if momenta else [])]
    return Chart("Learning-rate schedules", panels, marks=marks)


def evaluate(body: EvaluateRequest) -> EvaluateAnswer:
    """Return a schedule's exact values. Raises `Refused`."""
    schedule = _resolved(body.schedule, body)
    return EvaluateAnswer(
        steps=body.steps,
        lr=[schedule.lr(t) for t in body.steps],
        groups={g: [schedule.lr_of(g, t) for t in body.steps] for g in schedule.groups},
        momentum=_momentum(schedule, body.steps),
        phase=[schedule.locate(t)[0] for t in body.steps],
        epoch=[t // body.steps_per_epoch for t in body.steps] if body.steps_per_epoch else None,
    )
