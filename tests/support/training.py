"""A data set that was read and a job that trained, as rows, for tests of what clients see of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from shared.db.curves import NewEvaluation, PointColumns
from shared.db.datasets import set_ready
from shared.db.engine import Database
from shared.db.job_leases import Claim
from shared.db.job_writes import Progress, commit_progress, finish
from shared.db.jobs import get_job
from shared.specs.ids import parse_id
from tests.support.rows import LEASE_SECONDS, a_result, add_dataset, claim_one

FILMS = {"rows": 40, "columns": [], "users": 4, "items": 12, "history_histogram": {"10": 4}}
PATIENTS = {
    "rows": 100,
    "columns": [
        {"name": "age", "type": "number", "missing": 0, "distinct": 60},
        {"name": "died", "type": "category", "missing": 0, "distinct": 2},
    ],
}


def ready_dataset(database: Database, *, kind: str = "interactions", **changes: object) -> str:
    """Create a data set that was read, and return its id as clients write it."""
    with database.begin() as cx:
        dataset_id = add_dataset(cx, kind=kind, **changes)
        set_ready(cx, dataset_id=dataset_id, summary=FILMS if kind == "interactions" else PATIENTS)
    return f"ds_{dataset_id}"


def job_body(dataset: str, /, **changes: object) -> dict[str, Any]:
    """Return the body of a training job of 32 rows an epoch: 4 steps of 8 rows, 25 epochs, 100 steps."""
    body: dict[str, Any] = {
        "dataset": dataset,
        "model": "films",
        "task": {"name": "recommend"},
        "net": {"name": "mf"},
        "schedule": {"name": "cosine", "base_lr": 0.1},
        "batch_size": 8,
        "epochs": 25,
    }
    return {**body, **changes}


@dataclass(frozen=True)
class TrainedJob:
    """A job created over HTTP, and claimed as a worker would."""

    database: Database
    id: str
    claim: Claim

    @property
    def uuid(self) -> UUID:
        return self.claim.job_id

    def progress(self, first: int, last: int, **changes: object) -> None:
        """Write the points first ≤ t < last, with a loss of 1/(t+1), and whatever else is given."""
        steps = list(range(first, last))
        points = PointColumns(
            steps=steps,
            lr=[0.1] * len(steps),
            loss=[1.0 / (t + 1) for t in steps],
            grad_norm=[0.5] * len(steps),
        )
        values: dict[str, Any] = {
            "step": last,
            "epoch": last // 4,
            "points": points,
            "samples_per_second": 800.0,
        }
        self.commit(Progress(**{**values, **changes}))

    def evaluation(self, step: int, **metrics: float) -> None:
        """Write an evaluation after `step` updates."""
        found = NewEvaluation(step=step, epoch=step // 4, metrics=metrics)
        self.commit(Progress(step=step, epoch=step // 4, evaluations=[found]))

    def commit(self, progress: Progress) -> None:
        with self.database.begin() as cx:
            commit_progress(
                cx, job_id=self.uuid, fence=self.claim.fence, lease_seconds=LEASE_SECONDS, progress=progress
            )

    def finish(self, step: int, *, ndcg: float = 0.4) -> None:
        """End the job at `step`, with a package as its model's next version."""
        with self.database.begin() as cx:
            result = a_result(get_job(cx, job_id=self.uuid), ndcg=ndcg)
            finish(
                cx,
                job_id=self.uuid,
                fence=self.claim.fence,
                progress=Progress(step=step, epoch=step // 4),
                result=result,
            )


def running_job(
    client: httpx.Client, database: Database, *, dataset: str | None = None, **changes: object
) -> TrainedJob:
    """Create a job over HTTP, on a data set of its own unless one is given, and claim it."""
    body = job_body(dataset or ready_dataset(database), **changes)
    answer = client.post("/v1/training_jobs", json=body)
    assert answer.status_code == 202, answer.text
    with database.begin() as cx:
        claim = claim_one(cx)
    assert claim.job_id == parse_id("job", answer.json()["id"])
    return TrainedJob(database, answer.json()["id"], claim)
