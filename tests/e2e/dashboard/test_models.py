"""Reports, models and data sets on the page, with real packages answering."""

import pytest
from playwright.sync_api import Page, expect

from shared.db.datasets import set_ready, set_refused
from shared.db.engine import Database
from tests.e2e.dashboard.served import Served
from tests.e2e.dashboard.world import publish_films, publish_ward
from tests.support.rows import add_dataset, add_job

pytestmark = pytest.mark.browser


def test_a_finished_ranking_job_shows_who_won_and_what_was_not_run(
    signed_in: Page, served: Served, database: Database
):
    trainer = publish_films(database)
    signed_in.goto(f"{served.address}/#/jobs/{trainer.id}")
    expect(signed_in.locator(".sentence")).to_contain_text("The net mf won: NDCG@10 0.4310")
    table = signed_in.get_by_role("region", name="Candidates")
    expect(table.get_by_role("row", name="mf net")).to_contain_text("won")
    expect(table.get_by_role("row", name="mf net")).to_contain_text("0.4310 0.420 to 0.441")
    expect(table.get_by_role("row", name="ease")).to_contain_text("too many items")
    expect(signed_in.get_by_role("link", name="films version 1")).to_be_visible()
    expect(signed_in.get_by_role("region", name="Events")).to_contain_text("running → succeeded")


def test_a_finished_diagnosis_job_shows_its_calibration_beside_the_baseline(
    signed_in: Page, served: Served, database: Database
):
    trainer = publish_ward(database)
    signed_in.goto(f"{served.address}/#/jobs/{trainer.id}")
    panel = signed_in.get_by_role("region", name="Calibration")
    expect(panel.get_by_role("img", name="Reliability diagram of mlp, logistic_regression")).to_be_visible()
    expect(panel.get_by_role("columnheader")).to_have_text(["Predicted", "Observed", "Records", "Events"])
    assert panel.locator("tbody tr").count() >= 5
    pairs = signed_in.get_by_role("region", name="Paired differences")
    expect(pairs.get_by_role("row", name="mlp minus logistic regression")).to_contain_text("yes")


def test_a_recommender_answers_with_titles_and_says_when_it_does_not_know_the_user(
    signed_in: Page, served: Served, database: Database
):
    publish_films(database)
    signed_in.goto(f"{served.address}/#/models")
    signed_in.get_by_role("link", name="films", exact=True).click()
    signed_in.get_by_label("User id").fill("u0")
    signed_in.get_by_label("How many (k)").fill("3")
    ask = signed_in.get_by_role("button", name="Recommend", exact=True)
    expect(signed_in.get_by_text("production → 1")).to_be_visible()
    ask.click()
    items = signed_in.locator(".answer").first.locator("ol.items > li")
    expect(items).to_have_count(3)
    expect(signed_in.get_by_text("Ranked by the net for this user.")).to_be_visible()
    expect(items.first).to_contain_text("Film ")

    items.first.get_by_role("button", name="Similar items to").click()
    expect(signed_in.get_by_role("heading", name="Near Film")).to_be_visible()

    signed_in.get_by_label("User id").fill("someone new")
    signed_in.get_by_label("History").fill("i0, i2\nno such film")
    ask.click()
    expect(signed_in.get_by_text("does not know this user")).to_be_visible()
    expect(signed_in.get_by_text("1 id was not known and left out.")).to_be_visible()


def test_a_diagnosis_form_starts_at_the_reference_and_explains_what_moved_it(
    signed_in: Page, served: Served, database: Database
):
    publish_ward(database)
    signed_in.goto(f"{served.address}/#/models/ward")
    predict = signed_in.get_by_role("button", name="Predict")
    predict.click()
    expect(signed_in.get_by_role("heading", name="Probability that died is 1")).to_be_visible()
    expect(signed_in.get_by_text("this is the reference record")).to_be_visible()
    expect(signed_in.get_by_text("No flags")).to_be_visible()
    expect(signed_in.get_by_role("note")).to_contain_text("not a medical device")
    expect(signed_in.get_by_text("In 25.0 % of the 400 training records it was so.")).to_be_visible()

    signed_in.get_by_label("n1", exact=True).fill("1000")
    signed_in.get_by_label("c0", exact=True).select_option("")
    predict.click()
    expect(signed_in.locator(".flags li")).to_have_text(
        ["n1 outside the range seen in training", "c0 missing; the model was told so"]
    )
    moved = signed_in.locator(".contributions li .name")
    assert sorted(moved.all_inner_texts()) == ["c0", "n1"]

    signed_in.get_by_role("button", name="Back to the reference").click()
    predict.click()
    expect(signed_in.get_by_text("this is the reference record")).to_be_visible()


def test_what_was_typed_outlives_the_polling_of_the_page(signed_in: Page, served: Served, database: Database):
    publish_ward(database)
    signed_in.goto(f"{served.address}/#/models/ward")
    field = signed_in.get_by_label("n1", exact=True)
    field.fill("12.5")
    with signed_in.expect_response(f"{served.address}/v1/models/ward/versions?**"):
        pass  # the page has asked again
    expect(field).to_have_value("12.5")


def test_data_sets_show_their_columns_and_the_places_that_were_refused(
    signed_in: Page, served: Served, database: Database
):
    column = {"name": "age", "type": "number", "missing": 5, "distinct": 40, "levels": None}
    summary = {"rows": 50, "columns": [column], "warnings": ["column d.time comes after the outcome"]}
    wrong = {
        "file": "ratings.csv",
        "row": 17,
        "column": "rating",
        "wanted": "a number",
        "came": "a text of 4 letters",
    }
    with database.begin() as cx:
        set_ready(cx, dataset_id=add_dataset(cx, name="patients", kind="records"), summary=summary)
        set_refused(cx, dataset_id=add_dataset(cx, name="broken"), errors=[wrong])
    signed_in.get_by_role("link", name="Data sets", exact=True).click()
    patients = signed_in.get_by_role("article").filter(has_text="patients")
    expect(patients).to_contain_text("ready")
    expect(patients).to_contain_text("column d.time comes after the outcome")
    patients.get_by_text("Columns as read").click()
    expect(patients.get_by_role("row", name="age")).to_contain_text("10.0 %")
    broken = signed_in.get_by_role("article").filter(has_text="broken")
    expect(broken.get_by_role("row", name="ratings.csv")).to_contain_text(
        "17ratinga numbera text of 4 letters"
    )


def test_a_reading_can_be_cancelled_on_the_page(signed_in: Page, served: Served, database: Database):
    with database.begin() as cx:
        add_job(cx, kind="ingest", dataset_id=add_dataset(cx, name="too much"), dataset_version=1)
    signed_in.get_by_role("link", name="Data sets", exact=True).click()
    reading = signed_in.get_by_role("article").filter(has_text="too much")
    expect(reading).to_contain_text("reading")
    reading.get_by_role("button", name="Cancel").click()
    reading.get_by_role("button", name="Really cancel?").click()
    expect(reading).to_contain_text("refused")
    expect(reading).to_contain_text(
        "Nothing was kept: the reading was cancelled on request. Upload the files again."
    )
    expect(reading.get_by_role("button")).to_have_count(0)
