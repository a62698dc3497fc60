"""The states of a job and of a data set, and which may follow which."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """The states a job's row can hold."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobKind(StrEnum):
    """What a job does: train a net for a task, read an uploaded data set, or try learning rates."""

    RECOMMEND = "recommend"
    DIAGNOSE = "diagnose"
    INGEST = "ingest"
    LR_RANGE_TEST = "lr_range_test"


WAITED_FOR, CAN_WAIT = 1, -1
"""Priorities of a range test and of a sweep's jobs; all others have 0, and the highest is claimed first."""


class DatasetStatus(StrEnum):
    """The states of a data set."""

    READING = "reading"
    READY = "ready"
    REFUSED = "refused"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.PAUSED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PAUSED, JobStatus.QUEUED}
    ),
    JobStatus.PAUSED: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED}),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}


def shown_status(status: JobStatus, *, cancel_requested: bool, pause_requested: bool) -> str:
    """Return the status a client sees: a running job with a pending request is `cancelling` or `pausing`.

    These two are derived, never stored: a stored one would make the guard `status = 'running'`
    reject the last checkpoint.
    """
    if status is JobStatus.RUNNING and cancel_requested:
        return "cancelling"
    if status is JobStatus.RUNNING and pause_requested:
        return "pausing"
    return status.value
