"""Scaling a job's rate over HTTP, and what its curve shows of it."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from shared.db.curves import PointColumns
from shared.db.engine import Database
from shared.db.job_leases import requeue
from shared.db.lr_events import NewLrEvent
from shared.schedules import ResolvedSchedule
from tests.support.rows import claim_one
from tests.support.training import TrainedJob, running_job

HALF = {"scale": 0.5, "reason": "the loss swings"}


@pytest.fixture
def job(client: httpx.Client, database: Database) -> TrainedJob:
    """A running job of 100 steps under a cosine from 0.1 to 0, 4 steps an epoch; nothing is written yet."""
    return running_job(client, database)


def path(job: TrainedJob) -> str:
    return f"/v1/training_jobs/{job.id}/lr_events"


def plan_of(client: httpx.Client, job: TrainedJob) -> ResolvedSchedule:
    answer = client.get(f"/v1/training_jobs/{job.id}").json()
    return ResolvedSchedule.model_validate(answer["resolved_schedule"])


def points(job: TrainedJob, first: int, rates: list[float]) -> PointColumns:
    steps = list(range(first, first + len(rates)))
    return PointColumns(steps=steps, lr=rates, loss=[1.0] * len(steps))


def drifts(client: httpx.Client) -> float:
    exposed = client.get("/metrics").text.splitlines()
    return float(next(line for line in exposed if line.startswith("gradus_lr_drifts_total")).split()[-1])


def test_a_request_waits_and_is_then_applied(client: httpx.Client, job: TrainedJob):
    answer = client.post(path(job), json=HALF)
    assert (answer.status_code, answer.headers["location"]) == (202, path(job))
    asked = answer.json()
    assert asked["id"].startswith("lre_")
    assert (asked["status"], asked["scale"], asked["reason"]) == ("pending", 0.5, "the loss swings")
    assert (asked["step"], asked["m_before"], asked["m_after"]) == (None, None, None)
    job.progress(0, 10, takes_requests=True)
    listed = client.get(path(job)).json()
    (request,), (event,) = listed["requests"], listed["events"]
    assert {**asked, "status": "applied", "step": 10, "m_before": 1.0, "m_after": 0.5} == request
    assert (event["seq"], event["step"], event["cause"], event["actor"]) == (1, 10, "manual", asked["actor"])


def test_the_key_that_asked_is_on_record(client: httpx.Client, database: Database, job: TrainedJob):
    kid = client.get("/v1/keys").json()["data"][0]["kid"]
    assert client.post(path(job), json=HALF).json()["actor"] == kid
    with database.begin() as cx:
        assert cx.execute(text("SELECT actor, reason FROM lr_request")).all() == [(kid, "the loss swings")]


def test_the_same_idempotency_key_asks_once(client: httpx.Client, job: TrainedJob):
    key = {"Idempotency-Key": "once"}
    first = client.post(path(job), json=HALF, headers=key).json()
    assert client.post(path(job), json=HALF, headers=key).json() == first
    other = client.post(path(job), json={**HALF, "scale": 0.25}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(client.get(path(job)).json()["requests"]) == 1


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"scale": 0.0, "reason": "r"}, "scale"),
        ({"scale": -1.0, "reason": "r"}, "scale"),
        ({"scale": 1e9, "reason": "r"}, "scale"),
        ({"scale": "0.5", "reason": "r"}, "scale"),
        ({"scale": 0.5}, "reason"),
        ({"scale": 0.5, "reason": ""}, "reason"),
        ({"scale": 0.5, "reason": "x" * 501}, "reason"),
        ({"scale": 0.5, "reason": "r", "step": 3}, "step"),
    ],
)
def test_a_body_that_cannot_be_is_refused_in_its_place(
    client: httpx.Client, job: TrainedJob, body: dict[str, object], loc: str
) -> None:
    answer = client.post(path(job), json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][-1] == loc


def test_a_text_that_cannot_be_stored_is_refused(client: httpx.Client, job: TrainedJob):
    answer = client.post(path(job), json={"scale": 0.5, "reason": "a\x00b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "nul_character")


def test_a_job_that_has_ended_takes_no_request_and_lets_its_own_lapse(client: httpx.Client, job: TrainedJob):
    client.post(path(job), json=HALF)
    job.finish(20)
    answer = client.post(path(job), json=HALF)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_state")
    assert [r["status"] for r in client.get(path(job)).json()["requests"]] == ["lapsed"]


def test_the_curve_shows_the_rate_as_planned_with_the_events(client: httpx.Client, job: TrainedJob):
    plan = plan_of(client, job)
    client.post(path(job), json=HALF)
    job.progress(0, 8, points=points(job, 0, [plan.lr(t) for t in range(8)]), takes_requests=True)
    cut = NewLrEvent(
        seq=2, step=12, cause="plateau", m_before=0.5, m_after=0.05, reason="val_loss is 2, best 1"
    )
    job.progress(8, 12, points=points(job, 8, [0.5 * plan.lr(t) for t in range(8, 12)]), lr_events=[cut])
    job.progress(12, 20, points=points(job, 12, [0.05 * plan.lr(t) for t in range(12, 20)]))
    curve = client.get(f"/v1/training_jobs/{job.id}/curve").json()
    assert curve["planned_lr"] == curve["lr"]
    assert curve["lr_drift"] is None
    assert [(e["step"], e["cause"], e["m_after"]) for e in curve["lr_events"]] == [
        (8, "manual", 0.5),
        (12, "plateau", 0.05),
    ]
    drawn = dict(zip(curve["plan"]["steps"], curve["plan"]["lr"], strict=True))
    assert (drawn[7], drawn[8]) == (plan.lr(7), 0.5 * plan.lr(8))
    assert (drawn[11], drawn[12], drawn[99]) == (0.5 * plan.lr(11), 0.05 * plan.lr(12), 0.05 * plan.lr(99))


def drift_of(client: httpx.Client, job: TrainedJob, **part: int) -> int | None:
    answer = client.get(f"/v1/training_jobs/{job.id}/curve", params=part)
    drift: int | None = answer.json()["lr_drift"]
    return drift


def test_a_rate_off_its_plan_is_told_with_its_first_step_and_counted_once(
    client: httpx.Client, job: TrainedJob
):
    plan = plan_of(client, job)
    rates = [plan.lr(t) for t in range(60)]
    rates[41] *= 1 + 1e-10  # a rounding, were there any
    rates[42] *= 1 + 1e-8
    job.progress(0, 40, points=points(job, 0, rates[:40]))
    before = drifts(client)
    assert drift_of(client, job) is None
    job.progress(40, 60, points=points(job, 40, rates[40:]))
    assert drift_of(client, job, points=10) == 42
    assert drift_of(client, job) == 42
    assert drift_of(client, job, **{"from": 43}) is None
    assert drifts(client) == before + 1


def test_steps_at_their_planned_rate_are_not_looked_at_again_by_later_reads(
    client: httpx.Client, job: TrainedJob
):
    plan = plan_of(client, job)
    rates = [plan.lr(t) for t in range(60)]
    job.progress(0, 60, points=points(job, 0, rates))
    assert drift_of(client, job, **{"from": 30}) is None
    # Nothing before step 30 has been looked at, so what stands there is.
    job.progress(0, 60, points=points(job, 0, [0.7, *rates[1:]]))
    assert drift_of(client, job) == 0
    job.progress(0, 60, points=points(job, 0, rates))
    assert drift_of(client, job) is None
    job.progress(0, 60, points=points(job, 0, [0.7, *rates[1:]]))
    assert drift_of(client, job) is None
    job.progress(60, 62, points=points(job, 60, [plan.lr(60), 0.7]))
    assert drift_of(client, job) == 61


def test_another_attempt_is_looked_at_from_its_first_step(
    client: httpx.Client, database: Database, job: TrainedJob
):
    plan = plan_of(client, job)
    rates = [plan.lr(t) for t in range(60)]
    job.progress(0, 60, points=points(job, 0, rates))
    assert drift_of(client, job) is None
    with database.begin() as cx:
        requeue(cx, job_id=job.uuid, fence=job.claim.fence, cause="died")
        again = TrainedJob(database, job.id, claim_one(cx))
    again.progress(0, 60, points=points(job, 0, [*rates[:20], 0.7, *rates[21:]]))
    assert drift_of(client, job) == 20


@pytest.mark.parametrize(("step", "drift"), [(30, 30), (60, None)])
def test_an_event_leaves_what_was_looked_at_before_its_step(
    client: httpx.Client, job: TrainedJob, step: int, drift: int | None
):
    plan = plan_of(client, job)
    rates = [plan.lr(t) for t in range(60)]
    job.progress(0, 60, points=points(job, 0, rates))
    assert drift_of(client, job) is None
    cut = NewLrEvent(seq=1, step=step, cause="plateau", m_before=1.0, m_after=0.5, reason="no better")
    job.progress(60, 61, points=points(job, 60, [0.5 * plan.lr(60)]), lr_events=[cut])
    assert drift_of(client, job) == drift


def drawn_curve(client: httpx.Client, job: TrainedJob) -> str:
    return client.get(f"/v1/training_jobs/{job.id}/curve", headers={"Accept": "image/svg+xml"}).text


def test_events_are_marked_in_the_drawn_curve_beside_the_schedule_alone(
    client: httpx.Client, job: TrainedJob
):
    assert ">planned</text>" in drawn_curve(client, job)
    client.post(path(job), json=HALF)
    job.progress(0, 10, takes_requests=True)
    drawn = drawn_curve(client, job)
    assert "manual ×0.5" in drawn
    assert ">planned, with events</text>" in drawn
    assert ">planned</text>" not in drawn
    # 0.05 · (1 + cos 0.99π) = 2.467e-5, and half of it.
    assert "planned, with events, from 0.1 at 0 to 1.23e-05 at 99" in drawn
    assert "schedule alone, from 0.1 at 0 to 2.47e-05 at 99" in drawn


def test_events_that_leave_the_rate_as_it_was_draw_no_second_plan(client: httpx.Client, job: TrainedJob):
    plan = plan_of(client, job)
    kept = NewLrEvent(seq=1, step=4, cause="greedy", m_before=1.0, m_after=1.0, reason="a try that failed")
    job.progress(0, 4, points=points(job, 0, [plan.lr(t) for t in range(4)]), lr_events=[kept])
    drawn = drawn_curve(client, job)
    assert ">planned, with events</text>" in drawn
    assert "schedule alone" not in drawn


def test_the_effective_rate_goes_to_json_csv_chart_and_stream(client: httpx.Client, job: TrainedJob):
    rates = [1e-6 * 2**t for t in range(6)]
    made = PointColumns(steps=list(range(6)), lr=[0.1] * 6, loss=[1.0] * 6, effective_lr=rates)
    job.progress(0, 6, points=made)
    path = f"/v1/training_jobs/{job.id}/curve"
    assert client.get(path).json()["effective_lr"] == rates
    lines = client.get(path, headers={"Accept": "text/csv"}).text.splitlines()
    assert lines[0].endswith(",planned_lr,effective_lr")
    assert [float(line.split(",")[-1]) for line in lines[1:]] == rates
    assert "effective rate" in client.get(path, headers={"Accept": "image/svg+xml"}).text
    job.finish(6)
    assert f'"effective_lr":{rates[5]!r}' in client.get(f"{path}/stream").text
