"""Gathers points and writes them a few times a second, each batch in one fenced transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.worker.measures import Measure, report
from services.worker.training.loop import Point
from services.worker.training.points import REMEDY, broken, columns_of, first_broken
from services.worker.training.points import PointColumns as ReadColumns
from services.worker.trainings.flow import FlowJournal
from services.worker.trainings.session import Session
from services.worker.trainings.steering import Steering
from shared.db.blobs import NewCheckpoint
from shared.db.curves import NewEvaluation, PointColumns
from shared.db.job_writes import Progress
from shared.errors import Diverged

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
    journal: FlowJournal | None = None
    """Reads samples of gradient flow; none leaves them unread."""
    steering: Steering | None = None
    """Appends LR events, and hears of those that people asked for."""
    _points: list[Point] = field(default_factory=list)
    _evaluations: list[NewEvaluation] = field(default_factory=list)
    _evaluated_at: int = -1
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
        self._evaluated_at = self.step
        self._evaluations.append(NewEvaluation(step=self.step, epoch=self.epoch, metrics=metrics))

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.step // self.steps_per_epoch

    def flush(self, checkpoint: NewCheckpoint | None = None) -> None:
        """Write everything gathered, with a checkpoint when there is one. Raises `Diverged`, `Fenced`."""
        progress = self.taken(checkpoint)
        began = time.monotonic()
        found = self.session.commit(progress)
        if self.steering is not None:
            self.steering.heard(found)
        if self.journal is not None and checkpoint is not None:
            self.journal.tell()
        _tell_written(progress, seconds=time.monotonic() - began)

    def taken(self, checkpoint: NewCheckpoint | None = None) -> Progress:
        """Return everything gathered as one write and forget it.

        Raises `Diverged` when a loss or a gradient norm is not finite; the points up to it are written first,
        and a checkpoint of what followed is not.
        """
        points, self._points = self._points, []
        columns = columns_of(points)
        at = first_broken(columns)
        if at is not None:
            raise self._diverged(points[: at + 1], columns)
        self._measure_rate(len(points))
        return self._progress(points, columns, checkpoint)

    def _progress(
        self, points: Sequence[Point], columns: ReadColumns, checkpoint: NewCheckpoint | None = None
    ) -> Progress:
        """Return what `points` and their columns, of one length, make of a write."""
        evaluations, self._evaluations = tuple(self._evaluations), []
        return Progress(
            step=self.step,
            epoch=self.epoch,
            points=PointColumns(
                steps=columns.steps,
                lr=columns.lr,
                loss=columns.loss,
                grad_norm=columns.grad_norm,
                momentum=columns.momentum,
                effective_lr=columns.effective_lr,
            ),
            flow=self.journal.take(points) if self.journal else None,
            evaluations=evaluations,
            lr_events=self.steering.take() if self.steering else (),
            known_seq=self.steering.last_seq if self.steering else 0,
            takes_requests=self.steering is not None and not self._evaluation_is_due(),
            samples_per_second=self._rate,
            best=self.best,
            checkpoint=checkpoint,
        )

    def _evaluation_is_due(self) -> bool:
        """Whether an epoch has ended that was not evaluated yet."""
        return self.step % self.steps_per_epoch == 0 and self._evaluated_at != self.step

    def _diverged(self, points: Sequence[Point], columns: ReadColumns) -> Diverged:
        """Write the points up to the first broken one, the last of `points`; return where it began."""
        self.step = points[-1].step + 1
        self.session.commit(self._progress(points, columns.head(len(points))))
        if self.journal is None:
            return Diverged(f"{broken(columns, len(points) - 1)}; {REMEDY}")
        self.journal.tell()
        return Diverged(self.journal.explain())

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
