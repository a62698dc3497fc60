"""The gateway as the process that `python -m services.api` starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shared.db.engine import Database
from shared.db.keys import NewKey, create_key
from shared.db.tokens import new_token, token_digest
from shared.specs.ids import new_uuid
from tests.support.gateway import ALL_SCOPES, SECRET
from tests.support.patience import until
from tests.support.ports import free_ports
from tests.support.training import running_job

ROOT = Path(__file__).parents[3]
MAX_RESIDENT_MIB = 143
"""150 MB."""


@dataclass(frozen=True)
class Running:
    """A gateway process with a client of it."""

    process: subprocess.Popen[str]
    client: httpx.Client


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def gateway_process(database_url: str, database: Database, tmp_path: Path) -> Iterator[Running]:
    """A gateway as a process of its own, ready, with a key of every scope."""
    token, port = new_token(), free_ports()
    digest = token_digest(token.text, secret=SECRET.encode())
    with database.begin() as cx:
        create_key(cx, new=NewKey(id=new_uuid(), kid=token.kid, name="x", scopes=ALL_SCOPES, digest=digest))
    environment = {
        **os.environ,
        "GRADUS_HOME": str(tmp_path),
        "GRADUS_DATABASE_URL": database_url,
        "GRADUS_SECRET_KEY": SECRET,
        "GRADUS_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "services.api"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    headers = {"Authorization": f"Bearer {token.text}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client, process:
        try:
            until(lambda: answers(client), seconds=60)
            yield Running(process, client)
        finally:
            process.kill()


@pytest.fixture
def running(database_url: str, database: Database, tmp_path: Path) -> Iterator[Running]:
    with gateway_process(database_url, database, tmp_path) as started:
        yield started


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_it_is_small_without_a_model_and_ends_in_good_order(running: Running, database: Database) -> None:
    client, process = running.client, running.process
    job = running_job(client, database)
    job.progress(0, 10)
    assert resident_mib(process.pid) <= MAX_RESIDENT_MIB
    with client.stream("GET", f"/v1/training_jobs/{job.id}/curve/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: status"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=8) == 0
    assert process.stdout is not None
    logged = [json.loads(line) for line in process.stdout.read().splitlines()]
    created = next(line for line in logged if line["event"] == "job_created")
    assert created["service"] == "gateway"
    assert created["job_id"] == str(job.uuid)
    assert created["request_id"]
    assert not any(SECRET in json.dumps(line) for line in logged)


def test_it_does_not_start_without_a_database(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "GRADUS_HOME": str(tmp_path),
        "GRADUS_SECRET_KEY": SECRET,
        "GRADUS_DATABASE_URL": "",
    }
    command = [sys.executable, "-m", "services.api"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "GRADUS_DATABASE_URL" in done.stderr
