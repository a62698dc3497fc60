"""The product's story: upload, train, watch, judge, predict; and what happens when things go wrong."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from typing import Any

import pytest

from tests.support.installation import Installation
from tests.support.worlds import checkerboard_csv, titles_csv, wards_csv

FILMS = {"name": "checkerboard", "kind": "interactions"}
WARDS = {"name": "wards", "kind": "records"}
SCHEDULE = {
    "base_lr": 0.02,
    "phases": [
        {"name": "linear", "duration": "10%", "start_factor": 0.1},
        {
            "name": "cyclic",
            "duration": "rest",
            "base_lr": 0.002,
            "max_lr": 0.03,
            "shape": "hann",
            "step_size_up": "1ep",
        },
    ],
}


def recommender(dataset: str, **changes: object) -> dict[str, Any]:
    return {
        "model": "films",
        "dataset": dataset,
        "task": {"name": "recommend", "evaluation": {"protocol": "leave_one_out", "k": [5]}},
        "net": {"name": "neumf", "embedding_dim": 8, "hidden": [16, 8]},
        "optimizer": {"name": "adamw", "weight_decay": 0.01},
        "schedule": SCHEDULE,
        "batch_size": 64,
        "epochs": 12,
        "seed": 7,
        **changes,
    }


def diagnosis(dataset: str, **changes: object) -> dict[str, Any]:
    return {
        "model": "wards",
        "dataset": dataset,
        "task": {"name": "diagnose", "target": "outcome", "exclude": ["patient"]},
        "net": {"name": "mlp", "hidden": [16], "dropout": 0.1},
        "schedule": {"name": "cosine", "base_lr": 0.01},
        "batch_size": 64,
        "epochs": 15,
        "seed": 3,
        **changes,
    }


@pytest.fixture(scope="module")
def films(gradus: Installation) -> dict[str, Any]:
    """The films, read."""
    files = {"ratings.csv": checkerboard_csv(), "films.csv": titles_csv()}
    read = gradus.upload(FILMS, files)
    assert read["status"] == "ready", read
    return read


@pytest.fixture(scope="module")
def wards(gradus: Installation) -> dict[str, Any]:
    """The patients, read."""
    read = gradus.upload(WARDS, {"wards.csv": wards_csv()})
    assert read["status"] == "ready", read
    return read


@pytest.fixture(scope="module")
def film_job(gradus: Installation, films: dict[str, Any]) -> dict[str, Any]:
    """The recommender, trained and published."""
    job = gradus.finished(gradus.submit(recommender(films["id"]))["id"])
    assert job["status"] == "succeeded", job
    return job


@pytest.fixture(scope="module")
def ward_job(gradus: Installation, wards: dict[str, Any]) -> dict[str, Any]:
    """The diagnosis model, trained and published."""
    job = gradus.finished(gradus.submit(diagnosis(wards["id"]))["id"])
    assert job["status"] == "succeeded", job
    return job


def published(gradus: Installation, model: str) -> None:
    """Wait until the gateway serves the model: it notices a new version within a second or two."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        if gradus.client.post(f"/v1/models/{model}/recommend", json={"k": 1}).status_code != 404:
            return
        time.sleep(0.1)


def test_a_data_set_tells_what_was_read(films: dict[str, Any]) -> None:
    assert (films["rows"], films["users"], films["items"]) == (840, 60, 40)
    assert films["has_timestamps"] is True


def test_the_curve_shows_every_step_at_its_planned_rate(
    gradus: Installation, film_job: dict[str, Any]
) -> None:
    curve = gradus.get(f"/v1/training_jobs/{film_job['id']}/curve", method="raw", points=10_000)
    assert curve["steps"] == list(range(film_job["step"]))
    assert curve["lr"] == curve["planned_lr"]
    assert all(math.isfinite(loss) for loss in curve["loss"])
    assert [found["epoch"] for found in curve["evaluations"]] == list(range(1, 13))


@pytest.mark.parametrize(
    ("media_type", "start"),
    [("text/csv", b"step,"), ("image/svg+xml", b"<svg"), ("image/png", b"\x89PNG")],
)
def test_the_curve_comes_in_every_form(
    gradus: Installation, film_job: dict[str, Any], media_type: str, start: bytes
) -> None:
    path = f"/v1/training_jobs/{film_job['id']}/curve"
    answer = gradus.client.get(path, headers={"Accept": media_type})
    assert answer.headers["content-type"].startswith(media_type)
    assert start in answer.content[:200]


def test_the_stream_resumes_without_a_gap(gradus: Installation, film_job: dict[str, Any]) -> None:
    path = f"/v1/training_jobs/{film_job['id']}/curve/stream"
    steps = read_stream(gradus, path, after=41)
    assert steps == list(range(42, film_job["step"]))


