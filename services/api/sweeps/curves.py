"""The curves of a sweep for drawing: every run, the mean over seeds of every schedule, and the plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from services.api.drawing import Chart, Panel, Series
from services.api.drawing.chart import AxisScale
from services.api.presenting import job_state
from services.api.schemas.sweeps import (
    SweepCurveAnswer,
    SweepCurvesAnswer,
    SweepMeanAnswer,
    SweepPlanAnswer,
)
from services.api.sweeps.record import Record, plan_of, planned_stats, read_sweep
from shared.db.engine import Connection, Database
from shared.db.jobs import JobRow
from shared.db.sweep_curves import By, CurvePoint, Measured, Reach, evaluations, thinned_points
from shared.lifecycle import JobStatus
from shared.schedules import sample_steps
from shared.specs.ids import parse_id, public_id

TOWERS = 20.0
"""How many times as high as another line's top one must be for a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How a sweep's curves are wanted: about `points` points a line, and one metric (none: the main one)."""

    points: int = 1000
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Thinned points by arm, and by job where they were asked for, with the evaluations of every job."""

    record: Record
    means: Mapping[str, Sequence[CurvePoint]]
    runs: Mapping[str, Sequence[CurvePoint]]
    evaluations: Sequence[Measured]


def read_curves(database: Database, *, sweep_id: str, drawn: Drawn) -> SweepCurvesAnswer:
    """Return the curves of a sweep, run by run and as means. Raises `NotFound`, `Refused`."""
    with database.snapshot() as cx:
        lines = _lines(cx, sweep_id, drawn, runs=True)
    return SweepCurvesAnswer(
        sweep=public_id("swp", lines.record.row.id),
        metric=lines.record.metric,
        total_steps=lines.record.jobs[0].total_steps,
        every=_reach(lines.record).every,
        runs=[_run(lines, job) for job in lines.record.jobs],
        means=[_mean(lines, arm) for arm in range(len(lines.record.spec.schedules))],
        plans=[_plan(lines.record, arm, drawn) for arm in range(len(lines.record.spec.schedules))],
    )


def sweep_chart(database: Database, *, sweep_id: str, drawn: Drawn) -> Chart:
    """Return loss, metric and rate of every schedule, as means over its seeds. Raises as `read_curves`.

    A schedule without a point yet has its plan alone.
    """
    with database.snapshot() as cx:
        lines = _lines(cx, sweep_id, drawn, runs=False)
    arms = range(len(lines.record.spec.schedules))
    means, plans = [_mean(lines, i) for i in arms], [_plan(lines.record, i, drawn) for i in arms]
    loss = [Series(m.arm, m.steps, m.loss, colour=i) for i, m in enumerate(means) if m.steps]
    metric = [
        Series(m.arm, m.evaluation_steps, m.evaluations, colour=i)
        for i, m in enumerate(means)
        if m.evaluation_steps
    ]
    rates = [Series(f"{p.arm} (mean {p.mean_lr:.3g})", p.steps, p.lr, colour=i) for i, p in enumerate(plans)]
    panels = [
        Panel("training loss", loss, scale_of(loss)),
        Panel(f"{lines.record.metric} on validation", metric),
        Panel("learning rate as planned", rates, scale_of(rates)),
    ]
    return Chart(title_of(lines.record), panels)


def title_of(record: Record) -> str:
    """Return what is drawn of a sweep, and how much of it there is while trainings are missing."""
    schedules, seeds = len(record.spec.schedules), len(record.spec.seeds)
    of = f"{record.row.model}: {schedules} schedule{'s' * (schedules > 1)}"
    done = sum(job.status == JobStatus.SUCCEEDED for job in record.jobs)
    if done == len(record.jobs):
        return f"{of}, mean over {seeds} seed{'s' * (seeds > 1)}"
    so_far = "mean over what there is" if record.ended else "mean so far"
    return f"{of}, {so_far}: {done} of {len(record.jobs)} trainings done"


def scale_of(lines: Sequence[Series]) -> AxisScale:
    """Return a logarithmic axis where one line towers over another, which a linear one would flatten."""
    tops = [max(known) for line in lines if (known := [y for y in line.ys if y is not None])]
    return "log" if tops and min(tops) > 0 and max(tops) > TOWERS * min(tops) else "linear"


def _lines(cx: Connection, sweep_id: str, drawn: Drawn, *, runs: bool) -> Lines:
    record = read_sweep(cx, sweep_id=parse_id("swp", sweep_id), metric=drawn.metric)

    def points(by: By) -> dict[str, list[CurvePoint]]:
        return thinned_points(cx, sweep_id=record.row.id, by=by, points=drawn.points, reach=_reach(record))

    every = max(1, -(-record.spec.job.epochs // drawn.points))
    measured = evaluations(cx, sweep_id=record.row.id, metric=record.metric, every=every)
    return Lines(record, points("arm"), points("job") if runs else {}, measured)


def _reach(record: Record) -> Reach:
    return Reach(len(record.jobs), record.jobs[0].total_steps)


def _run(lines: Lines, job: JobRow) -> SweepCurveAnswer:
    points = lines.runs.get(str(job.id), ())
    measured = [found for found in lines.evaluations if found.job_id == job.id]
    return SweepCurveAnswer(
        job=public_id("job", job.id),
        arm=lines.record.label(job),
        seed=job.spec["seed"],
        status=job_state(job).status,
        steps=[point.step for point in points],
        loss=_numbers(point.loss for point in points),
        lr=_numbers(point.lr for point in points),
        evaluation_steps=[found.step for found in measured],
        evaluations=_numbers(found.value for found in measured),
    )


def _mean(lines: Lines, arm: int) -> SweepMeanAnswer:
    points = lines.means.get(str(arm), ())
    ours = {job.id for job in lines.record.arm(arm)}
    by_step: dict[int, list[float]] = {}
    for found in lines.evaluations:
        if found.job_id in ours:
            by_step.setdefault(found.step, []).append(found.value)
    return SweepMeanAnswer(
        arm=lines.record.spec.schedules[arm].label,
        steps=[point.step for point in points],
        loss=_numbers(point.loss for point in points),
        lr=_numbers(point.lr for point in points),
        evaluation_steps=sorted(by_step),
        evaluations=_numbers(fmean(by_step[step]) for step in sorted(by_step)),
    )


def _plan(record: Record, arm: int, drawn: Drawn) -> SweepPlanAnswer:
    job = record.arm(arm)[0]
    plan = plan_of(job)
    steps = sample_steps(plan, drawn.points)
    label = record.spec.schedules[arm].label
    return SweepPlanAnswer(
        arm=label, steps=steps, lr=[plan.lr(t) for t in steps], mean_lr=planned_stats(job).mean
    )


def _numbers(values: Iterable[float]) -> list[float | None]:
    """Return numbers JSON can hold; what is none becomes null."""
    return [value if isfinite(value) else None for value in values]
