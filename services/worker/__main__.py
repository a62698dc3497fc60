"""`python -m services.worker`: supervise training jobs until SIGTERM, then give them back and leave."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

from services.worker.children import TRAINER, Nursery, Recipe
from services.worker.measures import parse
from services.worker.metrics import WorkerMetrics
from services.worker.supervisor import READING_SLOTS, Supervisor, Terms
from services.worker.tasks import build_app
from services.worker.upkeep import Heart, Watchman
from shared.db.engine import open_database
from shared.db.heartbeats import Heartbeat
from shared.errors import GradusError, Unavailable
from shared.logs import configure_logs, logger
from shared.settings import Settings, settings

_log = logger(__name__)


def new_worker_id() -> str:
    """Return a name no other worker has, not even one with our process id before or after us."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def take_line_into(metrics: WorkerMetrics, line: str) -> None:
    """Count a child's line when it is a measure, else pass it on to the worker's log."""
    measured = parse(line)
    if measured is not None:
        metrics.trainer.take(measured)
        return
    sys.stdout.write(line)
    sys.stdout.flush()


def recipe_for(chosen: Settings, metrics: WorkerMetrics, *, script: Path) -> Recipe:
    """Return how this worker's children are started: with their share of the cores, by absolute paths."""
    return Recipe(
        script=script,
        threads=max(1, (cores() - 1) // chosen.slots),  # one core stays for the supervisor and its neighbours
        environment={
            "GRADUS_HOME": str(chosen.home.resolve()),
            "OPENBLAS_NUM_THREADS": str(max(1, cores() // chosen.slots)),  # EASE inverts one large matrix
        },
        take_line=lambda line: take_line_into(metrics, line),
    )


class Worker:
    """Everything of one worker process, started in order and stopped in the opposite one."""

    def __init__(self, chosen: Settings, *, script: Path = TRAINER) -> None:
        if not chosen.broker_url:
            raise Unavailable("no broker: set GRADUS_BROKER_URL, or start everything with make up")
        worker_id = new_worker_id()
        self._settings, self._registry = chosen, CollectorRegistry()
        metrics = WorkerMetrics(self._registry, worker_id=worker_id)
        # Each slot claims, renews and settles; heartbeats and watchmen come on top.
        self._database = open_database(
            chosen, application_name="gradus-worker", pool_size=2 * chosen.slots + 4
        )
        self._nursery = Nursery(
            recipe_for(chosen, metrics, script=script),
            standby=chosen.standby_children,
            on_count=metrics.children.set,
        )
        terms = Terms(
            worker_id=worker_id,
            slots=chosen.slots,
            lease_seconds=chosen.lease_seconds,
            renew_seconds=chosen.renew_seconds,
            grace_seconds=chosen.stop_grace_seconds,
        )
        self._supervisor = Supervisor(self._database, self._nursery, metrics, terms)
        first = Heartbeat(
            worker_id=worker_id,
            hostname=socket.gethostname(),
            device=chosen.device,
            slots=chosen.slots,
            busy=0,
        )
        self._heart = Heart(
            self._database, self._supervisor, metrics, first=first, seconds=chosen.renew_seconds
        )
        self._watchmen = [
            Watchman(self._supervisor, patience_seconds=chosen.republish_seconds) for _ in range(chosen.slots)
        ]

    def start(self) -> None:
        """Start the metrics port, the first standby child, the heartbeat, and the watch."""
        port = self._settings.worker_metrics_port or self._settings.port + 1
        start_http_server(port, addr=self._settings.host, registry=self._registry)
        self._nursery.start()
        self._heart.start()
        for watchman in self._watchmen:
            watchman.start()

    def consume(self) -> None:
        """Take hints from the broker until SIGTERM or SIGINT; running jobs are given back first."""
        app = build_app(self._supervisor, broker_url=self._settings.broker_url)
        app.Worker(
            pool="threads",
            concurrency=self._settings.slots + READING_SLOTS,
            hostname=f"gradus-{os.getpid()}@%h",
            without_gossip=True,
            without_mingle=True,
            loglevel=self._settings.log_level,
        ).start()

    def stop(self) -> None:
        """Give back what still runs, dismiss the children, and go off the record."""
        self._supervisor.stop()
        for watchman in self._watchmen:
            watchman.stop(within_seconds=self._settings.stop_grace_seconds + 10)
        self._nursery.close()
        self._heart.stop()
        self._database.dispose()


def main(*, script: Path = TRAINER) -> int:
    """Run a worker with the settings of the environment, its children from `script`."""
    chosen = settings()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # half of the series, and nobody asks for them
    configure_logs(service="worker", level=chosen.log_level)
    try:
        worker = Worker(chosen, script=script)
    except GradusError as error:
        _log.error("worker_not_started", detail=error.detail)
        return 1
    worker.start()
    try:
        worker.consume()
    finally:
        worker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
