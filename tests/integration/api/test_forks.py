"""Forks over HTTP, on a real Postgres: what is accepted, and what is refused where."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from shared.db.engine import Database
from shared.db.job_leases import fail
from shared.db.lr_events import NewLrEvent, append_events
from shared.specs.ids import new_uuid, parse_id
from tests.support.rows import a_checkpoint, claim_one
from tests.support.training import TrainedJob, job_body, ready_dataset, running_job

JOBS = "/v1/training_jobs"
COOLDOWN: dict[str, Any] = {
    "base_lr": 0.1,
    "phases": [
        {"name": "linear", "duration": "rest", "lr": "previous", "start_factor": 1.0, "end_factor": 0.0}
    ],
}


@pytest.fixture
def parent(client: httpx.Client, database: Database) -> TrainedJob:
    """A running job of 100 steps under a constant rate of 0.1: its best checkpoint is 20, its last 40."""
    schedule = {"name": "constant", "base_lr": 0.1}
    job = running_job(client, database, schedule=schedule, publish={"alias": "trial", "when": "always"})
    job.progress(0, 20, checkpoint=a_checkpoint(20, best=True))
    job.progress(20, 40, checkpoint=a_checkpoint(40))
    job.progress(40, 46)
    return job


def fork(client: httpx.Client, parent: TrainedJob, **body: object) -> httpx.Response:
    return client.post(f"{JOBS}/{parent.id}/fork", json=body)


def test_a_cooldown_goes_on_from_the_newest_checkpoint(client: httpx.Client, parent: TrainedJob) -> None:
    answer = fork(client, parent, schedule=COOLDOWN)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    newest = client.get(f"{JOBS}/{parent.id}/checkpoints").json()["data"][0]
    assert (job["parent"], job["parent_checkpoint"]) == (parent.id, newest["id"])
    assert (job["status"], job["step"], job["start_step"], job["total_steps"]) == ("queued", 40, 40, 100)
    assert (job["epoch"], job["spec"]["epochs"], job["dataset_version"]) == (10, 25, 1)
    assert job["spec"]["publish"] == {"alias": "trial", "when": "always"}
    resolved = job["resolved_schedule"]
    assert (resolved["start_step"], resolved["phases"][0]["duration"]) == (40, "60st")
    assert resolved["phases"][0]["lr"] == 0.1
    assert client.get(answer.headers["location"]).json() == job


def test_a_jump_from_the_parents_rate_is_told(client: httpx.Client, parent: TrainedJob) -> None:
    steep = fork(client, parent, schedule={"name": "constant", "base_lr": 0.3}).json()
    (warning,) = steep["warnings"]
    assert (warning["code"], warning["loc"]) == ("jump_between_phases", ["schedule"])
    assert "from 0.1 to 0.3" in warning["message"]
    assert client.get(f"{JOBS}/{steep['id']}").json()["warnings"] == [warning]
    assert fork(client, parent, schedule={"name": "constant", "base_lr": 0.2}).json()["warnings"] == []


def test_the_forks_of_a_job_can_be_listed(client: httpx.Client, parent: TrainedJob) -> None:
    forks = [fork(client, parent, schedule=COOLDOWN).json()["id"] for _ in range(2)]
    assert [job["id"] for job in client.get(JOBS, params={"parent": parent.id}).json()["data"]] == forks[::-1]
    assert client.get(JOBS, params={"parent": forks[0]}).json()["data"] == []


def test_the_best_or_any_kept_checkpoint_can_be_forked(client: httpx.Client, parent: TrainedJob) -> None:
    assert fork(client, parent, schedule=COOLDOWN, checkpoint="best").json()["start_step"] == 20
    listed = client.get(f"{JOBS}/{parent.id}/checkpoints").json()["data"]
    named = fork(client, parent, schedule=COOLDOWN, checkpoint=listed[1]["id"]).json()
    assert (named["start_step"], named["parent_checkpoint"]) == (20, listed[1]["id"])


@pytest.mark.parametrize(
    ("steps", "total", "epochs"), [("30st", 70, 18), ("2ep", 48, 12), ("100ep", 440, 110), ("0.5ep", 42, 11)]
)
def test_it_may_train_for_longer_or_shorter_than_its_parent(
    client: httpx.Client, parent: TrainedJob, steps: str, total: int, epochs: int
) -> None:
    job = fork(client, parent, schedule=COOLDOWN, steps=steps).json()
    assert (job["total_steps"], job["spec"]["epochs"]) == (total, epochs)
    assert job["resolved_schedule"]["phases"][0]["duration"] == f"{total - 40}st"


def test_without_a_schedule_the_parents_own_goes_on(client: httpx.Client, parent: TrainedJob) -> None:
    job = fork(client, parent).json()
    whole = client.get(f"{JOBS}/{parent.id}").json()
    assert job["resolved_schedule"] == whole["resolved_schedule"]
    assert job["spec"] == whole["spec"]
    assert (job["start_step"], job["total_steps"]) == (40, 100)


def test_a_fork_may_be_another_model_and_need_not_be_published(
    client: httpx.Client, parent: TrainedJob
) -> None:
    job = fork(client, parent, schedule=COOLDOWN, model="cooled", publish="never").json()
    assert (job["model"], job["spec"]["model"], job["spec"]["publish"]) == ("cooled", "cooled", None)


def test_a_fork_can_be_forked(client: httpx.Client, database: Database, parent: TrainedJob) -> None:
    first = fork(client, parent, schedule=COOLDOWN).json()["id"]
    assert fork(client, TrainedJob(database, first, parent.claim)).json()["code"] == "no_checkpoint"


def test_the_same_request_twice_makes_one_fork(client: httpx.Client, parent: TrainedJob) -> None:
    path, key = f"{JOBS}/{parent.id}/fork", {"Idempotency-Key": "once"}
    first, second = (client.post(path, json={"schedule": COOLDOWN}, headers=key) for _ in range(2))
    assert first.json() == second.json()
    other = client.post(path, json={"schedule": COOLDOWN, "steps": "2ep"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (
            {"schedule": {"name": "cosine", "base_lr": 0.1, "eta_min": 0.5}},
            ["schedule", "eta_min"],
        ),
        (
            {"schedule": {"base_lr": 0.1, "phases": [{"name": "constant", "duration": "61st"}]}},
            ["schedule", "phases"],
        ),
        (
            {"schedule": {"name": "constant", "base_lr": 0.1, "groups": {"tail": {"lr_mult": 2.0}}}},
            ["schedule", "groups", "tail"],
        ),
        ({"checkpoint": f"ckpt_{new_uuid()}"}, ["checkpoint"]),
        ({"checkpoint": "first"}, ["checkpoint"]),
        ({"steps": "30st"}, ["schedule"]),
        ({"schedule": COOLDOWN, "steps": "10%"}, ["steps"]),
        ({"schedule": COOLDOWN, "steps": "0st"}, ["steps"]),
        ({"schedule": COOLDOWN, "steps": "999999999ep"}, ["steps"]),
        ({"schedule": COOLDOWN, "steps": 30}, ["steps"]),
        ({"schedule": COOLDOWN, "optimizer": {"name": "sgd"}}, ["optimizer"]),
        ({"schedule": COOLDOWN, "publish": "sometimes"}, ["publish"]),
    ],
)
def test_what_cannot_be_run_is_refused_in_its_place(
    client: httpx.Client, parent: TrainedJob, body: dict[str, object], loc: list[str | int]
) -> None:
    answer = fork(client, parent, **body)
    assert answer.status_code == 422, answer.text
    assert loc in [e["loc"][: len(loc)] for e in answer.json()["errors"]]
    assert len(client.get(JOBS).json()["data"]) == 1


def test_a_fork_of_no_step_is_told_what_its_steps_came_to(client: httpx.Client, parent: TrainedJob) -> None:
    (found,) = fork(client, parent, schedule=COOLDOWN, steps="0.001ep").json()["errors"]
    assert re.fullmatch(
        r"wanted at least 1st and at most \d+st; 0\.001ep of this parent is 0st", found["message"]
    )


def test_a_checkpoint_of_another_job_is_refused(
    client: httpx.Client, database: Database, parent: TrainedJob
) -> None:
    other = running_job(client, database)
    other.progress(0, 4, checkpoint=a_checkpoint(4))
    foreign = client.get(f"{JOBS}/{other.id}/checkpoints").json()["data"][0]["id"]
    answer = fork(client, parent, schedule=COOLDOWN, checkpoint=foreign)
    assert [e["loc"] for e in answer.json()["errors"]] == [["checkpoint"]]


def test_a_finished_job_needs_to_be_told_how_many_steps_more(
    client: httpx.Client, parent: TrainedJob
) -> None:
    parent.progress(46, 100, checkpoint=a_checkpoint(100, best=True))
    parent.finish(100)
    answer = fork(client, parent, schedule=COOLDOWN)
    assert [e["loc"] for e in answer.json()["errors"]] == [["steps"]]
    assert "10ep" in answer.json()["errors"][0]["message"]
    longer = fork(client, parent, schedule=COOLDOWN, steps="5ep").json()
    assert (longer["start_step"], longer["total_steps"], longer["spec"]["epochs"]) == (100, 120, 30)


def test_a_job_without_a_checkpoint_is_a_conflict(client: httpx.Client, database: Database) -> None:
    answer = fork(client, running_job(client, database), schedule=COOLDOWN)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_checkpoint")


def test_a_job_that_has_ended_is_not_waited_for(client: httpx.Client, database: Database) -> None:
    def answered(job: TrainedJob) -> str:
        detail: str = fork(client, job, schedule=COOLDOWN, checkpoint="best").json()["detail"]
        return detail

    done, failed, waiting = (running_job(client, database) for _ in range(3))
    done.finish(100)
    with database.begin() as cx:
        fail(cx, job_id=failed.uuid, fence=failed.claim.fence, code="diverged", message="too fast")
    ended = "the job has ended: it has no best checkpoint and will have none"
    assert answered(done) == ended
    assert answered(failed) == f"{ended} unless it is resumed"
    assert answered(waiting) == "the job has no best checkpoint yet; fork it when it has"
    queued = client.post(JOBS, json=job_body(ready_dataset(database))).json()["id"]
    assert client.post(f"{JOBS}/{queued}/cancel").json()["status"] == "cancelled"
    assert client.post(f"{JOBS}/{queued}/fork", json={"checkpoint": "best"}).json()["detail"] == ended


@pytest.mark.parametrize(
    ("body", "loc", "message"),
    [
        ({"publish": "yes"}, ["publish"], 'wanted an object or "never"'),
        (
            {"schedule": {"name": "cosine", "lr": "before"}},
            ["schedule", "lr"],
            'wanted a number or "previous"',
        ),
        ({"steps": "-3ep"}, ["steps"], "a length cannot be negative: write 500st or 2ep"),
        ({"checkpont": "best"}, ["checkpont"], "no such field; did you mean checkpoint?"),
    ],
)
def test_what_is_wrong_with_a_fork_is_told_once_in_its_place(
    client: httpx.Client, parent: TrainedJob, body: dict[str, Any], loc: list[str], message: str
) -> None:
    answer = fork(client, parent, **body)
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"loc": loc, "message": message}])


def test_a_job_whose_data_set_is_gone_is_a_conflict(client: httpx.Client, parent: TrainedJob) -> None:
    parent.finish(46)
    dataset = client.get(f"{JOBS}/{parent.id}").json()["dataset"]
    assert client.delete(f"/v1/datasets/{dataset}").status_code == 204
    answer = fork(client, parent, schedule=COOLDOWN)
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_gone")


@pytest.fixture
def patients(client: httpx.Client, database: Database) -> TrainedJob:
    """A running diagnosis over numbers alone, whose net has no embeddings; its checkpoint is 20."""
    job = running_job(
        client,
        database,
        dataset=ready_dataset(database, kind="records"),
        model="patients",
        task={"name": "diagnose", "target": "died"},
        net={"name": "mlp", "hidden": [8]},
    )
    job.progress(0, 20, checkpoint=a_checkpoint(20))
    return job


def test_a_group_that_the_net_of_these_records_lacks_is_refused(
    client: httpx.Client, patients: TrainedJob
) -> None:
    groups = {"embeddings": {"lr_mult": 0.5}}
    answer = fork(client, patients, schedule={**COOLDOWN, "groups": groups})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["schedule", "groups", "embeddings"]


def test_the_charted_rate_is_that_of_a_group_the_net_has(client: httpx.Client, patients: TrainedJob) -> None:
    groups = {"body": {"lr_mult": 0.2}, "head": {"lr_mult": 0.3}}
    job = fork(client, patients, schedule={**COOLDOWN, "groups": groups}).json()
    assert job["resolved_schedule"]["charted_factor"] == 0.2


def test_a_waiting_fork_keeps_its_data_set(client: httpx.Client, parent: TrainedJob) -> None:
    fork(client, parent, schedule=COOLDOWN)
    parent.finish(46)
    dataset = client.get(f"{JOBS}/{parent.id}").json()["dataset"]
    assert client.delete(f"/v1/datasets/{dataset}").status_code == 409


def test_checkpoints_to_be_kept_are_checked_at_admission(client: httpx.Client, database: Database) -> None:
    dataset = ready_dataset(database)
    kept = ["50%", "10ep", "7st", "0.2%", "26ep"]
    answer = client.post(JOBS, json=job_body(dataset, keep_checkpoints=kept))
    assert answer.status_code == 422
    assert [e["loc"] for e in answer.json()["errors"]] == [["keep_checkpoints", 3], ["keep_checkpoints", 4]]
    assert "step 104 of a run of 100" in answer.json()["errors"][1]["message"]
    assert client.post(JOBS, json=job_body(dataset, keep_checkpoints=kept[:3])).status_code == 202


def test_a_kept_checkpoint_says_so(client: httpx.Client, parent: TrainedJob) -> None:
    listed = client.get(f"{JOBS}/{parent.id}/checkpoints").json()["data"]
    assert [c["kept"] for c in listed] == [False, False]


def test_the_multiplier_at_the_checkpoint_is_copied(
    client: httpx.Client, database: Database, parent: TrainedJob
) -> None:
    """Halved at 30 and again at 43: the checkpoint of step 20 knows neither, that of 40 the first."""
    halved = [
        NewLrEvent(seq=n, step=step, cause="manual", m_before=2 * m, m_after=m, reason="a test")
        for n, step, m in ((1, 30, 0.5), (2, 43, 0.25))
    ]
    with database.begin() as cx:
        append_events(cx, job_id=parent.uuid, fence=parent.claim.fence, events=halved)
    early, late = (
        fork(client, parent, schedule=COOLDOWN, checkpoint=c).json()["id"] for c in ("best", "last")
    )
    shown = [client.get(f"{JOBS}/{job}/curve").json()["lr_events"] for job in (early, late)]
    assert shown[0] == []
    assert [(e["seq"], e["step"], e["cause"], e["m_after"]) for e in shown[1]] == [(0, 40, "fork", 0.5)]
    plan = client.get(f"{JOBS}/{late}/curve").json()["plan"]
    assert (plan["steps"][0], plan["lr"][0]) == (40, 0.5 * 0.1)


def test_a_forks_curve_begins_with_its_ancestors(
    client: httpx.Client, database: Database, parent: TrainedJob
) -> None:
    """A fork at 40 that is forked again at 44: steps 0 to 39 of the first, 40 to 43 of the second."""
    parent.evaluation(40, rmse=1.0)
    child = claimed(client, database, fork(client, parent, schedule=COOLDOWN))
    child.progress(40, 44, checkpoint=a_checkpoint(44))
    child.progress(44, 50)
    grandchild = claimed(client, database, fork(client, child, schedule=COOLDOWN))
    grandchild.progress(44, 46)
    curve = client.get(f"{JOBS}/{grandchild.id}/curve").json()
    assert curve["steps"] == [44, 45]
    first, second = curve["ancestors"]
    assert (first["job"], first["until_step"], first["steps"]) == (parent.id, 40, list(range(40)))
    assert (second["job"], second["until_step"], second["steps"]) == (child.id, 44, [40, 41, 42, 43])
    assert [e["step"] for e in first["evaluations"]] == [40]
    assert first["loss"][3] == 0.25
    assert client.get(f"{JOBS}/{parent.id}/curve").json()["ancestors"] == []


def test_the_part_asked_for_cuts_ancestors_too(
    client: httpx.Client, database: Database, parent: TrainedJob
) -> None:
    child = claimed(client, database, fork(client, parent, schedule=COOLDOWN))
    child.progress(40, 60)

    def seen(**asked: int) -> tuple[list[int], list[int]]:
        curve = client.get(f"{JOBS}/{child.id}/curve", params=asked).json()
        return curve["ancestors"][0]["steps"], curve["steps"]

    assert seen(**{"from": 38, "to": 42}) == ([38, 39], [40, 41])
    assert seen(**{"from": 50}) == ([], list(range(50, 60)))
    assert seen(to=5) == ([0, 1, 2, 3, 4], [])


def test_a_forks_chart_shows_where_it_left(
    client: httpx.Client, database: Database, parent: TrainedJob
) -> None:
    child = claimed(client, database, fork(client, parent, schedule=COOLDOWN))
    child.progress(40, 60)
    drawn = client.get(f"{JOBS}/{child.id}/curve", headers={"Accept": "image/svg+xml"}).text
    assert "before step 40" in drawn
    assert ">fork<" in drawn


def claimed(client: httpx.Client, database: Database, answer: httpx.Response) -> TrainedJob:
    """Claim the fork that was just asked for."""
    with database.begin() as cx:
        claim = claim_one(cx)
    assert claim.job_id == parse_id("job", answer.json()["id"])
    return TrainedJob(database, answer.json()["id"], claim)
