"""The curves of a sweep, thinned where they are stored: a hundred whole curves would not fit an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

By = Literal["job", "arm"]


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One point: of a job, or of the mean over the jobs of an arm."""

    key: str
    """The job's id, or the arm's number."""
    step: int
    loss: float
    lr: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one job after `step` updates, and when it was written."""

    job_id: UUID
    step: int
    epoch: int
    value: float
    at: datetime


_KEY: dict[By, str] = {"job": "j.id::text", "arm": "j.sweep_arm::text"}
# The lowest and the highest of loss and rate of every bucket of steps, besides the first and last step.
_THINNED = """
WITH line AS MATERIALIZED (
  SELECT {key} AS key, p.step, avg(p.loss) AS loss, avg(p.lr) AS lr,
         p.step / :bucket AS bucket
    FROM job j JOIN curve_point p ON p.job_id = j.id
   WHERE j.sweep_id = :sweep_id
   GROUP BY 1, 2),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY key, bucket ORDER BY loss, step) AS low,
            row_number() OVER (PARTITION BY key, bucket ORDER BY loss DESC, step) AS high,
            row_number() OVER (PARTITION BY key, bucket ORDER BY lr, step) AS lr_low,
            row_number() OVER (PARTITION BY key, bucket ORDER BY lr DESC, step) AS lr_high,
            row_number() OVER (PARTITION BY key ORDER BY step) AS first,
            row_number() OVER (PARTITION BY key ORDER BY step DESC) AS last
    FROM line)
SELECT key, step, loss, lr FROM ranked
 WHERE 1 IN (low, high, lr_low, lr_high, first, last) ORDER BY key, step
"""
_EVALUATIONS = text("""
SELECT e.job_id, e.step, e.epoch, CAST(e.metrics ->> :metric AS float8) AS value, e.at
  FROM evaluation e JOIN job j ON j.id = e.job_id
 WHERE j.sweep_id = :sweep_id AND e.metrics ->> :metric IS NOT NULL
   AND (e.epoch % :every = 0 OR e.step = j.step)
 ORDER BY e.job_id, e.step
""")
_REACHED = text("""
SELECT DISTINCT ON (e.job_id) e.job_id, e.step, e.epoch, CAST(e.metrics ->> :metric AS float8) AS value, e.at
  FROM evaluation e JOIN job j ON j.id = e.job_id
 WHERE j.sweep_id = :sweep_id
   AND :sign * CAST(e.metrics ->> :metric AS float8) >= :sign * :value
 ORDER BY e.job_id, e.step
""")
_NEWEST = text("""
SELECT DISTINCT ON (e.job_id) e.job_id, e.step, e.epoch, 0.0::float8 AS value, e.at
  FROM evaluation e JOIN job j ON j.id = e.job_id
 WHERE j.sweep_id = :sweep_id ORDER BY e.job_id, e.step DESC
""")
_RATES = text("""
SELECT p.job_id, p.mean, l.lr
  FROM (SELECT job_id, avg(lr) AS mean, max(step) AS last FROM curve_point
         WHERE job_id = ANY(:job_ids) GROUP BY job_id) p
  JOIN curve_point l ON l.job_id = p.job_id AND l.step = p.last
""")
KEPT_PER_BUCKET = 4


def thinned_points(
    cx: Connection, *, sweep_id: UUID, by: By, points: int, total_steps: int
) -> dict[str, list[CurveRow]]:
    """Return about `points` points of every line, with the extremes of loss and rate of each stretch."""
    buckets = max((points - 2) // KEPT_PER_BUCKET, 1)
    bucket = 1 if total_steps <= points else -(-total_steps // buckets)
    statement = text(_THINNED.format(key=_KEY[by]))
    values = {"sweep_id": sweep_id, "bucket": bucket}
    return _grouped(CurveRow(*row) for row in cx.execute(statement, values))


def evaluations(cx: Connection, *, sweep_id: UUID, metric: str, every: int = 1) -> list[Measured]:
    """Return a metric's evaluations of every job, of each `every`th epoch and of its newest step."""
    values = {"sweep_id": sweep_id, "metric": metric, "every": every}
    return [Measured(*row) for row in cx.execute(_EVALUATIONS, values)]


def reached(
    cx: Connection, *, sweep_id: UUID, metric: str, value: float, higher_is_better: bool
) -> dict[UUID, Measured]:
    """Return the first evaluation of each job at or beyond a value; a job that never got there has none."""
    sign = 1.0 if higher_is_better else -1.0
    values = {"sweep_id": sweep_id, "metric": metric, "value": value, "sign": sign}
    return {row.job_id: Measured(*row) for row in cx.execute(_REACHED, values)}


def newest_evaluations(cx: Connection, *, sweep_id: UUID) -> dict[UUID, Measured]:
    """Return when each job was last evaluated."""
    return {row.job_id: Measured(*row) for row in cx.execute(_NEWEST, {"sweep_id": sweep_id})}


def logged_rates(cx: Connection, *, job_ids: Sequence[UUID]) -> dict[UUID, tuple[float, float]]:
    """Return the mean and the last rate of the updates that jobs made; a job without a point has none."""
    rows = cx.execute(_RATES, {"job_ids": list(job_ids)})
    return {job_id: (mean, last) for job_id, mean, last in rows}


def _grouped(rows: Iterable[CurveRow]) -> dict[str, list[CurveRow]]:
    lines: dict[str, list[CurveRow]] = {}
    for row in rows:
        lines.setdefault(row.key, []).append(row)
    return lines
