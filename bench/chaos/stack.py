"""The whole stack as processes of their own, each started again when a fault has ended it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis

from migrations.upgrade import upgrade_to_head
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.valkey import EmbeddedValkey
from shared.db.engine import Database
from shared.db.keys import NewKey, create_key, new_token, token_digest
from shared.specs.ids import new_uuid

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 3.0
REVIVE_SECONDS = 0.3
WORKERS = ("worker-1", "worker-2")
SETTINGS = {
    "GRADUS_LEASE_SECONDS": str(LEASE_SECONDS),
    "GRADUS_RENEW_SECONDS": "0.5",
    "GRADUS_SWEEP_SECONDS": "1",
    "GRADUS_REPUBLISH_SECONDS": "5",
    "GRADUS_STOP_GRACE_SECONDS": "10",
    "GRADUS_CHECKPOINT_SECONDS": "0.5",
    "GRADUS_FLUSH_SECONDS": "0.1",
    # A fault a second kills healthy jobs before their first checkpoint more often than any real machine.
    "GRADUS_MAX_ATTEMPTS": "100",
}


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listened on a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass
class Part:
    """One process of the stack."""

    name: str
    module: str
    environment: Mapping[str, str]
    log: Path
    cores: set[int] = field(default_factory=set)
    starts: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process on the cores it may use."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=ROOT,
                env={**self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if self.cores:
            os.sched_setaffinity(self.process.pid, self.cores)
        self.starts += 1

    @property
    def pid(self) -> int:
        """Process id."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self.process.pid

    def running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def send(self, number: int) -> None:
        """Send a signal to the process alone."""
        if self.running() and self.process is not None:
            self.process.send_signal(number)

    def children(self) -> list[int]:
        """Return the processes it started: of a worker, its trainers."""
        found: list[int] = []
        try:
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []
        return found


class Stack:
    """Postgres, Valkey, one gateway, two workers and one sweeper under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.valkey = EmbeddedValkey(folder / "valkey")
        self.parts: dict[str, Part] = {}
        self.port, *self._ports = free_ports(4)
        self._secret = secrets.token_hex(32)
        self.key = ""
        self._over = threading.Event()
        self._reviver = threading.Thread(target=self._revive, name="reviver", daemon=True)

    @property
    def address(self) -> str:
        """Address of the gateway."""
        return f"http://127.0.0.1:{self.port}"

    def database(self) -> Database:
        """Open the database, for looking on."""
        return Database(self.postgres.url, application_name="gradus-chaos", pool_size=2)

    def start(self) -> None:
        """Start everything, migrate, and make a key."""
        self.postgres.start()
        self.valkey.start()
        upgrade_to_head(self.postgres.url)
        self._make_key()
        modules = {"gateway": "services.api", "sweeper": "services.worker.sweeper"}
        modules |= dict.fromkeys(WORKERS, "services.worker")
        for name, module in modules.items():
            cores = self._core_of(name)
            log = self.folder / f"{name}.log"
            self.parts[name] = Part(name, module, self._environment(name), log, cores)
            self.parts[name].start()
        self._reviver.start()

    def _revive(self) -> None:
        """Start again whatever has ended, as a process manager would."""
        while not self._over.wait(REVIVE_SECONDS):
            for part in self.parts.values():
                if not part.running():
                    part.start()

    def crash_postgres(self) -> None:
        """Cut Postgres off in the middle (no checkpoint, no goodbye) and start it again."""
        os.kill(self.postgres.pid, signal.SIGQUIT)
        self.postgres.stop()
        self.postgres.start()

    def lose_valkey(self) -> None:
        """Forget every message, kill the broker and start it again."""
        client = redis.Redis.from_url(self.valkey.client_url)
        client.flushall()
        client.close()
        os.kill(self.valkey.pid, signal.SIGKILL)
        self.valkey.stop()
        self.valkey.start()

    def stop(self) -> None:
        """End everything that was started here."""
        self._over.set()
        if self._reviver.is_alive():
            self._reviver.join()
        for part in self.parts.values():
            part.send(signal.SIGCONT)
            part.send(signal.SIGTERM)
        for part in self.parts.values():
            if part.process is not None:
                try:
                    part.process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    part.process.kill()
                    part.process.wait()
        self.valkey.stop()
        self.postgres.stop()

    def _core_of(self, name: str) -> set[int]:
        """Give each worker one core: two trainers with two spinning threads each would starve each other."""
        if name not in WORKERS or not hasattr(os, "sched_getaffinity"):
            return set()
        cores = sorted(os.sched_getaffinity(0))
        return {cores[WORKERS.index(name) % len(cores)]}

    def _environment(self, name: str) -> dict[str, str]:
        first, second, sweeper = self._ports
        own = {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "GRADUS_HOME": str(self.folder),
            "GRADUS_PORT": str(self.port),
            "GRADUS_WORKER_METRICS_PORT": str(second if name == WORKERS[1] else first),
            "GRADUS_SWEEPER_METRICS_PORT": str(sweeper),
            "GRADUS_DATABASE_URL": self.postgres.url,
            "GRADUS_BROKER_URL": self.valkey.url,
            "GRADUS_SECRET_KEY": self._secret,
        }
        return {**os.environ, **SETTINGS, **own}

    def _make_key(self) -> None:
        token = new_token()
        digest = token_digest(token.text, secret=self._secret.encode())
        scopes = ["data", "train", "predict", "read", "metrics", "admin"]
        new = NewKey(id=new_uuid(), kid=token.kid, name="chaos", scopes=scopes, digest=digest)
        database = self.database()
        with database.begin() as cx:
            create_key(cx, new=new)
        database.dispose()
        self.key = token.text
