"""Puts right whatever a crash left: a plain loop that needs the database alone.

Every sweep is idempotent and safe to run twice at once. It is not a Celery beat task, because recovery must
not depend on the broker whose loss it recovers from (docs/decisions/).
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from itertools import takewhile

from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

from services.worker.leftovers import delete_leftovers
from services.worker.metrics import SweeperMetrics
from shared.db.blobs import prune_checkpoints
from shared.db.datasets import known_datasets
from shared.db.engine import Connection, Database, open_database
from shared.db.heartbeats import drop_silent, live_slots
from shared.db.job_leases import Ended, cancel_waiting, list_unpublished, reap_expired
from shared.db.jobs import mark_published, unmark_published
from shared.db.server import database_bytes, try_lock
from shared.errors import GradusError, Unavailable
from shared.lifecycle import TERMINAL
from shared.logs import configure_logs, logger
from shared.queue import Publisher
from shared.settings import Settings, settings
from shared.storage import Storage

LOCK = 0x73776565  # "swee": two sweepers at once would only do each other's work
LEFTOVERS_SECONDS = 600.0
SILENT_SECONDS = 600.0
"""A worker not heard of for so long is dropped from the record."""
CHECKPOINTS_A_SWEEP = 20
_log = logger(__name__)


class Sweeper:
    """One sweeper; `sweep()` does everything once."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        storage: Storage,
        metrics: SweeperMetrics,
        chosen: Settings,
    ) -> None:
        self._database, self._publisher, self._storage = database, publisher, storage
        self._metrics, self._settings = metrics, chosen
        self._leftovers_at = 0.0

    def sweep(self) -> bool:
        """Reap, cancel, republish, prune, tidy; return whether this sweeper was the one to do it.

        What jobs wait for is committed first: deleting a large checkpoint may outlast a statement's limit.
        """
        with self._metrics.seconds.time():
            with self._database.begin() as cx:
                if not try_lock(cx, LOCK):
                    return False
                self._put_right(cx)
            self._republish()
            self._prune()
            self._tidy_storage()
        self._metrics.last_run.set_to_current_time()
        return True

    def _put_right(self, cx: Connection) -> None:
        reaped = reap_expired(cx)
        self._metrics.expired.inc(len(reaped))
        for ended in (*reaped, *cancel_waiting(cx)):
            self._count(ended)
        drop_silent(cx, after_seconds=SILENT_SECONDS)
        self._metrics.database_bytes.set(database_bytes(cx))

    def _prune(self) -> None:
        """Delete checkpoints that nobody needs, each on its own, so that the slowest keeps no other."""
        for _ in range(CHECKPOINTS_A_SWEEP):
            with self._database.begin() as cx:
                pruned = prune_checkpoints(cx, limit=1)
            if not pruned:
                return
            self._metrics.pruned.inc(pruned)

    def _count(self, ended: Ended) -> None:
        _log.info(
            "job_swept", job_id=str(ended.job_id), became=ended.status.value, error_code=ended.error_code
        )
        if ended.status in TERMINAL:
            self._metrics.finished.labels(ended.kind, ended.status.value, ended.error_code or "").inc()

    def _republish(self) -> None:
        """Send hints for jobs that none speaks of, at most as many as keep every slot awake."""
        with self._database.begin() as cx:
            jobs = list_unpublished(cx, older_than_seconds=self._settings.republish_seconds)
            slots = live_slots(cx, within_seconds=4 * self._settings.renew_seconds)
        waiting = self._publisher.waiting() if jobs else None
        if waiting is None:
            return
        chosen = jobs[: max(0, 2 * max(1, slots) - waiting)]
        with self._database.begin() as cx:
            mark_published(cx, job_ids=chosen)
        sent = list(takewhile(self._publisher.publish, chosen))
        self._metrics.republished.inc(len(sent))
        if len(sent) < len(chosen):
            with self._database.begin() as cx:
                unmark_published(cx, job_ids=chosen[len(sent) :])

    def _tidy_storage(self) -> None:
        if time.monotonic() < self._leftovers_at:
            return
        self._leftovers_at = time.monotonic() + LEFTOVERS_SECONDS
        with self._database.begin() as cx:
            known = known_datasets(cx)
        for folder in delete_leftovers(self._storage, known=known):
            _log.info("leftover_deleted", folder=folder)


def run(sweeper: Sweeper, *, every_seconds: float, stop: threading.Event) -> None:
    """Sweep until asked to stop; no failure of one sweep ends the loop."""
    while True:
        try:
            sweeper.sweep()
        except Unavailable as error:
            _log.warning("sweep_failed", detail=error.detail)
        except Exception:  # noqa: BLE001 - the loop must outlive a bug in one sweep
            _log.exception("sweep_failed")
        if stop.wait(every_seconds):
            return


def main() -> int:
    """Run a sweeper with the settings of the environment until SIGTERM."""
    chosen = settings()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    configure_logs(service="sweeper", level=chosen.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    registry = CollectorRegistry()
    try:
        database = open_database(chosen, application_name="gradus-sweeper", pool_size=2)
    except GradusError as error:
        _log.error("sweeper_not_started", detail=error.detail)
        return 1
    publisher = Publisher(chosen.broker_url)
    sweeper = Sweeper(database, publisher, Storage.of(chosen), SweeperMetrics(registry), chosen)
    start_http_server(chosen.sweeper_metrics_port or chosen.port + 2, addr=chosen.host, registry=registry)
    run(sweeper, every_seconds=chosen.sweep_seconds, stop=stop)
    publisher.close()
    database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
