"""Sweeps over HTTP, on a real Postgres: asked for, played, compared, drawn, cancelled."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from shared.db import sweep_curves, sweeps
from shared.db.engine import Connection, Database
from shared.specs.ids import new_uuid
from tests.support.gateway import Gateway
from tests.support.rows import add_dataset
from tests.support.sweeping import METRIC, SCHEDULES, SWEEPS, a_sweep, sweep_body
from tests.support.training import job_body, ready_dataset

JOBS = "/v1/training_jobs"
NAN = math.nan


def jobs_of(client: httpx.Client, sweep: str) -> list[dict[str, Any]]:
    """Return a sweep's jobs in the order they were asked for."""
    found: list[dict[str, Any]] = client.get(JOBS, params={"sweep": sweep, "limit": 100}).json()["data"]
    return found[::-1]


class TestAsking:
    def test_a_sweep_is_one_job_for_every_schedule_and_seed(
        self, client: httpx.Client, database: Database
    ) -> None:
        answer = client.post(SWEEPS, json=sweep_body(ready_dataset(database)))
        sweep = answer.json()
        assert (answer.status_code, answer.headers["location"]) == (202, f"{SWEEPS}/{sweep['id']}")
        assert (sweep["status"], sweep["counts"], sweep["trainings"]) == ("queued", {"queued": 4}, 4)
        jobs = jobs_of(client, sweep["id"])
        assert [(job["spec"]["seed"], job["arm"]) for job in jobs] == [
            *((1, "constant"), (1, "cosine")),
            *((2, "constant"), (2, "cosine")),
        ]
        assert {job["sweep"] for job in jobs} == {sweep["id"]}
        assert {job["total_steps"] for job in jobs} == {100}
        assert [job["id"] for job in sweep["jobs"]] == [job["id"] for job in jobs]

    def test_its_jobs_are_those_that_could_have_been_asked_for_one_by_one(
        self, client: httpx.Client, database: Database
    ) -> None:
        dataset = ready_dataset(database)
        sweep = a_sweep(client, database, sweep_body(dataset))
        alone = job_body(dataset, seed=2, schedule=SCHEDULES[1]["schedule"], judge="net", publish=None)
        single = client.post(JOBS, json=alone).json()
        last = client.get(f"{JOBS}/{jobs_of(client, sweep.id)[-1]['id']}").json()
        assert last["spec"] == single["spec"]
        assert last["resolved_schedule"] == single["resolved_schedule"]
        assert (single["sweep"], single["arm"]) == (None, None)

    def test_an_arm_may_bring_an_optimizer_of_its_own(self, client: httpx.Client, database: Database) -> None:
        free = {"name": "schedule_free_adamw"}
        arms = [*SCHEDULES, {**SCHEDULES[0], "label": "schedule-free", "optimizer": free}]
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database), schedules=arms, seeds=[3]))
        names = {job["arm"]: job["spec"]["optimizer"]["name"] for job in jobs_of(client, sweep.id)}
        wanted = {"constant": "adamw", "cosine": "adamw", "schedule-free": "schedule_free_adamw"}
        assert names == wanted

    @pytest.mark.parametrize(
        ("changes", "places"),
        [
            ({"dataset": f"ds_{new_uuid()}"}, [["job", "dataset"]]),
            ({"net": {"name": "mf", "embedding_dim": 0}}, [["job", "net", "embedding_dim"]]),
            ({"net": {"name": "mlp"}}, [["job", "net"]]),
            ({"seed": 3}, [["job", "seed"]]),
            ({"publish": {"alias": "production"}}, [["job", "publish"]]),
            ({"early_stopping": {"monitor": "auroc"}}, [["job", "early_stopping", "monitor"]]),
        ],
    )
    def test_what_is_wrong_with_the_training_is_placed_in_it(
        self, client: httpx.Client, database: Database, changes: dict[str, Any], places: list[list[str]]
    ) -> None:
        body = sweep_body(ready_dataset(database))
        answer = client.post(SWEEPS, json={**body, "job": {**body["job"], **changes}})
        assert answer.status_code == 422
        assert [e["loc"] for e in answer.json()["errors"]] == places
        assert client.get(JOBS).json()["data"] == []

    @pytest.mark.parametrize(
        ("changes", "places"),
        [
            ({"seeds": [1, 1]}, [["seeds"]]),
            ({"seeds": []}, [["seeds"]]),
            ({"seeds": [-1]}, [["seeds", 0]]),
            ({"schedules": []}, [["schedules"]]),
            ({"schedules": [SCHEDULES[0], SCHEDULES[0]]}, [["schedules"]]),
            ({"target": {"metric": "auroc", "value": 0.5}}, [["target", "metric"]]),
            ({"colour": 1}, [["colour"]]),
        ],
    )
    def test_what_is_wrong_with_the_sweep_is_placed_in_it(
        self, client: httpx.Client, database: Database, changes: dict[str, Any], places: list[list[str]]
    ) -> None:
        answer = client.post(SWEEPS, json=sweep_body(ready_dataset(database), **changes))
        assert answer.status_code == 422
        assert [e["loc"] for e in answer.json()["errors"]] == places

    def test_every_schedule_is_held_against_its_steps_before_anything_is_written(
        self, client: httpx.Client, database: Database
    ) -> None:
        short = {"base_lr": 0.1, "phases": [{"name": "constant", "duration": "5st"}]}
        high = {"name": "cosine", "base_lr": 0.1, "eta_min": 0.5}
        arms = [*SCHEDULES, {"label": "short", "schedule": short}, {"label": "high", "schedule": high}]
        answer = client.post(SWEEPS, json=sweep_body(ready_dataset(database), schedules=arms))
        assert answer.status_code == 422
        places = [tuple(e["loc"]) for e in answer.json()["errors"]]
        assert {place[:3] for place in places} == {("schedules", 2, "schedule"), ("schedules", 3, "schedule")}
        assert ("schedules", 3, "schedule", "eta_min") in places
        assert client.get(SWEEPS).json()["data"] == client.get(JOBS).json()["data"] == []

    def test_more_than_a_hundred_trainings_are_refused(
        self, client: httpx.Client, database: Database
    ) -> None:
        arms = [{**SCHEDULES[0], "label": f"arm {n}"} for n in range(15)]
        body = sweep_body(ready_dataset(database), schedules=arms, seeds=list(range(7)))
        answer = client.post(SWEEPS, json=body)
        assert [e["loc"] for e in answer.json()["errors"]] == [["seeds"]]
        assert "105" in answer.json()["errors"][0]["message"]

    def test_a_data_set_still_being_read_is_a_conflict(
        self, client: httpx.Client, database: Database
    ) -> None:
        with database.begin() as cx:
            reading = add_dataset(cx)
        answer = client.post(SWEEPS, json=sweep_body(f"ds_{reading}"))
        assert (answer.status_code, answer.json()["code"]) == (409, "dataset_not_ready")

    def test_one_key_under_many_hands_makes_one_sweep(self, client: httpx.Client, database: Database) -> None:
        body, key = sweep_body(ready_dataset(database)), {"Idempotency-Key": "once"}
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.post(SWEEPS, json=body, headers=key), range(8)))
        assert {a.status_code for a in answers} == {202}
        assert len({a.json()["id"] for a in answers}) == 1
        assert len(client.get(JOBS).json()["data"]) == 4

    def test_a_key_used_for_another_body_is_refused(self, client: httpx.Client, database: Database) -> None:
        dataset, key = ready_dataset(database), {"Idempotency-Key": "once"}
        client.post(SWEEPS, json=sweep_body(dataset), headers=key)
        answer = client.post(SWEEPS, json=sweep_body(dataset, seeds=[1, 3]), headers=key)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


