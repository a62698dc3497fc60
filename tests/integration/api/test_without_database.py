"""A gateway whose Postgres refuses, falls silent, or comes back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from migrations.upgrade import upgrade_to_head
from services.api.main import create_app
from services.standalone.postgres import EmbeddedPostgres
from shared.db.engine import Database
from shared.specs.ids import new_uuid, public_id
from tests.integration.api.test_predictions import RECORD, publish
from tests.integration.api.test_process import gateway_process
from tests.support.gateway import Gateway, gateway_settings, serving
from tests.support.packages import tiny_diagnosis
from tests.support.patience import until
from tests.support.processes import children_of

PATHS = ("/v1/training_jobs", "/v1/datasets", "/v1/models", "/v1/keys", "/v1/workers", "/readyz")


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A migrated server of this test alone, to be stopped and stunned."""
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    upgrade_to_head(server.url)
    yield server
    server.stop()


@pytest.fixture
def served(own_postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on that server, with a model in memory."""
    database = Database(own_postgres.url, application_name="gradus-tests")
    app = create_app(gateway_settings(own_postgres.url, tmp_path, key_poll_seconds=0.2))
    with serving(app) as url:
        yield Gateway(url, app, database)
    database.dispose()


@pytest.fixture
def own_client(served: Gateway) -> Iterator[httpx.Client]:
    """A client of that gateway with every scope."""
    with served.client() as client:
        yield client


def asked(client: httpx.Client, path: str) -> tuple[httpx.Response, float]:
    start = time.monotonic()
    return client.get(path), time.monotonic() - start


@contextmanager
def stunned(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Let the server keep its connections and say nothing."""
    told: list[int] = []
    try:
        for pid in (postgres.pid, *children_of(postgres.pid)):
            with suppress(ProcessLookupError):  # a connection's process may have ended
                os.kill(pid, signal.SIGSTOP)
                told.append(pid)
        yield
    finally:
        for pid in told:
            os.kill(pid, signal.SIGCONT)


def test_without_postgres_only_predictions_go_on_and_it_recovers(
    served: Gateway, own_client: httpx.Client, own_postgres: EmbeddedPostgres
) -> None:
    client = own_client
    publish(served.database, model="wards", task="diagnose", package=tiny_diagnosis())
    before = client.post("/v1/models/wards/diagnose", json=RECORD).json()
    own_postgres.stop()
    for path in PATHS:
        answer, seconds = asked(client, path)
        assert answer.status_code == 503
        assert seconds < 5
    problem = client.get("/v1/models")
    assert (problem.headers["content-type"], problem.json()["code"]) == (
        "application/problem+json",
        "unavailable",
    )
    assert int(problem.headers["retry-after"]) >= 1
    assert client.post("/v1/models/wards/diagnose", json=RECORD).json() == before
    assert client.get("/livez").status_code == 200
    assert "gradus_db_up 0.0" in client.get("/metrics").text
    own_postgres.start()
    until(lambda: client.get("/readyz").status_code == 200)
    assert client.get("/v1/models").status_code == 200


def test_a_postgres_that_falls_silent_holds_nobody_for_long(
    served: Gateway, own_client: httpx.Client, own_postgres: EmbeddedPostgres
) -> None:
    client = own_client
    publish(served.database, model="wards", task="diagnose", package=tiny_diagnosis())
    before = client.post("/v1/models/wards/diagnose", json=RECORD).json()
    stream = f"/v1/training_jobs/{public_id('job', new_uuid())}/curve/stream"
    with stunned(own_postgres):
        for path in ("/v1/training_jobs", "/readyz", stream):
            answer, seconds = asked(client, path)
            assert answer.status_code == 503
            assert seconds < 5
        assert client.post("/v1/models/wards/diagnose", json=RECORD).json() == before
        start = time.monotonic()
        parts: dict[str, tuple[str | None, str]] = {
            "spec": (None, '{"name": "films", "kind": "interactions"}'),
            "file": ("ratings.csv", "user,item"),
        }
        assert client.post("/v1/datasets", files=parts).status_code == 503
        assert time.monotonic() - start < 5
        start = time.monotonic()
        unknown = client.post("/v1/models/another/diagnose", json=RECORD)
        assert (unknown.status_code, unknown.json()["code"]) == (503, "model_loading")
        assert time.monotonic() - start < 5
    until(lambda: client.get("/readyz").status_code == 200)
    assert client.get("/v1/training_jobs").status_code == 200


def test_a_silent_postgres_does_not_keep_a_gateway_from_ending(
    own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    database = Database(own_postgres.url, application_name="gradus-tests")
    with gateway_process(own_postgres.url, database, tmp_path) as running, stunned(own_postgres):
        assert running.client.get("/v1/training_jobs").status_code == 503
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=20) == 0
    database.dispose()


def test_a_gateway_started_before_its_postgres_is_live_and_not_ready(
    own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    own_postgres.stop()
    app = create_app(gateway_settings(own_postgres.url, tmp_path, key_poll_seconds=0.2))
    with serving(app) as url:
        assert httpx.get(f"{url}/livez").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 503
        own_postgres.start()
        until(lambda: httpx.get(f"{url}/readyz").status_code == 200)


def test_a_database_that_was_never_migrated_is_not_ready(empty_database_url: str, tmp_path: Path) -> None:
    app = create_app(gateway_settings(empty_database_url, tmp_path))
    with serving(app) as url:
        answer = httpx.get(f"{url}/readyz")
        assert (answer.status_code, answer.json()["migrated"]) == (503, False)
