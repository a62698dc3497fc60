"""One claimed job inside its child process: its row, its database, its storage, and whether to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from services.worker.measures import Measure, report
from services.worker.training.checkpoint import Snapshot, from_bytes
from shared.db.blobs import CheckpointRow, get_checkpoint, last_checkpoint, read_range
from shared.db.engine import Database, open_database
from shared.db.gradients import read_samples
from shared.db.job_writes import (
    Progress,
    Result,
    begin_events,
    check_fence,
    commit_progress,
    fail,
    finish,
    finish_range_test,
    finish_reading,
    refuse_reading,
    yield_up,
)
from shared.db.jobs import JobRow, get_job
from shared.db.lr_events import LrEvents
from shared.errors import Conflict, Refused
from shared.gradients import Sample
from shared.lifecycle import JobStatus
from shared.settings import Settings
from shared.storage import Storage

WRITE_SECONDS = 600.0
"""Longest statement of a trainer: a checkpoint of some GiB on a slow disk must not be cut off for ever."""
LEASE_SHARE = 2 / 3
"""Share of the lease that a write may wait for the database; after that another attempt may begin."""


class StopFlag:
    """Set by SIGTERM and read between two steps; nothing is ever raised from a signal."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self, _signum: int, _frame: object) -> None:
        """Be a signal handler."""
        self.requested = True


