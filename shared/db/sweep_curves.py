"""The curves of a sweep, thinned where they are stored: a hundred whole curves would not fit an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

By = Literal["job", "arm"]


_Bucket = Sequence[Sequence[float]]


class CurvePoint(NamedTuple):
    """One point: of a job, or of the mean over the jobs of an arm."""

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


_LINES: dict[By, str] = {
    "job": "SELECT j.id AS key, p.step, p.loss, p.lr FROM job j {points} WHERE j.sweep_id = :sweep_id",
    "arm": "SELECT j.sweep_arm AS key, p.step, avg(p.loss) AS loss, avg(p.lr) AS lr"
    " FROM job j {points} WHERE j.sweep_id = :sweep_id GROUP BY 1, 2",
}
_READ = "JOIN curve_point p ON p.job_id = j.id AND p.step % :every = 0"
# One look-up by the primary key for each step that is wanted; those between are never read. LIMIT holds the
# planner to that: it expects a thousand steps of a series whatever its length.
_LOOKED_UP = """
  CROSS JOIN generate_series(0, j.total_steps - 1, CAST(:every AS bigint)) AS wanted(step)
  CROSS JOIN LATERAL (SELECT c.step, c.loss, c.lr FROM curve_point c
                       WHERE c.job_id = j.id AND c.step = wanted.step LIMIT 1) p
"""
_WHOLE = "SELECT CAST(key AS text), step, loss, lr FROM ({line}) line ORDER BY key, step"
# Of every bucket of steps the points with the lowest and highest loss and rate, its first and its last.
# Arrays compare by their first element, so one pass finds each extreme together with its step.
_THINNED = """
SELECT CAST(key AS text),
       min(ARRAY[loss, step, lr]), max(ARRAY[loss, step, lr]),
       min(ARRAY[lr, step, loss]), max(ARRAY[lr, step, loss]),
       min(ARRAY[step, loss, lr]), max(ARRAY[step, loss, lr])
  FROM ({line}) line GROUP BY key, step / :bucket ORDER BY key, min(step)
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
SELECT p.mean, l.lr
  FROM (SELECT avg(lr) AS mean, max(step) AS last FROM curve_point WHERE job_id = :job_id) p
  JOIN curve_point l ON l.job_id = :job_id AND l.step = p.last
""")
KEPT_PER_BUCKET = 4
POINTS_LOOKED_AT = 2_000_000
"""Of a sweep with more, every nth step is looked at: a second or two of the database's time."""
POINTS_READ = 20_000_000
"""A sweep with more is not read from end to end to find every nth: those steps are looked up, one by one."""
POINTS_LOOKED_UP = 250_000
"""At most: a look-up takes the time of reading a hundred points in a row."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How much there is to look at: the trainings of a sweep, and the steps of each."""

    trainings: int
    total_steps: int

    @property
    def points(self) -> int:
        """How many points there are when all trainings have ended."""
        return self.trainings * self.total_steps

    @property
    def every(self) -> int:
        """Which share of the steps is looked at: every one, of long sweeps every nth."""
        most = POINTS_LOOKED_AT if self.points <= POINTS_READ else POINTS_LOOKED_UP
        return max(1, -(-self.points // most))


def thinned_points(
    cx: Connection, *, sweep_id: UUID, by: By, points: int, reach: Reach
) -> dict[str, list[CurvePoint]]:
    """Return at most `points` points of every line, with the extremes of loss and rate of each stretch.

    A line is known by its job's id, or by its arm's number.
    """
    line, total_steps = _line(by, reach), reach.total_steps
    values: dict[str, object] = {"sweep_id": sweep_id, "every": reach.every}
    if total_steps <= points:
        rows = _by_line(cx.execute(text(_WHOLE.format(line=line)), values))
        return {key: [CurvePoint(*point) for point in found] for key, found in rows.items()}
    buckets = max((points - 2) // KEPT_PER_BUCKET, 1)
    values |= {"bucket": -(-total_steps // buckets)}
    rows = _by_line(cx.execute(text(_THINNED.format(line=line)), values))
    return {key: list(_points_of(found)) for key, found in rows.items()}


def _line(by: By, reach: Reach) -> str:
    return _LINES[by].format(points=_READ if reach.points <= POINTS_READ else _LOOKED_UP)


def _by_line(rows: Iterable[Sequence[Any]]) -> dict[str, list[list[Any]]]:
    lines: dict[str, list[list[Any]]] = {}
    for key, *rest in rows:
        lines.setdefault(key, []).append(rest)
    return lines


def _points_of(buckets: Sequence[_Bucket]) -> Iterator[CurvePoint]:
    """Yield the extremes of every bucket in order of steps, with the line's first point and its last."""
    ends = {float(buckets[0][4][0]), float(buckets[-1][5][0])}
    for lowest, highest, slowest, fastest, first, last in buckets:
        found = {step: (loss, lr) for loss, step, lr in (lowest, highest)}
        found |= {step: (loss, lr) for lr, step, loss in (slowest, fastest)}
        found |= {step: (loss, lr) for step, loss, lr in (first, last) if step in ends}
        yield from (CurvePoint(int(step), *found[step]) for step in sorted(found))


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


def logged_rates(cx: Connection, *, job_id: UUID) -> tuple[float, float] | None:
    """Return the mean and the last rate of the updates that a job made, none where it has no point.

    This reads every point of the job: ask once for a job that has ended, and keep the answer.
    """
    row = cx.execute(_RATES, {"job_id": job_id}).one_or_none()
    return None if row is None else (row.mean, row.lr)
