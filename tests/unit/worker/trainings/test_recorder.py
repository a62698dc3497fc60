"""The speed a recorder tells."""

import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import torch

from services.worker.training.loop import Point
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


def test_a_net_that_is_slower_than_its_writes_still_tells_its_speed():
    ledger = Ledger()
    recorder = Recorder(cast("Session", ledger), steps_per_epoch=10, samples_per_step=100, step=0)
    for step in range(4):
        time.sleep(0.05)
        recorder.add(point(step))
    speeds = [progress.samples_per_second for progress in ledger.written]
    assert speeds[0] is None  # nothing to measure from
    assert all(
        speed is not None and 0 < speed <= 2000 for speed in speeds[1:]
    )  # 100 samples in 50 ms at least
