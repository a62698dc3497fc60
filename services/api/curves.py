"""A job's curve for reading: thinned without hiding a spike, with the planned rate beside the actual one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any, Literal

from services.api import metrics
from services.api.drawing import Chart, Mark, Panel, Series
from services.api.rates import DriftWatch, PlannedRate, planned_rate
from services.api.schemas import CurveAnswer, EvaluationAnswer, LrEventAnswer, PlanAnswer
from shared.db.curves import EvaluationRow, PointColumns, read_curve, read_evaluations
from shared.db.engine import Database
from shared.db.jobs import JobRow, get_job
from shared.errors import Finding, Refused
from shared.logs import logger
from shared.specs.ids import parse_id, public_id

RAW_MAX_POINTS = 100_000
PAGE_ROWS = 20_000
KEPT_PER_BUCKET = 7
"""At most: lowest and highest of rate, loss and gradient norm, and the first value that is no number."""
MAX_MARKS = 40
"""Events marked in a chart, the newest; more would hide the lines."""
CSV_HEAD = "step,lr,loss,grad_norm,momentum,planned_lr,effective_lr\r\n"
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class CurveQuery:
    """Which part of a curve, how thinned: steps `from_step` ≤ t < `to_step`, at most `points` of them."""

    points: int = 1000
    method: Literal["minmax", "raw"] = "minmax"
    from_step: int = 0
    to_step: int | None = None


def kept_of_bucket(points: PointColumns, start: int, stop: int) -> set[int]:
    """Return the indices that carry the extremes of rows `start` ≤ i < `stop`, and the first non-number."""
    kept: set[int] = set()
    for column in (points.loss, points.lr, points.grad_norm):
        finite = [i for i in range(start, stop) if column[i] is not None and isfinite(column[i] or 0.0)]
        if finite:
            value: Callable[[int], Any] = column.__getitem__
            kept |= {min(finite, key=value), max(finite, key=value)}
    broken = (i for i in range(start, stop) if not isfinite(points.loss[i]))
    return kept | set(list(broken)[:1])


def thinned(points: PointColumns, *, rows_per_bucket: int, ends: Iterable[int] = ()) -> PointColumns:
    """Return the rows that carry the extremes of every bucket of consecutive rows, and those at `ends`."""
    count = len(points.steps)
    kept = {end % count for end in ends} if count else set()
    for start in range(0, count, rows_per_bucket):
        kept |= kept_of_bucket(points, start, min(start + rows_per_bucket, count))
    return _rows(points, sorted(kept))


def _rows(points: PointColumns, indices: Sequence[int]) -> PointColumns:
    def chosen(column: Sequence[Any]) -> list[Any]:
        return [column[i] for i in indices] if column else []

    return PointColumns(
        steps=chosen(points.steps),
        lr=chosen(points.lr),
        loss=chosen(points.loss),
        grad_norm=chosen(points.grad_norm),
        momentum=chosen(points.momentum),
        effective_lr=chosen(points.effective_lr),
    )


def _joined(pages: Iterable[PointColumns]) -> PointColumns:
    held = list(pages)
    return PointColumns(
        steps=list(chain.from_iterable(p.steps for p in held)),
        lr=list(chain.from_iterable(p.lr for p in held)),
        loss=list(chain.from_iterable(p.loss for p in held)),
        grad_norm=list(chain.from_iterable(p.grad_norm for p in held)),
        momentum=list(chain.from_iterable(p.momentum for p in held)),
        effective_lr=list(chain.from_iterable(p.effective_lr for p in held)),
    )


def _pages(read: Callable[[int, int], PointColumns], query: CurveQuery, stop: int) -> Iterator[PointColumns]:
    """Yield the points page by page, each thinned before the next is read, so that memory stays bounded."""
    first, total = query.from_step, stop - query.from_step
    if query.method == "raw" or total <= query.points:
        for start in range(first, stop, PAGE_ROWS):
            yield read(start, min(start + PAGE_ROWS, stop))
        return
    rows_per_bucket = -(-total // max((query.points - 2) // KEPT_PER_BUCKET, 1))
    page_rows = rows_per_bucket * max(PAGE_ROWS // rows_per_bucket, 1)
    for start in range(first, stop, page_rows):
        page = read(start, min(start + page_rows, stop))
        ends = [0] * (start == first) + [-1] * (start + page_rows >= stop)
        yield thinned(page, rows_per_bucket=rows_per_bucket, ends=ends)


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
    drift: int | None = None
    """The first of the steps asked for whose logged rate is not the planned one."""


def load_curve(database: Database, *, job_id: str, query: CurveQuery) -> Curve:
    """Read a job's curve. Raises `NotFound`, and `Refused` for more raw points than one answer holds."""
    with database.begin() as cx:
        row = get_job(cx, job_id=parse_id("job", job_id))
        stop = _stop(row, query)
        _refuse_too_many(query, stop)
        watch = DriftWatch(planned_rate(cx, row))

        def read(start: int, stop: int) -> PointColumns:
            return watch.seen(read_curve(cx, job_id=row.id, from_step=start, to_step=stop))

        points = _joined(_pages(read, query, stop))
        evaluations = read_evaluations(cx, job_id=row.id, after=query.from_step - 1)
    _tell_drift(row, watch.first)
    shown = [e for e in evaluations if query.to_step is None or e.step <= query.to_step]
    return Curve(row, points, shown, watch.planned, watch.first)


def _tell_drift(row: JobRow, step: int | None) -> None:
    if step is not None:
        metrics.lr_drifts.inc()
        _log.error("lr_drift", job_id=str(row.id), step=step)


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
    )


def curve_csv(database: Database, *, job_id: str, query: CurveQuery) -> Iterator[str]:
    """Return the points as CSV of any length, page by page. Raises `NotFound` before the first page."""
    with database.begin() as cx:
        row = get_job(cx, job_id=parse_id("job", job_id))
        planned = planned_rate(cx, row)

    def read(start: int, stop: int) -> PointColumns:
        # Each page has a transaction of its own: a slow client must not hold one open.
        with database.begin() as cx:
            return read_curve(cx, job_id=row.id, from_step=start, to_step=stop)

    pages = _pages(read, query, _stop(row, query))
    return chain([CSV_HEAD], (_csv_lines(page, planned) for page in pages))


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
    plan_steps, plan_lr = curve.planned.drawn
    points = curve.points
    loss = Panel("loss", [Series("training loss", points.steps, points.loss)])
    planned = Series("planned", plan_steps, plan_lr, look="plan", colour=1)
    rate = Panel("learning rate", [planned, Series("actual", points.steps, points.lr, colour=1)])
    effective = Series("used by the optimizer", points.steps, points.effective_lr, colour=2)
    more = [Panel("effective rate", [effective])] if any(v is not None for v in effective.ys) else []
    newest = curve.planned.events[-MAX_MARKS:]
    marks = [Mark(e.step, f"{e.cause} ×{e.m_after / e.m_before:.3g}") for e in newest if e.m_before]
    title = f"{curve.row.model or 'data set'}: {curve.row.status}, step {curve.row.step}"
    return Chart(title, [loss, rate, *more], marks=marks)