class TestComparing:
    def test_a_difference_beyond_the_noise_is_told_with_its_interval(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database), seeds=[1, 2, 3]))
        sweep.play({"constant": [0.20, 0.21, 0.22], "cosine": [0.30, 0.31, 0.33]}, seeds=[1, 2, 3])
        seen = sweep.read()
        assert (seen["status"], seen["progress"]) == ("succeeded", 1.0)
        assert (seen["leader"], seen["winner"], seen["metric"]) == ("cosine", "cosine", METRIC)
        rows = sweep.rows()
        # Differences −0.10, −0.10, −0.11: mean −0.10333, sd 0.0057735; t(2) = 4.302653, half 0.0143421.
        found = rows["constant"]["difference"]
        assert found["value"] == pytest.approx(-0.1033333)
        assert found["interval"] == pytest.approx([-0.1176755, -0.0889912], abs=1e-7)
        assert (found["against"], found["pairs"], rows["constant"]["tie_with"]) == ("cosine", 3, [])
        assert rows["cosine"]["difference"] is None
        assert (rows["constant"]["mean"], rows["constant"]["sd"]) == pytest.approx((0.21, 0.01))
        assert rows["constant"]["best"] == pytest.approx(0.22)
        assert rows["constant"]["test"]["mean"] == pytest.approx(0.2)
        assert "ahead of constant by more than the noise" in seen["sentence"]

    def test_a_difference_within_the_noise_is_a_tie(self, client: httpx.Client, database: Database) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.30, 0.20], "cosine": [0.20, 0.31]}, seeds=[1, 2])
        rows = sweep.rows()
        assert (rows["constant"]["tie_with"], rows["cosine"]["tie_with"]) == (["cosine"], ["constant"])
        assert sweep.read()["winner"] is None
        assert sweep.read()["sentence"].startswith("A tie: cosine")

    def test_one_seed_never_names_a_winner(self, client: httpx.Client, database: Database) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database), seeds=[5]))
        sweep.play({"constant": [0.1], "cosine": [0.9]}, seeds=[5])
        seen = sweep.read()
        assert (seen["leader"], seen["winner"]) == (None, None)
        assert "one seed cannot tell" in seen["sentence"]
        assert {row["interval"] for row in seen["table"]} == {row["sd"] for row in seen["table"]} == {None}

    def test_nothing_is_compared_before_all_have_ended(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        claim, label, _ = sweep.claim()
        assert (label, sweep.read()["status"]) == ("constant", "running")
        sweep.finish(claim, value=0.3, test=0.2)
        seen = sweep.read()
        assert (seen["status"], seen["progress"]) == ("running", 0.25)
        assert seen["counts"] == {"queued": 3, "succeeded": 1}
        assert seen["sentence"].startswith("1 of 4 trainings have ended")
        assert (seen["leader"], seen["table"][0]["mean"]) == (None, pytest.approx(0.3))

    def test_a_training_that_ends_while_the_answer_is_put_together_has_not_ended_in_any_of_it(
        self, client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database), seeds=[1]))
        sweep.finish(sweep.claim()[0], value=0.4, test=0.2)
        running, _, _ = sweep.claim()
        tallies, late = sweeps.sweep_tallies, [running]

        def tallies_of_a_moment_later(cx: Connection, *, sweep_ids: Sequence[UUID]) -> list[sweeps.Tally]:
            if late:
                sweep.finish(late.pop(), value=0.5, test=0.2)
            return tallies(cx, sweep_ids=sweep_ids)

        monkeypatch.setattr(sweeps, "sweep_tallies", tallies_of_a_moment_later)
        for status, counts in (
            ("running", {"running": 1, "succeeded": 1}),
            ("succeeded", {"succeeded": 2}),
        ):
            found = sweep.read()
            assert (found["status"], found["counts"]) == (status, counts)
            assert Counter(job["status"] for job in found["jobs"]) == counts
            versions = sum(job["model_version"] is not None for job in found["jobs"])
            assert versions == counts["succeeded"]

    def test_a_schedule_that_diverged_with_a_seed_is_not_ranked(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.2], "cosine": [0.9, NAN]}, seeds=[1, 2])
        seen, row = sweep.read(), sweep.rows()["cosine"]
        assert (seen["status"], seen["leader"]) == ("partly_failed", "constant")
        assert row["difference"] is None
        (failed,) = row["failed"]
        assert (failed["seed"], failed["code"]) == (2, "diverged")
        assert "step 3" in failed["message"]
        assert "Not ranked: cosine (failed with seed 2)" in seen["sentence"]

    def test_steps_and_seconds_to_a_target_are_those_of_the_first_evaluation_beyond_it(
        self, client: httpx.Client, database: Database
    ) -> None:
        target = {"metric": METRIC, "value": 0.14}
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database), target=target))
        # Constant passes 0.14 with one seed only; cosine at once (half of 0.4) with both.
        sweep.play({"constant": [0.2, 0.1], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        rows = sweep.rows()
        assert (rows["cosine"]["steps_to_target"], rows["cosine"]["reached"]) == (20, 2)
        assert 0 <= rows["cosine"]["seconds_to_target"] <= rows["cosine"]["seconds"] < 60
        assert (rows["constant"]["steps_to_target"], rows["constant"]["reached"]) == (None, 1)

    def test_rates_are_those_logged_once_a_training_has_succeeded(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        before = sweep.rows()["cosine"]
        # Cosine from 0.1 over 100 steps: 0.05 · (1 + 1/100) on average.
        assert (before["lr_from"], before["mean_lr"]) == ("plan", pytest.approx(0.0505))
        sweep.play({"constant": [0.2, 0.1], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        after = sweep.rows()["cosine"]
        assert (after["lr_from"], after["final_lr"]) == ("curve", 0.05)
        assert after["mean_lr"] == pytest.approx((99 * 0.1 + 0.05) / 100)

    def test_rates_of_a_training_that_has_succeeded_are_reckoned_once(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.1], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        first = sweep.rows()["cosine"]
        with database.begin() as cx:
            cx.execute(text("UPDATE curve_point SET lr = 7"))
        again = sweep.rows()["cosine"]
        assert (again["mean_lr"], again["final_lr"]) == (first["mean_lr"], 0.05)

    def test_another_metric_can_be_asked_for(self, client: httpx.Client, database: Database) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.1], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        seen = sweep.read(metric="hr@10")
        assert (seen["metric"], seen["table"][0]["mean"], seen["table"][0]["test"]["mean"]) == (
            "hr@10",
            1.0,
            None,
        )
        answer = client.get(f"{SWEEPS}/{sweep.id}", params={"metric": "auroc"})
        assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["metric"])


class TestForms:
    def test_the_table_as_csv_reads_back(self, client: httpx.Client, database: Database) -> None:
        arms = [*SCHEDULES, {**SCHEDULES[0], "label": "=1+1"}]
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database), schedules=arms))
        values = {"constant": [0.2, 0.1], "cosine": [0.4, 0.4], "=1+1": [0.3, 0.2]}
        sweep.play(values, seeds=[1, 2])
        answer = client.get(f"{SWEEPS}/{sweep.id}", headers={"Accept": "text/csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["label"] for row in rows] == ["constant", "cosine", "'=1+1"]
        assert float(rows[0]["mean"]) == pytest.approx(0.15)
        assert rows[1]["difference"] == ""

    def test_curves_hold_every_run_and_the_means_over_seeds(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.4], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        curves = client.get(f"{SWEEPS}/{sweep.id}/curves").json()
        assert [(run["arm"], run["seed"], len(run["steps"])) for run in curves["runs"]] == [
            *(("constant", 1, 100), ("cosine", 1, 100)),
            *(("constant", 2, 100), ("cosine", 2, 100)),
        ]
        mean = curves["means"][0]
        assert mean["loss"][:2] == pytest.approx([0.3, 0.15])
        assert (mean["evaluation_steps"], mean["evaluations"]) == ([20, 60], pytest.approx([0.15, 0.3]))
        assert curves["plans"][1]["lr"][50] == pytest.approx(0.05)

    def test_thinned_curves_keep_the_ends_and_the_extremes(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.4], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        curves = client.get(f"{SWEEPS}/{sweep.id}/curves", params={"points": 12}).json()
        for line in (*curves["runs"], *curves["means"]):
            assert (line["steps"][0], line["steps"][-1]) == (0, 99)
            assert len(line["steps"]) <= 12
            assert min(line["lr"]) == pytest.approx(0.05)

    def test_of_a_very_long_sweep_every_nth_step_is_looked_at(
        self, client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.4], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        monkeypatch.setattr(sweep_curves, "POINTS_LOOKED_AT", 40)  # of 4 × 100
        curves = client.get(f"{SWEEPS}/{sweep.id}/curves").json()
        assert (curves["every"], curves["runs"][0]["steps"]) == (10, list(range(0, 100, 10)))

    @pytest.mark.parametrize("read", [400, 399])  # of 4 × 100: from end to end, or looked up
    def test_every_nth_step_is_that_of_the_whole_curve_also_where_runs_are_of_other_lengths(
        self, client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch, read: int
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.4], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        with database.begin() as cx:
            of_arm_and_seed = "SELECT id FROM job WHERE sweep_arm = 0 AND spec ->> 'seed' = '2'"
            (job_id,) = cx.execute(text(of_arm_and_seed)).scalars()
            shorten = text("DELETE FROM curve_point WHERE job_id = :job_id AND step >= 50")
            cx.execute(shorten, {"job_id": job_id})
        whole = client.get(f"{SWEEPS}/{sweep.id}/curves").json()
        monkeypatch.setattr(sweep_curves, "POINTS_READ", read)
        for most in ("POINTS_LOOKED_AT", "POINTS_LOOKED_UP"):
            monkeypatch.setattr(sweep_curves, most, 60)
        sampled = client.get(f"{SWEEPS}/{sweep.id}/curves").json()
        assert sampled["every"] == 7
        assert [len(run["steps"]) for run in sampled["runs"]] == [15, 15, 8, 15]
        for line, found in zip(
            (*whole["runs"], *whole["means"]), (*sampled["runs"], *sampled["means"]), strict=True
        ):
            for column in ("steps", "loss", "lr"):
                assert found[column] == line[column][::7]

    @pytest.mark.parametrize("form", ["image/svg+xml", "image/png"])
    def test_a_sweep_is_drawn(self, client: httpx.Client, database: Database, form: str) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        empty = client.get(f"{SWEEPS}/{sweep.id}", headers={"Accept": form})
        sweep.play({"constant": [0.2, 0.4], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        drawn = client.get(f"{SWEEPS}/{sweep.id}", headers={"Accept": form})
        assert (empty.status_code, drawn.status_code) == (200, 200)
        assert drawn.content != empty.content
        if form == "image/svg+xml":
            for text in ("training loss", f"{METRIC} on validation", "cosine (mean 0.0505)"):
                assert text in drawn.text
            assert "2 schedules, mean over 2 seeds</" in drawn.text
            assert "2 schedules, mean so far: 0 of 4 trainings done</" in empty.text

    def test_a_drawing_says_how_much_is_missing_and_names_no_line_that_is_not_there(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.4]}, seeds=[1])
        svg = {"Accept": "image/svg+xml"}
        waiting = client.get(f"{SWEEPS}/{sweep.id}", headers=svg).text
        assert "2 schedules, mean so far: 1 of 4 trainings done</" in waiting
        assert waiting.count(">constant</text>") == 2
        assert ">cosine</text>" not in waiting
        client.post(f"{SWEEPS}/{sweep.id}/cancel")
        ended = client.get(f"{SWEEPS}/{sweep.id}", headers=svg).text
        assert "2 schedules, mean over what there is: 1 of 4 trainings done</" in ended

    def test_a_form_that_there_is_not_is_406(self, client: httpx.Client, database: Database) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        answer = client.get(f"{SWEEPS}/{sweep.id}", headers={"Accept": "text/html"})
        assert answer.status_code == 406


class TestCancelling:
    def test_cancel_ends_what_waits_and_keeps_what_has_succeeded(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        claim, _, _ = sweep.claim()
        sweep.finish(claim, value=0.3, test=0.2)
        running, _, _ = sweep.claim()
        for _ in range(2):
            answer = client.post(f"{SWEEPS}/{sweep.id}/cancel")
            assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
        assert answer.json()["counts"] == {"cancelled": 2, "running": 1, "succeeded": 1}
        sweep.diverge(running)
        assert sweep.read()["status"] == "partly_failed"
        assert client.post(f"{SWEEPS}/{sweep.id}/cancel").status_code == 202

    def test_a_sweep_that_has_succeeded_cannot_be_cancelled(
        self, client: httpx.Client, database: Database
    ) -> None:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.2, 0.4], "cosine": [0.4, 0.4]}, seeds=[1, 2])
        answer = client.post(f"{SWEEPS}/{sweep.id}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "sweep_state")


def test_a_list_goes_on_where_it_stopped(client: httpx.Client, database: Database) -> None:
    dataset = ready_dataset(database)
    made = [a_sweep(client, database, sweep_body(dataset)).id for _ in range(3)]
    first = client.get(SWEEPS, params={"limit": 2}).json()
    rest = client.get(SWEEPS, params={"limit": 2, "after": first["data"][-1]["id"]}).json()
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [s["id"] for s in first["data"] + rest["data"]] == made[::-1]
    assert first["data"][0]["labels"] == ["constant", "cosine"]
    assert first["data"][0]["counts"] == {"queued": 4}


def test_two_owners_may_use_the_same_key(gateway: Gateway, client: httpx.Client, database: Database) -> None:
    body, key = sweep_body(ready_dataset(database)), {"Idempotency-Key": "once"}
    with gateway.client("train") as other:
        ids = {c.post(SWEEPS, json=body, headers=key).json()["id"] for c in (client, other)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    "sweep_id", ["nothing", f"swp_{new_uuid()}", f"job_{new_uuid()}"], ids=["no id", "no row", "another kind"]
)
def test_a_sweep_that_is_not_there_is_not_found(client: httpx.Client, sweep_id: str) -> None:
    for path in ("", "/curves"):
        answer = client.get(f"{SWEEPS}/{sweep_id}{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert client.post(f"{SWEEPS}/{sweep_id}/cancel").status_code == 404
