"""Range tests over HTTP, on a real Postgres: asking, following, reading, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.db.curves import PointColumns
from shared.db.engine import Database
from shared.db.job_leases import Claim
from shared.db.job_writes import Progress, commit_progress, finish_range_test
from shared.db.jobs import get_job
from shared.range_test import rates
from shared.schedules import ANY_OPTIMIZER, ScheduleSpec, resolve
from shared.specs.ids import new_uuid, parse_id
from tests.support.rows import LEASE_SECONDS, a_checkpoint, add_dataset, add_job, claim_one
from tests.support.sweeping import SWEEPS, sweep_body
from tests.support.training import job_body, ready_dataset, running_job

TESTS = "/v1/lr_range_tests"


def body(dataset: str, *, job: Mapping[str, object] | None = None, **changes: object) -> dict[str, Any]:
    """Return the body of a range test: a job's without its schedule."""
    training = {key: value for key, value in job_body(dataset).items() if key != "schedule"}
    return {"job": {**training, **(job or {})}, "smoothing": 0.0, "steps": 100, **changes}


def losses(count: int = 100) -> list[float]:
    """Return 2 that falls to 1 between 1e-4 and 1e-2, rests there, and leaves it at 1e-1 to reach 5.2."""
    found = []
    for rate in rates(1e-5, 10.0, steps=100)[:count]:
        x = math.log10(rate)
        found.append(max(1.0, min(2.0, 2.0 - (x + 4) / 2)) + max(0.0, 10.0 * (x + 1)))
    return [loss for i, loss in enumerate(found) if i == 0 or found[i - 1] <= 4.0]


@dataclass(frozen=True)
class RunningTest:
    """A range test asked for over HTTP, and claimed as a worker would."""

    database: Database
    id: str
    claim: Claim

    def write(self, loss: list[float], *, ends: bool = False) -> None:
        """Write the first points, and end the test well."""
        count = len(loss)
        tried = rates(1e-5, 10.0, steps=100)[:count]
        points = PointColumns(steps=list(range(count)), lr=tried, loss=loss)
        progress, held = Progress(step=count, epoch=0, points=points), self.claim
        with self.database.begin() as cx:
            if ends:
                finish_range_test(cx, job_id=held.job_id, fence=held.fence, progress=progress)
            else:
                commit_progress(
                    cx, job_id=held.job_id, fence=held.fence, lease_seconds=LEASE_SECONDS, progress=progress
                )


@pytest.fixture
def running(client: httpx.Client, database: Database) -> RunningTest:
    answer = client.post(TESTS, json=body(ready_dataset(database)))
    assert answer.status_code == 202, answer.text
    with database.begin() as cx:
        return RunningTest(database, answer.json()["id"], claim_one(cx))


def read(client: httpx.Client, test: RunningTest) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{TESTS}/{test.id}").json()
    return found


def test_a_test_is_accepted_with_its_defaults(client: httpx.Client, database: Database) -> None:
    dataset = ready_dataset(database)
    answer = client.post(TESTS, json=body(dataset))
    test = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{TESTS}/{test['id']}"
    assert test["id"].startswith("lrt_")
    assert (test["status"], test["step"], test["total_steps"]) == ("queued", 0, 100)
    assert test["steps_per_epoch"] == 4  # of the training: 32 rows by 8
    assert (test["dataset"], test["model"]) == (dataset, "films")
    spec = test["spec"]
    assert (spec["lo"], spec["hi"], spec["stop_at"], spec["spacing"]) == (1e-5, 10.0, 4.0, "exponential")


def test_a_test_is_claimed_before_the_jobs_that_came_earlier_and_those_of_a_sweep_last(
    client: httpx.Client, database: Database
) -> None:
    dataset = ready_dataset(database)
    assert client.post(SWEEPS, json=sweep_body(dataset)).status_code == 202
    assert client.post("/v1/training_jobs", json=job_body(dataset)).status_code == 202
    assert client.post(TESTS, json=body(dataset)).status_code == 202
    with database.begin() as cx:
        claimed = [get_job(cx, job_id=claim_one(cx).job_id) for _ in range(3)]
    assert [(row.kind, row.sweep_label) for row in claimed] == [
        ("lr_range_test", None),
        ("recommend", None),
        ("recommend", "constant"),
    ]


def test_a_waiting_test_has_no_curve_yet(client: httpx.Client, running: RunningTest) -> None:
    test = read(client, running)
    assert (test["status"], test["steps"], test["smoothed"], test["suggestions"]) == ("running", [], [], [])
    assert (test["advice"], test["diverged_at"]) == (None, None)


