"""What moves the rate of one attempt beyond its plan: the controller that listens, and the live LR events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.worker.training.optim import SteppedOptimizer
from shared.db.lr_events import LrEventRow, LrEvents, NewLrEvent
from shared.schedules import AnyController, ResolvedSchedule, controller_of, multiplier_at


@dataclass(slots=True)
class Steering:
    """The optimizer's events kept as they stand on record, and those about to be put there."""

    optimizer: SteppedOptimizer
    controller: AnyController | None
    last_seq: int = 0
    """Number of the newest event, those not yet written included."""
    _events: tuple[LrEventRow, ...] = ()
    _unwritten: list[NewLrEvent] = field(default_factory=list)

    @classmethod
    def of(cls, optimizer: SteppedOptimizer, schedule: ResolvedSchedule) -> Steering:
        """Return the steering that a schedule asks for."""
        controller = None if schedule.feedback is None else controller_of(schedule.feedback)
        return cls(optimizer, controller)

    def restore(self, extra: Mapping[str, Any]) -> None:
        """Take the controller's counters and the newest event's number from a checkpoint."""
        state = extra.get("feedback")
        if self.controller is not None and state is not None:
            self.controller = controller_of(self.controller.params, state)
        self.last_seq = int(extra.get("last_event_seq", 0))

    def to_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; the events themselves are rows."""
        state = None if self.controller is None else self.controller.to_json()
        return {"feedback": state, "last_event_seq": self.last_seq}

    def heard(self, events: LrEvents | None) -> None:
        """Go on under the events on record; none means that there are no new ones."""
        if events is not None:
            self.optimizer.events = self._events = events.live
            self.last_seq = events.newest_seq

    def observe(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Show the controller an evaluation after `step` updates; a metric without a value is skipped."""
        if self.controller is None or self.controller.params.monitor not in metrics:
            return
        value = metrics[self.controller.params.monitor]
        before = multiplier_at(self._before_people(step), step)
        self.controller, after = self.controller.observe(value, multiplier=before)
        if after is not None:
            self._append(step=step, before=before, after=after, value=value)

    def _before_people(self, step: int) -> list[LrEventRow]:
        """Return the events without what people asked at this very step, which follows the evaluation.

        Only an attempt that makes an evaluation again knows of any.
        """
        return [event for event in self._events if event.step < step or event.cause != "manual"]

    def _append(self, *, step: int, before: float, after: float, value: float) -> None:
        controller = self.controller
        assert controller is not None  # noqa: S101 - it has just spoken
        best = "begins anew" if controller.best is None else f"best {controller.best:.6g}"
        self.last_seq += 1
        event = NewLrEvent(
            seq=self.last_seq,
            step=step,
            cause=controller.params.name,
            m_before=before,
            m_after=after,
            reason=f"{controller.params.monitor} is {value:.6g}, {best}",
            controller=controller.to_json(),
        )
        self._unwritten.append(event)

    def told(self) -> list[dict[str, Any]]:
        """Return the events that counted, as a model card tells them.

        Who asked and why stay with the job: a package goes to people who may not read that.
        """
        fields = ("step", "cause", "m_before", "m_after")
        return [{name: getattr(event, name) for name in fields} for event in self._events]

    def take(self) -> tuple[NewLrEvent, ...]:
        """Return the events not yet written and forget them."""
        events, self._unwritten = tuple(self._unwritten), []
        return events
