from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from services.worker.metrics import SweeperMetrics
from services.worker.sweeper import LOCK, Sweeper
from shared.db.engine import Database
from shared.db.heartbeats import Heartbeat, beat
from shared.db.job_writes import commit_progress
from shared.db.jobs import get_job, list_events, request_cancel
from shared.db.server import try_lock
from shared.errors import Unavailable
from shared.queue import Publisher
from shared.settings import Settings
from shared.storage import Storage, upload_folder
from tests.support.rows import a_checkpoint, add_dataset, add_job, claim_one, progress_to


class Broom:
    """A sweeper with everything it needs."""

    def __init__(self, database: Database, broker_url: str, folder: Path) -> None:
        self.registry = CollectorRegistry()
        self.publisher = Publisher(broker_url)
        self.storage = Storage(folder.as_uri())
        chosen = Settings(republish_seconds=60, renew_seconds=5)
        metrics = SweeperMetrics(self.registry)
        self.sweeper = Sweeper(database, self.publisher, self.storage, metrics, chosen)

    def sweep(self) -> bool:
        return self.sweeper.sweep()

    def count(self, name: str) -> float:
        return self.registry.get_sample_value(f"gradus_{name}") or 0.0


@pytest.fixture
def broom(database: Database, broker_url: str, tmp_path: Path) -> Iterator[Broom]:
    broom = Broom(database, broker_url, tmp_path)
    yield broom
    broom.publisher.close()


def add_jobs(database: Database, count: int) -> list[UUID]:
    with database.begin() as cx:
        return [add_job(cx).id for _ in range(count)]


def test_a_job_nobody_spoke_of_is_published_once(database: Database, broom: Broom):
    add_jobs(database, 1)
    assert [broom.sweep(), broom.sweep()] == [True, True]
    assert broom.publisher.waiting() == 1
    assert broom.count("job_republished_total") == 1


def test_publishing_is_held_back_to_twice_the_slots(database: Database, broom: Broom):
    add_jobs(database, 9)
    with database.begin() as cx:
        beat(cx, heartbeat=Heartbeat(worker_id="w", hostname="h", device="cpu", slots=2, busy=0))
    broom.sweep()
    broom.sweep()
    assert broom.publisher.waiting() == 4


def test_an_expired_lease_is_reaped_and_the_job_published_in_one_sweep(database: Database, broom: Broom):
    (job_id,) = add_jobs(database, 1)
    with database.begin() as cx:
        claim_one(cx)
        cx.execute(text("UPDATE job SET lease_until = created_at"))
    broom.sweep()
    with database.begin() as cx:
        assert get_job(cx, job_id=job_id).status == "queued"
    assert broom.publisher.waiting() == 1
    assert broom.count("job_leases_expired_total") == 1


def test_a_job_that_lost_all_its_workers_is_counted_as_finished(database: Database, broom: Broom):
    with database.begin() as cx:
        add_job(cx, max_attempts=1)
        claim_one(cx)
        cx.execute(text("UPDATE job SET lease_until = created_at"))
    broom.sweep()
    labels = {"kind": "recommend", "outcome": "failed", "error_code": "worker_lost"}
    assert broom.registry.get_sample_value("gradus_jobs_finished_total", labels) == 1


def test_sweeping_twice_changes_nothing_more(database: Database, broom: Broom):
    with database.begin() as cx:
        jobs = [add_job(cx).id for _ in range(3)]
        request_cancel(cx, job_id=jobs[0])
        claim_one(cx)
        cx.execute(text("UPDATE job SET lease_until = created_at WHERE status = 'running'"))
    broom.sweep()
    with database.begin() as cx:
        first = [len(list_events(cx, job_id=job)) for job in jobs]
    broom.sweep()
    with database.begin() as cx:
        assert [len(list_events(cx, job_id=job)) for job in jobs] == first


def test_only_one_of_two_sweepers_works_at_a_time(database: Database, broom: Broom):
    with database.begin() as cx:
        assert try_lock(cx, LOCK)
        assert broom.sweep() is False
    assert broom.sweep() is True


def test_without_a_broker_the_rest_is_still_swept(database: Database, tmp_path: Path):
    broom = Broom(database, f"redis+socket://{tmp_path}/none.sock?virtual_host=0", tmp_path)
    (job_id,) = add_jobs(database, 1)
    with database.begin() as cx:
        claim_one(cx)
        cx.execute(text("UPDATE job SET lease_until = created_at"))
    assert broom.sweep() is True
    with database.begin() as cx:
        row = cx.execute(text("SELECT status, published_at FROM job WHERE id = :id"), {"id": job_id}).one()
    assert tuple(row) == ("queued", None)


def test_files_of_a_data_set_that_was_read_are_tidied_away(database: Database, broom: Broom):
    with database.begin() as cx:
        old = UUID("01890000-0000-7000-8000-000000000001")  # made in 2023
        add_dataset(cx, id=old)
        cx.execute(text("UPDATE dataset SET status = 'ready'"))
    broom.storage.save(f"{upload_folder(old)}/ratings.csv", [b"user,item"])
    broom.storage.save(f"datasets/{old}/v1/interactions.parquet", [b"kept"])
    broom.sweep()
    assert broom.storage.list("uploads") == []
    assert broom.storage.list("datasets") == [f"datasets/{old}/v1/interactions.parquet"]


def test_the_metrics_say_when_it_last_swept(broom: Broom):
    assert broom.count("sweeper_last_run_timestamp_seconds") == 0
    broom.sweep()
    assert broom.count("sweeper_last_run_timestamp_seconds") > 1.7e9
    assert broom.count("db_size_bytes") > 1e6


def test_a_checkpoint_that_cannot_be_deleted_keeps_no_job_waiting(
    database: Database, database_url: str, broker_url: str, tmp_path: Path
):
    with database.begin() as cx:
        row = add_job(cx)
        won = claim_one(cx)
        for step in (10, 20):
            progress = progress_to(step, checkpoint=a_checkpoint(step))
            commit_progress(cx, job_id=row.id, fence=won.fence, lease_seconds=30, progress=progress)
        cx.execute(text("UPDATE job SET lease_until = created_at"))
    hasty = Database(database_url, application_name="gradus-tests", statement_timeout_seconds=0.3)
    broom = Broom(hasty, broker_url, tmp_path)
    with database.begin() as cx:
        cx.execute(text("SELECT 1 FROM checkpoint FOR UPDATE"))
        broom.sweep()  # one that a fork holds at this moment is left for the next time
    assert broom.count("checkpoints_pruned_total") == 0
    with database.begin() as cx:
        cx.execute(text("UPDATE job SET status = 'running', lease_until = created_at"))
    with database.begin() as cx:
        cx.execute(text("LOCK TABLE checkpoint_chunk IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Unavailable):
            broom.sweep()
    with database.begin() as cx:
        assert get_job(cx, job_id=row.id).status == "queued"
    broom.sweep()
    assert broom.count("checkpoints_pruned_total") == 1
    broom.publisher.close()
    hasty.dispose()
