"""Every view fits a phone and a desk, in light and dark, without mouse and without a word of complaint."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from shared.db.engine import Database
from tests.e2e.dashboard.served import Served
from tests.e2e.dashboard.world import publish_films, publish_ward, start_job
from tests.support.rows import add_dataset
from tests.support.sweeping import a_sweep, sweep_body
from tests.support.training import ready_dataset

pytestmark = pytest.mark.browser

UNNAMED = """() => [...document.querySelectorAll('button, a[href], input, select, textarea, summary')]
    .filter(e => e.checkVisibility() && !e.labels?.length && !e.ariaLabel && !e.textContent.trim())
    .map(e => e.outerHTML)"""
WIDER = "document.documentElement.scrollWidth - innerWidth"


def views(database: Database) -> dict[str, str]:
    """Fill the database; return the address of every view, and what stands there once it is drawn."""
    with database.begin() as cx:
        add_dataset(cx)
    films, ward, running = publish_films(database), publish_ward(database), start_job(database)
    running.train_to(70)
    found = {"#/jobs": "tr[data-job]", "#/models": "tr[data-model]", "#/datasets": "[data-dataset]"}
    found |= {"#/models/films": "form.fields", "#/models/ward": "form.fields .columns input"}
    found |= {"#/models/films/1": ".net-graph", "#/graphs": ".drawing svg"}
    found |= {"#/schedules": ".sketch svg", "#/sweeps/new": ".arms li", "#/ranges/new": ".job-base"}
    found |= {f"#/jobs/{finished.id}": "tr[data-winner], .report tbody" for finished in (films, ward)}
    return found | {f"#/jobs/{running.id}": ".events li"}


def swept(client: httpx.Client, database: Database) -> str:
    """Return the id of a sweep with all that its page can hold."""
    target = {"metric": "ndcg@10", "value": 0.2}
    body = sweep_body(ready_dataset(database), target=target)
    sweep = a_sweep(client, database, {**body, "job": {**body["job"], "model": "swept"}})
    sweep.play({"constant": [0.3, 0.31], "cosine": [0.4, float("nan")]}, seeds=[1, 2])
    return sweep.id


def test_no_view_is_wider_than_the_window_and_everything_has_a_name(
    signed_in: Page, served: Served, database: Database, complaints: list[str]
):
    complaints.append("404")  # the graph of a version whose package holds none
    with served.gateway.client() as client:
        sweep = swept(client, database)
    shown = views(database) | {
        f"#/sweeps/{sweep}": "table.sweep-table tbody tr",
        "#/sweeps": "tr[data-sweep]",
    }
    for address, drawn in shown.items():
        signed_in.evaluate("address => { location.hash = address; }", address)
        signed_in.locator(drawn).first.wait_for()
        for width in (390, 1280):
            signed_in.set_viewport_size({"width": width, "height": 844})
            assert signed_in.evaluate(WIDER) <= 0, f"{address} at {width} px"
        assert signed_in.evaluate(UNNAMED) == [], address


def test_on_a_phone_the_trainings_of_a_sweep_and_the_figures_of_a_schedule_are_whole(
    signed_in: Page, served: Served, database: Database
):
    signed_in.set_viewport_size({"width": 390, "height": 844})
    with served.gateway.client() as client:
        sweep = swept(client, database)
    for address, cells in ((f"#/sweeps/{sweep}", "table.trainings td"), ("#/schedules", "table.figures td")):
        signed_in.evaluate("address => { location.hash = address; }", address)
        signed_in.locator(cells).first.wait_for()
        ends = "cells => cells.map(cell => cell.getBoundingClientRect().right)"
        assert max(signed_in.locator(cells).evaluate_all(ends)) < 390


def test_the_colours_follow_the_system(signed_in: Page):
    seen = {}
    for scheme in ("light", "dark"):
        signed_in.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        seen[scheme] = signed_in.evaluate("getComputedStyle(document.body).backgroundColor")
    assert seen == {"light": "rgb(245, 246, 248)", "dark": "rgb(14, 17, 22)"}


def test_the_page_can_be_walked_with_the_keyboard_alone(signed_in: Page, database: Database):
    trainer = start_job(database)
    signed_in.reload()
    signed_in.locator(f"tr[data-job='{trainer.id}']").wait_for()
    signed_in.keyboard.press("Tab")
    expect(signed_in.get_by_role("link", name="Skip to the content")).to_be_focused()
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("main")).to_be_focused()
    assert signed_in.url.endswith("#/jobs")
    for _ in range(20):
        signed_in.keyboard.press("Tab")
        if signed_in.evaluate("document.activeElement.closest('tr') !== null"):
            break
    expect(signed_in.get_by_role("link", name="films")).to_be_focused()
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("heading", name="films")).to_be_visible()
    expect(signed_in.locator("main")).to_be_focused()


def test_the_focus_stays_on_a_button_while_the_list_refreshes(signed_in: Page, database: Database):
    trainer = start_job(database)
    signed_in.reload()
    row = signed_in.locator(f"tr[data-job='{trainer.id}']")
    row.get_by_role("button", name="Pause").focus()
    trainer.train_to(50)
    start_job(database)
    expect(row).to_contain_text("25 %")
    expect(signed_in.locator("tbody tr")).to_have_count(2)
    expect(row.get_by_role("button", name="Pause")).to_be_focused()


def test_the_page_loads_nothing_from_elsewhere_and_no_inline_script_may_run(page: Page, served: Served):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(served.address)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert re.search(r"default-src '(self|none)'", policy)
    page.wait_for_load_state("load")
    assert [url for url in asked if not url.startswith(served.address)] == []
