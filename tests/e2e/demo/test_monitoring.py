"""Every question of the dashboard and of the alerts, put to a Prometheus that watches a real installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

from deploy.dashboard import dashboard
from tests.e2e.demo.conftest import DemoRun
from tests.support.installation import ROOT
from tests.support.ports import free_ports

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
PROMETHEUS = shutil.which("prometheus") or os.environ.get("GRADUS_PROMETHEUS", "")
QUERIES = [
    (panel["title"], target["expr"]) for panel in dashboard()["panels"] for target in panel.get("targets", ())
]
ALERTS = [
    (rule["alert"], rule["expr"])
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PROMETHEUS, reason="prometheus is neither on the path nor named by GRADUS_PROMETHEUS"
    ),
]


@pytest.fixture(scope="module")
def prometheus(demo: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus with our rules that has watched the demo's processes for a few seconds."""
    folder = tmp_path_factory.mktemp("prometheus")
    port = free_ports(1)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings(demo)))
    command = [PROMETHEUS, "--config.file=prometheus.yml", "--storage.tsdb.path=kept"]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"],
            cwd=folder,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            wait_for_three_targets(client, process, folder)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)


def settings(demo: DemoRun) -> dict[str, Any]:
    """The shipped settings, pointed at this machine and scraping every second."""
    shipped = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
    names = {job["job_name"]: offset for offset, job in enumerate(shipped["scrape_configs"])}
    assert names == {"gradus-gateway": 0, "gradus-worker": 1, "gradus-sweeper": 2}
    jobs: list[dict[str, Any]] = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{demo.port + offset}"]}]}
        for name, offset in names.items()
    ]
    jobs[0]["authorization"] = {"credentials_file": str(demo.home / "admin.key")}
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": jobs,
    }


def wait_for_three_targets(client: httpx.Client, process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        assert process.poll() is None, (folder / "out").read_text()
        try:
            if len(ask(client, "count_over_time(up[30s]) >= 4 and up == 1")) == 3:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(client.get("/api/v1/targets").text)


def ask(client: httpx.Client, query: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/query", params={"query": query})
    assert answer.status_code in {200, 503}, f"{query}: {answer.text}"
    return list(answer.json()["data"]["result"]) if answer.status_code == 200 else []


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[f"{t}-{i}" for i, (t, _) in enumerate(QUERIES)])
def test_a_question_of_the_dashboard_has_an_answer(prometheus: httpx.Client, title: str, query: str) -> None:
    assert ask(prometheus, query.replace("$__rate_interval", "20s")), f"{title}: nothing answers {query}"


@pytest.mark.parametrize(("name", "query"), ALERTS, ids=[name for name, _ in ALERTS])
def test_an_alert_asks_for_metrics_that_exist(prometheus: httpx.Client, name: str, query: str) -> None:
    ask(prometheus, query)
    wanted = set(re.findall(r"(?:route:)?\bgradus[_:][a-zA-Z0-9_:]+", query))
    known = set(prometheus.get("/api/v1/label/__name__/values").json()["data"])
    assert wanted <= known, name


def test_no_alert_fires_on_a_healthy_installation(prometheus: httpx.Client) -> None:
    alerts = prometheus.get("/api/v1/alerts").json()["data"]["alerts"]
    assert [alert["labels"] for alert in alerts if alert["state"] == "firing"] == []


def test_no_series_is_labelled_with_a_person_a_job_or_a_request(prometheus: httpx.Client) -> None:
    series = prometheus.get("/api/v1/series", params={"match[]": '{__name__=~"gradus.*"}'}).json()["data"]
    assert len(series) > 100
    assert not {name for one in series for name in one} & {"user", "item", "job_id", "request_id", "key"}
