"""Jobs on the page: live state, curves that draw themselves, and what can be done with a job."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from shared.db.engine import Database
from tests.e2e.dashboard.served import Served
from tests.e2e.dashboard.world import (
    EPOCH,
    SPEC,
    TOTAL,
    loss_of,
    planned,
    publish_films,
    start_job,
    status_of,
)
from tests.support.training import ready_dataset

pytestmark = pytest.mark.browser


def open_job(page: Page, served: Served, job_id: str) -> None:
    page.goto(f"{served.address}/#/jobs/{job_id}")
    page.get_by_role("heading", name="Learning rate").wait_for()


def chart(page: Page, title: str) -> Locator:
    return page.locator("figure.chart", has=page.get_by_role("heading", name=title))


def inked(page: Page, title: str) -> int:
    """Return how many pixels of a chart hold ink."""
    count = """canvas => new Uint32Array(canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height).data.buffer).filter(Boolean).length"""
    return int(chart(page, title).locator("canvas").evaluate(count))


def test_the_list_follows_a_job_from_the_queue_to_its_end(signed_in: Page, database: Database):
    trainer = start_job(database)
    signed_in.reload()
    row = signed_in.locator(f"tr[data-job='{trainer.id}']")
    expect(row).to_contain_text("running")
    trainer.train_to(100)
    expect(row).to_contain_text("50 %")
    expect(row).to_contain_text("1,234")
    expect(row).to_contain_text("linear → cosine")
    trainer.fail(code="storage_failed", message="the disk is full")
    expect(row).to_contain_text("failed")
    expect(row.get_by_role("button", name="Resume")).to_be_visible()
    expect(row.get_by_role("button", name="Cancel")).to_be_hidden()


def test_a_job_that_diverged_is_trained_again_with_other_settings_and_not_resumed(
    signed_in: Page, served: Served, database: Database
):
    dataset = ready_dataset(database)
    spec = {"dataset": dataset, "batch_size": 48, "schedule": {"name": "cosine", "base_lr": 0.01}}
    trainer = start_job(database, spec=SPEC | spec)
    trainer.train_to(100)
    trainer.fail(code="diverged", message="the loss of step 101 is not a finite number")
    open_job(signed_in, served, trainer.id)
    again = signed_in.get_by_role("link", name="Train again with other settings")
    expect(again).to_be_visible()
    expect(signed_in.get_by_text("the loss of step 101")).to_be_visible()
    expect(signed_in.get_by_role("button", name="Resume")).to_be_hidden()
    expect(signed_in.locator(".events")).to_contain_text("failed")
    expect(signed_in.get_by_role("button", name="Fork from a checkpoint")).to_be_hidden()  # there is none
    again.click()
    expect(signed_in.get_by_label("Batch size")).to_have_value("48")
    expect(signed_in.get_by_label("Name of this schedule")).to_have_value("cosine")
    signed_in.get_by_label("Batch size").fill("32")
    signed_in.get_by_role("button", name="Start the training").click()
    expect(signed_in.locator(".head .pill")).to_have_text("queued")
    expect(signed_in.get_by_text("batch 32")).to_be_visible()


def test_curves_draw_themselves_while_a_trainer_writes_points(
    signed_in: Page, served: Served, database: Database
):
    trainer = start_job(database)
    trainer.train_to(20)
    open_job(signed_in, served, trainer.id)
    loss, rate = chart(signed_in, "Training loss"), chart(signed_in, "Learning rate")
    expect(loss).to_contain_text("step 19")
    expect(signed_in.get_by_text("live", exact=True)).to_be_visible()
    before = inked(signed_in, "Training loss")
    for step in (60, 90, 120):
        trainer.train_to(step)
        expect(loss).to_contain_text(f"step {step - 1}")
        expect(loss).to_contain_text(f"{loss_of(step - 1):.4g}")
    assert inked(signed_in, "Training loss") > before + 100
    # The newest point's planned rate comes with the stream, so both readings agree to every digit shown.
    shown = rate.locator("dd").all_inner_texts()
    assert shown[0] == shown[1]
    assert float(shown[1]) == pytest.approx(planned().lr(119), rel=1e-3)
    expect(chart(signed_in, "Validation")).to_contain_text("0.12")  # the evaluation after step 120


def test_a_broken_stream_goes_on_right_behind_the_last_point(
    signed_in: Page, served: Served, database: Database
):
    trainer = start_job(database)
    trainer.train_to(20)
    seen: list[str | None] = []

    def breaks_once(route: Route) -> None:
        seen.append(route.request.headers.get("last-event-id"))
        if len(seen) > 1:
            route.continue_()
            return
        point = json.dumps({"step": 20, "lr": 0.01, "loss": 0.5})
        route.fulfill(
            headers={"content-type": "text/event-stream"}, body=f"event: point\nid: 20\ndata: {point}\n\n"
        )

    signed_in.route("**/curve/stream", breaks_once)
    open_job(signed_in, served, trainer.id)
    expect(chart(signed_in, "Training loss")).to_contain_text("step 20")
    trainer.train_to(41)
    expect(chart(signed_in, "Training loss")).to_contain_text("step 40")
    assert seen[:2] == ["19", "20"]


def test_a_job_that_fails_says_why_and_its_text_is_never_read_as_html(
    signed_in: Page, served: Served, database: Database
):
    trainer = start_job(database)
    hostile = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    trainer.fail(code="refused", message=hostile)
    open_job(signed_in, served, trainer.id)
    expect(signed_in.get_by_role("alert")).to_contain_text(hostile)
    assert signed_in.locator("main img, main b").count() == 0
    assert "owned" not in signed_in.title()


def test_pause_acts_at_once_and_cancel_asks_twice(signed_in: Page, served: Served, database: Database):
    trainer = start_job(database)
    open_job(signed_in, served, trainer.id)
    signed_in.get_by_role("button", name="Cancel").click()
    expect(signed_in.get_by_role("button", name="Really cancel?")).to_be_visible()
    assert status_of(database, trainer.job.id).cancel_requested_at is None
    signed_in.get_by_role("button", name="Really cancel?").click()
    expect(signed_in.locator(".head .pill")).to_have_text("cancelling")
    assert status_of(database, trainer.job.id).cancel_requested_at is not None

    other = start_job(database)
    open_job(signed_in, served, other.id)
    signed_in.get_by_role("button", name="Pause").click()
    expect(signed_in.locator(".head .pill")).to_have_text("pausing")
    assert status_of(database, other.job.id).pause_requested_at is not None


def test_the_time_of_a_job_that_was_taken_up_again_says_that_pauses_count(
    signed_in: Page, served: Served, database: Database
):
    trainer = start_job(database)
    open_job(signed_in, served, trainer.id)
    expect(signed_in.locator("dl.facts dt", has_text="Time")).to_have_text("Time")
    address = f"{served.address}/v1/training_jobs/{trainer.id}"
    signed_in.route(address, lambda route: route.fulfill(json={**route.fetch().json(), "attempt": 2}))
    expect(signed_in.locator("dl.facts dt", has_text="Time")).to_have_text("Time, with pauses")


def test_arrow_keys_move_along_a_curve_and_escape_undoes_a_zoom(
    signed_in: Page, served: Served, database: Database
):
    trainer = start_job(database)
    trainer.train_to(100)
    open_job(signed_in, served, trainer.id)
    loss = chart(signed_in, "Training loss")
    expect(loss).to_contain_text("step 99")
    loss.locator(".canvas").focus()
    signed_in.keyboard.press("ArrowLeft")
    expect(loss).to_contain_text("step 98")
    signed_in.keyboard.press("Home")
    expect(loss).to_contain_text("step 0")
    expect(loss).to_contain_text(f"{loss_of(0):.4g}")
    expect(chart(signed_in, "Learning rate")).to_contain_text("step 0")  # charts share their cursor
    wide = inked(signed_in, "Training loss")
    box = loss.locator(".u-over").bounding_box()
    assert box is not None
    signed_in.mouse.move(box["x"] + 5, box["y"] + 40)
    signed_in.mouse.down()
    signed_in.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40, steps=4)
    signed_in.mouse.up()
    assert inked(signed_in, "Training loss") != wide
    loss.locator(".canvas").focus()
    signed_in.keyboard.press("Escape")
    signed_in.mouse.move(0, 0)
    assert abs(inked(signed_in, "Training loss") - wide) < wide * 0.02


def test_a_logarithmic_axis_redraws_the_curve(signed_in: Page, served: Served, database: Database):
    trainer = start_job(database)
    trainer.train_to(100)
    open_job(signed_in, served, trainer.id)
    drawn = chart(signed_in, "Learning rate").locator("canvas").evaluate("c => c.toDataURL()")
    chart(signed_in, "Learning rate").get_by_label("log").check()
    assert chart(signed_in, "Learning rate").locator("canvas").evaluate("c => c.toDataURL()") != drawn


def test_the_curve_can_be_saved_in_every_form(
    signed_in: Page, served: Served, database: Database, tmp_path: Path
):
    trainer = start_job(database)
    trainer.train_to(EPOCH)
    open_job(signed_in, served, trainer.id)
    starts = {"CSV": b"step,lr,loss", "SVG": b"<svg", "PNG": b"\x89PNG", "JSON": b'{"job"'}
    for form, start in starts.items():
        with signed_in.expect_download() as caught:
            signed_in.get_by_role("button", name=form, exact=True).click()
        saved = tmp_path / form
        caught.value.save_as(saved)
        assert start in saved.read_bytes()[:200]
        assert caught.value.suggested_filename.endswith(f"-curve.{form.lower()}")


def test_a_job_that_stopped_early_is_shown_as_done(signed_in: Page, database: Database):
    trainer = publish_films(database, steps=EPOCH)
    signed_in.reload()
    row = signed_in.locator(f"tr[data-job='{trainer.id}']")
    expect(row).to_contain_text("stopped early at step 20 of 200")
    assert row.locator("progress").evaluate("bar => bar.value") == 1


def test_after_its_last_update_a_running_job_is_said_to_be_judged(
    signed_in: Page, served: Served, database: Database
):
    trainer = start_job(database)
    trainer.train_to(TOTAL)
    open_job(signed_in, served, trainer.id)
    expect(signed_in.get_by_text("judging and packing")).to_be_visible()
