"""A Chromium, a gateway, and a page that must never complain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright

from services.api.main import create_app
from shared.db.engine import Database
from tests.e2e.dashboard.served import Served
from tests.support.gateway import ALL_SCOPES, Gateway, gateway_settings, serving

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 15_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium for one module: its event loop must not outlive it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on PATH: the page was not looked at")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, headless=True, args=ARGUMENTS)
        expect.set_options(timeout=WAIT_MS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def _gateway_of_module(
    _migrated_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FastAPI, str]]:
    """A gateway that no other module's models were loaded into."""
    app = create_app(gateway_settings(_migrated_url, tmp_path_factory.mktemp("page")))
    with serving(app) as url:
        yield app, url


@pytest.fixture
def served(_gateway_of_module: tuple[FastAPI, str], database: Database) -> Served:
    """The gateway over an empty database, with a key for everything."""
    app, url = _gateway_of_module
    gateway = Gateway(url, app, database)
    return Served(gateway, gateway.key(*ALL_SCOPES))


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console may say in a test; empty means nothing."""
    return ["willReadFrequently"]  # the tests' own reading of a canvas


@pytest.fixture
def page(browser: Browser, served: Served, complaints: list[str]) -> Iterator[Page]:
    """A page in a context of its own; whatever the console prints, CSP violations too, fails the test."""
    del served  # asked for, so that the page is closed before its gateway stops
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened, heard = context.new_page(), []
    opened.set_default_timeout(WAIT_MS)
    opened.on("console", lambda m: heard.append(m.text) if m.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda error: heard.append(str(error)))
    yield opened
    context.close()
    unexpected = [text for text in heard if not any(known in text for known in complaints)]
    assert unexpected == []


@pytest.fixture
def signed_in(page: Page, served: Served) -> Page:
    """The page with a key, at the list of jobs."""
    page.goto(f"{served.address}/#key={served.key}")
    page.get_by_role("heading", name="Jobs", exact=True).wait_for()
    return page
