"""The story of a schedule: compare five, pick a rate by a range test, change it by hand, fork a cool-down."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.test_story import FILMS, WARDS, diagnosis, recommender
from tests.support.installation import Installation
from tests.support.worlds import checkerboard_csv, titles_csv, wards_csv

ARMS = [
    {"label": "constant", "schedule": {"name": "constant", "base_lr": 0.02}},
    {"label": "step", "schedule": {"name": "step", "base_lr": 0.02, "step_size": "3ep", "gamma": 0.5}},
    {"label": "cosine", "schedule": {"name": "cosine", "base_lr": 0.02}},
    {"label": "one cycle", "schedule": {"name": "one_cycle", "base_lr": 0.02, "max_lr": 0.04}},
    {"label": "rex", "schedule": {"name": "rex", "base_lr": 0.02}},
]
DEEP_SIGMOID = {"name": "mlp", "hidden": [64] * 8, "activation": "sigmoid", "dropout": 0.0}


@pytest.fixture(scope="module")
def films(gradus: Installation) -> dict[str, Any]:
    """The films, read."""
    return gradus.upload(FILMS, {"ratings.csv": checkerboard_csv(), "films.csv": titles_csv()})


@pytest.fixture(scope="module")
def wards(gradus: Installation) -> dict[str, Any]:
    """The patients, read."""
    return gradus.upload(WARDS, {"wards.csv": wards_csv()})


def without(spec: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in names}


def accepted(gradus: Installation, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = gradus.client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def ended(gradus: Installation, path: str) -> dict[str, Any]:
    return gradus.wait(path, lambda seen: seen["status"] in ("succeeded", "failed", "cancelled"))


def test_five_schedules_are_compared_over_seeds_in_one_table(
    gradus: Installation, films: dict[str, Any]
) -> None:
    job = without(recommender(films["id"], model="compared", epochs=2), "schedule", "seed")
    sweep = accepted(gradus, "/v1/sweeps", {"job": job, "schedules": ARMS, "seeds": [1, 2]})
    done = ended(gradus, f"/v1/sweeps/{sweep['id']}")
    assert done["status"] == "succeeded", done
    assert {row["label"] for row in done["table"]} == {arm["label"] for arm in ARMS}
    assert done["sentence"].endswith(".")
    picture = gradus.client.get(f"/v1/sweeps/{sweep['id']}", headers={"Accept": "image/svg+xml"})
    assert picture.text.startswith("<svg")


def test_a_range_test_names_a_rate_for_each_role_and_publishes_nothing(
    gradus: Installation, films: dict[str, Any]
) -> None:
    job = without(recommender(films["id"], model="ranged"), "schedule")
    asked = accepted(gradus, "/v1/lr_range_tests", {"job": job, "lo": 1e-5, "hi": 10.0})
    done = ended(gradus, f"/v1/lr_range_tests/{asked['id']}")
    assert done["status"] == "succeeded", done
    assert done["suggestions"], done
    assert all(1e-5 <= found["lr"] <= 10 for found in done["suggestions"])
    assert gradus.client.get("/v1/models/ranged").status_code == 404


def test_a_person_halves_the_rate_of_a_running_job_and_the_plan_follows(
    gradus: Installation, films: dict[str, Any]
) -> None:
    job = gradus.submit(recommender(films["id"], model="steered", epochs=5000))
    path = f"/v1/training_jobs/{job['id']}"
    gradus.wait(path, lambda seen: seen["step"] > 20)
    accepted(gradus, f"{path}/lr_events", {"scale": 0.5, "reason": "the loss swings"})
    [event] = gradus.wait(f"{path}/curve", lambda seen: bool(seen["lr_events"]))["lr_events"]
    assert (event["cause"], event["m_before"], event["m_after"]) == ("manual", 1.0, 0.5)
    gradus.wait(path, lambda seen: seen["step"] > event["step"] + 20)
    gradus.client.post(f"{path}/cancel")
    gradus.finished(job["id"])
    curve = gradus.get(f"{path}/curve", method="raw", to=event["step"] + 10)
    assert curve["lr"] == curve["planned_lr"]
    assert curve["lr_drift"] is None


def test_a_cool_down_is_forked_from_a_checkpoint(gradus: Installation, films: dict[str, Any]) -> None:
    stable = {"name": "constant", "base_lr": 0.02}
    spec = recommender(films["id"], model="stable", epochs=8, schedule=stable, keep_checkpoints=["50%"])
    parent = gradus.finished(gradus.submit(spec)["id"])
    path = f"/v1/training_jobs/{parent['id']}"
    half = parent["total_steps"] // 2
    kept = next(c for c in gradus.get(f"{path}/checkpoints")["data"] if c["step"] == half)
    cooling = {"name": "linear", "base_lr": 0.02, "lr": "previous", "start_factor": 1.0, "end_factor": 0.0}
    child = accepted(gradus, f"{path}/fork", {"checkpoint": kept["id"], "schedule": cooling})
    assert (child["parent"], child["start_step"]) == (parent["id"], half)
    done = gradus.finished(child["id"])
    assert (done["status"], done["step"]) == ("succeeded", parent["total_steps"])
    curve = gradus.get(f"/v1/training_jobs/{child['id']}/curve", method="raw")
    assert curve["steps"][0] == half
    assert curve["lr"][0] == 0.02
    assert curve["lr"][-1] == pytest.approx(0.02 / (parent["total_steps"] - half))


def test_a_net_made_to_vanish_is_found_and_says_what_to_try(
    gradus: Installation, wards: dict[str, Any]
) -> None:
    job = gradus.finished(
        gradus.submit(diagnosis(wards["id"], model="vanishing", net=DEEP_SIGMOID, epochs=4))["id"]
    )
    assert job["status"] == "succeeded", job
    flow = gradus.get(f"/v1/training_jobs/{job['id']}/gradients")
    found = next(finding for finding in flow["findings"] if finding["kind"] == "vanishing")
    assert found["try"]
    assert len(flow["layers"]) == len(flow["gradient_norms"][0])


@pytest.mark.parametrize(
    ("media_type", "start"),
    [
        ("image/svg+xml", b"<svg"),
        ("text/vnd.graphviz", b"digraph"),
        ("text/vnd.mermaid", b"---\ntitle:"),
        ("application/onnx", b"\x08"),
    ],
)
def test_the_graph_of_a_trained_net_is_exported(
    gradus: Installation, wards: dict[str, Any], media_type: str, start: bytes
) -> None:
    version = _trained(gradus, wards)
    path = f"/v1/models/graphed/versions/{version}/graph"
    answer = gradus.client.get(path, headers={"Accept": media_type})
    assert answer.status_code == 200, answer.text
    assert answer.content.lstrip().startswith(start)


def _trained(gradus: Installation, wards: dict[str, Any]) -> int:
    body = diagnosis(wards["id"], model="graphed", epochs=2)
    job = gradus.submit(body, **{"Idempotency-Key": "graphed"})
    return int(gradus.finished(job["id"])["model_version"])


def test_the_worked_example_of_a_trace(gradus: Installation) -> None:
    body = {"expression": "x*y+z", "values": {"x": 7, "y": 13, "z": 19}}
    traced = gradus.client.post("/v1/graphs/trace", json=body).json()
    grads = {node["label"]: node["grad"] for node in traced["nodes"] if node["op"] == "input"}
    assert (traced["value"], grads) == (110, {"x": 13, "y": 7, "z": 1})
