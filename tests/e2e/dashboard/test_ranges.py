"""Range tests on the page: asked for from a job, drawn while the rate climbs, read, and used."""

import json
import math

import pytest
from playwright.sync_api import Page, expect

from shared.db.curves import PointColumns
from shared.db.datasets import set_ready
from shared.db.engine import Database
from shared.db.job_writes import Progress, commit_progress, finish_range_test
from shared.range_test import rates
from shared.specs.ids import public_id
from tests.e2e.dashboard.served import Served
from tests.support.rows import LEASE_SECONDS, add_dataset, claim_one
from tests.support.training import ready_dataset, running_job

pytestmark = pytest.mark.browser
STEPS = 60
LADDER = rates(1e-5, 10, steps=STEPS)


def bowl(rate: float) -> float:
    """Return a loss that falls from 1 to 0.2 around a rate of 0.03 and runs away above 1."""
    depth = math.log10(rate / 0.03)
    return 1.0 - 0.8 * math.exp(-(depth**2)) + max(0.0, rate - 1.0) ** 2


def climbed(first: int, last: int) -> Progress:
    """Return the points first ≤ t < last of the climb."""
    steps = list(range(first, last))
    lr = [LADDER[t] for t in steps]
    points = PointColumns(steps=steps, lr=lr, loss=[bowl(r) for r in lr], grad_norm=[1.0] * len(steps))
    return Progress(step=last, epoch=0, points=points)


def ask(page: Page, served: Served, database: Database) -> None:
    """Ask for a range test from the page of a job."""
    with served.gateway.client() as client:
        job = running_job(client, database)
    page.goto(f"{served.address}/#/jobs/{job.id}")
    page.get_by_role("link", name="Find its learning rate").click()
    expect(page.get_by_label("Start from")).to_have_value(job.id)
    page.get_by_label("Updates").fill(str(STEPS))


def test_a_range_test_is_asked_for_watched_read_and_used(signed_in: Page, served: Served, database: Database):
    ask(signed_in, served, database)
    signed_in.get_by_role("button", name="Start the test").click()
    expect(signed_in.get_by_role("heading", name="LR range test of mf for films")).to_be_visible()
    expect(signed_in.get_by_text("waiting for a worker")).to_be_visible()
    with database.begin() as cx:
        claim = claim_one(cx)
        commit_progress(
            cx, job_id=claim.job_id, fence=claim.fence, lease_seconds=LEASE_SECONDS, progress=climbed(0, 40)
        )
    expect(signed_in.get_by_text("40 of at most 60 updates")).to_be_visible()
    expect(signed_in.get_by_text("They come when the test has ended")).to_be_visible()
    chart = signed_in.locator("figure.chart")
    expect(chart).to_contain_text("learning rate 0.0925")  # 1e-5 · 10^(6·39/59)
    with database.begin() as cx:
        finish_range_test(cx, job_id=claim.job_id, fence=claim.fence, progress=climbed(40, 56))
    expect(signed_in.locator(".head .pill")).to_have_text("succeeded")
    peak = signed_in.locator(".suggestions li", has_text="Peak of a decaying schedule")
    rate = float(peak.locator(".rate").inner_text())
    assert 0.005 < rate < 0.1
    meaning = signed_in.get_by_text("Each suggestion is a multiple of it.").inner_text()
    assert rate == pytest.approx(1.2 * float(meaning.split(",")[1]), rel=0.05)  # two digits of the rate
    with served.gateway.client() as client:
        newest = running_job(client, database, model="other")
    peak.get_by_role("link", name="Use it").click()
    expect(signed_in.get_by_label("Name of this schedule")).to_have_value(
        f"Peak of a decaying schedule, {rate:g}"
    )
    used = json.loads(signed_in.get_by_label("The schedule as JSON").input_value())
    assert (used["name"], used["base_lr"]) == ("polynomial", rate)
    expect(signed_in.get_by_label("Total steps")).to_have_value("100")  # 25 epochs of 4 steps
    signed_in.get_by_label("Name of this schedule").fill("peak")
    signed_in.reload()
    signed_in.get_by_text("Start a training with this schedule").click()
    expect(signed_in.get_by_label("Start from")).to_have_value(public_id("lrt", claim.job_id))
    expect(signed_in.get_by_label("Start from").locator(f"option[value='{newest.id}']")).to_have_count(1)
    signed_in.get_by_role("button", name="Start the training").click()
    expect(signed_in.get_by_role("heading", name="films")).to_be_visible()
    expect(signed_in.get_by_text("batch 8")).to_be_visible()
    signed_in.get_by_role("link", name="Range tests", exact=True).click()
    expect(signed_in.locator("tr[data-range]")).to_contain_text("56 of 60")


def test_an_impossible_climb_is_refused_with_its_place(
    signed_in: Page, served: Served, database: Database, complaints: list[str]
):
    complaints.append("422")
    ask(signed_in, served, database)
    signed_in.get_by_label("From", exact=True).fill("20")
    signed_in.get_by_role("button", name="Start the test").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("must lie above lo")
    # What is wrong stands there, and no word of where an answer of the API says so.
    alone = "Refusedhi: must lie above lo; the rate rises from lo to hi"
    expect(signed_in.get_by_role("alert")).to_have_text(alone)


def ready_patients(page: Page, database: Database) -> str:
    """Create a data set with the columns that the sample's job names, and return its id."""
    samples = page.evaluate("async () => (await import('/static/samples.js')).SAMPLES")
    task = next(one for one in samples if one["id"] == "patients")["spec"]["task"]
    columns = [{"name": n, "type": "number", "missing": 0} for n in (task["target"], *task["exclude"], "age")]
    with database.begin() as cx:
        found = add_dataset(cx, kind="records", name="patients")
        set_ready(cx, dataset_id=found, summary={"rows": 100, "columns": columns})
    return public_id("ds", found)


def test_a_range_test_without_a_job_starts_from_a_sample_on_the_data_that_have_its_columns(
    signed_in: Page, database: Database
):
    patients = ready_patients(signed_in, database)
    ready_dataset(database, kind="records", name="wards")  # newer, and of other columns
    signed_in.get_by_role("link", name="Range tests", exact=True).click()
    signed_in.get_by_role("link", name="New range test").click()
    expect(signed_in.get_by_label("Start from")).to_have_value("patients")
    expect(signed_in.get_by_label("Data set")).to_have_value(patients)


def test_a_sample_whose_columns_no_data_set_has_is_not_offered(signed_in: Page, database: Database):
    ready_dataset(database, kind="records", name="wards")
    signed_in.get_by_role("link", name="Range tests", exact=True).click()
    signed_in.get_by_role("link", name="New range test").click()
    expect(signed_in.get_by_label("Start from")).to_have_value("films")
    expect(signed_in.locator("option[value='patients']")).to_be_disabled()
    expect(signed_in.locator("option[value='patients']")).to_contain_text("no data set has its columns")
    expect(signed_in.get_by_label("Data set")).to_have_value("")
