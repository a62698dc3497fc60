"""A job's gradient flow over HTTP."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET

import httpx
import pytest

from shared.db.engine import Database
from shared.db.gradients import FlowRows
from shared.gradients import Layer, Sample
from tests.support.training import TrainedJob, running_job

LAYERS = (
    Layer("tables.0", "embeddings", "table", 0),
    Layer("body.0", "body", "matrix", 1, "relu"),
    Layer("head", "head", "matrix", 2),
)


def sample(
    step: int, *, first: float = 0.5, last: float = 1.0, total: float = 2.0, zeros: float = 0.4
) -> Sample:
    return Sample(
        step=step,
        total_norm=total,
        gradient_norms=[0.25, first, 1.0],
        weight_norms=[1.0, 2.0, 4.0],
        update_ratios=[None, 0.001, 0.002],
        zero_fractions=[None, zeros, None],
    )


def told(job: TrainedJob, *samples: Sample) -> TrainedJob:
    """Write samples as a trainer would."""
    job.progress(0, 60, flow=FlowRows(LAYERS, samples))
    return job


@pytest.fixture
def job(client: httpx.Client, database: Database) -> TrainedJob:
    return running_job(client, database)


def flow_of(job: TrainedJob) -> str:
    return f"/v1/training_jobs/{job.id}/gradients"


def test_samples_are_columns_over_the_steps_and_rows_over_the_layers(
    client: httpx.Client, job: TrainedJob
) -> None:
    flow = client.get(flow_of(told(job, sample(0), sample(50)))).json()
    assert (flow["job"], flow["every"]) == (job.id, 50)
    assert flow["layers"][1] == {
        "name": "body.0",
        "group": "body",
        "kind": "matrix",
        "order": 1,
        "activation": "relu",
    }
    assert flow["steps"] == [0, 50]
    assert flow["total_norm"] == [2.0, 2.0]
    assert flow["gradient_norms"] == [[0.25, 0.5, 1.0]] * 2
    assert flow["weight_norms"] == [[1.0, 2.0, 4.0]] * 2
    assert flow["update_ratios"][0] == [None, pytest.approx(0.001), pytest.approx(0.002)]
    assert flow["zero_fractions"][0] == [None, pytest.approx(0.4), None]
    assert flow["findings"] == []
    assert {rule["kind"] for rule in flow["rules"] if rule["applies"]} == {
        "vanishing",
        "exploding",
        "dead",
        "non_finite",
    }


def test_a_job_without_samples_has_none(client: httpx.Client, job: TrainedJob) -> None:
    flow = client.get(flow_of(job)).json()
    assert (flow["layers"], flow["steps"], flow["findings"], flow["rules"]) == ([], [], [], [])
    assert client.get(flow_of(job), headers={"Accept": "image/svg+xml"}).status_code == 200


def test_findings_name_layer_steps_number_threshold_and_what_to_try(
    client: httpx.Client, job: TrainedJob
) -> None:
    flow = client.get(flow_of(told(job, *(sample(t, first=1e-6) for t in range(6))))).json()
    (found,) = flow["findings"]
    assert (found["kind"], found["layer"]) == ("vanishing", "body.0")
    assert (found["first_step"], found["last_step"], found["samples"]) == (0, 5, 6)
    assert (found["value"], found["threshold"]) == (pytest.approx(1e-6), 1e-4)
    assert found["try"]
    assert "body.0" in found["say"]
    assert "remedies" not in found


def test_what_is_no_number_is_null(client: httpx.Client, job: TrainedJob) -> None:
    answer = client.get(flow_of(told(job, sample(0), sample(7, first=math.nan, total=math.inf))))
    flow = json.loads(answer.text, parse_constant=pytest.fail)
    assert flow["total_norm"] == [2.0, None]
    assert flow["gradient_norms"][1] == [0.25, None, 1.0]
    (found,) = flow["findings"]
    assert (found["kind"], found["layer"], found["value"]) == ("non_finite", "body.0", None)


def test_many_samples_are_thinned_and_keep_peaks_findings_and_ends(
    client: httpx.Client, job: TrainedJob
) -> None:
    samples = [
        sample(t, total=30.0 if t == 2345 else 1.0, zeros=0.95 if t > 4000 else 0.5) for t in range(5000)
    ]
    flow = client.get(flow_of(told(job, *samples)), params={"points": 100}).json()
    assert len(flow["steps"]) <= 110
    assert {0, 2345, 4005, 4999} <= set(flow["steps"])
    (found,) = flow["findings"]
    assert (found["kind"], found["first_step"], found["samples"]) == ("dead", 4001, 999)


def test_a_net_of_very_many_layers_shows_fewer_samples(client: httpx.Client, job: TrainedJob) -> None:
    layers = tuple(Layer(f"tables.{n}", "embeddings", "table", 0) for n in range(2000))
    row, none = [1.0] * 2000, [None] * 2000
    samples = [Sample(t, 90.0 if t == 77 else 9.0, row, row, row, none) for t in range(150)]
    job.progress(0, 60, flow=FlowRows(layers, samples))
    steps = client.get(flow_of(job), params={"points": 20_000}).json()["steps"]
    assert {0, 77, 149} <= set(steps)
    assert len(steps) <= 102


def test_a_chart_has_every_layer_and_marks_findings(client: httpx.Client, job: TrainedJob) -> None:
    told(job, *(sample(t, first=1e-6) for t in range(20)))
    answer = client.get(flow_of(job), headers={"Accept": "image/svg+xml"})
    words = [t.text or "" for t in ET.fromstring(answer.text).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    assert {"all", "tables.0", "body.0", "head", "vanishing body.0"} <= set(words)
    assert any(w.startswith("the gradient of body.0 fell to 1.0e-06") for w in words)
    png = client.get(flow_of(job), headers={"Accept": "image/png"})
    assert png.content.startswith(b"\x89PNG")


def test_a_layer_that_a_logarithmic_chart_cannot_draw_is_not_in_its_legend(
    client: httpx.Client, job: TrainedJob
) -> None:
    told(job, *(sample(t, first=0.0) for t in range(20)))
    answer = client.get(flow_of(job), headers={"Accept": "image/svg+xml"})
    words = [t.text or "" for t in ET.fromstring(answer.text).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    # By panel: tables.0 has no update ratio, body.0 no gradient; only body.0 has shares of zeros.
    assert [w for w in words if w in {"tables.0", "body.0", "head"}] == [
        *("tables.0", "head"),
        *("body.0", "head"),
        "body.0",
    ]


def test_another_form_and_another_job_are_problems(client: httpx.Client, job: TrainedJob) -> None:
    assert client.get(flow_of(job), headers={"Accept": "text/csv"}).status_code == 406
    assert client.get("/v1/training_jobs/job_1/gradients").status_code == 404
    assert client.get(flow_of(job), params={"points": 5}).status_code == 422
