"""The key: asked for, kept in the tab, never in an address."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.dashboard.served import Served

pytestmark = pytest.mark.browser


def test_without_a_key_the_page_says_where_to_find_one_and_asks_the_api_nothing(page: Page, served: Served):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.address)
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    expect(page.get_by_text("cat .gradus/admin.key")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("ready", exact=True)).to_be_visible()
    assert [url for url in asked if "/v1/" in url] == []


def test_a_pasted_key_opens_the_page_and_is_shown_without_its_secret(page: Page, served: Served):
    page.goto(served.address)
    page.get_by_label("API key").fill(served.key)
    page.get_by_role("button", name="Use key").click()
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    secret = served.key.split("_")[2]
    assert secret not in page.content()
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_a_key_in_the_fragment_leaves_the_address_at_once_and_enters_no_query(page: Page, served: Served):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served.address}/#key={served.key}")
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    assert page.url == f"{served.address}/#/jobs"
    assert page.evaluate("sessionStorage.getItem('gradus.key')") == served.key
    secret = served.key.split("_")[2]
    assert [url for url in asked if secret in url] == []
    page.reload()
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()


def test_a_key_that_is_not_accepted_is_forgotten_and_asked_for_again(
    page: Page, served: Served, complaints: list[str]
):
    complaints.append("401")
    page.goto(f"{served.address}/#key=gradus_wrong_key")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The key is not accepted")
    expect(alert).to_contain_text("admin.key")
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.get_by_role("button", name="Forget key")).to_have_count(0)
    expect(page.get_by_role("table")).to_have_count(0)
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    page.get_by_label("API key").fill(served.key)
    page.get_by_role("button", name="Use key").click()
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    expect(alert).to_have_count(0)


def test_a_key_revoked_while_in_use_brings_the_key_field_back(signed_in: Page, complaints: list[str]):
    complaints.append("401")
    refusal = {"title": "Unauthorized", "status": 401, "code": "unauthenticated"}
    signed_in.route("**/v1/models", lambda route: route.fulfill(status=401, json=refusal))
    signed_in.get_by_role("link", name="Models", exact=True).click()
    expect(signed_in.get_by_role("alert")).to_contain_text("The key is not accepted")
    expect(signed_in.get_by_label("API key")).to_be_visible()
    assert signed_in.evaluate("sessionStorage.length") == 0


def test_a_late_refusal_of_the_key_before_leaves_the_new_key_alone(signed_in: Page, served: Served):
    kept = """async () => {
        const session = await import('/static/session.js');
        session.refuseKey('gradus_earlier_key');
        return [session.key(), session.wasRefused()];
    }"""
    assert signed_in.evaluate(kept) == [served.key, False]


def test_a_key_without_the_scope_is_told_which_one_is_wanted(
    page: Page, served: Served, complaints: list[str]
):
    complaints.append("403")
    page.goto(f"{served.address}/#key={served.gateway.key('metrics')}")
    expect(page.get_by_role("alert")).to_contain_text("wanted admin or read or train")


def test_a_gateway_that_went_away_is_said_and_its_return_heals_the_page(
    signed_in: Page, complaints: list[str]
):
    complaints.append("net::ERR_FAILED")
    signed_in.route("**/v1/training_jobs?**", lambda route: route.abort())
    signed_in.get_by_role("link", name="Models", exact=True).click()
    signed_in.get_by_role("link", name="Jobs", exact=True).click()
    expect(signed_in.get_by_role("alert")).to_contain_text("The server does not answer")
    signed_in.unroute("**/v1/training_jobs?**")
    expect(signed_in.get_by_role("alert")).to_have_count(0)
