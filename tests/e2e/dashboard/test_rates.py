"""A job's rate on the page: changes on the way, a fork under another schedule, and its gradient flow."""

import dataclasses
import json
import math

import pytest
from playwright.sync_api import Page, Route, expect

from shared.db.engine import Database
from shared.db.gradients import FlowRows
from shared.db.lr_events import take_up_requests
from shared.gradients import Layer, Sample
from tests.e2e.dashboard.served import Served
from tests.support.rows import a_checkpoint
from tests.support.training import TrainedJob, running_job

pytestmark = pytest.mark.browser
LAYERS = (Layer("body.0", "body", "matrix", 0, "relu"), Layer("head", "head", "matrix", 1))


@pytest.fixture
def job(served: Served, database: Database) -> TrainedJob:
    """A running job of 100 steps at a constant rate, 40 of them done, with two checkpoints."""
    with served.gateway.client() as client:
        found = running_job(client, database, schedule={"name": "constant", "base_lr": 0.1})
    found.progress(0, 20, checkpoint=a_checkpoint(20, best=True))
    found.progress(20, 40, checkpoint=a_checkpoint(40))
    return found


def open_job(page: Page, served: Served, job_id: str) -> None:
    page.goto(f"{served.address}/#/jobs/{job_id}")
    page.get_by_role("heading", name="Learning rate").wait_for()


def taken_up(job: TrainedJob, *, step: int) -> None:
    """Take up what waits, as the trainer does at a step boundary."""
    with job.database.begin() as cx:
        take_up_requests(cx, job_id=job.uuid, fence=job.claim.fence, step=step)


def test_a_person_scales_the_rate_and_the_change_is_marked_with_its_reason(
    signed_in: Page, served: Served, job: TrainedJob
):
    open_job(signed_in, served, job.id)
    expect(signed_in.get_by_label("Reason")).to_have_js_property("required", True)
    signed_in.get_by_label("Scale by").fill("0.25")
    signed_in.get_by_label("Reason").fill("it <b>swings</b> too much")
    signed_in.get_by_role("button", name="Scale the rate").click()
    expect(signed_in.get_by_text("× 0.25 waits for the next step")).to_be_visible()
    expect(signed_in.get_by_label("Reason")).to_have_value("")  # a second press asks for nothing
    expect(signed_in.get_by_label("Scale by")).to_have_value("0.5")
    taken_up(job, step=40)
    changes = signed_in.get_by_role("region", name="Changes of the rate")
    expect(changes.locator("ol li")).to_contain_text("a person at step 40: factor 1 → 0.25")
    expect(changes.locator("ol li")).to_contain_text("it <b>swings</b> too much")
    expect(changes.get_by_text("waits for the next step")).to_have_count(0)
    rates = signed_in.locator("figure.chart", has_text="Learning rate")
    expect(rates.locator("dt")).to_have_text(["planned, with events", "schedule alone", "actual"])
    rates.locator(".canvas").press("End")  # past the event: a quarter of the constant 0.1
    expect(rates.locator("dd").nth(0)).to_have_text("0.025")
    expect(rates.locator("dd").nth(1)).to_have_text("0.1")


def test_a_rate_that_left_its_plan_is_an_alarm(signed_in: Page, served: Served, job: TrainedJob):
    def drifted(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "lr_drift": 17})

    signed_in.route("**/curve?**", drifted)
    open_job(signed_in, served, job.id)
    expect(signed_in.get_by_role("alert")).to_contain_text("From step 17 on")


def test_a_scale_that_is_refused_is_said(
    signed_in: Page, served: Served, job: TrainedJob, complaints: list[str]
):
    complaints.append("422")
    open_job(signed_in, served, job.id)
    signed_in.get_by_label("Scale by").fill("-1")
    signed_in.get_by_label("Reason").fill("upside down")
    signed_in.get_by_role("button", name="Scale the rate").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("scale")


