"""A Chromium, a gateway, and a page that must never complain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shared.db.engine import Database
from shared.settings import Settings
from tests.e2e.dashboard.served import Served, accepts, serve, wait_until, write_key

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
def settings(_migrated_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a gateway that polls fast."""
    home = tmp_path_factory.mktemp("home")
    return Settings(
        home=home,
        database_url=_migrated_url,
        storage_url=f"file://{home}/storage",
        broker_url="redis://127.0.0.1:1/0",
        secret_key="a secret of the tests, long enough",
        model_poll_seconds=0.1,
        key_poll_seconds=0.1,
    )


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    """Where the gateway of one module answers."""
    with serve(settings) as found:
        yield found


@pytest.fixture
def served(address: str, settings: Settings, database: Database) -> Served:
    """A gateway over an empty database, with a key that it knows."""
    key = write_key(database, settings)
    wait_until(lambda: accepts(address, key))
    return Served(address, key)


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
