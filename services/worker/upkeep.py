"""What a worker does beside its jobs: heartbeats, and asking the database itself when no hint has come."""

from __future__ import annotations

import threading
import time

from services.worker.gpus import Gpus
from services.worker.metrics import WorkerMetrics
from services.worker.supervisor import Supervisor
from shared.db.engine import Database
from shared.db.heartbeats import Heartbeat, beat, say_goodbye
from shared.errors import Unavailable
from shared.logs import logger

_log = logger(__name__)


class Heart:
    """Stores a heartbeat every so many seconds; `gradus_worker_up` says whether the last one was stored."""

    def __init__(
        self,
        database: Database,
        supervisor: Supervisor,
        metrics: WorkerMetrics,
        *,
        first: Heartbeat,
        seconds: float,
    ) -> None:
        self._database, self._supervisor, self._metrics = database, supervisor, metrics
        self._first, self._seconds = first, seconds
        self._gpus = Gpus()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heart", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take this worker off the record."""
        self._over.set()
        self._thread.join(timeout=self._seconds)
        try:
            with self._database.begin() as cx:
                say_goodbye(cx, worker_id=self._first.worker_id)
        except Unavailable:
            _log.warning("goodbye_not_stored")

    def _keep(self) -> None:
        while True:
            self._beat_once()
            self._show_gpus()
            if self._over.wait(self._seconds):
                return

    def _beat_once(self) -> None:
        first = self._first
        now = Heartbeat(
            worker_id=first.worker_id,
            hostname=first.hostname,
            device=first.device,
            slots=first.slots,
            busy=self._supervisor.busy,
        )
        try:
            with self._database.begin() as cx:
                beat(cx, heartbeat=now)
        except Unavailable:
            self._metrics.up.set(0)
        else:
            self._metrics.up.set(1)
            self._metrics.last_heartbeat.set_to_current_time()

    def _show_gpus(self) -> None:
        for use in self._gpus.read():
            self._metrics.gpu_bytes.labels(str(use.index)).set(use.used_bytes)
            self._metrics.gpu_busy.labels(str(use.index)).set(use.busy_ratio)


class Watchman:
    """Asks the database for queued jobs at the start and whenever no hint has come for a while.

    One per slot, so that a broker that is away for long idles no slot.
    """

    def __init__(self, supervisor: Supervisor, *, patience_seconds: float) -> None:
        self._supervisor, self._patience_seconds = supervisor, patience_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="watchman", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, *, within_seconds: float) -> None:
        """Stop, waiting so long for the job this thread may be running."""
        self._over.set()
        self._thread.join(timeout=within_seconds)

    def _keep(self) -> None:
        self._attend()
        while not self._over.wait(min(1.0, self._patience_seconds / 4)):
            if time.monotonic() - self._supervisor.heard_at >= self._patience_seconds:
                self._attend()

    def _attend(self) -> None:
        try:
            self._supervisor.attend()
        except Exception:  # noqa: BLE001 - the watch must outlive a bug in one job
            _log.exception("attending_failed")