def test_a_job_is_forked_into_a_cool_down_that_begins_with_its_parents_curve(
    signed_in: Page, served: Served, job: TrainedJob
):
    open_job(signed_in, served, job.id)
    signed_in.get_by_role("button", name="Fork from a checkpoint").click()
    dialog = signed_in.get_by_role("dialog")
    expect(dialog.get_by_label("Checkpoint")).to_contain_text("step 40, newest")
    dialog.get_by_label("Checkpoint").select_option(index=1)
    schedule = json.loads(dialog.get_by_label("The schedule as JSON").input_value())
    assert schedule["phases"][0] | {"lr": "previous"} == schedule["phases"][0]
    dialog.get_by_label("Train for").fill("10")
    dialog.get_by_label("unit").select_option("st")
    dialog.get_by_label("Publish").select_option("never")
    dialog.get_by_role("button", name="Fork", exact=True).click()
    expect(signed_in.get_by_text("Fork of")).to_contain_text("from step 20")
    expect(signed_in.locator("figure.chart", has_text="Learning rate")).to_contain_text("parent")
    expect(signed_in.locator("dl.facts").first).to_contain_text("20 / 30")
    expect(signed_in.locator("details.card code")).to_contain_text('"publish": null')
    signed_in.get_by_text("Fork of").get_by_role("link").click()
    expect(signed_in.get_by_text("Fork:")).to_contain_text("from step 20 (linear, queued)")


def test_the_schedule_of_a_fork_is_taken_up_at_the_rate_that_it_began_with(
    signed_in: Page, served: Served, job: TrainedJob
):
    down = {"name": "linear", "duration": "rest", "lr": "previous", "start_factor": 1, "end_factor": 0}
    with served.gateway.client() as client:
        asked = {"schedule": {"phases": [down]}}
        fork = client.post(f"/v1/training_jobs/{job.id}/fork", json=asked).json()["id"]
    open_job(signed_in, served, fork)
    signed_in.get_by_role("link", name="Schedule in the playground").click()
    drawn = json.loads(signed_in.get_by_label("The schedule as JSON").input_value())["phases"]
    assert drawn == [drawn[0] | down | {"lr": 0.1}]
    expect(signed_in.get_by_label("Total steps")).to_have_value("60")  # after the checkpoint at 40 of 100
    expect(signed_in.locator("table.figures tbody td").first).to_have_text("0.1")
    signed_in.goto(f"{served.address}/#/sweeps/new")  # which starts from the newest job, the fork
    arm = signed_in.get_by_label("Schedule 1 as JSON")
    expect(signed_in.get_by_label("Name of schedule 1")).to_have_value("linear")
    assert json.loads(arm.input_value())["phases"][0]["lr"] == 0.1
    expect(signed_in.get_by_label("Epochs", exact=True)).to_have_value("15")  # those 60 steps, 4 to an epoch
    signed_in.get_by_label("Start from").select_option(job.id)
    expect(signed_in.get_by_label("Name of schedule 1")).to_have_value("constant")
    expect(signed_in.get_by_label("Epochs", exact=True)).to_have_value("25")
    signed_in.locator(".arms summary").click()
    arm.fill('{"name": "constant", "base_lr": 0.2}')
    signed_in.get_by_label("Start from").select_option(fork)
    expect(signed_in.get_by_label("Start from")).to_have_value(fork)
    expect(arm).to_have_value('{"name": "constant", "base_lr": 0.2}')  # what was edited stays
    expect(signed_in.locator(".arms > li")).to_have_count(1)


