"""A job's curve: its points by step, its evaluations, and reading either on from a step.

A point's step is the number of updates completed before it, counted from 0; writing one again replaces
it, so a repeated transaction is harmless and a resumed job overwrites what it repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, select, text
from sqlalchemy.dialects.postgresql import insert

from shared.db.rows import columns_of, one_of
from shared.db.tables import curve_point, evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class PointColumns:
    """Points of one curve as columns of one length; `steps` ascend."""

    steps: Sequence[int] = ()
    lr: Sequence[float] = ()
    loss: Sequence[float] = ()
    grad_norm: Sequence[float | None] = ()
    momentum: Sequence[float | None] = ()
    effective_lr: Sequence[float | None] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvaluation:
    """The metrics of a net after `step` updates."""

    step: int
    epoch: int
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """One evaluation on record."""

    step: int
    epoch: int
    metrics: dict[str, Any]
    at: datetime


_UPSERT_POINTS = text("""
INSERT INTO curve_point (job_id, step, lr, loss, grad_norm, momentum, effective_lr, fence)
SELECT :job_id, u.step, u.lr, u.loss, u.grad_norm, u.momentum, u.effective_lr, :fence
  FROM unnest(CAST(:steps AS bigint[]), CAST(:lr AS float8[]), CAST(:loss AS float8[]),
              CAST(:grad_norm AS float4[]), CAST(:momentum AS float8[]), CAST(:effective_lr AS float8[]))
       AS u(step, lr, loss, grad_norm, momentum, effective_lr)
ON CONFLICT (job_id, step) DO UPDATE
   SET lr = excluded.lr, loss = excluded.loss, grad_norm = excluded.grad_norm,
       momentum = excluded.momentum, effective_lr = excluded.effective_lr, fence = excluded.fence
""")


def write_points(cx: Connection, *, job_id: UUID, fence: int, points: PointColumns) -> None:
    """Write points in one statement; the caller's transaction has passed the job's guard."""
    if not points.steps:
        return
    cx.execute(
        _UPSERT_POINTS,
        {
            "job_id": job_id,
            "fence": fence,
            "steps": list(points.steps),
            "lr": [float(value) for value in points.lr],
            "loss": [float(value) for value in points.loss],
            "grad_norm": _column(points.grad_norm, len(points.steps)),
            "momentum": _column(points.momentum, len(points.steps)),
            "effective_lr": _column(points.effective_lr, len(points.steps)),
        },
    )


def read_points(cx: Connection, *, job_id: UUID, after: int = -1, limit: int = 500) -> PointColumns:
    """Return at most `limit` points of steps above `after`, in order of steps."""
    return _points(cx, and_(curve_point.c.job_id == job_id, curve_point.c.step > after), limit=limit)


def read_curve(
    cx: Connection, *, job_id: UUID, from_step: int = 0, to_step: int | None = None
) -> PointColumns:
    """Return all points with `from_step` ≤ step < `to_step`; none means to the end."""
    wanted = and_(curve_point.c.job_id == job_id, curve_point.c.step >= from_step)
    if to_step is not None:
        wanted = and_(wanted, curve_point.c.step < to_step)
    return _points(cx, wanted, limit=None)


def write_evaluations(
    cx: Connection, *, job_id: UUID, fence: int, evaluations: Sequence[NewEvaluation]
) -> None:
    """Write evaluations; the caller's transaction has passed the job's guard."""
    for one in evaluations:
        values = {"epoch": one.epoch, "metrics": one.metrics, "fence": fence}
        row = insert(evaluation).values(job_id=job_id, step=one.step, **values)
        cx.execute(row.on_conflict_do_update(index_elements=["job_id", "step"], set_=values))


def read_evaluations(cx: Connection, *, job_id: UUID, after: int = -1) -> list[EvaluationRow]:
    """Return the evaluations of steps above `after`, in order of steps."""
    wanted = (
        select(*columns_of(evaluation, EvaluationRow))
        .where(evaluation.c.job_id == job_id, evaluation.c.step > after)
        .order_by(evaluation.c.step)
    )
    return [one_of(EvaluationRow, row) for row in cx.execute(wanted)]


def _column(values: Sequence[float | None], length: int) -> list[float | None]:
    """Return a column of plain floats, all missing when it was not recorded."""
    if not values:
        return [None] * length
    return [None if value is None else float(value) for value in values]


def _points(cx: Connection, wanted: ColumnElement[bool], *, limit: int | None) -> PointColumns:
    c = curve_point.c
    chosen = select(c.step, c.lr, c.loss, c.grad_norm, c.momentum, c.effective_lr).where(wanted)
    rows = cx.execute(chosen.order_by(c.step).limit(limit)).all()
    if not rows:
        return PointColumns()
    steps, lr, loss, grad_norm, momentum, effective_lr = zip(*rows, strict=True)
    return PointColumns(
        steps=steps, lr=lr, loss=loss, grad_norm=grad_norm, momentum=momentum, effective_lr=effective_lr
    )