def read_stream(gradus: Installation, path: str, *, after: int) -> list[int]:
    """Return the steps of the `point` events behind one, to the stream's end."""
    steps, event = [], ""
    with gradus.client.stream("GET", path, headers={"Last-Event-ID": str(after)}) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("event:"):
                event = line.removeprefix("event:").strip()
            if line.startswith("data:") and event == "point":
                steps.append(int(json.loads(line.removeprefix("data:"))["step"]))
    return steps


def test_the_report_says_who_won_beside_its_baselines(gradus: Installation, film_job: dict[str, Any]) -> None:
    report = gradus.get(f"/v1/training_jobs/{film_job['id']}/report")
    assert {found["name"] for found in report["candidates"]} == {"neumf", "popularity", "ease"}
    net = next(found for found in report["candidates"] if found["role"] == "net")
    popularity = next(found for found in report["candidates"] if found["name"] == "popularity")
    assert net["metrics"]["ndcg@5"]["value"] > popularity["metrics"]["ndcg@5"]["value"]
    assert report["sentence"].endswith(".")


def test_a_known_user_is_offered_unseen_items_of_their_colour(
    gradus: Installation, film_job: dict[str, Any]
) -> None:
    published(gradus, "films")
    answer = gradus.client.post("/v1/models/films/recommend", json={"user": "u4", "k": 5}).json()
    assert answer["version"] == film_job["model_version"]
    assert answer["fallback"] is None
    assert all(item["title"].startswith("Even") for item in answer["items"])
    met = {line.split(",")[1] for line in checkerboard_csv().decode().splitlines() if line.startswith("u4,")}
    assert met.isdisjoint(item["item"] for item in answer["items"])


def test_an_unknown_user_is_served_from_their_history(gradus: Installation, film_job: dict[str, Any]) -> None:
    published(gradus, film_job["model"])
    body = {"user": "nobody", "history": ["i1", "i3", "i5"], "k": 5}
    answer = gradus.client.post("/v1/models/films/recommend", json=body).json()
    assert answer["fallback"] == "history"
    assert all(item["title"].startswith("Odd") for item in answer["items"])


def test_nobody_in_particular_is_offered_what_is_popular(
    gradus: Installation, film_job: dict[str, Any]
) -> None:
    published(gradus, film_job["model"])
    answer = gradus.client.post("/v1/models/films/recommend", json={"user": "nobody", "k": 3}).json()
    assert answer["fallback"] == "popular"
    assert len(answer["items"]) == 3


def test_similar_items_share_the_colour_and_exclude_the_item(
    gradus: Installation, film_job: dict[str, Any]
) -> None:
    published(gradus, film_job["model"])
    answer = gradus.client.post("/v1/models/films/similar", json={"item": "i2", "k": 5}).json()
    found = [item["item"] for item in answer["items"]]
    assert "i2" not in found
    assert all(int(item[1:]) % 2 == 0 for item in found)


def test_a_diagnosis_comes_with_interval_flags_contributions_and_notice(
    gradus: Installation, ward_job: dict[str, Any]
) -> None:
    published(gradus, "wards")
    record = {"pressure": 400.0, "age": 50, "ward": "moon"}
    body = {"record": record, "explain": True}
    answer = gradus.client.post("/v1/models/wards/diagnose", json=body)
    assert answer.status_code == 200, answer.text
    [prediction] = answer.json()["predictions"]
    low, high = prediction["interval"]["low"], prediction["interval"]["high"]
    assert 0 <= low < high <= 1
    assert {"out_of_range:pressure", "unseen:ward"} <= set(prediction["flags"])
    assert {part["column"] for part in prediction["contributions"]} == {"pressure", "age", "ward"}
    assert "not a medical device" in answer.json()["notice"].lower()
    assert answer.headers["cache-control"] == "no-store"


def test_the_diagnosis_has_learned_what_decides(gradus: Installation, ward_job: dict[str, Any]) -> None:
    published(gradus, "wards")
    records = [
        {"pressure": 150.0, "age": 50, "ward": "south"},
        {"pressure": 95.0, "age": 50, "ward": "south"},
    ]
    answer = gradus.client.post("/v1/models/wards/diagnose", json={"records": records}).json()
    high, low = (found["probability"] for found in answer["predictions"])
    assert high > 0.7
    assert low < 0.3
    assert ward_job["metrics"]["auroc"] > 0.75


