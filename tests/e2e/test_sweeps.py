"""A sweep through a whole installation: equal seeds start alike, and its jobs are ordinary jobs."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.e2e.test_story import curve_and_weights, recommender
from tests.support.installation import Installation
from tests.support.worlds import checkerboard_csv, titles_csv

ARMS = [
    {"label": "cosine", "schedule": {"name": "cosine", "base_lr": 0.02}},
    {"label": "the same", "schedule": {"name": "cosine", "base_lr": 0.02}},
    {"label": "tiny", "schedule": {"name": "constant", "base_lr": 1e-5}},
]
SEEDS = [1, 2]
ENDED = {"succeeded", "failed", "cancelled"}
APART = ("schedule", "seed")


@pytest.fixture(scope="module")
def training(gradus: Installation) -> dict[str, Any]:
    """What the trainings share: a net with dropout, so that random numbers matter."""
    read = gradus.upload(
        {"name": "for sweeps", "kind": "interactions"},
        {"ratings.csv": checkerboard_csv(), "films.csv": titles_csv()},
    )
    body = recommender(read["id"], model="swept", epochs=30)
    body["net"] = {**body["net"], "dropout": 0.2}
    return {key: value for key, value in body.items() if key not in APART}


@pytest.fixture(scope="module")
def swept(gradus: Installation, training: dict[str, Any]) -> dict[str, Any]:
    """A sweep of three schedules and two seeds, done; the trainer of its first training was killed."""
    target = {"metric": "ndcg@5", "value": 0.05}
    body = {"job": training, "schedules": ARMS, "seeds": SEEDS, "target": target}
    answer = gradus.client.post("/v1/sweeps", json=body)
    assert answer.status_code == 202, answer.text
    first = answer.json()["jobs"][0]["id"]
    gradus.wait(f"/v1/training_jobs/{first}", lambda seen: seen["step"] > 30)
    os.kill(gradus.trainer_of(first), signal.SIGKILL)
    done = gradus.wait(answer.headers["location"], lambda seen: set(seen["counts"]) <= ENDED)
    assert done["status"] == "succeeded", done["jobs"]
    return done


def job_of(sweep: dict[str, Any], label: str, seed: int) -> str:
    return str(next(job["id"] for job in sweep["jobs"] if (job["arm"], job["seed"]) == (label, seed)))


def whole(gradus: Installation, job: str) -> tuple[bytes, str]:
    return curve_and_weights(gradus, {"id": job})


def test_equal_seeds_start_alike_under_every_schedule_and_other_seeds_do_not(
    gradus: Installation, swept: dict[str, Any]
) -> None:
    """The first loss is of initial weights, first batch and its negatives, before any rate has acted."""

    def first_loss(label: str, seed: int) -> float:
        curve = gradus.get(f"/v1/training_jobs/{job_of(swept, label, seed)}/curve", method="raw")
        return float(curve["loss"][0])

    assert first_loss("cosine", 1) == first_loss("tiny", 1) != first_loss("cosine", 2)


def test_the_same_schedule_twice_is_the_same_training_even_when_one_was_killed_and_a_tie(
    gradus: Installation, swept: dict[str, Any]
) -> None:
    assert gradus.get(f"/v1/training_jobs/{job_of(swept, 'cosine', 1)}")["attempt"] > 1
    for seed in SEEDS:
        first, second = (job_of(swept, label, seed) for label in ("cosine", "the same"))
        assert whole(gradus, first) == whole(gradus, second)
    rows = {row["label"]: row for row in swept["table"]}
    assert rows["the same"]["difference"]["value"] == 0.0
    assert rows["the same"]["tie_with"] == ["cosine"]
    assert swept["leader"] == "cosine"
    assert rows["cosine"]["mean"] > rows["tiny"]["mean"]


def test_a_training_of_a_sweep_is_the_one_that_a_single_job_would_be(
    gradus: Installation, training: dict[str, Any], swept: dict[str, Any]
) -> None:
    alone = {**training, "schedule": ARMS[0]["schedule"], "seed": 2, "publish": None, "judge": "net"}
    job = gradus.finished(gradus.submit(alone)["id"])
    assert whole(gradus, job["id"]) == whole(gradus, job_of(swept, "cosine", 2))


def test_trainings_of_a_sweep_leave_versions_that_no_alias_points_at(
    gradus: Installation, swept: dict[str, Any]
) -> None:
    assert sorted(job["model_version"] for job in swept["jobs"]) == [1, 2, 3, 4, 5, 6]
    assert gradus.get("/v1/models/swept")["aliases"] == {}
    report = gradus.get(f"/v1/training_jobs/{job_of(swept, 'cosine', 1)}/report")
    assert [found["role"] for found in report["candidates"]] == ["net"]


def test_a_row_tells_what_the_runs_took(swept: dict[str, Any]) -> None:
    row = swept["table"][0]
    assert 0 < row["seconds_to_target"] <= row["seconds"]
    assert row["steps_to_target"] % swept["steps_per_epoch"] == 0
    # Cosine over N steps from 0.02 to 0: 0.01 · (1 + 1/N) on average, as logged.
    assert row["lr_from"] == "curve"
    assert row["mean_lr"] == pytest.approx(0.01 * (1 + 1 / swept["total_steps"]))