def test_a_fork_that_is_refused_keeps_its_dialog_open(
    signed_in: Page, served: Served, job: TrainedJob, complaints: list[str]
):
    complaints.append("422")
    open_job(signed_in, served, job.id)
    signed_in.get_by_role("button", name="Fork from a checkpoint").click()
    dialog = signed_in.get_by_role("dialog")
    dialog.get_by_label("The schedule as JSON").fill('{"name": "cosine", "base_lr": -1}')
    dialog.get_by_role("button", name="Fork", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("base_lr")
    dialog.get_by_label("The schedule as JSON").fill("{")
    dialog.get_by_role("button", name="Fork", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("not JSON yet")
    signed_in.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def sample(step: int, *, dead: float) -> Sample:
    return Sample(
        step=step,
        total_norm=2.0,
        gradient_norms=[0.5, 1.0],
        weight_norms=[1.0, 2.0],
        update_ratios=[0.001, 0.002],
        zero_fractions=[dead, None],
    )


def test_gradient_flow_is_drawn_layer_by_layer_with_what_was_found(
    signed_in: Page, served: Served, job: TrainedJob
):
    job.progress(40, 60, flow=FlowRows(LAYERS, [sample(step, dead=1.0) for step in range(0, 60, 2)]))
    open_job(signed_in, served, job.id)
    flow = signed_in.get_by_role("region", name="Gradient flow")
    expect(flow.locator(".gradient-findings")).to_contain_text("dead in body.0")
    expect(flow.locator(".gradient-findings")).to_contain_text("What to try")
    norms = flow.locator("figure.chart", has_text="Gradient norm per layer")
    expect(norms).to_contain_text("body.00.5")
    expect(norms).to_contain_text("head1")
    expect(flow.locator("figure.chart", has_text="silent units")).to_contain_text("body.01")


def test_tables_are_drawn_where_a_chart_has_nothing_else(signed_in: Page, served: Served, job: TrainedJob):
    """The bias of a factorisation learns nothing from differences of two items' scores."""
    tables = (Layer(name, "embeddings", "table", 0) for name in ("users", "items"))
    layers = (*tables, Layer("bias", "head", "vector", 1))
    samples = [
        Sample(
            step=step,
            total_norm=0.7,
            gradient_norms=[0.5, 0.5, 0.0],
            weight_norms=[1.0, 2.0, 0.0],
            update_ratios=[0.001, 0.002, None],
            zero_fractions=[None, None, None],
        )
        for step in range(0, 60, 2)
    ]
    job.progress(40, 60, flow=FlowRows(layers, samples))
    open_job(signed_in, served, job.id)
    flow = signed_in.get_by_role("region", name="Gradient flow")
    expect(flow.get_by_label("tables")).to_be_checked()
    for title, names in (
        ("Gradient norm per layer", ["users", "items", "bias"]),
        ("Update over weight per layer", ["users", "items"]),
    ):
        expect(flow.locator("figure.chart", has_text=title).locator("dt")).to_have_text(names)
    flow.get_by_label("tables").uncheck()
    expect(flow.locator("figure.chart:visible dt")).to_have_text(["bias"])


def test_what_is_not_finite_is_found_without_figures(signed_in: Page, served: Served, job: TrainedJob):
    broken = sample(58, dead=0.4)
    broken = dataclasses.replace(broken, total_norm=math.nan, gradient_norms=[0.5, math.nan])
    samples = [*(sample(step, dead=0.4) for step in range(0, 58, 2)), broken]
    job.progress(40, 60, flow=FlowRows(LAYERS, samples))
    open_job(signed_in, served, job.id)
    finding = signed_in.get_by_role("region", name="Gradient flow").locator("[data-kind=non_finite]")
    expect(finding.locator("p").first).to_have_text("non-finite in head · step 58")


def test_embedding_tables_are_drawn_when_asked_for(signed_in: Page, served: Served, job: TrainedJob):
    layers = (Layer("tables.0", "embeddings", "table", 0), Layer("head", "head", "matrix", 1))
    job.progress(40, 60, flow=FlowRows(layers, [sample(step, dead=0.4) for step in range(0, 60, 2)]))
    open_job(signed_in, served, job.id)
    flow = signed_in.get_by_role("region", name="Gradient flow")
    norms = flow.locator("figure.chart", has_text="Gradient norm per layer").locator("dt")
    expect(norms).to_have_text(["head"])
    expect(flow).to_contain_text("1 embedding table is not drawn (tables.0)")
    flow.get_by_label("tables").check()
    expect(norms).to_have_text(["tables.0", "head"])
    expect(flow).not_to_contain_text("not drawn")


def test_gradients_without_a_fault_are_said_to_be_fine(signed_in: Page, served: Served, job: TrainedJob):
    job.progress(40, 60, flow=FlowRows(LAYERS, [sample(step, dead=0.4) for step in range(0, 60, 2)]))
    open_job(signed_in, served, job.id)
    expect(signed_in.get_by_role("region", name="Gradient flow")).to_contain_text(
        "Nothing vanishing, exploding, dead"
    )
