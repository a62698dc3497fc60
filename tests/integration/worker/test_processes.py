"""The worker and the sweeper as they are really started, with Celery and Valkey, and fake trainers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import redis

from services.standalone.valkey import EmbeddedValkey
from shared.db.engine import Database
from shared.db.heartbeats import list_workers
from shared.db.jobs import JobRow, get_job
from shared.queue import Publisher
from tests.support.ports import free_ports
from tests.support.processes import alive, children_of
from tests.support.rows import add_job

ROOT = Path(__file__).resolve().parents[3]
FAKE = ROOT / "tests" / "support" / "fake_trainer.py"
WORKER = (
    "import pathlib, sys; from services.worker.__main__ import main; "
    f"sys.exit(main(script=pathlib.Path({str(FAKE)!r})))"
)
SWEEPER = "import sys; from services.worker.sweeper import main; sys.exit(main())"
SETTINGS = {
    "GRADUS_LEASE_SECONDS": "3",
    "GRADUS_RENEW_SECONDS": "0.5",
    "GRADUS_SWEEP_SECONDS": "0.5",
    "GRADUS_STOP_GRACE_SECONDS": "5",
}


class Processes:
    """Processes of the product, all ended after the test."""

    def __init__(self, environment: dict[str, str], folder: Path, database: Database) -> None:
        self.environment, self.folder, self.database = environment, folder, database
        self.started: list[subprocess.Popen[bytes]] = []
        first = free_ports(2)
        self.ports = {"worker": first, "sweeper": first + 1}

    def start(self, code: str, **settings: str) -> subprocess.Popen[bytes]:
        ports = {f"GRADUS_{name.upper()}_METRICS_PORT": str(port) for name, port in self.ports.items()}
        with (self.folder / f"{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env={**os.environ, **self.environment, **ports, **SETTINGS, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.started.append(process)
        return process

    def add(self, **spec: object) -> UUID:
        with self.database.begin() as cx:
            return add_job(cx, spec=spec).id

    def wait(self, job_id: UUID, until: Callable[[JobRow], bool], *, seconds: float = 30.0) -> JobRow:
        give_up = time.monotonic() + seconds
        while True:
            with self.database.begin() as cx:
                row = get_job(cx, job_id=job_id)
            if until(row):
                return row
            assert time.monotonic() < give_up, f"still {row.status} at step {row.step}\n{self.logs()}"
            time.sleep(0.05)

    def metrics(self, name: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def wait_for_metric(self, name: str, line: str) -> None:
        give_up = time.monotonic() + 10
        while line not in (text := self.metrics(name)):
            assert time.monotonic() < give_up, text
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def processes(
    database: Database, database_url: str, broker_url: str, home: Path, tmp_path: Path
) -> Iterator[Processes]:
    environment = {
        "PYTHONPATH": str(ROOT),
        "GRADUS_HOME": str(home),
        "GRADUS_DATABASE_URL": database_url,
        "GRADUS_BROKER_URL": broker_url,
    }
    running = Processes(environment, tmp_path, database)
    yield running
    running.end()


@pytest.fixture
def publisher(broker_url: str) -> Iterator[Publisher]:
    publisher = Publisher(broker_url)
    yield publisher
    publisher.close()


def finished(row: JobRow) -> bool:
    return row.status == "succeeded"


def test_a_published_job_runs_and_the_worker_leaves_in_good_order(processes: Processes, publisher: Publisher):
    worker = processes.start(WORKER)
    first = processes.add(steps=3)  # nobody publishes it: the worker asks at its start
    processes.wait(first, finished)
    second = processes.add(steps=3)
    publisher.publish(second)
    processes.wait(second, finished, seconds=10)  # long before the watchman's minute is over
    processes.wait_for_metric("worker", 'gradus_worker_slots{state="free"} 1.0')
    text = processes.metrics("worker")
    assert 'gradus_job_claims_total{result="won"} 2.0' in text
    assert "gradus_worker_up{" in text
    with processes.database.begin() as cx:
        assert len(list_workers(cx)) == 1
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=15) == 0
    with processes.database.begin() as cx:
        assert list_workers(cx) == []


def test_sigterm_gives_the_running_job_back_with_a_checkpoint(processes: Processes):
    worker = processes.start(WORKER)
    job_id = processes.add(steps=2000, seconds_a_step=0.05, checkpoint_every=10_000)
    processes.wait(job_id, lambda row: row.step >= 3)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0
    row = processes.wait(job_id, lambda row: row.status == "queued", seconds=5)
    assert row.last_checkpoint is not None
    assert row.attempt == row.attempt_base == 1


def test_a_killed_worker_takes_its_children_along_and_another_one_finishes_the_job(processes: Processes):
    worker = processes.start(WORKER)
    processes.start(SWEEPER)
    job_id = processes.add(steps=60, seconds_a_step=0.05, checkpoint_every=10)
    processes.wait(job_id, lambda row: row.step >= 12)
    children = children_of(worker.pid)
    worker.kill()
    worker.wait()
    processes.start(WORKER, GRADUS_WORKER_METRICS_PORT=str(free_ports()))
    row = processes.wait(job_id, finished, seconds=40)
    assert row.attempt == 2
    assert [pid for pid in children if alive(pid)] == []
    assert "gradus_job_leases_expired_total 1.0" in processes.metrics("sweeper")


def test_a_flushed_broker_loses_no_job(processes: Processes, publisher: Publisher, valkey: EmbeddedValkey):
    jobs = [processes.add(steps=2) for _ in range(3)]
    for job_id in jobs:
        publisher.publish(job_id)
    client = redis.Redis.from_url(valkey.client_url)
    client.flushall()
    client.close()
    processes.start(SWEEPER)
    processes.start(WORKER)
    for job_id in jobs:
        processes.wait(job_id, finished)


def test_without_any_broker_the_worker_asks_the_database(processes: Processes, tmp_path: Path):
    dead = f"redis+socket://{tmp_path}/none.sock?virtual_host=0"
    worker = processes.start(WORKER, GRADUS_BROKER_URL=dead, GRADUS_REPUBLISH_SECONDS="1")
    for _ in range(2):
        processes.wait(processes.add(steps=2), finished)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) is not None


@pytest.mark.parametrize("missing", ["GRADUS_DATABASE_URL", "GRADUS_BROKER_URL"])
def test_a_worker_that_lacks_a_server_says_which_setting_and_ends(processes: Processes, missing: str):
    worker = processes.start(WORKER, **{missing: ""})
    assert worker.wait(timeout=20) == 1
    assert missing in processes.logs()
