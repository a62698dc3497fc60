"""The supervisor with real processes: a fake trainer that speaks the protocol and misbehaves on request."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from services.worker.children import Nursery, Recipe
from services.worker.metrics import WorkerMetrics
from services.worker.supervisor import Lane, Supervisor, Terms
from shared.db.curves import read_curve
from shared.db.engine import Database
from shared.db.job_leases import Claim, reap_expired
from shared.db.jobs import JobRow, get_job, list_events, request_cancel, request_pause, resume
from shared.db.registry import read_package
from shared.lifecycle import JobKind
from tests.support.processes import children_of, command_of
from tests.support.rows import add_dataset, add_job

FAKE = Path(__file__).resolve().parents[2] / "support" / "fake_trainer.py"


class Bench:
    """A supervisor in this process, whose children are fake trainers."""

    def __init__(self, database: Database, url: str, *, slots: int = 1, grace: float = 5.0) -> None:
        self.database, self.lines = database, list[str]()
        self.registry = CollectorRegistry()
        recipe = Recipe(
            script=FAKE,
            environment={"GRADUS_DATABASE_URL": url, "GRADUS_LEASE_SECONDS": "3"},
            take_line=self.lines.append,
        )
        self.nursery = Nursery(recipe, standby=1)
        self.nursery.start()
        terms = Terms(
            worker_id="worker-1", slots=slots, lease_seconds=3.0, renew_seconds=0.2, grace_seconds=grace
        )
        metrics = WorkerMetrics(self.registry, worker_id="worker-1")
        self.supervisor = Supervisor(database, self.nursery, metrics, terms)
        self.threads: list[threading.Thread] = []

    def add(self, kind: JobKind = JobKind.RECOMMEND, **spec: object) -> UUID:
        with self.database.begin() as cx:
            dataset_id = add_dataset(cx)
            return add_job(cx, kind=kind, spec=spec, max_attempts=3, total_steps=20, dataset_id=dataset_id).id

    def attend(self) -> None:
        thread = threading.Thread(target=self.supervisor.attend, daemon=True)
        self.threads.append(thread)
        thread.start()

    def row(self, job_id: UUID) -> JobRow:
        with self.database.begin() as cx:
            return get_job(cx, job_id=job_id)

    def wait(self, job_id: UUID, until: Callable[[JobRow], bool], *, seconds: float = 20.0) -> JobRow:
        give_up = time.monotonic() + seconds
        while not until(row := self.row(job_id)):
            assert time.monotonic() < give_up, f"still {row.status} at step {row.step}: {self.lines}"
            time.sleep(0.02)
        return row

    def causes(self, job_id: UUID) -> list[str]:
        with self.database.begin() as cx:
            return [event.cause for event in list_events(cx, job_id=job_id)]

    def trainer_of(self, job_id: UUID) -> int:
        """Return the process id of the child that has a job, as it said itself."""
        told = [line for line in self.lines if line.endswith(f" has job {job_id}\n")]
        return int(told[-1].removeprefix("fake trainer ").split()[0])

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def close(self) -> None:
        self.supervisor.stop()
        for thread in self.threads:
            thread.join(timeout=20)
        self.nursery.close()


@pytest.fixture
def bench(database: Database, database_url: str) -> Iterator[Bench]:
    bench = Bench(database, database_url)
    yield bench
    bench.close()


def chain(steps: int) -> bytes:
    weights = b""
    for step in range(steps):
        weights = hashlib.sha256(weights + step.to_bytes(8, "big")).digest()
    return weights


def assert_whole(bench: Bench, row: JobRow, steps: int = 20) -> None:
    """The job ended as an undisturbed one: all points once, and the weights of every step in order."""
    assert row.model_version is not None
    with bench.database.begin() as cx:
        assert read_curve(cx, job_id=row.id).steps == tuple(range(steps))
        assert read_package(cx, name="fake", version=row.model_version) == chain(steps)


def test_a_job_runs_in_a_child_and_succeeds(bench: Bench):
    job_id = bench.add()
    assert bench.supervisor.attend() == 1
    assert_whole(bench, bench.row(job_id))
    assert bench.causes(job_id) == ["created", "claimed", "finished"]
    assert bench.trainer_of(job_id) != os.getpid()
    assert bench.count("gradus_job_claims_total", result="won") == 1
    finished = {"kind": "recommend", "outcome": "succeeded", "error_code": ""}
    assert bench.count("gradus_jobs_finished_total", **finished) == 1


def test_one_hint_works_off_everything_queued(bench: Bench):
    jobs = [bench.add(steps=2) for _ in range(3)]
    assert bench.supervisor.attend() == 3
    assert {bench.row(job_id).status for job_id in jobs} == {"succeeded"}


def test_a_hint_without_a_job_is_a_no_op(bench: Bench):
    assert bench.supervisor.attend() == 0
    assert bench.count("gradus_job_claims_total", result="none") == 1


def test_a_second_hint_does_not_wait_for_a_taken_slot(bench: Bench):
    job_id = bench.add(seconds_a_step=0.05)
    bench.attend()
    bench.wait(job_id, lambda row: row.step > 2)
    began = time.monotonic()
    assert bench.supervisor.attend() == 0
    assert time.monotonic() - began < 0.5  # the job runs for a second


def test_a_data_set_is_read_while_a_training_holds_the_slot(bench: Bench):
    training = bench.add(seconds_a_step=0.25)
    bench.attend()
    bench.wait(training, lambda row: row.step > 1)
    reading = bench.add(kind=JobKind.INGEST, steps=2)
    assert bench.supervisor.attend() == 1
    assert bench.row(reading).status == "succeeded"
    assert bench.row(training).status == "running"


def test_a_hint_that_meets_a_slot_being_left_is_looked_after(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    """The holder has just found nothing; a job and its hint come before the slot is free again."""
    supervisor, late = bench.supervisor, list[UUID]()
    claim_of = supervisor._claim

    def claim_then_be_overtaken(lane: Lane) -> Claim | None:
        won = claim_of(lane)
        if won is None and not late:
            late.append(bench.add(steps=2))
            overtaken = threading.Thread(target=supervisor.attend)
            overtaken.start()
            overtaken.join(timeout=20)
        return won

    monkeypatch.setattr(supervisor, "_claim", claim_then_be_overtaken)
    supervisor.attend()
    assert bench.row(late[0]).status == "succeeded"


@pytest.mark.parametrize(
    ("number", "cause"), [(signal.SIGKILL, "killed_SIGKILL"), (signal.SIGSEGV, "killed_SIGSEGV")]
)
def test_a_child_that_always_dies_fails_its_job_after_its_attempts(
    bench: Bench, number: signal.Signals, cause: str
):
    job_id = bench.add(signal_at=5, signal=int(number))
    assert bench.supervisor.attend() == 3
    row = bench.row(job_id)
    assert (row.status, row.error_code, row.attempt) == ("failed", "worker_lost", 3)
    assert bench.causes(job_id).count(cause) == 3
    assert bench.count("gradus_job_retries_total", reason="killed") == 2


def test_a_killed_child_goes_on_from_its_checkpoint(bench: Bench):
    job_id = bench.add(seconds_a_step=0.02)
    bench.attend()
    bench.wait(job_id, lambda row: row.step >= 12)
    os.kill(bench.trainer_of(job_id), signal.SIGKILL)
    row = bench.wait(job_id, lambda row: row.status == "succeeded")
    assert row.attempt == 2
    assert_whole(bench, row)


@pytest.mark.parametrize(("status", "code"), [(10, "refused"), (11, "diverged")])
def test_what_no_retry_can_help_fails_at_once(bench: Bench, status: int, code: str):
    job_id = bench.add(exit_at=3, status=status)
    bench.supervisor.attend()
    row = bench.row(job_id)
    assert (row.status, row.error_code, row.attempt) == ("failed", code, 1)
    failed = {"kind": "recommend", "outcome": "failed", "error_code": code}
    assert bench.count("gradus_jobs_finished_total", **failed) == 1


def test_a_child_without_a_database_costs_no_attempt(bench: Bench):
    job_id = bench.add(exit_at=3, status=4)
    bench.attend()
    bench.wait(job_id, lambda row: row.attempt >= 4)
    assert bench.row(job_id).status != "failed"


def test_cancel_reaches_the_child_and_keeps_its_checkpoint(bench: Bench):
    job_id = bench.add(seconds_a_step=0.1, checkpoint_every=1000)
    bench.attend()
    bench.wait(job_id, lambda row: row.step >= 2)
    with bench.database.begin() as cx:
        request_cancel(cx, job_id=job_id)
    row = bench.wait(job_id, lambda row: row.status == "cancelled", seconds=3)
    assert row.last_checkpoint is not None
    assert row.step < 20


def test_a_paused_job_resumes_where_it_was(bench: Bench):
    job_id = bench.add(seconds_a_step=0.05, checkpoint_every=1000)
    bench.attend()
    bench.wait(job_id, lambda row: row.step >= 3)
    with bench.database.begin() as cx:
        request_pause(cx, job_id=job_id)
    paused = bench.wait(job_id, lambda row: row.status == "paused", seconds=3)
    with bench.database.begin() as cx:
        resume(cx, job_id=job_id)
    bench.threads[0].join(timeout=5)
    bench.supervisor.attend()
    row = bench.row(job_id)
    assert 3 <= paused.step < 20
    assert_whole(bench, row)


def test_a_deaf_child_is_killed_after_its_grace(database: Database, database_url: str):
    bench = Bench(database, database_url, grace=0.5)
    job_id = bench.add(seconds_a_step=0.1, steps=200, deaf=True)
    bench.attend()
    bench.wait(job_id, lambda row: row.step >= 2)
    with database.begin() as cx:
        request_cancel(cx, job_id=job_id)
    row = bench.wait(job_id, lambda row: row.status == "cancelled", seconds=5)
    assert bench.causes(job_id)[-1] == "stop_timed_out"
    assert row.step < 100
    bench.close()


def test_a_stopping_worker_gives_its_job_back_with_a_checkpoint(bench: Bench):
    job_id = bench.add(seconds_a_step=0.05, checkpoint_every=1000)
    bench.attend()
    bench.wait(job_id, lambda row: row.step >= 2)
    bench.supervisor.stop()
    bench.threads[0].join(timeout=5)
    row = bench.row(job_id)
    assert (row.status, row.attempt - row.attempt_base) == ("queued", 0)
    assert row.last_checkpoint is not None
    assert bench.count("gradus_job_retries_total", reason="preempted") == 1


def test_a_child_whose_job_was_taken_is_stopped_and_writes_nothing(bench: Bench):
    job_id = bench.add(seconds_a_step=0.05, steps=2000, deaf=True)
    bench.attend()
    bench.wait(job_id, lambda row: row.step >= 2)
    with bench.database.begin() as cx:
        cx.exec_driver_sql("UPDATE job SET lease_until = clock_timestamp() - interval '1 s'")
        assert [ended.job_id for ended in reap_expired(cx)] == [job_id]
        cx.exec_driver_sql("UPDATE job SET status = 'paused'")  # nobody may claim it meanwhile
    stopped_at = bench.row(job_id).step
    bench.threads[0].join(timeout=6)
    assert not bench.threads[0].is_alive()
    assert bench.row(job_id).step == stopped_at


def test_closing_the_nursery_leaves_no_child_behind(bench: Bench):
    bench.add(steps=1)
    bench.supervisor.attend()
    bench.nursery.close()
    assert [pid for pid in children_of(os.getpid()) if "fake_trainer" in command_of(pid)] == []
