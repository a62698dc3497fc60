"""One machine, everything on it: the servers, the migrations, the first key, gateway, worker and sweeper."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from services.standalone.errors import CannotStart
from services.standalone.first_keys import ensure_admin_key
from services.standalone.home import Home, check_port, open_home
from services.standalone.parts import Household, Kept, Program
from services.standalone.passwords import password_in
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.process import Launch, ServerProcess, last_lines
from services.standalone.valkey import EmbeddedValkey
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
PROGRAMS = (
    ("worker", "services.worker"),
    ("sweeper", "services.worker.sweeper"),
    ("gateway", "services.api"),
)
"""In the order of their start; at the end the gateway is the first to stop."""


@dataclass(slots=True)
class Installation:
    """A running installation; `address` is where its gateway answers."""

    settings: Settings
    home: Home
    say: Callable[[str], None]
    stopping: threading.Event
    household: Household = field(init=False)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.household = Household(self.say)

    @property
    def address(self) -> str:
        """URL of the gateway, without a slash at the end."""
        host = self.settings.host
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 (only compared)
        return (
            f"http://[{shown}]:{self.settings.port}"
            if ":" in shown
            else f"http://{shown}:{self.settings.port}"
        )

    def start(self) -> None:
        """Start every part in order. Raises `CannotStart`; what was started before is left to `stop`."""
        self._check_ports()
        database_url = self._database()
        self.environment = self._environment(database_url, self._broker())
        self._migrate()
        secret = self.environment["GRADUS_SECRET_KEY"].encode()
        ensure_admin_key(self.home, database_url=database_url, secret=secret)
        for name, module in PROGRAMS:
            self.household.add(self._program(name, module))
        self._wait_until_ready()

    def _check_ports(self) -> None:
        own = self.settings
        check_port(own.host, own.port, purpose="gateway", setting="GRADUS_PORT")
        metrics = (("worker", own.worker_metrics_port, 1), ("sweeper", own.sweeper_metrics_port, 2))
        for name, port, offset in metrics:
            setting = f"GRADUS_PORT or GRADUS_{name.upper()}_METRICS_PORT"
            check_port(own.host, port or own.port + offset, purpose=f"{name}'s metrics", setting=setting)

    def _database(self) -> str:
        if self.settings.database_url:
            return self.settings.database_url
        server = EmbeddedPostgres(self.home.folder / "postgres", log=self.home.logs / "postgres.log")
        self.household.add(Kept("postgres", server, self.home.logs / "postgres.log"))
        return server.url

    def _broker(self) -> str:
        if self.settings.broker_url:
            return self.settings.broker_url
        server = EmbeddedValkey(self.home.folder / "valkey", log=self.home.logs / "valkey.log")
        self.household.add(Kept("valkey", server, self.home.logs / "valkey.log"))
        return server.url

    def _environment(self, database_url: str, broker_url: str) -> dict[str, str]:
        secret_key = self.settings.secret_key.get_secret_value().strip() or password_in(self.home.secret_key)
        own = {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "GRADUS_HOME": str(self.home.folder),
            "GRADUS_DATABASE_URL": database_url,
            "GRADUS_BROKER_URL": broker_url,
            "GRADUS_SECRET_KEY": secret_key,
            "GRADUS_STORAGE_URL": self.settings.storage_url or self.home.storage.as_uri(),
        }
        return {**os.environ, **own}

    def _migrate(self) -> None:
        log = self.home.logs / "migrations.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", "migrations"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode != 0:
            raise CannotStart(f"the migrations failed; the end of {log}:\n{last_lines(log)}")

    def _program(self, name: str, module: str) -> Kept:
        log = self.home.logs / f"{name}.log"
        launch = Launch((sys.executable, "-m", module), environment=self.environment, folder=ROOT)
        grace = self.settings.stop_grace_seconds + 5.0
        return Kept(name, Program(ServerProcess(launch, log), grace_seconds=grace), log)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not answers(f"{self.address}/readyz"):
            for kept in self.household.without_life():
                raise CannotStart(
                    f"{kept.name} ended at once; the end of {kept.log}:\n{last_lines(kept.log, 15)}"
                )
            if self.stopping.wait(0.05):
                raise CannotStart("stopped while it was starting")
            if time.monotonic() > deadline:
                log = self.home.logs / "gateway.log"
                raise CannotStart(f"the gateway is not ready; the end of {log}:\n{last_lines(log, 15)}")


def answers(url: str, *, headers: Mapping[str, str] | None = None) -> bool:
    """Tell whether a GET of `url` succeeds."""
    try:
        return httpx.get(url, headers=headers, timeout=5.0, trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def running_installation(
    settings: Settings, *, say: Callable[[str], None], stopping: threading.Event
) -> Iterator[Installation]:
    """Start an installation and stop it at the end, whatever happens in between."""
    home, lock = open_home(settings.home)
    with lock:
        installation = Installation(settings, home, say, stopping)
        try:
            installation.start()
            yield installation
        finally:
            installation.household.stop()
