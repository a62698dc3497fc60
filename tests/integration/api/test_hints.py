"""The message that wakes a worker: sent when the job can be claimed, taken back when it cannot be sent."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from shared import queue
from shared.db.engine import Database
from shared.db.job_leases import Claim, claim, list_unpublished
from tests.support.training import job_body, ready_dataset

JOBS = "/v1/training_jobs"


def test_a_worker_that_is_woken_by_the_message_finds_the_job(
    client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[Claim | None] = []

    def wake(job_id: UUID) -> bool:
        with database.begin() as cx:
            woken.append(claim(cx, worker_id="woken", lease_seconds=30))
        return True

    monkeypatch.setattr(queue, "publish", wake)
    job = client.post(JOBS, json=job_body(ready_dataset(database))).json()
    assert [f"job_{won.job_id}" if won else None for won in woken] == [job["id"]]


def test_the_row_of_a_job_is_not_written_after_its_message_went_out(
    client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim skips locked rows, so a late write would hide the job from the worker just woken."""
    marked: list[bool] = []

    def look(job_id: UUID) -> bool:
        with database.begin() as cx:
            marked.append(job_id not in list_unpublished(cx, older_than_seconds=60))
        return True

    monkeypatch.setattr(queue, "publish", look)
    client.post(JOBS, json=job_body(ready_dataset(database)))
    assert marked == [True]


def test_a_message_that_could_not_be_sent_is_left_to_the_next_sweep(
    client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "publish", lambda _job_id: False)
    job = client.post(JOBS, json=job_body(ready_dataset(database))).json()
    with database.begin() as cx:
        waiting = list_unpublished(cx, older_than_seconds=60)
    assert [f"job_{job_id}" for job_id in waiting] == [job["id"]]
