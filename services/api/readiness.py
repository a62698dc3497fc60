"""What this gateway can do now, and what the database says of all jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.api.schemas import ReadyAnswer
from shared.db.engine import Database
from shared.db.jobs import JobCount, count_jobs, oldest_queued_seconds
from shared.db.revision import schema_matches
from shared.db.server import database_bytes
from shared.errors import Unavailable
from shared.lifecycle import JobKind, JobStatus

CACHE_SECONDS = 5.0


def readiness(database: Database, *, keys: bool, aliases: bool) -> ReadyAnswer:
    """Return what this gateway can do now; it never raises for a database that is away."""
    answers, matches = True, False
    try:
        with database.snapshot() as cx:
            matches = schema_matches(cx)
    except Unavailable:
        answers = False
    ready = answers and matches and keys and aliases
    return ReadyAnswer(ready=ready, database=answers, migrated=matches, keys=keys, aliases=aliases)


class DatabaseCollector(Collector):
    """Metrics that the database and its pool know; read every few seconds, however often scraped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._read_at = -CACHE_SECONDS
        self._held: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        """Yield the pool now, and the jobs as of the last read; without a database no jobs."""
        usage = self._database.usage()
        pool = GaugeMetricFamily(
            "gradus_db_pool_connections", "Connections of this process", labels=["state"]
        )
        pool.add_metric(["in_use"], usage.in_use)
        pool.add_metric(["idle"], usage.idle)
        yield pool
        with self._lock:
            if time.monotonic() - self._read_at > CACHE_SECONDS:
                self._held = self._read()
                self._read_at = time.monotonic()
            yield from self._held

    def describe(self) -> Iterator[Metric]:
        """Yield nothing, so that registering does not ask the database."""
        return iter(())

    def _read(self) -> list[Metric]:
        up = GaugeMetricFamily("gradus_db_up", "1 while the database answers")
        try:
            with self._database.snapshot() as cx:
                counts, oldest, size = count_jobs(cx), oldest_queued_seconds(cx), database_bytes(cx)
        except Unavailable:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        age = GaugeMetricFamily(
            "gradus_oldest_queued_job_age_seconds", "How long the oldest queued job waits", value=oldest
        )
        stored = GaugeMetricFamily("gradus_db_size_bytes", "Size of the database on disk", value=size)
        return [up, _jobs(counts), age, stored]


def _jobs(counts: list[JobCount]) -> Metric:
    """Return the jobs by status and kind, zeros written out."""
    family = GaugeMetricFamily("gradus_jobs", "Jobs on record", labels=["status", "kind"])
    held = {(c.status, c.kind): c.count for c in counts}
    for status in JobStatus:
        for kind in JobKind:
            family.add_metric([status.value, kind.value], held.get((status.value, kind.value), 0))
    return family


class Exposition:
    """Everything a scrape of this process returns."""

    def __init__(self, database: Database) -> None:
        self._own = CollectorRegistry()
        self._own.register(DatabaseCollector(database))

    def __call__(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(REGISTRY) + generate_latest(self._own)
