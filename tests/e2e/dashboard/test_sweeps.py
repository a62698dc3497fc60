"""Sweeps on the page: asked for from the playground or a job, watched, compared, cancelled."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from shared.db.engine import Database
from tests.e2e.dashboard.served import Served
from tests.support.sweeping import a_sweep, sweep_body
from tests.support.training import ready_dataset, running_job

pytestmark = pytest.mark.browser

CUT = """table => [...table.querySelectorAll('tbody td, tbody th')]
    .filter(cell => cell.scrollWidth > cell.clientWidth + 1
        || cell.getBoundingClientRect().right > innerWidth)
    .map(cell => cell.innerText)"""


def test_a_sweep_is_asked_for_from_the_comparison_of_the_playground(signed_in: Page, database: Database):
    ready_dataset(database)
    signed_in.get_by_role("link", name="Schedules", exact=True).click()
    for name in ("constant", "cosine"):
        signed_in.get_by_role("button", name=f"Use it: {name}", exact=True).click()
        signed_in.get_by_role("button", name="Add to comparison").click()
    signed_in.get_by_role("button", name="Sweep these schedules").click()
    expect(signed_in.get_by_label("Name of schedule 2")).to_have_value("cosine")
    signed_in.get_by_label("Seeds", exact=True).fill("1 2")
    expect(signed_in.get_by_text("2 × 2 = 4 trainings")).to_be_visible()
    signed_in.get_by_label("Target metric").fill("ndcg@10")
    signed_in.get_by_label("Target value").fill("0.4")
    expect(signed_in.get_by_label("Data set")).to_contain_text("interactions")
    signed_in.get_by_role("button", name="Start the sweep").click()
    expect(signed_in.get_by_role("heading", name="films: 2 schedules × 2 seeds")).to_be_visible()
    expect(signed_in.locator("table.trainings tbody tr")).to_have_count(4)
    expect(signed_in.locator("table.sweep-table")).to_contain_text("To reach 0.4")


def test_what_is_wrong_with_a_schedule_is_said_at_that_schedule(
    signed_in: Page, served: Served, database: Database, complaints: list[str]
):
    complaints.append("422")
    with served.gateway.client() as client:
        job = running_job(client, database)
    signed_in.goto(f"{served.address}/#/jobs/{job.id}")
    signed_in.get_by_role("link", name="Compare schedules").click()
    expect(signed_in.get_by_label("Name of schedule 1")).to_have_value("cosine")
    signed_in.get_by_label("Kind of the new schedule").select_option("step")
    signed_in.get_by_role("button", name="Add schedule").click()
    signed_in.locator("summary", has_text="JSON").nth(2).click()
    signed_in.get_by_label("Schedule 2 as JSON").fill('{"name": "step", "base_lr": 0.1, "step_size": 10}')
    signed_in.get_by_role("button", name="Start the sweep").click()
    expect(signed_in.locator("[data-arm='1']")).to_contain_text("a length needs a unit")
    expect(signed_in.locator("[data-arm='0']")).to_be_empty()


def test_a_finished_sweep_shows_its_sentence_its_table_and_its_curves(
    signed_in: Page, served: Served, database: Database, tmp_path: Path
):
    with served.gateway.client() as client:
        body = sweep_body(
            ready_dataset(database), seeds=[1, 2, 3], target={"metric": "ndcg@10", "value": 0.2}
        )
        sweep = a_sweep(client, database, body)
        sweep.play({"constant": [0.30, 0.31, 0.32], "cosine": [0.40, 0.41, 0.42]}, seeds=[1, 2, 3])
        told = sweep.read()
    signed_in.goto(f"{served.address}/#/sweeps/{sweep.id}")
    expect(signed_in.get_by_text(told["sentence"])).to_be_visible()
    leading = signed_in.locator("table.sweep-table tbody tr").nth(1)
    expect(leading).to_contain_text("cosine")
    expect(leading).to_contain_text("0.4100 ± 0.0100")
    expect(leading).to_contain_text("won")
    table = signed_in.locator("table.sweep-table")
    expect(table.locator("caption")).to_contain_text("each run counts with its best validation")
    expect(table.locator("thead")).to_contain_text("NDCG@10, mean of best validations")
    expect(table.locator("thead")).to_contain_text("Best run")
    validation = signed_in.locator("figure.chart", has_text="Validation NDCG@10")
    expect(validation.locator("figcaption")).to_contain_text("last, step")
    signed_in.set_viewport_size({"width": 390, "height": 844})
    assert table.evaluate(CUT) == []
    signed_in.set_viewport_size({"width": 1280, "height": 900})
    behind = signed_in.locator("table.sweep-table tbody tr").nth(0)
    expect(behind).to_contain_text("−0.1000")
    expect(behind).to_contain_text("60 steps")
    expect(signed_in.locator("figure.chart", has_text="Training loss")).to_contain_text("cosine")
    expect(signed_in.locator(".charts .hint")).to_contain_text("Lines are means over 3 seeds; the rate")
    signed_in.get_by_label("every seed").check()
    expect(signed_in.locator("figure.chart", has_text="Training loss")).to_contain_text("cosine, seed 3")
    expect(signed_in.locator(".charts .hint")).to_contain_text("Lines are single trainings; the rate")
    signed_in.get_by_label("Metric", exact=True).select_option("hr@10")
    expect(signed_in.get_by_role("heading", name="Validation HR@10")).to_be_visible()
    with signed_in.expect_download() as caught:
        signed_in.get_by_role("button", name="CSV", exact=True).click()
    caught.value.save_as(tmp_path / "table.csv")
    assert "cosine" in (tmp_path / "table.csv").read_text()
    signed_in.get_by_role("link", name="Sweeps", exact=True).first.click()
    expect(signed_in.locator(f"tr[data-sweep='{sweep.id}']")).to_contain_text("constant, cosine")


def test_a_training_that_failed_is_named_with_its_cause(signed_in: Page, served: Served, database: Database):
    with served.gateway.client() as client:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        sweep.play({"constant": [0.3, 0.3], "cosine": [0.4, float("nan")]}, seeds=[1, 2])
    signed_in.goto(f"{served.address}/#/sweeps/{sweep.id}")
    expect(signed_in.locator(".head .pill")).to_have_text("partly failed")
    expect(signed_in.locator("table.sweep-table")).to_contain_text("seed 2 failed: diverged")
    expect(signed_in.locator(".charts .hint")).to_contain_text("over what there is, 3 of 4 trainings done;")
    expect(signed_in.locator("table.trainings")).to_contain_text("the loss of step 3 is not a finite number")


def test_a_sweep_is_cancelled_on_the_second_press(signed_in: Page, served: Served, database: Database):
    with served.gateway.client() as client:
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        signed_in.goto(f"{served.address}/#/sweeps/{sweep.id}")
        expect(signed_in.locator(".charts .hint")).to_contain_text("so far, 0 of 4 trainings done;")
        signed_in.get_by_role("button", name="Cancel").click()
        assert sweep.read()["status"] == "queued"
        signed_in.get_by_role("button", name="Really cancel?").click()
        expect(signed_in.locator(".head .pill")).to_have_text("cancelled")


def test_the_trainings_of_a_sweep_are_one_row_in_the_list_of_jobs_that_unfolds(
    signed_in: Page, served: Served, database: Database
):
    with served.gateway.client() as client:
        alone = running_job(client, database)
        sweep = a_sweep(client, database, sweep_body(ready_dataset(database)))
        trainings = len(sweep.read()["jobs"])
    signed_in.reload()
    row = signed_in.locator(f"tr[data-sweep-row='{sweep.id}']")
    expect(row).to_contain_text(f"{trainings} trainings")
    expect(row).to_contain_text(f"{trainings} queued")
    expect(signed_in.locator("tr[data-job]")).to_have_count(1)
    expect(signed_in.locator(f"tr[data-job='{alone.id}']")).to_be_visible()
    row.get_by_role("button", name="Show them").press("Enter")
    expect(signed_in.locator(f"tr[data-of='{sweep.id}']")).to_have_count(trainings)
    expect(row.get_by_role("button", name="Hide them")).to_be_focused()
    row.get_by_role("button", name="Hide them").press("Enter")
    expect(signed_in.locator("tr[data-job]")).to_have_count(1)
    row.get_by_role("link").click()
    expect(signed_in.locator("table.trainings tbody tr")).to_have_count(trainings)
