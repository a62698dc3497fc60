"""A range test: a net trained for some steps while its rate rises. Nothing is kept of it but its curve.

It makes no checkpoint: a test that was cut begins anew, and draws the same curve to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from services.worker.training.checkpoint import restore_weights
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import Point, Rules, train
from services.worker.training.optim import make_optimizer
from services.worker.training.points import columns_of
from services.worker.trainings.driver import Preempted
from services.worker.trainings.plan import Course
from services.worker.trainings.session import Session
from shared.db.curves import PointColumns
from shared.db.job_writes import Progress
from shared.range_test import Watch, rates
from shared.schedules import ResolvedSchedule
from shared.schedules.constant import Constant
from shared.schedules.lengths import Length
from shared.specs.range_test import RangeTestSpec


def ramp(spec: RangeTestSpec, *, steps_per_epoch: int) -> ResolvedSchedule:
    """Return the rates of a test as a schedule that holds each for one step."""
    chosen = rates(spec.lo, spec.hi, steps=spec.steps, spacing=spec.spacing)
    held = tuple(Constant(name="constant", duration=Length.of_steps(1), lr=lr) for lr in chosen)
    return ResolvedSchedule(
        total_steps=spec.steps,
        steps_per_epoch=steps_per_epoch,
        base_lr=spec.lo,
        phases=held,
        forms=tuple(phase.form() for phase in held),
    )


def rising(course: Course, spec: RangeTestSpec) -> Iterator[Point]:
    """Make one update at each rate, until the loss diverges; the last point is the one that did."""
    training = course.spec
    seed_everything(training.seed, course.device)
    watch = Watch(spec.smoothing, spec.stop_at)
    points = train(
        course.net,
        batches=course.batches,
        objective=course.objective,
        optimizer=make_optimizer(course.net, training.optimizer, course.schedule),
        steps=range(spec.steps),
        rules=Rules(precision=training.precision, clip_norm=training.gradient_clip_norm),
    )
    for point in points:
        yield point
        if watch.diverged(columns_of([point]).loss[0]):
            return


class RangeTest:
    """One attempt at one range test."""

    def __init__(self, session: Session, course: Course, spec: RangeTestSpec) -> None:
        self._session, self._course, self._spec = session, course, spec
        self._points: list[Point] = []
        self._done = 0
        self._flushed_at = float("-inf")

    def run(self) -> None:
        """Try the rates and finish. Raises `Preempted`, `Fenced`, `Conflict`, `NotFound`, `Unavailable`."""
        start = self._session.parent_snapshot()
        if start is not None:
            restore_weights(start, net=self._course.net)
        for point in rising(self._course, self._spec):
            self._points.append(point)
            self._done = point.step + 1
            self._write_some()
            self._leave_if_asked()
        self._session.finish_range_test(self._taken())

    def _write_some(self) -> None:
        waited = time.monotonic() - self._flushed_at
        limits = self._session.settings
        if waited >= limits.flush_seconds or len(self._points) >= limits.flush_steps:
            self._session.commit(self._taken())
            self._flushed_at = time.monotonic()

    def _leave_if_asked(self) -> None:
        if self._session.stop.requested:
            self._session.give_back()
            raise Preempted

    def _taken(self) -> Progress:
        """Return the points not yet written as one write and forget them."""
        columns = columns_of(self._points)
        self._points = []
        points = PointColumns(
            steps=columns.steps,
            lr=columns.lr,
            loss=columns.loss,
            grad_norm=columns.grad_norm,
            momentum=columns.momentum,
            effective_lr=columns.effective_lr,
        )
        epoch = self._done // self._course.schedule.steps_per_epoch
        return Progress(step=self._done, epoch=epoch, points=points)