def test_its_curve_grows_while_it_runs_and_suggests_nothing_yet(
    client: httpx.Client, running: RunningTest
) -> None:
    running.write(losses(40))
    test = read(client, running)
    assert (test["status"], test["step"], len(test["loss"])) == ("running", 40, 40)
    assert test["smoothed"] == test["loss"] == losses(40)
    assert (test["suggestions"], test["advice"]) == ([], None)


def test_a_finished_test_suggests_a_rate_for_every_role(client: httpx.Client, running: RunningTest) -> None:
    """The middle of the bottom is 10^-1.65: a peak may be 1.2 times as high, a constant half of it."""
    running.write(losses(), ends=True)
    test = read(client, running)
    by_role = {one["role"]: one["lr"] for one in test["suggestions"]}
    assert test["status"] == "succeeded"
    assert test["diverged_at"] == test["lr"][-1]
    assert by_role["peak"] == pytest.approx(1.2 * 10**-1.65, rel=0.15)
    assert by_role["constant"] == pytest.approx(by_role["peak"] / 2.4, rel=0.05)
    assert {"one_cycle_max", "cyclic_max", "cyclic_base", "cautious"} < by_role.keys()
    assert test["landmarks"]["bottom"] == pytest.approx(by_role["peak"] / 1.2, rel=0.05)


def test_its_schedules_start_as_they_are(
    client: httpx.Client, database: Database, running: RunningTest
) -> None:
    running.write(losses(), ends=True)
    test = read(client, running)
    job = test["spec"]["job"]
    assert [one["role"] for one in test["schedules"]][:2] == ["peak", "one_cycle_max"]
    for one in test["schedules"]:
        plan = ScheduleSpec.parse(one["schedule"])
        resolve(plan, total_steps=100, steps_per_epoch=4, optimizer=ANY_OPTIMIZER)
        answer = client.post("/v1/training_jobs", json={**job, "schedule": one["schedule"]})
        assert answer.status_code == 202, answer.text


def test_a_last_loss_that_is_no_number_is_null(client: httpx.Client, running: RunningTest) -> None:
    running.write([*losses(70), math.nan], ends=True)
    test = read(client, running)
    assert (test["loss"][-1], test["smoothed"][-1]) == (None, None)
    assert len(test["smoothed"]) == len(test["loss"])
    assert test["diverged_at"] == test["lr"][-1]


def test_a_curve_that_tells_nothing_says_what_to_change(client: httpx.Client, running: RunningTest) -> None:
    running.write([1.0] * 100, ends=True)
    test = read(client, running)
    assert (test["suggestions"], test["schedules"], test["landmarks"]) == ([], [], None)
    assert "raise hi" in test["advice"]


@pytest.mark.parametrize(("form", "start"), [("image/svg+xml", b"<svg"), ("image/png", b"\x89PNG")])
def test_it_can_be_drawn(client: httpx.Client, running: RunningTest, form: str, start: bytes) -> None:
    for count, ends in ((0, False), (30, False), (100, True)):
        running.write(losses(count), ends=ends)
        answer = client.get(f"{TESTS}/{running.id}", headers={"Accept": form})
        assert (answer.status_code, answer.headers["content-type"]) == (200, form)
        assert answer.content.startswith(start)


def test_its_chart_has_a_logarithmic_axis_and_marks_the_suggestions(
    client: httpx.Client, running: RunningTest
) -> None:
    running.write(losses(), ends=True)
    drawn = client.get(f"{TESTS}/{running.id}", headers={"Accept": "image/svg+xml"}).text
    for label in ("1e-05", "0.001", "0.1", "peak 0.0", "constant 0.0", "learning rate"):
        assert label in drawn


