"""A gateway served over TCP from a thread of the test's process, with one key for everything."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn

from services.api.main import create_app
from shared.db import keys
from shared.db.engine import Database
from shared.settings import Settings, server_secret
from shared.specs.ids import new_uuid

SCOPES = ("data", "train", "predict", "read", "metrics", "admin")
WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """Where a gateway answers, and a key it accepts."""

    address: str
    key: str


def write_key(database: Database, settings: Settings, *, scopes: tuple[str, ...] = SCOPES) -> str:
    """Put a key on record and return its text."""
    token = keys.new_token()
    digest = keys.token_digest(token.text, secret=server_secret(settings))
    new = keys.NewKey(id=new_uuid(), kid=token.kid, name="page", scopes=scopes, digest=digest)
    with database.begin() as cx:
        keys.create_key(cx, new=new)
    return token.text


def accepts(address: str, key: str) -> bool:
    """Tell whether a gateway knows a key by now; it reads them every 100 ms."""
    return httpx.get(f"{address}/v1/models", headers={"Authorization": f"Bearer {key}"}).is_success


@contextmanager
def serve(settings: Settings) -> Iterator[str]:
    """Serve the gateway of these settings on a free port of the loopback until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Streams last as long as their page: a test waits for none of them.
        config = uvicorn.Config(
            create_app(settings), log_config=None, ws="none", lifespan="on", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=10)


def wait_until(true: Callable[[], bool]) -> None:
    """Return as soon as something is so."""
    until = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
