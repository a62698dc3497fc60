"""From rows of the database to what a client sees of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.api import schemas
from services.api.places import client_place
from shared.db.aliases import AliasRow
from shared.db.blobs import CheckpointRow
from shared.db.datasets import DatasetRow
from shared.db.heartbeats import WorkerRow
from shared.db.jobs import JobRow
from shared.db.keys import KeyRow
from shared.db.registry import ModelRow, VersionRow
from shared.lifecycle import JobStatus, shown_status
from shared.schedules import ResolvedSchedule, ScheduleWarning, warnings
from shared.specs.ids import public_id


def dataset_answer(row: DatasetRow) -> schemas.DatasetAnswer:
    """Return a data set; the reading's counts stand beside its own fields."""
    return schemas.DatasetAnswer.model_validate(
        {
            **(row.summary or {}),
            "id": public_id("ds", row.id),
            "name": row.name,
            "kind": row.kind,
            "status": row.status,
            "version": row.version,
            "files": row.files,
            "size_bytes": row.size_bytes,
            "sha256": row.sha256,
            "errors": row.errors,
            "created_at": row.created_at,
            "read_at": row.read_at,
            "spec": row.spec,
        }
    )


def eta_seconds(row: JobRow) -> float | None:
    """Return the seconds left at the speed of late, none while it does not run or the speed is unknown."""
    samples = samples_per_step(row.spec)
    if row.status != JobStatus.RUNNING or not row.samples_per_second or not samples:
        return None
    return round((row.total_steps - row.step) * samples / row.samples_per_second, 1)


def samples_per_step(spec: Mapping[str, Any]) -> int:
    """Return the samples of one step: training rows, each with its negatives where there are any."""
    explicit = spec.get("task", {}).get("feedback") == "explicit"
    negatives = 0 if explicit else spec.get("net", {}).get("negatives", 0)
    return int(spec.get("batch_size", 0)) * (1 + int(negatives))


def job_state(row: JobRow) -> schemas.JobState:
    """Return how far a job is."""
    return schemas.JobState.model_validate(_state(row))


def _state(row: JobRow) -> dict[str, object]:
    return {
        "status": shown_status(
            JobStatus(row.status),
            cancel_requested=row.cancel_requested_at is not None,
            pause_requested=row.pause_requested_at is not None,
        ),
        "step": row.step,
        "total_steps": row.total_steps,
        "epoch": row.epoch,
        "progress": row.step / row.total_steps if row.total_steps else 0.0,
        "eta_seconds": eta_seconds(row),
        "samples_per_second": row.samples_per_second,
        "attempt": row.attempt,
        "metrics": row.metrics,
        "best": row.best,
        "error": {"code": row.error_code, "message": row.error_message} if row.error_code else None,
        "model_version": row.model_version,
    }


def _summary(row: JobRow) -> dict[str, object]:
    return {
        **_state(row),
        "id": public_id("job", row.id),
        "kind": row.kind,
        "model": row.model,
        "dataset": public_id("ds", row.dataset_id) if row.dataset_id else None,
        "dataset_version": row.dataset_version,
        "steps_per_epoch": row.steps_per_epoch,
        "sweep": public_id("swp", row.sweep_id) if row.sweep_id else None,
        "arm": row.sweep_label,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "cancel_requested_at": row.cancel_requested_at,
        "pause_requested_at": row.pause_requested_at,
        "spec": row.spec,
        "parent": public_id("job", row.parent_id) if row.parent_id else None,
        "parent_checkpoint": public_id("ckpt", row.parent_checkpoint) if row.parent_checkpoint else None,
        "start_step": row.start_step,
    }


def job_summary(row: JobRow) -> schemas.JobSummary:
    """Return a job as a list shows it."""
    return schemas.JobSummary.model_validate(_summary(row))


def job_answer(row: JobRow) -> schemas.JobAnswer:
    """Return a job with its schedule in whole steps and what is odd about it."""
    plain = row.resolved_schedule
    found = warnings(ResolvedSchedule.model_validate(plain)) if plain else []
    placed = [replace(one, loc=tuple(client_place(one.loc, row.spec))) for one in found]
    return schemas.JobAnswer.model_validate(
        {**_summary(row), "resolved_schedule": plain, "warnings": warning_answers(placed)}
    )


def warning_answers(found: Iterable[ScheduleWarning]) -> list[schemas.WarningAnswer]:
    """Return a schedule's warnings."""
    return [schemas.WarningAnswer(code=w.code, message=w.message, loc=list(w.loc)) for w in found]


def checkpoint_answer(row: CheckpointRow, job: JobRow) -> schemas.CheckpointAnswer:
    """Return a checkpoint, and whether it is its job's last or best."""
    return schemas.CheckpointAnswer(
        id=public_id("ckpt", row.id),
        step=row.step,
        metrics=row.metrics,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        last=row.id == job.last_checkpoint,
        best=row.id == job.best_checkpoint,
        kept=row.kept,
        created_at=row.created_at,
    )


def model_answer(row: ModelRow, aliases: Sequence[AliasRow] = ()) -> schemas.ModelAnswer:
    """Return a model with where its aliases point."""
    return schemas.ModelAnswer(
        name=row.name,
        task=row.task,
        versions=row.versions,
        newest_version=row.newest_version,
        created_at=row.created_at,
        aliases={a.alias: a.version for a in aliases},
    )


def version_answer(row: VersionRow, aliases: Sequence[AliasRow]) -> schemas.VersionAnswer:
    """Return one version of a model with the aliases that point at it."""
    return schemas.VersionAnswer(
        model=row.model,
        version=row.version,
        task=row.task,
        job=public_id("job", row.job_id) if row.job_id else None,
        dataset=public_id("ds", row.dataset_id) if row.dataset_id else None,
        dataset_version=row.dataset_version,
        metric=row.metric,
        metric_value=row.metric_value,
        metrics=row.metrics,
        split_sha256=row.split_sha256,
        card=row.card,
        package_sha256=row.package_sha256,
        package_bytes=row.package_bytes,
        aliases=[a.alias for a in aliases if a.version == row.version],
        created_at=row.created_at,
    )


def alias_answer(row: AliasRow) -> schemas.AliasAnswer:
    """Return where an alias points."""
    return schemas.AliasAnswer(
        model=row.model,
        alias=row.alias,
        version=row.version,
        revision=row.revision,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
    )


def key_answer(row: KeyRow) -> schemas.KeyAnswer:
    """Return a key without its text."""
    return schemas.KeyAnswer(
        id=public_id("key", row.id),
        kid=row.kid,
        name=row.name,
        scopes=row.scopes,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


def worker_answer(row: WorkerRow) -> schemas.WorkerAnswer:
    """Return a worker as it was last heard."""
    return schemas.WorkerAnswer(
        worker=row.worker_id,
        hostname=row.hostname,
        device=row.device,
        slots=row.slots,
        busy=row.busy,
        started_at=row.started_at,
        seen_at=row.seen_at,
    )
