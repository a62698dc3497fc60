"""A cut changes no bit while plateau, greedy and people move the rate on both sides of it.

The events stand outside the process, as in the database: a killed attempt leaves them behind.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import torch
from torch import Tensor

from services.worker.training.checkpoint import capture, from_bytes, restore, to_bytes
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import train
from services.worker.training.optim import make_optimizer
from services.worker.trainings.steering import Steering
from shared.db.lr_events import UNDOABLE, LrEventRow, LrEvents, NewLrEvent, live_events, newest_seq
from shared.schedules import multiplier_at
from shared.specs.optimizers import OptimizerParams
from tests.support.lessons import LESSONS, OPTIMIZERS, scheduled

TOTAL = 24
LESSON = LESSONS["neumf"]
JOB = UUID(int=1)
PLATEAU = {"name": "plateau", "monitor": "val_loss", "factor": 0.5, "patience": 1, "threshold": 0.05}
GREEDY = {"name": "greedy", "monitor": "val_loss", "factor": 0.5, "patience": 0, "max_factor": 4.0}
MANUAL = {4: 0.7, 15: 1.5}
"""What a person asked after so many updates."""


class Ledger:
    """The events of one job, and what was checkpointed last."""

    def __init__(self) -> None:
        self.rows: list[LrEventRow] = []
        self.asked: set[int] = set()
        self.blob: bytes | None = None
        self.rates: dict[int, float] = {}

    def append(self, new: NewLrEvent) -> None:
        values = {
            name: getattr(new, name) for name in NewLrEvent.__dataclass_fields__ if name != "controller"
        }
        self.rows.append(LrEventRow(job_id=JOB, at=datetime.now(UTC), **values))

    def ask(self, step: int) -> None:
        if step in MANUAL and step not in self.asked:
            self.asked.add(step)
            before = multiplier_at(live_events(self.rows), step)
            after = before * MANUAL[step]
            self.append(self._new("manual", step=step, before=before, after=after))

    def supersede(self, after_seq: int) -> None:
        for lost in live_events(self.rows):
            if lost.seq > after_seq and lost.cause in UNDOABLE:
                new = self._new("superseded", step=lost.step, before=lost.m_after, after=lost.m_before)
                self.append(replace(new, supersedes=lost.seq))

    def events(self) -> LrEvents:
        return LrEvents(live_events(self.rows), newest_seq(self.rows))

    def _new(self, cause: str, *, step: int, before: float, after: float) -> NewLrEvent:
        seq = newest_seq(self.rows) + 1
        return NewLrEvent(seq=seq, step=step, cause=cause, m_before=before, m_after=after, reason="")


def attempt(
    ledger: Ledger, feedback: dict[str, Any], params: OptimizerParams, *, saves: set[int], until: int = TOTAL
) -> dict[str, Tensor]:
    """Go on from the ledger's checkpoint up to `until`, and be killed there."""
    seed_everything(7, "cpu")
    schedule = {"name": "cosine", "base_lr": 0.05, "eta_min": 0.01, "feedback": feedback}
    plan = scheduled(schedule, optimizer=params, steps=TOTAL)
    net, batches = LESSON.net(), LESSON.batches()
    optimizer = make_optimizer(net, params, plan)
    steering, step = Steering.of(optimizer, plan), 0
    if ledger.blob is not None:
        snapshot = from_bytes(ledger.blob)
        restore(snapshot, net=net, optimizer=optimizer, batches=batches)
        steering.restore(snapshot.extra)
        step = snapshot.step
    ledger.supersede(steering.last_seq)
    steering.heard(ledger.events())
    updates = train(
        net,
        batches=batches,
        objective=LESSON.objective,
        optimizer=optimizer,
        steps=range(step, until),
    )
    for point in updates:
        step = point.step + 1
        ledger.rates[point.step] = point.lr
        if step % 2 == 0:
            steering.observe({"val_loss": float(point.loss)}, step=step)
            for event in steering.take():
                ledger.append(event)
        if step in saves:
            ledger.blob = to_bytes(
                capture(net, optimizer=optimizer, batches=batches, step=step, extra=steering.to_json())
            )
        ledger.ask(step)
        steering.heard(ledger.events())
    return capture(net, optimizer=optimizer, batches=batches, step=step, extra={}).tensors


def cut(
    feedback: dict[str, Any], params: OptimizerParams, *, saved: int, killed: int
) -> tuple[Ledger, dict[str, Tensor]]:
    ledger = Ledger()
    attempt(ledger, feedback, params, saves={saved}, until=killed)
    torch.rand(17)
    return ledger, attempt(ledger, feedback, params, saves=set())


def assert_the_same(feedback: dict[str, Any], params: OptimizerParams, *, saved: int, killed: int) -> None:
    whole = Ledger()
    wanted = attempt(whole, feedback, params, saves=set())
    ledger, came = cut(feedback, params, saved=saved, killed=killed)
    assert ledger.rates == whole.rates
    assert [name for name in wanted if not torch.equal(came[name], wanted[name])] == []
    shown = [(e.step, e.cause, e.m_before, e.m_after) for e in live_events(ledger.rows)]
    assert shown == [(e.step, e.cause, e.m_before, e.m_after) for e in live_events(whole.rows)]


@pytest.mark.parametrize("feedback", [PLATEAU, GREEDY], ids=["plateau", "greedy"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("saved", "killed"), [(3, 3), (9, 11), (13, 23), (16, 17)])
def test_every_optimizer_goes_on_under_the_same_events(
    feedback: dict[str, Any], optimizer: str, saved: int, killed: int
) -> None:
    assert_the_same(feedback, OPTIMIZERS[optimizer], saved=saved, killed=killed)


@pytest.mark.parametrize("saved", range(1, TOTAL))
def test_any_step_is_a_good_place_to_cut(saved: int):
    for killed in (saved, min(saved + 5, TOTAL)):
        assert_the_same(PLATEAU, OPTIMIZERS["adam"], saved=saved, killed=killed)


def test_before_the_first_checkpoint_everything_is_made_again():
    assert_the_same(GREEDY, OPTIMIZERS["sgd-momentum"], saved=99, killed=12)


@pytest.mark.parametrize("feedback", [PLATEAU, GREEDY], ids=["plateau", "greedy"])
def test_events_of_all_kinds_lie_on_both_sides_of_the_cut(feedback: dict[str, Any]):
    """The comparisons above compare something."""
    ledger, _ = cut(feedback, OPTIMIZERS["adam"], saved=13, killed=21)
    steps = {
        kind: [e.step for e in live_events(ledger.rows) if e.cause == kind]
        for kind in (feedback["name"], "manual")
    }
    assert all(min(found) < 13 < max(found) for found in steps.values())
    assert any(e.cause == "superseded" for e in ledger.rows)
