"""A job's curve over HTTP."""

from __future__ import annotations

import csv
import io
import math

import httpx
import pytest

from shared.db.curves import PointColumns
from shared.db.engine import Database
from shared.db.job_writes import Progress
from shared.specs.ids import new_uuid
from tests.support.training import TrainedJob, running_job


@pytest.fixture
def job(client: httpx.Client, database: Database) -> TrainedJob:
    """A job of 100 steps with 60 of them done and two evaluations."""
    made = running_job(client, database)
    made.progress(0, 60)
    made.evaluation(20, **{"ndcg@10": 0.1})
    made.evaluation(60, **{"ndcg@10": 0.2})
    return made


def curve_of(job: TrainedJob) -> str:
    return f"/v1/training_jobs/{job.id}/curve"


def test_a_curve_is_columns_of_one_length_with_the_plan_beside(client: httpx.Client, job: TrainedJob) -> None:
    curve = client.get(curve_of(job)).json()
    assert curve["steps"] == list(range(60))
    assert curve["loss"][:3] == pytest.approx([1.0, 0.5, 1 / 3])
    assert {len(curve[name]) for name in ("lr", "grad_norm", "momentum", "planned_lr")} == {60}
    # Cosine from 0.1 to 0 over 100 steps: 0.05 at half way.
    assert curve["planned_lr"][0] == 0.1
    assert curve["planned_lr"][50] == pytest.approx(0.05)
    assert (curve["plan"]["steps"][0], curve["plan"]["steps"][-1]) == (0, 99)
    assert [(e["step"], e["epoch"], e["metrics"]) for e in curve["evaluations"]] == [
        (20, 5, {"ndcg@10": 0.1}),
        (60, 15, {"ndcg@10": 0.2}),
    ]


def test_a_part_of_a_curve_can_be_asked_for(client: httpx.Client, job: TrainedJob) -> None:
    curve = client.get(curve_of(job), params={"from": 10, "to": 30, "method": "raw"}).json()
    assert curve["steps"] == list(range(10, 30))
    assert [e["step"] for e in curve["evaluations"]] == [20]


def test_a_thinned_curve_keeps_spikes_and_ends_and_is_short(client: httpx.Client, database: Database) -> None:
    made = running_job(client, database, epochs=2500)
    steps = list(range(10_000))
    loss = [5.0 if t == 4321 else math.nan if t == 7777 else 1.0 / (t + 1) for t in steps]
    points = PointColumns(steps=steps, lr=[0.1] * 10_000, loss=loss)
    made.commit(Progress(step=10_000, epoch=2500, points=points))
    curve = client.get(curve_of(made), params={"points": 200}).json()
    assert len(curve["steps"]) <= 200
    assert (curve["steps"][0], curve["steps"][-1]) == (0, 9999)
    assert curve["loss"][curve["steps"].index(4321)] == 5.0
    assert curve["loss"][curve["steps"].index(7777)] is None
    raw = client.get(curve_of(made), params={"method": "raw"}).json()
    assert raw["steps"] == steps


def test_more_raw_points_than_one_answer_holds_are_refused(client: httpx.Client, database: Database) -> None:
    made = running_job(client, database, epochs=50_000)
    made.commit(Progress(step=150_000, epoch=37_500))
    answer = client.get(curve_of(made), params={"method": "raw"})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["method"])
    assert client.get(curve_of(made), params={"method": "raw", "from": 100_000}).status_code == 200


def test_a_curve_as_csv_reads_back(client: httpx.Client, job: TrainedJob) -> None:
    answer = client.get(curve_of(job), headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 60
    assert float(rows[50]["loss"]) == 1 / 51
    assert float(rows[0]["planned_lr"]) == 0.1
    assert rows[0]["momentum"] == ""


def csv_rows(client: httpx.Client, job: TrainedJob, **params: str | int) -> list[dict[str, str]]:
    answer = client.get(curve_of(job), params=params, headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_csv_holds_every_step_unless_thinning_is_asked_for(client: httpx.Client, database: Database) -> None:
    made = running_job(client, database, epochs=12_500)
    made.progress(0, 45_000)  # three pages
    rows = csv_rows(client, made)
    assert [int(row["step"]) for row in rows] == list(range(45_000))
    assert float(rows[44_999]["loss"]) == 1 / 45_000
    assert csv_rows(client, made, method="raw", points=10) == rows
    assert csv_rows(client, made, **{"from": 19_000, "to": 21_000}) == rows[19_000:21_000]
    assert len(csv_rows(client, made, points=100)) <= 100
    assert 100 < len(csv_rows(client, made, method="minmax")) <= 1000
    assert 100 < len(client.get(curve_of(made)).json()["steps"]) <= 1000


def test_csv_has_no_longest_curve(client: httpx.Client, database: Database) -> None:
    made = running_job(client, database, epochs=50_000)
    made.commit(Progress(step=150_000, epoch=37_500))
    assert csv_rows(client, made) == []


def test_the_csv_of_no_job_is_not_found(client: httpx.Client, job: TrainedJob) -> None:
    path = curve_of(job).replace(job.id, f"job_{new_uuid()}")
    assert client.get(path, headers={"Accept": "text/csv"}).status_code == 404


def test_a_curve_can_be_drawn(client: httpx.Client, job: TrainedJob) -> None:
    drawn = client.get(curve_of(job), headers={"Accept": "image/svg+xml"})
    assert drawn.text.count("<polyline") >= 3
    assert "films" in drawn.text
    painted = client.get(curve_of(job), headers={"Accept": "image/png"})
    assert painted.headers["content-type"] == "image/png"
    assert painted.content.startswith(b"\x89PNG")


def test_a_form_nobody_makes_is_not_acceptable(client: httpx.Client, job: TrainedJob) -> None:
    assert client.get(curve_of(job), headers={"Accept": "application/xml"}).status_code == 406


def test_a_job_that_has_not_begun_has_an_empty_curve(client: httpx.Client, database: Database) -> None:
    made = running_job(client, database)
    assert client.get(curve_of(made)).json()["steps"] == []
    assert client.get(curve_of(made), headers={"Accept": "image/svg+xml"}).status_code == 200
