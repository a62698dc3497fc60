"""Learning-rate range tests: admitting one, and reading what its curve tells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from uuid import UUID

from services.api.drawing import Chart, Mark, Panel, Series
from services.api.presenting import job_state
from services.api.schemas.range_tests import (
    LandmarksAnswer,
    RangeTestAnswer,
    RangeTestSummary,
    ReadyAnswer,
    SuggestionAnswer,
)
from services.api.submission import Asked, Submission, canonical, request_digest
from shared.db import blobs, jobs
from shared.db.curves import PointColumns, read_curve
from shared.db.engine import Connection, Database
from shared.errors import Finding, NotFound, Refused
from shared.lifecycle import WAITED_FOR, JobKind, JobStatus
from shared.range_test import SKIPPED, Reading, read, ready_schedules, suggestions
from shared.specs.ids import new_uuid, parse_id, public_id
from shared.specs.range_test import RangeTestSpec

MARKED = {"peak": "peak", "constant": "constant", "cyclic_base": "base of a cycle", "cautious": "cautious"}
TESTS = jobs.JobFilter(kinds=(JobKind.LR_RANGE_TEST,))
HEADROOM = 1.3
"""Share of the first losses up to which a chart shows what follows."""
UNTOLD = Reading((), None, None, None)


@dataclass(frozen=True, slots=True)
class RangeTest:
    """A range test's row, its points, and what is read from them once it has ended well."""

    row: jobs.JobRow
    points: PointColumns
    reading: Reading


def submit_range_test(submission: Submission, spec: RangeTestSpec, asked: Asked) -> jobs.JobRow:
    """Admit a range test, commit its row, and send its message. Raises `Refused` and `Conflict`.

    When the same request came before, its test is returned.
    """
    digest = request_digest(spec)
    with submission.database.begin() as cx:
        earlier = jobs.earlier_job(
            cx, owner=asked.owner, idempotency_key=asked.idempotency_key, request_sha256=digest
        )
        if earlier is not None:
            return earlier
        inserted = jobs.insert_job(cx, job=_admitted(submission, cx, spec, asked))
    if inserted.created:
        submission.announce_created(inserted.row)
    return inserted.row


def _admitted(submission: Submission, cx: Connection, spec: RangeTestSpec, asked: Asked) -> jobs.NewJob:
    """Return a test as a row about to be written: its training, admitted like any other, for a few steps."""
    with _placed_in_job():
        training = submission.new_training(cx, spec.training(), asked)
    held = None if spec.checkpoint is None else _held(cx, spec, training)
    return replace(
        training,
        id=new_uuid(),
        kind=JobKind.LR_RANGE_TEST,
        spec=canonical(spec),
        request_sha256=request_digest(spec),
        resolved_schedule=None,
        total_steps=spec.steps,
        priority=WAITED_FOR,
        parent_id=None if held is None else held.job_id,
        parent_checkpoint=None if held is None else held.id,
    )


def _held(cx: Connection, spec: RangeTestSpec, training: jobs.NewJob) -> blobs.CheckpointRow:
    """Return the checkpoint whose weights a test begins with, of the same net on the same data."""
    message = "no such checkpoint"
    with suppress(NotFound):
        held = blobs.hold_checkpoint(cx, checkpoint_id=parse_id("ckpt", str(spec.checkpoint)))
        source = jobs.get_job(cx, job_id=held.job_id)
        same = (source.dataset_id, source.dataset_version) == (training.dataset_id, training.dataset_version)
        if same and all(source.spec.get(part) == training.spec[part] for part in ("task", "net")):
            return held
        message = "is of another task, net or data set; wanted one of a training like this"
    raise Refused("its weights do not fit", findings=[Finding(("checkpoint",), message)])


@contextmanager
def _placed_in_job() -> Iterator[None]:
    """Place the findings on a training where it stands in a test's body."""
    try:
        yield
    except Refused as error:
        findings = [Finding(("job", *f.loc), f.message) for f in error.findings]
        raise Refused(error.detail, code=error.code, findings=findings) from None


def get_range_test(cx: Connection, *, test_id: str) -> jobs.JobRow:
    """Return a range test's row. Raises `NotFound`, also for a job of another kind."""
    row = jobs.get_job(cx, job_id=parse_id("lrt", test_id))
    if row.kind != JobKind.LR_RANGE_TEST:
        raise NotFound("no such range test", code="range_test_not_found")
    return row


