"""Gathers points and writes them a few times a second, each batch in one fenced transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from services.worker.measures import Measure, report
from services.worker.training.loop import Point
from services.worker.training.points import materialise
from services.worker.trainings.session import Session
from shared.db.blobs import NewCheckpoint
from shared.db.curves import NewEvaluation, PointColumns
from shared.db.job_writes import Progress


@dataclass(slots=True)
class Recorder:
    """Points not yet written; `samples_per_step` turns steps a second into samples a second."""

    session: Session
    steps_per_epoch: int
    samples_per_step: float
    step: int
    """Updates completed."""
    best: dict[str, Any] | None = None
    _points: list[Point] = field(default_factory=list)
    _evaluations: list[NewEvaluation] = field(default_factory=list)
    _flushed_at: float = 0.0
    _rate: float | None = None

    def add(self, point: Point) -> None:
        """Take a point; write when some time has passed, and the very first at once."""
        self._points.append(point)
        self.step = point.step + 1
        limits = self.session.settings
        waited = time.monotonic() - self._flushed_at
        if waited >= limits.flush_seconds or len(self._points) >= limits.flush_steps:
            self.flush()

    def evaluated(self, metrics: dict[str, float]) -> None:
        """Take an evaluation after the present step."""
        self._evaluations.append(NewEvaluation(step=self.step, epoch=self.epoch, metrics=metrics))

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.step // self.steps_per_epoch

    def flush(self, checkpoint: NewCheckpoint | None = None) -> None:
        """Write everything gathered, with a checkpoint when there is one. Raises `Diverged`, `Fenced`."""
        progress = self.taken(checkpoint)
        began = time.monotonic()
        self.session.commit(progress)
        _tell_written(progress, seconds=time.monotonic() - began)

    def taken(self, checkpoint: NewCheckpoint | None = None) -> Progress:
        """Return everything gathered as one write and forget it."""
        columns = materialise(self._points)
        self._measure_rate(len(self._points))
        progress = Progress(
            step=self.step,
            epoch=self.epoch,
            points=PointColumns(
                steps=columns.steps,
                lr=columns.lr,
                loss=columns.loss,
                grad_norm=columns.grad_norm,
                momentum=columns.momentum,
            ),
            evaluations=tuple(self._evaluations),
            samples_per_second=self._rate,
            best=self.best,
            checkpoint=checkpoint,
        )
        self._points, self._evaluations = [], []
        return progress

    def paused_clock(self) -> None:
        """Leave the time since the last write out of the rate: it went into evaluating, not training."""
        self._flushed_at = time.monotonic()

    def _measure_rate(self, steps: int) -> None:
        """Smooth the samples a second over some writes; the first write has no beginning to measure from."""
        now = time.monotonic()
        began, self._flushed_at = self._flushed_at, now
        elapsed = now - began
        if steps < 1 or not began or elapsed <= 0:
            return
        report(Measure.STEP_SECONDS, elapsed / steps)
        report(Measure.EXAMPLES, steps * self.samples_per_step)
        rate = steps * self.samples_per_step / elapsed
        self._rate = rate if self._rate is None else 0.7 * self._rate + 0.3 * rate


def _tell_written(progress: Progress, *, seconds: float) -> None:
    """Report what one write held and how long it took."""
    if progress.points is not None and progress.points.steps:
        report(Measure.CURVE_POINTS, len(progress.points.steps))
    if progress.checkpoint is None:
        report(Measure.CURVE_FLUSH_SECONDS, seconds)
        return
    report(Measure.CHECKPOINT_WRITE_SECONDS, seconds)
    report(Measure.CHECKPOINT_BYTES_WRITTEN, len(progress.checkpoint.payload))
