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

RATE_SECONDS = 1.0
"""Shortest stretch that a rate is told from."""


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
    _window_began: float = 0.0
    _window_steps: int = 0
    _away_seconds: float = 0.0

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

    def away(self, seconds: float) -> None:
        """Leave the time of an evaluation out of what a step takes."""
        self._away_seconds += seconds

    def _measure_rate(self, steps: int) -> None:
        """Count steps over at least a second: writes come too close together at an epoch's end to tell.

        The rate is by the wall clock, evaluations included, so that what is left can be told from it.
        """
        now = self._flushed_at = time.monotonic()
        if not self._window_began:
            self._window_began = now
            return
        self._window_steps += steps
        elapsed = now - self._window_began
        if elapsed < RATE_SECONDS or not self._window_steps:
            return
        samples = self._window_steps * self.samples_per_step
        report(Measure.STEP_SECONDS, max(0.0, elapsed - self._away_seconds) / self._window_steps)
        report(Measure.EXAMPLES, samples)
        rate = samples / elapsed
        self._rate = rate if self._rate is None else 0.7 * self._rate + 0.3 * rate
        self._window_began, self._window_steps, self._away_seconds = now, 0, 0.0


def _tell_written(progress: Progress, *, seconds: float) -> None:
    """Report what one write held and how long it took."""
    if progress.points is not None and progress.points.steps:
        report(Measure.CURVE_POINTS, len(progress.points.steps))
    if progress.checkpoint is None:
        report(Measure.CURVE_FLUSH_SECONDS, seconds)
        return
    report(Measure.CHECKPOINT_WRITE_SECONDS, seconds)
    report(Measure.CHECKPOINT_BYTES_WRITTEN, len(progress.checkpoint.payload))
