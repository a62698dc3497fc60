"""Training jobs over HTTP, on a real Postgres."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest
from sqlalchemy import insert

from shared.db.engine import Database
from shared.db.tables import model
from shared.specs.ids import new_uuid
from tests.support.gateway import Gateway
from tests.support.rows import a_checkpoint, add_dataset
from tests.support.training import job_body, ready_dataset, running_job

JOBS = "/v1/training_jobs"


def test_a_job_is_accepted_with_its_steps_and_its_schedule_in_whole_steps(
    client: httpx.Client, database: Database
) -> None:
    answer = client.post(JOBS, json=job_body(ready_dataset(database)))
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    assert (job["status"], job["step"], job["total_steps"], job["steps_per_epoch"]) == ("queued", 0, 100, 4)
    assert job["spec"]["schedule"]["name"] == "cosine"  # in the form in which it came
    assert job["resolved_schedule"]["total_steps"] == 100
    assert datetime.fromisoformat(job["created_at"]).utcoffset() is not None
    assert client.get(answer.headers["location"]).json() == job


WSD = {"name": "wsd", "num_warmup_steps": "0st", "num_decay_steps": "5st"}


@pytest.mark.parametrize(
    ("schedule", "places"),
    [
        ({"base_lr": 0.1, **WSD}, [["schedule", "num_decay_steps"]]),
        (
            {"base_lr": 0.1, "phases": [{"duration": "rest", **WSD}]},
            [["schedule", "phases", 0, "num_decay_steps"]],
        ),
        ({"name": "linear", "base_lr": 0.1, "start_factor": 0.0}, [["schedule"]]),
    ],
)
def test_odd_schedules_are_accepted_with_warnings_placed_as_they_were_written(
    client: httpx.Client, database: Database, schedule: dict[str, object], places: list[list[str | int]]
) -> None:
    job = client.post(JOBS, json=job_body(ready_dataset(database), schedule=schedule)).json()
    assert [warning["loc"] for warning in job["warnings"]] == places
    assert client.get(f"{JOBS}/{job['id']}").json()["warnings"] == job["warnings"]
    again = client.post(JOBS, json={**job["spec"], "model": "another"}).json()
    assert again["spec"] == {**job["spec"], "model": "another"}


def test_both_forms_of_one_schedule_are_the_same_request(client: httpx.Client, database: Database) -> None:
    body, key = job_body(ready_dataset(database)), {"Idempotency-Key": "once"}
    short = {"name": "cosine", "base_lr": 0.1}
    listed = {"base_lr": 0.1, "phases": [{"name": "cosine", "duration": "rest"}]}
    first, second = (
        client.post(JOBS, json={**body, "schedule": one}, headers=key).json() for one in (short, listed)
    )
    assert first == second


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"dataset": f"ds_{new_uuid()}"}, ["dataset"]),
        ({"model": "Films!"}, ["model"]),
        ({"net": {"name": "mlp"}}, ["net"]),
        ({"net": {"name": "mf", "embedding_dim": "8"}}, ["net", "embedding_dim"]),
        ({"optimizer": {"name": "adam", "eps": 0}}, ["optimizer", "eps"]),
        (
            {"schedule": {"name": "cosine", "base_lr": 0.1, "eta_min": 0.5}},
            ["schedule", "eta_min"],
        ),
        (
            {"schedule": {"name": "step", "base_lr": 0.1, "step_size": "1ep", "gamma": -1}},
            ["schedule", "gamma"],
        ),
        (
            {"schedule": {"name": "constant", "base_lr": 0.1, "duration": "1st"}},
            ["schedule", "duration"],
        ),
        ({"early_stopping": {"monitor": "auroc"}}, ["early_stopping", "monitor"]),
        ({"task": {"name": "diagnose", "target": "died"}, "net": {"name": "mlp"}}, ["dataset"]),
        ({"batch_size": True}, ["batch_size"]),
        ({"colour": 1}, ["colour"]),
    ],
)
def test_what_cannot_be_run_is_refused_in_its_place(
    client: httpx.Client, database: Database, changes: dict[str, object], loc: list[str | int]
) -> None:
    answer = client.post(JOBS, json=job_body(ready_dataset(database), **changes))
    assert answer.status_code == 422
    assert loc in [e["loc"] for e in answer.json()["errors"]]
    assert client.get(JOBS).json()["data"] == []


def test_a_name_that_came_twice_is_refused_before_the_last_one_wins(
    client: httpx.Client, database: Database
) -> None:
    body = json.dumps(job_body(ready_dataset(database), epochs=3))
    twice = body.replace('"base_lr": 0.1', '"base_lr": 0.1, "base_lr": 0.2')
    answer = client.post(JOBS, content=twice, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    told = {"loc": ["schedule", "base_lr"], "message": "wanted this name once; came 2 times"}
    assert answer.json()["errors"] == [told]
    assert client.post(JOBS, content=body, headers={"Content-Type": "application/json"}).status_code == 202


def test_a_body_that_is_no_json_is_told_where_it_breaks_or_what_it_should_be(client: httpx.Client) -> None:
    broken = client.post(JOBS, content='{"model": films}', headers={"Content-Type": "application/json"})
    message = "wanted well-formed JSON; it breaks at character 11 (line 1, column 11)"
    assert (broken.status_code, broken.json()["errors"]) == (422, [{"loc": [], "message": message}])
    for headers in ({"Content-Type": "text/plain"}, {}):
        plain = client.post(JOBS, content='{"model": "films"}', headers=headers)
        assert (plain.status_code, plain.json()["code"]) == (415, "unsupported_media_type")
        assert plain.json()["detail"].endswith("wanted Content-Type: application/json")
    nothing = client.post(JOBS)
    assert nothing.status_code == 422
    assert nothing.json()["errors"] == [{"loc": [], "message": "wanted a body of JSON; none came"}]


def test_a_misspelt_field_is_answered_with_the_one_meant(client: httpx.Client, database: Database) -> None:
    answer = client.post(JOBS, json=job_body(ready_dataset(database), epoch=3))
    told = {"loc": ["epoch"], "message": "no such field; did you mean epochs?"}
    assert answer.json()["errors"] == [told]


def test_a_target_that_is_left_out_too_is_refused(client: httpx.Client, database: Database) -> None:
    task = {"name": "diagnose", "target": "died", "exclude": ["died"]}
    dataset = ready_dataset(database, kind="records")
    answer = client.post(JOBS, json=job_body(dataset, task=task, net={"name": "mlp"}))
    message = "this is the target, which is never an input; leave it out"
    assert answer.json()["errors"] == [{"loc": ["task", "exclude", 0], "message": message}]


def test_a_name_of_a_model_that_does_another_task_is_refused(
    client: httpx.Client, database: Database
) -> None:
    body = job_body(ready_dataset(database))
    with database.begin() as cx:
        cx.execute(insert(model).values(name=body["model"], task="diagnose"))
    answer = client.post(JOBS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "model_of_another_task")
    assert [e["loc"] for e in answer.json()["errors"]] == [["model"]]


def test_a_data_set_still_being_read_is_a_conflict(client: httpx.Client, database: Database) -> None:
    with database.begin() as cx:
        reading = add_dataset(cx)
    answer = client.post(JOBS, json=job_body(f"ds_{reading}"))
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_not_ready")


def test_the_same_request_twice_makes_one_job(client: httpx.Client, database: Database) -> None:
    body, key = job_body(ready_dataset(database)), {"Idempotency-Key": "once"}
    first, second = (client.post(JOBS, json=body, headers=key) for _ in range(2))
    assert first.json() == second.json()
    assert second.status_code == 202
    assert len(client.get(JOBS).json()["data"]) == 1


def test_a_key_used_for_another_body_is_refused(client: httpx.Client, database: Database) -> None:
    dataset, key = ready_dataset(database), {"Idempotency-Key": "once"}
    client.post(JOBS, json=job_body(dataset), headers=key)
    answer = client.post(JOBS, json=job_body(dataset, epochs=26), headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_defaults_written_out_are_the_same_body(client: httpx.Client, database: Database) -> None:
    dataset, key = ready_dataset(database), {"Idempotency-Key": "once"}
    first = client.post(JOBS, json=job_body(dataset), headers=key).json()
    again = client.post(JOBS, json=job_body(dataset, seed=0, precision="float32"), headers=key).json()
    assert again["id"] == first["id"]


def test_the_same_request_is_answered_when_its_data_set_is_gone(
    client: httpx.Client, database: Database
) -> None:
    dataset, key = ready_dataset(database), {"Idempotency-Key": "once"}
    first = client.post(JOBS, json=job_body(dataset), headers=key).json()
    assert client.post(f"{JOBS}/{first['id']}/cancel").json()["status"] == "cancelled"
    assert client.delete(f"/v1/datasets/{dataset}").status_code == 204
    again = client.post(JOBS, json=job_body(dataset), headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])


def test_one_key_under_many_hands_makes_one_job(client: httpx.Client, database: Database) -> None:
    body, key = job_body(ready_dataset(database)), {"Idempotency-Key": "once"}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: client.post(JOBS, json=body, headers=key), range(24)))
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["id"] for a in answers}) == 1


def test_two_owners_may_use_the_same_key(gateway: Gateway, client: httpx.Client, database: Database) -> None:
    body, key = job_body(ready_dataset(database)), {"Idempotency-Key": "once"}
    with gateway.client("train") as other:
        ids = {c.post(JOBS, json=body, headers=key).json()["id"] for c in (client, other)}
    assert len(ids) == 2


def test_a_list_goes_on_where_it_stopped(client: httpx.Client, database: Database) -> None:
    dataset = ready_dataset(database)
    made = [client.post(JOBS, json=job_body(dataset)).json()["id"] for _ in range(5)]
    first = client.get(JOBS, params={"limit": 3}).json()
    rest = client.get(JOBS, params={"limit": 3, "after": first["data"][-1]["id"]}).json()
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [j["id"] for j in first["data"] + rest["data"]] == made[::-1]


def test_a_list_can_be_narrowed(client: httpx.Client, database: Database) -> None:
    dataset = ready_dataset(database)
    films = client.post(JOBS, json=job_body(dataset)).json()["id"]
    books = client.post(JOBS, json=job_body(dataset, model="books")).json()["id"]
    client.post(f"{JOBS}/{films}/cancel")
    assert [j["id"] for j in client.get(JOBS, params={"model": "books"}).json()["data"]] == [books]
    assert [j["id"] for j in client.get(JOBS, params={"status": "cancelled"}).json()["data"]] == [films]
    assert len(client.get(JOBS, params={"status": ["cancelled", "queued"]}).json()["data"]) == 2


def test_a_running_job_says_how_far_it_is(client: httpx.Client, database: Database) -> None:
    job = running_job(client, database)
    job.progress(0, 40)
    job.evaluation(40, **{"ndcg@10": 0.3})
    shown = client.get(f"{JOBS}/{job.id}").json()
    assert (shown["status"], shown["step"], shown["progress"], shown["attempt"]) == ("running", 40, 0.4, 1)
    # 60 steps of 8 positives with 4 negatives each at 800 samples a second.
    assert shown["eta_seconds"] == pytest.approx(3.0)
    assert shown["metrics"]["ndcg@10"] == 0.3


@pytest.mark.parametrize(("action", "shown"), [("cancel", "cancelling"), ("pause", "pausing")])
def test_a_running_job_asked_to_stop_shows_it_and_asking_again_changes_nothing(
    client: httpx.Client, database: Database, action: str, shown: str
) -> None:
    job = running_job(client, database)
    for _ in range(2):
        answer = client.post(f"{JOBS}/{job.id}/{action}")
        assert (answer.status_code, answer.json()["status"]) == (202, shown)


def test_a_paused_job_is_resumed(client: httpx.Client, database: Database) -> None:
    job = client.post(JOBS, json=job_body(ready_dataset(database))).json()["id"]
    assert client.post(f"{JOBS}/{job}/pause").json()["status"] == "paused"
    assert client.post(f"{JOBS}/{job}/resume").json()["status"] == "queued"
    events = client.get(f"{JOBS}/{job}/events").json()["data"]
    assert [(e["from_status"], e["to_status"], e["cause"]) for e in events] == [
        (None, "queued", "created"),
        ("queued", "paused", "pause_requested"),
        ("paused", "queued", "resume_requested"),
    ]


def test_an_ended_job_cannot_be_resumed(client: httpx.Client, database: Database) -> None:
    job = client.post(JOBS, json=job_body(ready_dataset(database))).json()["id"]
    client.post(f"{JOBS}/{job}/cancel")
    assert client.post(f"{JOBS}/{job}/resume").status_code == 409


def test_events_are_paged_by_their_number(client: httpx.Client, database: Database) -> None:
    job = client.post(JOBS, json=job_body(ready_dataset(database))).json()["id"]
    client.post(f"{JOBS}/{job}/cancel")
    page = client.get(f"{JOBS}/{job}/events", params={"limit": 1}).json()
    rest = client.get(f"{JOBS}/{job}/events", params={"after": page["data"][0]["seq"]}).json()
    assert page["has_more"]
    assert [e["cause"] for e in rest["data"]] == ["cancel_requested"]


def test_the_report_comes_when_the_job_succeeds(client: httpx.Client, database: Database) -> None:
    job = running_job(client, database)
    early = client.get(f"{JOBS}/{job.id}/report")
    assert (early.status_code, early.json()["code"]) == (404, "no_report")
    job.finish(100)
    assert client.get(f"{JOBS}/{job.id}/report").json() == {"winner": "mf"}
    assert client.get(f"{JOBS}/{job.id}").json()["model_version"] == 1


def test_a_checkpoint_can_be_fetched_whole_or_in_part(client: httpx.Client, database: Database) -> None:
    payload = bytes(range(256)) * 40_000  # three chunks of 4 MiB
    job = running_job(client, database)
    job.progress(0, 8, checkpoint=a_checkpoint(8, payload=payload, best=True))
    (found,) = client.get(f"{JOBS}/{job.id}/checkpoints").json()["data"]
    assert (found["step"], found["last"], found["best"], found["size_bytes"]) == (8, True, True, len(payload))
    content = f"/v1/checkpoints/{found['id']}/content"
    whole = client.get(content)
    assert whole.content == payload
    assert whole.headers["etag"] == f'"{found["sha256"]}"'
    border = 4 * 1024 * 1024
    part = client.get(content, headers={"Range": f"bytes={border - 3}-{border + 2}"})
    assert (part.status_code, part.content) == (206, payload[border - 3 : border + 3])
    assert part.headers["content-range"] == f"bytes {border - 3}-{border + 2}/{len(payload)}"
    assert client.get(content, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    stale = client.get(content, headers={"Range": "bytes=0-1", "If-Range": '"another"'})
    assert (stale.status_code, len(stale.content)) == (200, len(payload))
    assert client.get(content, headers={"Range": "bytes=99999999-"}).status_code == 416


@pytest.mark.parametrize(
    "job_id", ["nothing", f"job_{new_uuid()}", f"ds_{new_uuid()}"], ids=["no id", "no row", "another kind"]
)
def test_a_job_that_is_not_there_is_not_found(client: httpx.Client, job_id: str) -> None:
    for path in ("", "/events", "/report", "/checkpoints", "/curve", "/curve/stream"):
        answer = client.get(f"{JOBS}/{job_id}{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