def test_tests_are_listed_newest_first_and_no_training_job_is_among_them(
    client: httpx.Client, database: Database
) -> None:
    dataset = ready_dataset(database)
    made = [client.post(TESTS, json=body(dataset)).json()["id"] for _ in range(3)]
    client.post("/v1/training_jobs", json=job_body(dataset))
    first = client.get(TESTS, params={"limit": 2}).json()
    rest = client.get(TESTS, params={"limit": 2, "after": first["data"][-1]["id"]}).json()
    assert [t["id"] for t in first["data"] + rest["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert len(client.get("/v1/training_jobs").json()["data"]) == 1


def test_a_waiting_test_is_cancelled_at_once_and_a_running_one_asked_to_end(
    client: httpx.Client, database: Database, running: RunningTest
) -> None:
    waiting = client.post(TESTS, json=body(ready_dataset(database))).json()["id"]
    assert client.post(f"{TESTS}/{waiting}/cancel").json()["status"] == "cancelled"
    assert client.post(f"{TESTS}/{running.id}/cancel").json()["status"] == "cancelling"


def test_a_training_job_is_no_range_test(client: httpx.Client, database: Database) -> None:
    job = running_job(client, database)
    alias = f"lrt_{parse_id('job', job.id)}"
    assert client.get(f"{TESTS}/{alias}").json()["code"] == "range_test_not_found"
    assert client.post(f"{TESTS}/{alias}/cancel").status_code == 404


@pytest.mark.parametrize("kind", ["lr_range_test", "ingest"])
@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("GET", "", None),
        ("GET", "/curve", None),
        ("GET", "/curve/stream", None),
        ("GET", "/gradients", None),
        ("GET", "/events", None),
        ("GET", "/report", None),
        ("GET", "/checkpoints", None),
        ("GET", "/lr_events", None),
        ("POST", "/lr_events", {"scale": 0.5, "reason": "the loss swings"}),
        ("POST", "/cancel", None),
        ("POST", "/pause", None),
        ("POST", "/resume", None),
        ("POST", "/fork", {"checkpoint": "last"}),
    ],
)
def test_what_trains_no_model_is_no_training_job(
    client: httpx.Client, database: Database, kind: str, method: str, path: str, sent: dict[str, str] | None
) -> None:
    with database.begin() as cx:
        dataset_id = add_dataset(cx)
        made = add_job(cx, kind=kind, dataset_id=dataset_id, resolved_schedule=None)
    answer = client.request(method, f"/v1/training_jobs/job_{made.id}{path}", json=sent)
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    with database.begin() as cx:
        assert get_job(cx, job_id=made.id) == made


def test_the_same_request_twice_makes_one_test(client: httpx.Client, database: Database) -> None:
    asked, key = body(ready_dataset(database)), {"Idempotency-Key": "once"}
    first, second = (client.post(TESTS, json=asked, headers=key) for _ in range(2))
    assert first.json() == second.json()
    other = client.post(TESTS, json={**asked, "steps": 50}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("job", "changes", "loc"),
    [
        ({}, {"lo": 1.0, "hi": 1.0}, ["hi"]),
        ({}, {"lo": 0.0}, ["lo"]),
        ({}, {"steps": 19}, ["steps"]),
        ({}, {"smoothing": 1.0}, ["smoothing"]),
        ({}, {"stop_at": 1.0}, ["stop_at"]),
        ({}, {"spacing": "random"}, ["spacing"]),
        ({}, {"checkpoint": f"ckpt_{new_uuid()}"}, ["checkpoint"]),
        ({"optimizer": {"name": "prodigy"}}, {}, ["job", "optimizer"]),
        ({"optimizer": {"name": "schedule_free_adamw"}}, {}, ["job", "optimizer"]),
        ({"net": {"name": "mlp"}}, {}, ["job", "net"]),
        ({"dataset": f"ds_{new_uuid()}"}, {}, ["job", "dataset"]),
        ({"task": {"name": "recommend", "feedback": "explicit"}}, {}, ["job", "task", "feedback"]),
        ({"schedule": {"name": "constant", "base_lr": 0.1}}, {}, ["job", "schedule"]),
    ],
)
def test_what_cannot_be_run_is_refused_in_its_place(
    client: httpx.Client,
    database: Database,
    job: dict[str, object],
    changes: dict[str, object],
    loc: list[str],
) -> None:
    answer = client.post(TESTS, json=body(ready_dataset(database), job=job, **changes))
    assert answer.status_code == 422, answer.text
    assert loc in [e["loc"] for e in answer.json()["errors"]]
    assert client.get(TESTS).json()["data"] == []


def test_weights_of_a_fitting_checkpoint_are_taken_and_others_refused(
    client: httpx.Client, database: Database
) -> None:
    dataset = ready_dataset(database)
    job = running_job(client, database, dataset=dataset)
    job.progress(0, 4, checkpoint=a_checkpoint(4))
    held = client.get(f"/v1/training_jobs/{job.id}/checkpoints").json()["data"][0]["id"]
    assert client.post(TESTS, json=body(dataset, checkpoint=held)).status_code == 202
    other_net = {"net": {"name": "mf", "embedding_dim": 8}}
    for asked in (
        body(dataset, job=other_net, checkpoint=held),
        body(ready_dataset(database), checkpoint=held),
    ):
        answer = client.post(TESTS, json=asked)
        assert [e["loc"] for e in answer.json()["errors"]] == [["checkpoint"]], answer.text


def test_an_explosion_does_not_press_the_rest_of_the_chart_into_a_line(
    client: httpx.Client, running: RunningTest
) -> None:
    """The loss falls from 2 to 1 and ends at 5: drawn is what lies below 2.6, and where it diverged."""
    running.write(losses(), ends=True)
    drawn = client.get(f"{TESTS}/{running.id}", headers={"Accept": "image/svg+xml"}).text
    ticks = re.findall(r'text-anchor="end"[^>]*>([\d.]+)<', drawn)
    assert max(map(float, ticks)) <= 3.0
    assert "diverged" in drawn
