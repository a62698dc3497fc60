"""The metrics of a worker and of a sweeper, every label set created at zero.

`increase()` cannot see a series that is born at 1, so an alert on it would stay silent the first time.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.worker.measures import Measure, Measured
from shared.lifecycle import JobKind

KINDS = tuple(kind.value for kind in JobKind)
ENDS = (("succeeded", ""), ("cancelled", ""))
FAILURES = ("worker_lost", "refused", "diverged", "unreadable_files")
RETRIES = (
    "process_died",
    "killed",
    "database_away",
    "preempted",
    "stop_timed_out",
    "stopped_early",
    "no_child",
    "lease_lost",
)
DURATION_BUCKETS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400)
WAIT_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
FOUND = {
    Measure.FOUND_VANISHING: "vanishing",
    Measure.FOUND_EXPLODING: "exploding",
    Measure.FOUND_DEAD: "dead",
    Measure.FOUND_NON_FINITE: "non_finite",
}
NORM_BUCKETS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000, 1e4, 1e6)
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def _finished(registry: CollectorRegistry) -> Counter:
    labels = ("kind", "outcome", "error_code")
    counter = Counter("gradus_jobs_finished", "Jobs that ended", labels, registry=registry)
    for kind in KINDS:
        for outcome, code in (*ENDS, *(("failed", code) for code in FAILURES)):
            counter.labels(kind, outcome, code)
    return counter


def _seconds(registry: CollectorRegistry, what: str, help_text: str) -> Histogram:
    return Histogram(f"gradus_{what}_seconds", help_text, buckets=SECONDS_BUCKETS, registry=registry)


class WorkerMetrics:
    """What a worker counts of its jobs, its children and itself."""

    def __init__(self, registry: CollectorRegistry, *, worker_id: str) -> None:
        self.finished = _finished(registry)
        self.claims = Counter(
            "gradus_job_claims", "Attempts to take a queued job", ["result"], registry=registry
        )
        self.retries = Counter(
            "gradus_job_retries", "Jobs given back to the queue", ["reason"], registry=registry
        )
        self.fenced = Counter(
            "gradus_job_fenced_writes", "Writes refused because the job had moved on", registry=registry
        )
        self.wait = Histogram(
            "gradus_job_queue_wait_seconds",
            "From queued to claimed",
            buckets=WAIT_BUCKETS,
            registry=registry,
        )
        self.duration = Histogram(
            "gradus_job_duration_seconds",
            "From claimed to ended, of the last attempt",
            ["kind"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self._describe_itself(registry, worker_id)
        self.trainer = TrainerMetrics(registry)
        self._create_label_sets()

    def _describe_itself(self, registry: CollectorRegistry, worker_id: str) -> None:
        """Make the gauges of the worker's slots, heart, children and GPUs."""
        self.slots = Gauge(
            "gradus_worker_slots", "Jobs this worker can run at once", ["state"], registry=registry
        )
        up = Gauge("gradus_worker_up", "Whether the last heartbeat was stored", ["worker"], registry=registry)
        beat = Gauge(
            "gradus_worker_last_heartbeat_timestamp_seconds",
            "When the last heartbeat was stored",
            ["worker"],
            registry=registry,
        )
        self.up, self.last_heartbeat = up.labels(worker_id), beat.labels(worker_id)
        self.children = Gauge(
            "gradus_worker_standby_children", "Child processes kept warm", registry=registry
        )
        self.gpu_bytes = Gauge("gradus_gpu_memory_used_bytes", "Memory in use", ["gpu"], registry=registry)
        self.gpu_busy = Gauge(
            "gradus_gpu_utilization_ratio", "Share of time a GPU computed", ["gpu"], registry=registry
        )

    def _create_label_sets(self) -> None:
        for result in ("won", "none", "failed"):
            self.claims.labels(result)
        for reason in RETRIES:
            self.retries.labels(reason)
        for state in ("busy", "free"):
            self.slots.labels(state)
        for kind in KINDS:
            self.duration.labels(kind)


class TrainerMetrics:
    """What the children of a worker report while they train."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.steps = Counter("gradus_trainer_steps", "Updates completed", ["kind"], registry=registry)
        self.checkpoint_bytes = Counter(
            "gradus_checkpoint_bytes", "Bytes of checkpoints", ["op"], registry=registry
        )
        step = _seconds(registry, "trainer_step", "One update, the mean between two flushes")
        flush = _seconds(registry, "curve_flush", "One transaction of progress")
        write = _seconds(registry, "checkpoint_write", "Writing one checkpoint")
        examples = Counter("gradus_trainer_examples", "Training rows seen", registry=registry)
        nonfinite = Counter("gradus_trainer_nonfinite", "Losses that were not finite", registry=registry)
        points = Counter("gradus_curve_points_written", "Points of curves stored", registry=registry)
        broken = Counter(
            "gradus_checkpoint_verify_failures", "Checkpoints whose bytes had changed", registry=registry
        )
        norm = Histogram(
            "gradus_trainer_gradient_norm",
            "Norm of all gradients at the newest sample of a write",
            buckets=NORM_BUCKETS,
            registry=registry,
        )
        found = Counter(
            "gradus_trainer_gradient_findings", "Findings of gradient flow", ["kind"], registry=registry
        )
        for kind in KINDS:
            self.steps.labels(kind)
        self._of = {
            Measure.STEP_SECONDS: step.observe,
            Measure.CURVE_FLUSH_SECONDS: flush.observe,
            Measure.CHECKPOINT_WRITE_SECONDS: write.observe,
            Measure.EXAMPLES: examples.inc,
            Measure.NONFINITE: nonfinite.inc,
            Measure.GRADIENT_NORM: norm.observe,
            **{measure: found.labels(kind).inc for measure, kind in FOUND.items()},
            Measure.CURVE_POINTS: points.inc,
            Measure.CHECKPOINT_VERIFY_FAILURES: broken.inc,
            Measure.CHECKPOINT_BYTES_WRITTEN: self.checkpoint_bytes.labels("write").inc,
            Measure.CHECKPOINT_BYTES_READ: self.checkpoint_bytes.labels("read").inc,
        }

    def take(self, measured: Measured) -> None:
        """Count one value that a child reported."""
        self._of[measured.name](measured.value)


class SweeperMetrics:
    """What a sweeper counts of what it put right."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.finished = _finished(registry)
        self.expired = Counter(
            "gradus_job_leases_expired", "Jobs taken from a silent worker", registry=registry
        )
        self.republished = Counter(
            "gradus_job_republished", "Hints sent for jobs nobody spoke of", registry=registry
        )
        self.pruned = Counter(
            "gradus_checkpoints_pruned", "Checkpoints that retention removed", registry=registry
        )
        self.last_run = Gauge(
            "gradus_sweeper_last_run_timestamp_seconds", "When the last sweep ended well", registry=registry
        )
        self.seconds = _seconds(registry, "sweeper_run", "One sweep")
        self.database_bytes = Gauge("gradus_db_size_bytes", "Size of the database", registry=registry)
