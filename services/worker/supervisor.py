"""Supervises jobs: claims one, hands it to a child process, keeps its lease, and settles how it ended.

It never imports torch and never trains. Cancel, pause and deadlines live in the row and reach the child as
SIGTERM, then SIGKILL of its process group; a message is only a hint that something is queued.
"""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from services.worker.children import Child, Nursery, Order
from services.worker.lease import Lease
from services.worker.metrics import WorkerMetrics
from shared.db.engine import Connection, Database
from shared.db.job_leases import Claim, Ended, Renewal, claim, fail, requeue, yield_up
from shared.db.jobs import get_job
from shared.errors import Fenced, Unavailable
from shared.lifecycle import TERMINAL, JobKind, JobStatus
from shared.logs import logger

DONE, FENCED, DATABASE_AWAY, PREEMPTED, REFUSED, DIVERGED = 0, 3, 4, 5, 10, 11
WATCH_SECONDS = 0.1
TAKEN_GRACE_SECONDS = 2.0
"""For a child whose job is not ours any more: it may be leaving by itself, and must write nothing."""
READING_SLOTS = 1
"""Data sets that a worker reads at once beside its trainings."""
_FAILURES = {
    REFUSED: ("refused", "the trainer refused the job's data or settings"),
    DIVERGED: ("diverged", "the loss or a weight became infinite or not a number"),
}
_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which name and for how long this worker holds jobs; times in seconds."""

    worker_id: str
    slots: int
    lease_seconds: float
    renew_seconds: float
    grace_seconds: float


@dataclass(frozen=True, slots=True)
class Lane:
    """Slots for jobs of some kinds."""

    kinds: tuple[JobKind, ...]
    free: threading.Semaphore


class Supervisor:
    """Runs at most `slots` jobs at once, each in a child process of its own, and reads data sets beside them.

    Reading has a lane of its own, so that an upload never waits for a training to end.
    """

    def __init__(self, database: Database, nursery: Nursery, metrics: WorkerMetrics, terms: Terms) -> None:
        self._database, self._nursery, self._metrics, self._terms = database, nursery, metrics, terms
        self._lanes = (
            Lane(tuple(JobKind), threading.Semaphore(terms.slots)),
            Lane((JobKind.INGEST,), threading.Semaphore(READING_SLOTS)),
        )
        self._hints = itertools.count(1)
        self._last_hint = 0
        self._busy = 0
        self._counting = threading.Lock()
        self._stopping = False
        self.heard_at = time.monotonic()
        self._show_slots()

    @property
    def busy(self) -> int:
        """How many jobs run now."""
        return self._busy

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def stop(self) -> None:
        """Take no more jobs and give back those that run; only a flag, so safe in a signal handler."""
        self._stopping = True

    def attend(self) -> int:
        """Work in this thread until nothing is queued, and return how many jobs were run.

        When every lane is taken it returns at once: whoever holds a slot goes on with the next job. A hint
        that came while a slot was held is looked after by its holder, who may have looked just before.
        """
        self.heard_at = time.monotonic()
        self._last_hint = next(self._hints)
        ran = 0
        while True:
            heard = self._last_hint
            lane = next((lane for lane in self._lanes if lane.free.acquire(blocking=False)), None)
            if lane is None:
                return ran
            try:
                ran += self._work_off(lane)
            finally:
                lane.free.release()
            if self._stopping or heard == self._last_hint:
                return ran

    def _work_off(self, lane: Lane) -> int:
        ran = 0
        while not self._stopping and (won := self._claim(lane)) is not None:
            self._count_busy(1)
            try:
                self._run(won)
            finally:
                self._count_busy(-1)
            ran += 1
        return ran

    def _claim(self, lane: Lane) -> Claim | None:
        terms = self._terms
        try:
            with self._database.begin() as cx:
                won = claim(
                    cx, worker_id=terms.worker_id, lease_seconds=terms.lease_seconds, kinds=lane.kinds
                )
        except Unavailable:
            # A claim whose COMMIT was lost may stand; its lease expires and the sweeper requeues it.
            self._metrics.claims.labels("failed").inc()
            self.heard_at = float("-inf")  # the hint is used up, so a watchman asks again soon
            _log.warning("claim_failed")
            return None
        self._metrics.claims.labels("won" if won else "none").inc()
        if won is not None:
            self._metrics.wait.observe(won.waited_seconds)
        return won

    def _run(self, won: Claim) -> None:
        log = _log.bind(job_id=str(won.job_id), fence=won.fence, attempt=won.attempt)
        lease = self._leased(won)
        started = time.monotonic()
        try:
            child = self._child_for(won)
            if child is None:
                self._give_back(won, cause="no_child")
                time.sleep(1.0)  # a machine that cannot start processes must not spin
                return
            log.info("job_started", child=child.pid, kind=won.kind, waited_seconds=won.waited_seconds)
            status, asked = self._watch(child, lease)
        finally:
            lease.stop()
        log.info("child_ended", status=status, asked=asked)
        self._metrics.duration.labels(won.kind).observe(time.monotonic() - started)
        self._settle(won, status, asked)

    def _leased(self, won: Claim) -> Lease:
        steps = self._metrics.trainer.steps.labels(won.kind)
        reached = [won.step]

        def count_steps(renewal: Renewal) -> None:
            steps.inc(max(0, renewal.step - reached[0]))
            reached[0] = max(reached[0], renewal.step)

        lease = Lease(
            self._database,
            won,
            lease_seconds=self._terms.lease_seconds,
            renew_seconds=self._terms.renew_seconds,
            on_renewal=count_steps,
        )
        lease.start()
        return lease

    def _child_for(self, won: Claim) -> Child | None:
        order = Order(job_id=won.job_id, kind=won.kind, fence=won.fence, attempt=won.attempt)
        for _ in range(3):
            try:
                child = self._nursery.take(patience_seconds=self._terms.lease_seconds)
            except Unavailable:
                return None
            if child.hand(order):
                return child
            child.kill()
            child.wait(1.0)
        return None

    def _watch(self, child: Child, lease: Lease) -> tuple[int, str | None]:
        """Wait for the child's end; return its status, and why it was asked to stop, if it was."""
        asked: str | None = None
        kill_at = float("inf")
        while (status := child.wait(WATCH_SECONDS)) is None:
            if lease.silent or time.monotonic() > kill_at:
                child.kill()
            elif asked is None and (asked := self._why_stop(lease)) is not None:
                child.terminate()
                grace = TAKEN_GRACE_SECONDS if asked == "taken" else self._terms.grace_seconds
                kill_at = time.monotonic() + grace
        return status, "silent" if lease.silent else asked

    def _why_stop(self, lease: Lease) -> str | None:
        if lease.taken:
            return "taken"
        return "shutdown" if self._stopping else lease.request

    def _settle(self, won: Claim, status: int, asked: str | None) -> None:
        """Bring the row into the state that the child's exit status means."""
        if status == DONE or asked == "taken":
            self._count_end(won, "lease_lost")
        elif status == FENCED:
            self._metrics.fenced.inc()
        elif status == DATABASE_AWAY or asked == "silent":
            self._give_back(won, cause="database_away")
        elif status == PREEMPTED:
            self._give_back(won, cause="preempted")
        elif status in _FAILURES:
            self._fail(won, status)
        elif asked is not None:
            killed = status == -signal.SIGKILL
            self._give_back(won, cause="stop_timed_out" if killed else "stopped_early")
        else:
            self._strike(won, status)

    def _give_back(self, won: Claim, *, cause: str) -> None:
        """Give the job back in good order; when the child has done so itself, nothing is left to do."""
        self._write(won, lambda cx: yield_up(cx, job_id=won.job_id, fence=won.fence, cause=cause), cause)

    def _strike(self, won: Claim, status: int) -> None:
        cause = f"exit_{status}" if status >= 0 else f"killed_{signal.Signals(-status).name}"
        reason = "process_died" if status >= 0 else "killed"
        self._write(won, lambda cx: requeue(cx, job_id=won.job_id, fence=won.fence, cause=cause), reason)

    def _fail(self, won: Claim, status: int) -> None:
        code, why = _FAILURES[status]
        self._write(
            won, lambda cx: fail(cx, job_id=won.job_id, fence=won.fence, code=code, message=why), code
        )

    def _write(self, won: Claim, settle: Callable[[Connection], Ended], reason: str) -> None:
        """Settle the row; without a database its lease expires and the sweeper does it."""
        try:
            ended = self._database.retrying(settle, patience_seconds=self._terms.lease_seconds / 2)
        except Fenced:
            pass  # the child wrote its own end before it left
        except Unavailable:
            _log.warning("job_not_settled", job_id=str(won.job_id), fence=won.fence)
            return
        else:
            _log.info("job_settled", job_id=str(won.job_id), fence=won.fence, became=ended.status.value)
        self._count_end(won, reason)

    def _count_end(self, won: Claim, reason: str) -> None:
        """Count what became of the job, unless another worker has it already."""
        try:
            with self._database.begin() as cx:
                row = get_job(cx, job_id=won.job_id)
        except Unavailable:
            return
        if row.fence != won.fence:
            self._metrics.fenced.inc()
            return
        if row.status in TERMINAL:
            self._metrics.finished.labels(won.kind, row.status, row.error_code or "").inc()
        elif row.status == JobStatus.QUEUED:
            self._metrics.retries.labels(reason).inc()

    def _count_busy(self, change: int) -> None:
        with self._counting:
            self._busy += change
            self._show_slots()

    def _show_slots(self) -> None:
        self._metrics.slots.labels("busy").set(self._busy)
        self._metrics.slots.labels("free").set(max(0, self._terms.slots - self._busy))
