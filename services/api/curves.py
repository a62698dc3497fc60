"""A job's curve for reading: thinned without hiding a spike, with the planned rate beside the actual one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import isfinite

from services.api.drawing import Chart, Mark, Panel, Series
from services.api.drift import DriftWatch
from services.api.lineage import Stretch, read_lineage, stretch_answer
from services.api.rates import PlannedRate, planned_rate
from services.api.schemas import CurveAnswer, EvaluationAnswer, LrEventAnswer, PlanAnswer
from services.api.thinning import CurveQuery, joined, pages
from shared.db.curves import EvaluationRow, PointColumns, read_curve, read_evaluations
from shared.db.engine import Database
from shared.db.jobs import JobRow, get_training
from shared.errors import Finding, Refused
from shared.specs.ids import parse_id, public_id

RAW_MAX_POINTS = 100_000
MAX_MARKS = 40
"""Events marked in a chart, the newest; more would hide the lines."""
CSV_HEAD = "step,lr,loss,grad_norm,momentum,planned_lr,effective_lr\r\n"


def _refuse_too_many(query: CurveQuery, stop: int) -> None:
    if query.method == "raw" and stop - query.from_step > RAW_MAX_POINTS:
        message = f"raw gives at most {RAW_MAX_POINTS} points; narrow from and to, or take minmax or CSV"
        raise Refused("too many points", code="too_many_points", findings=[Finding(("method",), message)])


@dataclass(frozen=True, slots=True)
class Curve:
    """A job's row with the part of its curve that was asked for, and its plan."""

    row: JobRow
    points: PointColumns
    evaluations: Sequence[EvaluationRow]
    planned: PlannedRate
    ancestors: Sequence[Stretch] = ()
    """What came before a fork, its first ancestor first."""
    drift: int | None = None
    """The first of the steps asked for whose logged rate is not the planned one."""


def load_curve(database: Database, *, job_id: str, query: CurveQuery) -> Curve:
    """Read a job's curve. Raises `NotFound`, and `Refused` for more raw points than one answer holds."""
    with database.snapshot() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        stop = _stop(row, query)
        _refuse_too_many(query, stop)
        watch = DriftWatch(row, planned_rate(cx, row))

        def read(start: int, stop: int) -> PointColumns:
            return watch.seen(read_curve(cx, job_id=row.id, from_step=start, to_step=stop))

        points = joined(pages(read, _own(row, query), stop))
        evaluations = read_evaluations(cx, job_id=row.id, after=query.from_step - 1)
        ancestors = read_lineage(cx, row, query)
    watch.close()
    shown = [e for e in evaluations if query.to_step is None or e.step <= query.to_step]
    return Curve(row, points, shown, watch.planned, ancestors, watch.first)


def _own(row: JobRow, query: CurveQuery) -> CurveQuery:
    """Return what is asked of a job's own points, of which a fork has none before its first step."""
    return replace(query, from_step=max(query.from_step, row.start_step))


def _stop(row: JobRow, query: CurveQuery) -> int:
    return row.step if query.to_step is None else min(query.to_step, row.step)


def _number(value: float | None) -> float | None:
    """Return a number JSON can hold; a loss that is none becomes null."""
    return value if value is not None and isfinite(value) else None


def curve_answer(curve: Curve) -> CurveAnswer:
    """Return a curve as JSON shows it."""
    points = curve.points
    plan_steps, plan_lr = curve.planned.drawn
    return CurveAnswer(
        job=public_id("job", curve.row.id),
        steps=list(points.steps),
        lr=list(points.lr),
        loss=[_number(v) for v in points.loss],
        grad_norm=[_number(v) for v in points.grad_norm],
        momentum=[_number(v) for v in points.momentum],
        planned_lr=curve.planned.at(points.steps),
        effective_lr=[_number(v) for v in points.effective_lr],
        lr_events=[LrEventAnswer.model_validate(e, from_attributes=True) for e in curve.planned.events],
        lr_drift=curve.drift,
        plan=PlanAnswer(steps=plan_steps, lr=plan_lr),
        evaluations=[
            EvaluationAnswer(step=e.step, epoch=e.epoch, metrics=e.metrics) for e in curve.evaluations
        ],
        ancestors=[stretch_answer(one) for one in curve.ancestors],
    )


def curve_csv(database: Database, *, job_id: str, query: CurveQuery) -> Iterator[str]:
    """Return the points as CSV of any length, page by page. Raises `NotFound` before the first page."""
    with database.snapshot() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        planned = planned_rate(cx, row)

    def read(start: int, stop: int) -> PointColumns:
        # Each page has a transaction of its own: a slow client must not hold one open.
        with database.snapshot() as cx:
            return read_curve(cx, job_id=row.id, from_step=start, to_step=stop)

    every = pages(read, _own(row, query), _stop(row, query))
    return chain([CSV_HEAD], (_csv_lines(page, planned) for page in every))


def _csv_lines(points: PointColumns, planned: PlannedRate) -> str:
    """Return one line for each point; what is unknown or no number is left empty."""
    rates = planned.at(points.steps)
    columns = (points.lr, points.loss, points.grad_norm, points.momentum, rates, points.effective_lr)
    rows = zip(points.steps, *columns, strict=True)
    return "".join(f"{','.join([str(step), *map(_csv_cell, values)])}\r\n" for step, *values in rows)


def _csv_cell(value: float | None) -> str:
    known = _number(value)
    return "" if known is None else repr(known)


def curve_chart(curve: Curve) -> Chart:
    """Return a curve as a chart: the loss, and the rate on top of the plan, LR events marked."""
    points = curve.points
    before = [(one.points, f"before step {one.until_step}", 7) for one in curve.ancestors]
    losses = [Series(label, p.steps, p.loss, colour=grey) for p, label, grey in before]
    rates = [Series(label, p.steps, p.lr, colour=grey) for p, label, grey in before]
    loss = Panel("loss", [*losses, Series("training loss", points.steps, points.loss)])
    actual = Series("actual", points.steps, points.lr, colour=1)
    rate = Panel("learning rate", [*rates, *_plans(curve.planned), actual])
    effective = Series("used by the optimizer", points.steps, points.effective_lr, colour=2)
    more = [Panel("effective rate", [effective])] if any(v is not None for v in effective.ys) else []
    newest = curve.planned.events[-MAX_MARKS:]
    forks = [Mark(one.until_step, "fork") for one in curve.ancestors]
    marks = [Mark(e.step, f"{e.cause} ×{e.m_after / e.m_before:.3g}") for e in newest if e.m_before]
    title = f"{curve.row.model or 'data set'}: {curve.row.status}, step {curve.row.step}"
    return Chart(title, [loss, rate, *more], marks=[*forks, *marks])


def _plans(planned: PlannedRate) -> list[Series]:
    """Return the planned rate, and what it would be without LR events where they move it."""
    steps, rates = planned.drawn
    label = "planned, with events" if planned.events else "planned"
    drawn = Series(label, steps, rates, look="plan", colour=1)
    alone = Series("schedule alone", steps, planned.alone, look="dots", colour=3)
    return [drawn, alone] if planned.alone else [drawn]
