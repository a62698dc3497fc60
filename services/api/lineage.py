"""What came before a fork: the stretches of its ancestors' curves that lead up to its first step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite

from services.api.schemas import AncestorAnswer, EvaluationAnswer
from services.api.thinning import CurveQuery, joined, pages
from shared.db.curves import EvaluationRow, PointColumns, read_curve, read_evaluations
from shared.db.engine import Connection
from shared.db.jobs import JobRow, get_job
from shared.specs.ids import public_id

GENERATIONS = 20
"""How many ancestors are shown, the nearest."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Points of one ancestor, from its own first step to that of the fork that followed."""

    job: JobRow
    until_step: int
    points: PointColumns
    evaluations: list[EvaluationRow]


def read_lineage(cx: Connection, row: JobRow, query: CurveQuery) -> list[Stretch]:
    """Return the stretches that lead up to a job, each thinned as its own curve is, the first one first."""
    return [_stretch(cx, parent, child, query) for parent, child in _generations(cx, row)][::-1]


def _generations(cx: Connection, row: JobRow) -> Iterator[tuple[JobRow, JobRow]]:
    """Yield a job's parent with the job, its grandparent with its parent, and so on."""
    child = row
    for _ in range(GENERATIONS):
        if child.parent_id is None or not child.start_step:
            return
        parent = get_job(cx, job_id=child.parent_id)
        yield parent, child
        child = parent


def _stretch(cx: Connection, parent: JobRow, child: JobRow, query: CurveQuery) -> Stretch:
    first = max(query.from_step, parent.start_step)
    until = child.start_step if query.to_step is None else min(query.to_step, child.start_step)

    def read(start: int, stop: int) -> PointColumns:
        return read_curve(cx, job_id=parent.id, from_step=start, to_step=stop)

    points = joined(pages(read, replace(query, from_step=first), until)) if first < until else PointColumns()
    evaluations = read_evaluations(cx, job_id=parent.id, after=query.from_step - 1)
    return Stretch(parent, child.start_step, points, [e for e in evaluations if e.step <= until])


def stretch_answer(stretch: Stretch) -> AncestorAnswer:
    """Return a stretch as JSON shows it."""
    points = stretch.points
    return AncestorAnswer(
        job=public_id("job", stretch.job.id),
        until_step=stretch.until_step,
        steps=list(points.steps),
        lr=list(points.lr),
        loss=[value if isfinite(value) else None for value in points.loss],
        grad_norm=list(points.grad_norm),
        evaluations=[
            EvaluationAnswer(step=e.step, epoch=e.epoch, metrics=e.metrics) for e in stretch.evaluations
        ],
    )
