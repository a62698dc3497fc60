"""The speed a recorder tells."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from services.worker.training.loop import Point
from services.worker.trainings import recorder
from services.worker.trainings.recorder import Recorder
from services.worker.trainings.session import Session
from shared.db.job_writes import Progress


@dataclass
class Ledger:
    """Takes what a session would commit; every point is written at once."""

    written: list[Progress] = field(default_factory=list)
    settings: Any = field(default_factory=lambda: SimpleNamespace(flush_seconds=0.0, flush_steps=50))

    def commit(self, progress: Progress) -> None:
        self.written.append(progress)


def point(step: int) -> Point:
    return Point(step=step, lr=0.1, loss=torch.tensor(0.5), grad_norm=torch.tensor(1.0), momentum=None)


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(recorder, "time", clock)
    return clock


def speeds_of(clock: Clock, seconds_a_step: list[float]) -> list[float | None]:
    ledger = Ledger()
    made = Recorder(cast("Session", ledger), steps_per_epoch=10, samples_per_step=100, step=0)
    for step, seconds in enumerate(seconds_a_step):
        clock.now += seconds
        made.add(point(step))
    return [progress.samples_per_second for progress in ledger.written]


def test_a_speed_is_told_from_a_second_or_more(clock: Clock):
    assert speeds_of(clock, [0.25] * 6) == [None, None, None, None, 400.0, 400.0]


def test_a_net_that_is_slower_than_its_writes_still_tells_its_speed(clock: Clock):
    assert speeds_of(clock, [2.0] * 3) == [None, 50.0, 50.0]


def test_a_short_write_after_a_long_evaluation_claims_no_speed(clock: Clock):
    assert speeds_of(clock, [0.0, 4.0, 0.001, 0.001]) == [None, 25.0, 25.0, 25.0]
