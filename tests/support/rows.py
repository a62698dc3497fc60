"""Rows for tests: a data set, a job, a version, with everything a test does not care about filled in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.db.blobs import NewCheckpoint
from shared.db.curves import PointColumns
from shared.db.datasets import NewDataset, insert_dataset
from shared.db.engine import Connection
from shared.db.job_leases import Claim, claim
from shared.db.job_writes import Progress, Result
from shared.db.jobs import JobRow, NewJob, insert_job
from shared.db.registry import NewVersion, Score
from shared.lifecycle import JobKind
from shared.specs.ids import new_uuid
from shared.specs.job import Publish

LEASE_SECONDS = 30.0


def a_dataset(**changes: object) -> NewDataset:
    """Return a data set about to be created."""
    values: dict[str, Any] = {
        "id": new_uuid(),
        "owner": "tester",
        "name": "films",
        "kind": "interactions",
        "spec": {"name": "films", "kind": "interactions"},
        "files": [{"name": "ratings.csv", "size_bytes": 12, "sha256": "00"}],
        "size_bytes": 12,
        "sha256": "00",
        "request_sha256": b"one body",
    }
    return NewDataset(**{**values, **changes})


def add_dataset(cx: Connection, **changes: object) -> UUID:
    """Create a data set and return its id."""
    return insert_dataset(cx, dataset=a_dataset(**changes)).row.id


def a_job(**changes: object) -> NewJob:
    """Return a training job about to be created."""
    values: dict[str, Any] = {
        "id": new_uuid(),
        "owner": "tester",
        "kind": JobKind.RECOMMEND,
        "spec": {"model": "films"},
        "request_sha256": b"one body",
        "max_attempts": 5,
        "model": "films",
        "total_steps": 100,
        "steps_per_epoch": 10,
    }
    return NewJob(**{**values, **changes})


def add_job(cx: Connection, **changes: object) -> JobRow:
    """Create a queued job."""
    return insert_job(cx, job=a_job(**changes)).row


def claim_one(cx: Connection, *, worker_id: str = "worker-1", lease_seconds: float = LEASE_SECONDS) -> Claim:
    """Claim the best queued job, of which there must be one."""
    won = claim(cx, worker_id=worker_id, lease_seconds=lease_seconds)
    assert won is not None
    return won


def points(first: int, last: int, *, loss: float = 0.5) -> PointColumns:
    """Return points of the steps `first` to `last`, both included."""
    steps = list(range(first, last + 1))
    return PointColumns(
        steps=steps, lr=[0.1] * len(steps), loss=[loss] * len(steps), grad_norm=[1.0] * len(steps)
    )


def a_checkpoint(step: int, *, payload: bytes = b"weights", best: bool = False) -> NewCheckpoint:
    """Return a checkpoint about to be written."""
    return NewCheckpoint(step=step, payload=payload, best=best)


def progress_to(step: int, **changes: object) -> Progress:
    """Return progress up to `step` updates, with all points so far."""
    values: dict[str, Any] = {"step": step, "epoch": step // 10, "points": points(0, step - 1)}
    return Progress(**{**values, **changes})


def a_result(
    job: JobRow,
    *,
    ndcg: float = 0.4,
    split: str = "split-1",
    higher_is_better: bool = True,
    **changes: object,
) -> Result:
    """Return what a finished job leaves, with a package of a few bytes."""
    version = NewVersion(
        model=job.model or "films",
        task=job.kind,
        job_id=job.id,
        dataset_id=job.dataset_id,
        dataset_version=job.dataset_version,
        score=Score(metric="ndcg@10", value=ndcg, higher_is_better=higher_is_better, split_sha256=split),
        metrics={"ndcg@10": ndcg},
        card={"net": "mf"},
        package=b"package",
    )
    values: dict[str, Any] = {
        "report": {"winner": "mf"},
        "metrics": {"ndcg@10": ndcg},
        "version": version,
        "publish": Publish(alias="production", when="better"),
        "owner": "tester",
    }
    return Result(**{**values, **changes})
