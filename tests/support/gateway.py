"""A gateway that listens on a loopback port of its own, and clients with keys for it."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from services.api.main import create_app
from shared.db.engine import Database
from shared.db.keys import NewKey, create_key
from shared.db.tokens import new_token, token_digest
from shared.settings import Settings
from shared.specs.ids import new_uuid

SECRET = "a secret of the tests, 32 bytes or more"
ALL_SCOPES = ("data", "train", "predict", "read", "metrics", "admin")


@dataclass(frozen=True)
class Gateway:
    """A running gateway: where it listens, and its app."""

    url: str
    app: FastAPI
    database: Database

    def key(self, *scopes: str) -> str:
        """Return the text of a new key that the gateway already knows."""
        token = new_token()
        digest = token_digest(token.text, secret=SECRET.encode())
        new = NewKey(id=new_uuid(), kid=token.kid, name="a test", scopes=list(scopes), digest=digest)
        with self.database.begin() as cx:
            create_key(cx, new=new)
        self.app.state.services.keyring.refresh()
        return token.text

    def client(self, *scopes: str) -> httpx.Client:
        """Return a client whose key has these scopes, all of them by default."""
        headers = {"Authorization": f"Bearer {self.key(*(scopes or ALL_SCOPES))}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an app on a free loopback port while the block runs, and yield its address."""
    # Without this, every log line is drawn for a terminal, which takes longer than what it tells of.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the gateway did not start")
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


def gateway_settings(database_url: str, tmp_path: Path, **changes: object) -> Settings:
    """Return the settings of a test's gateway."""
    values: dict[str, object] = {
        "home": tmp_path,
        "database_url": database_url,
        "broker_url": "",
        "storage_url": (tmp_path / "storage").as_uri(),
        "secret_key": SECRET,
        "model_poll_seconds": 0.1,
    }
    return Settings.model_validate({**values, **changes})


@pytest.fixture(scope="session")
def _served(_migrated_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, str]]:
    app = create_app(gateway_settings(_migrated_url, tmp_path_factory.mktemp("gateway")))
    with serving(app) as url:
        yield app, url


@pytest.fixture
def gateway(_served: tuple[FastAPI, str], database: Database) -> Gateway:
    """A gateway on a database without rows; it serves the whole session, so it must not be stopped."""
    app, url = _served
    return Gateway(url, app, database)


@pytest.fixture
def own_gateway(database_url: str, database: Database, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of this test alone, for what a shared one would remember."""
    app = create_app(gateway_settings(database_url, tmp_path))
    with serving(app) as url:
        yield Gateway(url, app, database)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    """A client with every scope."""
    with gateway.client() as opened:
        yield opened
