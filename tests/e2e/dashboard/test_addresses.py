"""Addresses of the page: those that lead somewhere, and what stands at those that do not."""

import pytest
from playwright.sync_api import Page, expect

from shared.db.engine import Database
from shared.specs.ids import new_uuid, public_id
from tests.e2e.dashboard.served import Served
from tests.e2e.dashboard.world import publish_films, start_job

pytestmark = pytest.mark.browser
LIVE = "button, input, select, textarea, figure, progress, summary"
ABSENT = {
    "#/jobs/unknown": ("No such job", "wanted job_ and a UUID", "Jobs"),
    f"#/jobs/{public_id('job', new_uuid())}": ("No such job", "no such job", "Jobs"),
    "#/sweeps/unknown": ("No such sweep", "wanted swp_ and a UUID", "Sweeps"),
    "#/ranges/unknown": ("No such range test", "wanted lrt_ and a UUID", "LR range tests"),
    "#/models/unknown": ("No such model", "no such model", "Models"),
    "#/models/un known": ("No such model", "at most 64 of a-z", "Models"),
    "#/models/films/2": ("No such version", "no such model or version", "The model films"),
    "#/models/films/abc": ("No such version", "a whole number, as in #/models/films/1", "The model films"),
    "#/models/films/versions/0": ("No such version", "a whole number", "Models"),
}
"""What stands at addresses of nothing: the heading, the reason, and a way on."""


def test_what_is_not_there_is_said_alone_with_a_way_on(
    signed_in: Page, database: Database, complaints: list[str]
):
    complaints += ["404", "422"]
    publish_films(database)
    main = signed_in.locator("main")
    for address, (heading, reason, way) in ABSENT.items():
        signed_in.evaluate("address => { location.hash = address; }", address)
        expect(main.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(main.get_by_role("alert")).to_contain_text(reason)
        expect(main.get_by_role("link", name=way, exact=True)).to_be_visible()
        assert main.locator(LIVE).count() == 0, address
        assert signed_in.title() == f"{heading} · Gradus"
    main.get_by_role("link", name="Models", exact=True).click()
    expect(main.locator("tr[data-model='films']")).to_be_visible()


def test_what_is_not_there_is_asked_for_once(signed_in: Page, served: Served, complaints: list[str]):
    complaints.append("404")
    asked: list[str] = []
    signed_in.on("request", lambda request: asked.append(request.url))
    signed_in.goto(f"{served.address}/#/jobs/unknown")
    expect(signed_in.get_by_role("heading", name="No such job")).to_be_visible()
    signed_in.wait_for_timeout(1_200)  # a question that failed is asked again after a second
    assert [url for url in asked if "unknown" in url] == [f"{served.address}/v1/training_jobs/unknown"]


@pytest.mark.parametrize("form", ["sweeps", "ranges"])
def test_a_form_for_a_job_that_is_not_there_says_so_and_starts_from_another(
    signed_in: Page, served: Served, database: Database, complaints: list[str], form: str
):
    complaints.append("404")
    trainer = start_job(database)
    signed_in.goto(f"{served.address}/#/{form}/new?job=unknown")
    expect(signed_in.get_by_role("alert")).to_contain_text("wanted job_ and a UUID. The form starts")
    expect(signed_in.get_by_label("Start from")).to_have_value(trainer.id)
    expect(signed_in.get_by_label("Model", exact=True)).to_have_value("films")


def test_a_version_is_reached_from_wherever_it_is_named(
    signed_in: Page, served: Served, database: Database, complaints: list[str]
):
    complaints.append("404")  # the graph of a version whose package holds none
    trainer = publish_films(database)
    version = signed_in.get_by_role("link", name="films version 1", exact=True)
    signed_in.goto(f"{served.address}/#/models")
    expect(version).to_have_attribute("href", "#/models/films/1")
    signed_in.get_by_role("link", name="films", exact=True).click()
    expect(signed_in.get_by_role("link", name="version 1", exact=True)).to_have_attribute(
        "href", "#/models/films/1"
    )
    signed_in.get_by_role("button", name="Recommend", exact=True).click()
    expect(version).to_have_attribute("href", "#/models/films/1")
    signed_in.goto(f"{served.address}/#/jobs/{trainer.id}")
    version.click()
    expect(signed_in.get_by_role("heading", name="films, version 1")).to_be_visible()
    signed_in.goto(f"{served.address}/#/models/films/versions/1")  # as the API writes it
    expect(signed_in.get_by_role("heading", name="films, version 1")).to_be_visible()


@pytest.mark.parametrize("address", ["#/jobs2/x", "#/toString", "#nothing", "#/models/a/1/b", "#/datasets/x"])
def test_an_address_of_nothing_says_so_and_what_there_is(signed_in: Page, served: Served, address: str):
    signed_in.goto(f"{served.address}/{address}")
    expect(signed_in.get_by_role("heading", name="No such page")).to_be_visible()
    expect(signed_in.locator(".nav [aria-current]")).to_have_count(0)
    signed_in.locator("main").get_by_role("link", name="LR range tests").click()
    expect(signed_in.get_by_role("heading", name="LR range tests", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("#/range-tests", "LR range tests"),
        ("#/lr_range_tests/new", "Find a learning rate"),
        ("#/", "Jobs"),
        ("", "Jobs"),
    ],
)
def test_the_names_that_the_api_uses_lead_to_the_same_pages(
    signed_in: Page, served: Served, address: str, heading: str
):
    signed_in.goto("about:blank")
    signed_in.goto(f"{served.address}/{address}")
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text(heading)