@dataclass(frozen=True, slots=True)
class Session:
    """A job under a fencing token, with everything its process may touch."""

    job: JobRow
    fence: int
    database: Database
    storage: Storage
    settings: Settings
    stop: StopFlag

    @property
    def dataset(self) -> tuple[UUID, int]:
        """Return the id and version of the job's data set. Raises `Refused` when it was deleted."""
        if self.job.dataset_id is None or self.job.dataset_version is None:
            raise Refused("the data set of the job was deleted", code="dataset_gone")
        return self.job.dataset_id, self.job.dataset_version

    @property
    def patience_seconds(self) -> float:
        """How long a write may be repeated while the database is away."""
        return self.settings.lease_seconds * LEASE_SHARE

    def check_fence(self) -> None:
        """Raise `Fenced` early, before anything is done that no transaction guards."""
        self.database.retrying(
            lambda cx: check_fence(cx, job_id=self.job.id, fence=self.fence),
            patience_seconds=self.patience_seconds,
        )

    def commit(self, progress: Progress) -> LrEvents | None:
        """Write points, evaluations and a checkpoint in one fenced transaction; return new LR events."""
        return self.database.retrying(
            lambda cx: commit_progress(
                cx,
                job_id=self.job.id,
                fence=self.fence,
                lease_seconds=self.settings.lease_seconds,
                progress=progress,
            ),
            patience_seconds=self.patience_seconds,
        )

    def begin_events(self, *, step: int, after_seq: int) -> LrEvents:
        """Settle the LR events of an attempt that goes on at `step` from a checkpoint made at `after_seq`."""
        return self.database.retrying(
            lambda cx: begin_events(cx, job_id=self.job.id, fence=self.fence, step=step, after_seq=after_seq),
            patience_seconds=self.patience_seconds,
        )

    def give_back(self) -> JobStatus:
        """Let the job go in good order: cancelled, paused or queued, as was asked; return which."""
        return self.database.retrying(
            lambda cx: yield_up(cx, job_id=self.job.id, fence=self.fence),
            patience_seconds=self.patience_seconds,
        ).status

    def finish(self, progress: Progress, result: Result) -> None:
        """Write the package and the final state together."""
        done = self.database.retrying(
            lambda cx: finish(cx, job_id=self.job.id, fence=self.fence, progress=progress, result=result),
            patience_seconds=self.patience_seconds,
        )
        structlog.get_logger(__name__).info(
            "job finished", model_version=done.model_version, publication=done.publication
        )

    def finish_range_test(self, progress: Progress) -> None:
        """Write the last points and the final state together."""
        self.database.retrying(
            lambda cx: finish_range_test(cx, job_id=self.job.id, fence=self.fence, progress=progress),
            patience_seconds=self.patience_seconds,
        )

    def fail(self, *, code: str, message: str) -> None:
        """End the job for a reason that no retry can help."""
        self.database.retrying(
            lambda cx: fail(cx, job_id=self.job.id, fence=self.fence, code=code, message=message),
            patience_seconds=self.patience_seconds,
        )

    def finish_reading(self, summary: Mapping[str, Any]) -> None:
        """Set the data set ready."""
        self.database.retrying(
            lambda cx: finish_reading(cx, job_id=self.job.id, fence=self.fence, summary=summary),
            patience_seconds=self.patience_seconds,
        )

    def refuse_reading(self, errors: Sequence[Mapping[str, Any]]) -> None:
        """Set the data set refused, with what is wrong in its files."""
        self.database.retrying(
            lambda cx: refuse_reading(cx, job_id=self.job.id, fence=self.fence, errors=errors),
            patience_seconds=self.patience_seconds,
        )

    def newest_snapshot(self) -> Snapshot | None:
        """Return the checkpoint to go on from, none at the first start."""
        return self.database.retrying(
            lambda cx: _snapshot(cx, last_checkpoint(cx, job_id=self.job.id)),
            patience_seconds=self.patience_seconds,
        )

    def recall_flow(self, recall: Callable[[Iterator[Sample]], None]) -> None:
        """Hand over the samples of gradient flow up to the newest checkpoint, anew when repeated."""
        self.database.retrying(
            lambda cx: recall(read_samples(cx, job_id=self.job.id)),
            patience_seconds=self.patience_seconds,
        )

    def parent_snapshot(self) -> Snapshot | None:
        """Return the checkpoint that the job begins with, none when it begins with a fresh net.

        Raises `NotFound` when it is gone.
        """
        first = self.job.parent_checkpoint
        if first is None:
            return None
        return self.database.retrying(
            lambda cx: _snapshot(cx, get_checkpoint(cx, checkpoint_id=first)),
            patience_seconds=self.patience_seconds,
        )

    def best_snapshot(self) -> Snapshot:
        """Return the checkpoint with the best validation metric."""

        def read(cx: Any) -> Snapshot | None:  # noqa: ANN401 - the connection is SQL's, not ours to name
            best = get_job(cx, job_id=self.job.id).best_checkpoint
            return None if best is None else _snapshot(cx, get_checkpoint(cx, checkpoint_id=best))

        found = self.database.retrying(read, patience_seconds=self.patience_seconds)
        if found is None:
            raise RuntimeError("a finished training has no best checkpoint")
        return found


def open_session(*, job_id: Any, fence: int, settings: Settings, stop: StopFlag) -> Session:  # noqa: ANN401
    """Connect to everything the job needs. Raises `Unavailable` and `NotFound`."""
    patient = settings.model_copy(update={"statement_timeout_seconds": WRITE_SECONDS})
    database = open_database(patient, application_name="gradus-trainer", pool_size=1)
    job = database.retrying(
        lambda cx: get_job(cx, job_id=job_id), patience_seconds=settings.lease_seconds * LEASE_SHARE
    )
    return Session(
        job=job, fence=fence, database=database, storage=Storage.of(settings), settings=settings, stop=stop
    )


def _snapshot(cx: Any, row: CheckpointRow | None) -> Snapshot | None:  # noqa: ANN401
    if row is None:
        return None
    payload = b"".join(read_range(cx, blob=row.blob()))  # `from_bytes` holds them against their hash
    report(Measure.CHECKPOINT_BYTES_READ, len(payload))
    try:
        return from_bytes(payload, sha256_hex=row.sha256)
    except Conflict:
        report(Measure.CHECKPOINT_VERIFY_FAILURES, 1)
        raise