def load_range_test(database: Database, *, test_id: str) -> RangeTest:
    """Read a range test with its curve. Raises `NotFound`."""
    with database.snapshot() as cx:
        row = get_range_test(cx, test_id=test_id)
        points = read_curve(cx, job_id=row.id)
    spec = RangeTestSpec.model_validate(row.spec)
    reading = read(points.lr, points.loss, smoothing=spec.smoothing, stop_at=spec.stop_at)
    if row.status != JobStatus.SUCCEEDED:
        reading = replace(UNTOLD, smoothed=reading.smoothed, diverged_at=reading.diverged_at)
    return RangeTest(row, points, reading)


def list_range_tests(database: Database, *, limit: int, after: UUID | None) -> list[RangeTestSummary]:
    """Return at most `limit` tests, newest first."""
    with database.snapshot() as cx:
        rows = jobs.list_jobs(cx, limit=limit, after=after, only=TESTS)
    return [range_test_summary(row) for row in rows]


def cancel_range_test(database: Database, *, test_id: str) -> RangeTestSummary:
    """Ask a test to end. Raises `NotFound` and `Conflict`."""
    with database.begin() as cx:
        row = get_range_test(cx, test_id=test_id)
        return range_test_summary(jobs.request_cancel(cx, job_id=row.id))


def range_test_summary(row: jobs.JobRow) -> RangeTestSummary:
    """Return a test as a list shows it."""
    state = job_state(row)
    return RangeTestSummary(
        id=public_id("lrt", row.id),
        status=state.status,
        model=row.model,
        dataset=public_id("ds", row.dataset_id) if row.dataset_id else None,
        dataset_version=row.dataset_version,
        step=row.step,
        total_steps=row.total_steps,
        steps_per_epoch=row.steps_per_epoch,
        attempt=row.attempt,
        error=state.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cancel_requested_at=row.cancel_requested_at,
        spec=row.spec,
    )


def range_test_answer(test: RangeTest) -> RangeTestAnswer:
    """Return a test with its curve and what it suggests."""
    points, reading = test.points, test.reading
    found = suggestions(reading)
    marks = reading.landmarks
    return RangeTestAnswer(
        **range_test_summary(test.row).model_dump(),
        steps=list(points.steps),
        lr=list(points.lr),
        loss=[value if math.isfinite(value) else None for value in points.loss],
        smoothed=_smoothed(test),
        diverged_at=reading.diverged_at,
        landmarks=marks and LandmarksAnswer.model_validate(marks, from_attributes=True),
        suggestions=[SuggestionAnswer.model_validate(one, from_attributes=True) for one in found],
        schedules=[ReadyAnswer.model_validate(one, from_attributes=True) for one in ready_schedules(found)],
        advice=reading.advice,
    )


def _smoothed(test: RangeTest) -> list[float | None]:
    """Return the smoothed losses, none for a last loss that is no finite number."""
    return [value for value, _ in zip_longest(test.reading.smoothed, test.points.steps)]


def _below(losses: Sequence[float | None], ceiling: float) -> list[float | None]:
    """Return the losses that are drawn: an explosion would press the rest into a line."""
    return [None if loss is None or not loss <= ceiling else loss for loss in losses]


def range_test_chart(test: RangeTest) -> Chart:
    """Return the loss against the rate, with the suggestions marked."""
    rates, losses = test.points.lr, test.points.loss
    ceiling = HEADROOM * max(losses[:SKIPPED], default=math.inf)
    panel = Panel(
        "training loss",
        [
            Series("of each step", rates, _below(losses, ceiling), look="plan"),
            Series("smoothed", rates, _below(_smoothed(test), ceiling), colour=1),
        ],
    )
    found = suggestions(test.reading)
    marks = [Mark(one.lr, f"{MARKED[one.role]} {one.lr:g}") for one in found if one.role in MARKED]
    if test.reading.diverged_at is not None:
        marks.append(Mark(test.reading.diverged_at, "diverged"))
    notes = [test.reading.advice] if test.reading.advice else list(dict.fromkeys(one.say for one in found))
    title = f"{test.row.model}: range test, {test.row.status}"
    return Chart(title, [panel], x_label="learning rate", x_scale="log", marks=marks, notes=notes)
