"""A sweep as clients see it: JSON, the table as CSV, and lists."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from uuid import UUID

from services.api.admission import metrics_of
from services.api.presenting import job_state
from services.api.schemas.sweeps import (
    FiguresAnswer,
    SweepAnswer,
    SweepJobAnswer,
    SweepRowAnswer,
    SweepSummary,
    TargetAnswer,
)
from services.api.sweeps.comparison import compare, held_out_value, table, validation_value
from services.api.sweeps.record import Record, read_comparison
from services.api.sweeps.standing import state
from services.api.sweeps.verdict import sentence
from shared.db import sweeps
from shared.db.engine import Database
from shared.db.jobs import JobRow
from shared.db.sweeps import SweepRow, Tally
from shared.specs.ids import public_id

CSV_HEAD = (
    *("label", "metric", "seeds", "failed"),
    *("mean", "sd", "low", "high", "best", "test_mean", "test_sd", "test_low", "test_high", "test_best"),
    *("difference", "difference_low", "difference_high", "tie_with"),
    *("steps_to_target", "seconds_to_target", "reached", "mean_lr", "final_lr", "seconds"),
)


def read_answer(database: Database, *, sweep_id: UUID, metric: str | None = None) -> SweepAnswer:
    """Return a sweep with its comparison. Raises `NotFound`, and `Refused` for a metric it does not have."""
    with database.snapshot() as cx:
        record = read_comparison(cx, sweep_id=sweep_id, metric=metric)
        tallies = sweeps.sweep_tallies(cx, sweep_ids=[sweep_id])
    comparison = compare(record)
    target = record.spec.target
    return SweepAnswer.model_validate(
        {
            **sweep_summary(record.row, tallies).model_dump(),
            "spec": record.row.spec,
            "metric": record.metric,
            "metrics": metrics_of(record.spec.job.task),
            "higher_is_better": record.higher_is_better,
            "target": target and TargetAnswer(metric=target.metric, value=target.value),
            "total_steps": record.jobs[0].total_steps,
            "steps_per_epoch": record.jobs[0].steps_per_epoch,
            "jobs": [_job(record, job) for job in record.jobs],
            "table": table(record, comparison),
            "leader": _label(record, comparison.leader),
            "winner": _label(record, comparison.winner),
            "sentence": sentence(record, comparison),
        }
    )


def sweep_summary(row: SweepRow, tallies: Sequence[Tally]) -> SweepSummary:
    """Return a sweep as a list shows it."""
    return SweepSummary.model_validate(
        {
            **state(row, tallies).model_dump(),
            "id": public_id("swp", row.id),
            "model": row.model,
            "labels": [arm["label"] for arm in row.spec["schedules"]],
            "seeds": row.spec["seeds"],
            "trainings": sum(tally.jobs for tally in tallies),
            "created_at": row.created_at,
        }
    )


def list_summaries(database: Database, *, limit: int, after: UUID | None) -> list[SweepSummary]:
    """Return at most `limit` sweeps, newest first, each with how far it is."""
    with database.snapshot() as cx:
        rows = sweeps.list_sweeps(cx, limit=limit, after=after)
        tallies = sweeps.sweep_tallies(cx, sweep_ids=[row.id for row in rows])
    return [sweep_summary(row, [t for t in tallies if t.sweep_id == row.id]) for row in rows]


def table_csv(answer: SweepAnswer) -> str:
    """Return the table as CSV; what is not known is left empty."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(CSV_HEAD)
    writer.writerows(_csv_row(row) for row in answer.table)
    return written.getvalue()


def _csv_row(row: SweepRowAnswer) -> list[object]:
    found = row.difference
    difference = (None, None, None) if found is None else (found.value, *(found.interval or (None, None)))
    return [
        _plain(row.label),
        *(row.metric, row.seeds, len(row.failed)),
        *_csv_figures(row),
        *_csv_figures(row.test),
        *difference,
        _plain("; ".join(row.tie_with)),
        *(row.steps_to_target, row.seconds_to_target, row.reached, row.mean_lr, row.final_lr, row.seconds),
    ]


def _csv_figures(figures: FiguresAnswer) -> tuple[float | None, ...]:
    return (figures.mean, figures.sd, *(figures.interval or (None, None)), figures.best)


def _plain(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _job(record: Record, job: JobRow) -> SweepJobAnswer:
    state_ = job_state(job)
    return SweepJobAnswer(
        id=public_id("job", job.id),
        arm=record.label(job),
        seed=job.spec["seed"],
        status=state_.status,
        step=job.step,
        total_steps=job.total_steps,
        model_version=job.model_version,
        validation=validation_value(job, record.metric),
        test=held_out_value(job, record.metric),
        error=state_.error,
    )


def _label(record: Record, arm: int | None) -> str | None:
    return None if arm is None else record.spec.schedules[arm].label
