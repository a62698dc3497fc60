"""Probes, metrics and the way in."""

from __future__ import annotations

import httpx

from services.api.readiness import DatabaseCollector
from shared.db.engine import Database
from shared.db.heartbeats import Heartbeat, beat
from tests.support.gateway import Gateway
from tests.support.rows import add_job


def test_a_live_process_says_so_without_a_key(gateway: Gateway) -> None:
    assert httpx.get(f"{gateway.url}/livez").json() == {"live": True}


def test_a_gateway_with_database_keys_and_aliases_is_ready(gateway: Gateway) -> None:
    answer = httpx.get(f"{gateway.url}/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": True, "migrated": True, "keys": True, "aliases": True}


def test_the_page_about_the_api_names_every_path_and_runs_nothing(gateway: Gateway) -> None:
    page = httpx.get(f"{gateway.url}/docs")
    assert all(path in page.text for path in gateway.app.openapi()["paths"])
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in page.text


def test_the_dashboard_may_run_its_own_files_only(gateway: Gateway) -> None:
    page = httpx.get(f"{gateway.url}/")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert httpx.get(f"{gateway.url}/static/nothing.js").status_code == 404
    assert httpx.get(f"{gateway.url}/static/%2e%2e/__init__.py").status_code == 404


def test_jobs_on_record_are_counted_by_status_and_kind(database: Database) -> None:
    with database.begin() as cx:
        add_job(cx)
        add_job(cx)
    read = {
        (sample.name, *sample.labels.values()): sample.value
        for family in DatabaseCollector(database).collect()
        for sample in family.samples
    }
    assert read["gradus_jobs", "queued", "recommend"] == 2
    assert read["gradus_jobs", "failed", "diagnose"] == 0
    assert read["gradus_oldest_queued_job_age_seconds",] > 0
    assert read["gradus_db_up",] == 1


def test_workers_are_shown_as_they_were_last_heard(client: httpx.Client, database: Database) -> None:
    heard = Heartbeat(worker_id="w-1", hostname="host", device="cpu", slots=2, busy=1)
    with database.begin() as cx:
        beat(cx, heartbeat=heard)
    (shown,) = client.get("/v1/workers").json()["data"]
    assert (shown["worker"], shown["slots"], shown["busy"]) == ("w-1", 2, 1)