def test_the_same_key_creates_one_job(gradus: Installation, films: dict[str, Any]) -> None:
    body = recommender(films["id"], epochs=1, model="once")
    first, second = (gradus.submit(body, **{"Idempotency-Key": "once"}) for _ in range(2))
    assert first["id"] == second["id"]
    other = gradus.client.post(
        "/v1/training_jobs", json=body | {"seed": 8}, headers={"Idempotency-Key": "once"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_killed_trainer_changes_neither_curve_nor_weights(
    gradus: Installation, films: dict[str, Any]
) -> None:
    undisturbed = gradus.finished(gradus.submit(long_job(films, "calm"))["id"])
    job = gradus.submit(long_job(films, "killed"))
    path = f"/v1/training_jobs/{job['id']}"
    gradus.wait(path, lambda seen: seen["step"] > 100 or seen["status"] == "succeeded")
    os.kill(gradus.trainer_of(job["id"]), signal.SIGKILL)
    ended = gradus.finished(job["id"])
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2)
    assert curve_and_weights(gradus, ended) == curve_and_weights(gradus, undisturbed)


def long_job(films: dict[str, Any], model: str, *, epochs: int = 150) -> dict[str, Any]:
    return recommender(films["id"], model=model, epochs=epochs)


def curve_and_weights(gradus: Installation, job: dict[str, Any]) -> tuple[bytes, str]:
    """Return the raw curve, and the digest of the last checkpoint."""
    path = f"/v1/training_jobs/{job['id']}"
    curve = gradus.client.get(f"{path}/curve", params={"method": "raw"}, headers={"Accept": "text/csv"})
    checkpoints = gradus.get(f"{path}/checkpoints")["data"]
    last = next(found for found in checkpoints if found["last"])
    return curve.content, str(last["sha256"])


def test_pause_rests_and_resume_goes_on_from_there(gradus: Installation, films: dict[str, Any]) -> None:
    job = gradus.submit(long_job(films, "paused", epochs=5000))
    path = f"/v1/training_jobs/{job['id']}"
    gradus.wait(path, lambda seen: seen["step"] > 50)
    assert gradus.client.post(f"{path}/pause").status_code == 202
    rested = gradus.wait(path, lambda seen: seen["status"] == "paused")
    assert 50 < rested["step"] < rested["total_steps"]
    assert gradus.client.post(f"{path}/resume").status_code == 202
    gradus.wait(path, lambda seen: seen["step"] > rested["step"] + 10)
    assert gradus.client.post(f"{path}/cancel").status_code == 202
    ended = gradus.finished(job["id"])
    curve = gradus.get(f"{path}/curve", method="raw", points=20_000)
    assert curve["steps"] == list(range(ended["step"]))


def test_cancel_keeps_the_newest_checkpoint(gradus: Installation, films: dict[str, Any]) -> None:
    job = gradus.submit(recommender(films["id"], model="cancelled", epochs=5000))
    path = f"/v1/training_jobs/{job['id']}"
    gradus.wait(path, lambda seen: seen["step"] > 50)
    gradus.client.post(f"{path}/cancel")
    ended = gradus.finished(job["id"])
    assert ended["status"] == "cancelled"
    last = next(found for found in gradus.get(f"{path}/checkpoints")["data"] if found["last"])
    assert last["step"] == ended["step"]
    content = gradus.client.get(f"/v1/checkpoints/{last['id']}/content", headers={"Range": "bytes=0-7"})
    assert (content.status_code, len(content.content)) == (206, 8)


def test_a_run_that_diverges_fails_and_says_where(gradus: Installation, wards: dict[str, Any]) -> None:
    wild = {"optimizer": {"name": "sgd", "momentum": 0.9}, "schedule": {"name": "constant", "base_lr": 1e18}}
    ended = gradus.finished(gradus.submit(diagnosis(wards["id"], model="wild", **wild))["id"])
    assert (ended["status"], ended["error"]["code"]) == ("failed", "diverged")
    assert "step" in ended["error"]["message"]


def test_a_bad_file_is_refused_by_row_and_leaves_nothing(gradus: Installation) -> None:
    bad = b"user,item,rating\nu1,i1,5\nu2,i2,five\nu3,,3\n"
    read = gradus.upload({"name": "bad", "kind": "interactions"}, {"bad.csv": bad})
    assert read["status"] == "refused"
    places = {(found["row"], found["column"]) for found in read["errors"]}
    assert places == {(2, "rating"), (3, "item")}
    uuid = read["id"].removeprefix("ds_")
    assert [
        path for path in (gradus.home / "storage").rglob("*") if uuid in str(path) and path.is_file()
    ] == []


def test_no_patient_value_is_in_any_log(gradus: Installation, ward_job: dict[str, Any]) -> None:
    published(gradus, ward_job["model"])
    canary = "canary-ward-7f3a"
    body = {"record": {"pressure": 111.25, "age": 50, "ward": canary}, "explain": True}
    assert gradus.client.post("/v1/models/wards/diagnose", json=body).status_code == 200
    wrong = {"record": {"pressure": canary, "age": 50, "ward": "north"}}
    refused = gradus.client.post("/v1/models/wards/diagnose", json=wrong)
    assert refused.status_code == 422
    assert canary not in refused.text
    assert canary not in gradus.client.get("/metrics").text
    assert all(canary not in gradus.log(part) for part in ("gateway", "worker", "sweeper"))
