"""A job as a value: what creates one, and what its row says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, literal_column

from shared.db.tables import job
from shared.lifecycle import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job about to be created; `request_sha256` (32 bytes) tells a repeated request from another one."""

    id: UUID
    owner: str
    kind: JobKind
    spec: Mapping[str, object]
    request_sha256: bytes
    max_attempts: int
    model: str | None = None
    dataset_id: UUID | None = None
    dataset_version: int | None = None
    resolved_schedule: Mapping[str, object] | None = None
    total_steps: int = 0
    steps_per_epoch: int = 0
    priority: int = 0
    """Higher is claimed earlier; see `shared.lifecycle`."""
    parent_id: UUID | None = None
    """The job whose checkpoint this one begins with."""
    parent_checkpoint: UUID | None = None
    start_step: int = 0
    """Updates that the parent had done by then; `step` and `epoch` count on from there."""
    step: int = 0
    epoch: int = 0
    request_id: str | None = None
    idempotency_key: str | None = None
    sweep_id: UUID | None = None
    sweep_arm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job's row; the report is read apart (`get_report`), since it may be long."""

    id: UUID
    owner: str
    kind: str
    model: str | None
    dataset_id: UUID | None
    dataset_version: int | None
    spec: dict[str, Any]
    resolved_schedule: dict[str, Any] | None
    status: str
    priority: int
    fence: int
    attempt: int
    attempt_base: int
    max_attempts: int
    lease_until: datetime | None
    worker_id: str | None
    cancel_requested_at: datetime | None
    pause_requested_at: datetime | None
    error_code: str | None
    error_message: str | None
    request_id: str | None
    step: int
    total_steps: int
    epoch: int
    steps_per_epoch: int
    samples_per_second: float | None
    last_checkpoint: UUID | None
    best_checkpoint: UUID | None
    metrics: dict[str, Any] | None
    best: dict[str, Any] | None
    model_version: int | None
    parent_id: UUID | None
    parent_checkpoint: UUID | None
    start_step: int
    sweep_id: UUID | None
    sweep_arm: int | None
    sweep_label: str | None
    """What the sweep calls the schedule of this job."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


# Written out, since SQLAlchemy does not correlate a subquery with the table of an INSERT or UPDATE.
_LABEL: ColumnElement[Any] = literal_column(
    "(SELECT s.spec #>> ARRAY['schedules', job.sweep_arm::text, 'label'] FROM sweep s"
    " WHERE s.id = job.sweep_id)",
    Text,
)
JOB_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    _LABEL.label(field.name) if field.name == "sweep_label" else job.c[field.name] for field in fields(JobRow)
)
"""What to select, or to return from a change, for a `JobRow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list holds: of certain kinds and, where given, statuses, a model, a sweep, a parent."""

    kinds: Sequence[str] = (JobKind.RECOMMEND, JobKind.DIAGNOSE)
    statuses: Sequence[str] = ()
    model: str | None = None
    sweep_id: UUID | None = None
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Inserted:
    """A job's row, and whether this request created it or an earlier one with the same key did."""

    row: JobRow
    created: bool


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs of a kind are in a status."""

    status: str
    kind: str
    count: int
