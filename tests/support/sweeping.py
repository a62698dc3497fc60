"""A sweep whose trainings were claimed and finished with numbers of a test's choice, as rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import httpx

from shared.db.curves import NewEvaluation, PointColumns
from shared.db.engine import Database
from shared.db.job_leases import Claim, fail
from shared.db.job_writes import Progress, commit_progress, finish
from shared.db.jobs import get_job
from tests.support.rows import LEASE_SECONDS, a_result, claim_one
from tests.support.training import job_body

SWEEPS = "/v1/sweeps"
SCHEDULES = [
    {"label": "constant", "schedule": {"name": "constant", "base_lr": 0.1}},
    {"label": "cosine", "schedule": {"name": "cosine", "base_lr": 0.1}},
]
METRIC = "ndcg@10"


def sweep_body(dataset: str, /, **changes: object) -> dict[str, Any]:
    """Return the body of a sweep of two schedules and two seeds, 100 steps each."""
    training = {key: value for key, value in job_body(dataset).items() if key != "schedule"}
    return {"job": training, "schedules": SCHEDULES, "seeds": [1, 2], **changes}


@dataclass(frozen=True)
class Sweep:
    """A sweep created over HTTP, whose trainings a test plays."""

    client: httpx.Client
    database: Database
    id: str

    def claim(self) -> tuple[Claim, str, int]:
        """Claim the next training, and return it with its arm's label and its seed."""
        with self.database.begin() as cx:
            claim = claim_one(cx)
            row = get_job(cx, job_id=claim.job_id)
        assert row.sweep_label is not None
        return claim, row.sweep_label, row.spec["seed"]

    def play(self, values: dict[str, list[float]], *, seeds: list[int], test: float = 0.2) -> None:
        """Finish every training with the value that its label has for its seed; NaN diverges."""
        for _ in range(len(values) * len(seeds)):
            claim, label, seed = self.claim()
            value = values[label][seeds.index(seed)]
            if value != value:  # noqa: PLR0124  # NaN
                self.diverge(claim)
            else:
                self.finish(claim, value=value, test=test)

    def finish(self, claim: Claim, *, value: float, test: float) -> None:
        """Write 100 points, evaluations after 20 and 60 steps at half and at `value`, and the result."""
        with self.database.begin() as cx:
            commit_progress(
                cx,
                job_id=claim.job_id,
                fence=claim.fence,
                lease_seconds=LEASE_SECONDS,
                progress=self._progress(value),
            )
        with self.database.begin() as cx:
            result = replace(a_result(get_job(cx, job_id=claim.job_id), ndcg=test), publish=None)
            ended = Progress(step=100, epoch=25)
            finish(cx, job_id=claim.job_id, fence=claim.fence, progress=ended, result=result)

    def diverge(self, claim: Claim) -> None:
        """Fail a training as a trainer does whose loss is no number."""
        with self.database.begin() as cx:
            message = "the loss of step 3 is not a finite number; lower the learning rate"
            fail(cx, job_id=claim.job_id, fence=claim.fence, code="diverged", message=message)

    def read(self, **params: str) -> dict[str, Any]:
        """Return the sweep as its client sees it."""
        answer = self.client.get(f"{SWEEPS}/{self.id}", params=params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the table by label."""
        return {row["label"]: row for row in self.read()["table"]}

    def _progress(self, value: float) -> Progress:
        steps = list(range(100))
        points = PointColumns(
            steps=steps, lr=[0.1] * 99 + [0.05], loss=[value / (t + 1) for t in steps], grad_norm=[1.0] * 100
        )
        found = [
            NewEvaluation(step=step, epoch=step // 4, metrics={METRIC: share * value, "hr@10": share})
            for step, share in ((20, 0.5), (60, 1.0))
        ]
        best = {"step": 60, "epoch": 15, "metrics": found[-1].metrics}
        return Progress(
            step=100, epoch=25, points=points, evaluations=found, best=best, samples_per_second=800.0
        )


def a_sweep(client: httpx.Client, database: Database, body: dict[str, Any]) -> Sweep:
    """Create a sweep over HTTP."""
    answer = client.post(SWEEPS, json=body)
    assert answer.status_code == 202, answer.text
    return Sweep(client, database, answer.json()["id"])
