"""A training that is cut and goes on ends with the same bits as one that was left alone.

Every net × schedule × optimizer, cut at, one update before and one after a checkpoint. A cut one update after
a checkpoint loses that update: the attempt that follows makes it again.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.worker.nets import Net
from services.worker.training.checkpoint import Snapshot, capture, digest, from_bytes, restore, to_bytes
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import Rules, train
from services.worker.training.optim import SteppedOptimizer, make_optimizer
from services.worker.training.points import PointColumns, materialise
from shared.schedules import ResolvedSchedule
from shared.specs.optimizers import OptimizerParams, SgdParams
from tests.support.lessons import LESSONS, OPTIMIZERS, SCHEDULES, Lesson, scheduled

TOTAL, CHECKPOINT = 24, 13
"""Three epochs of 8 updates; the checkpoint falls inside the second."""

NETS = ("mf", "neumf", "mlp")
COMBINATIONS = [
    pytest.param(lesson, schedule, optimizer, id=f"{lesson}/{schedule}/{optimizer}")
    for lesson in LESSONS
    for schedule in SCHEDULES
    for optimizer in OPTIMIZERS
    if (lesson in NETS or schedule == "warm-up-then-cosine")  # a net's other losses: with one schedule
    and not (schedule == "cyclic-momentum" and optimizer == "sgd")  # plain SGD has no momentum to cycle
]


class Attempt:
    """One process's worth of training, everything in it made afresh."""

    def __init__(self, lesson: Lesson, optimizer: OptimizerParams, schedule: ResolvedSchedule) -> None:
        seed_everything(7, "cpu")
        self.lesson = lesson
        self.net: Net = lesson.net()
        self.batches = lesson.batches()
        self.optimizer: SteppedOptimizer = make_optimizer(self.net, optimizer, schedule)

    def go(self, steps: range) -> PointColumns:
        points = train(
            self.net,
            batches=self.batches,
            objective=self.lesson.objective,
            optimizer=self.optimizer,
            steps=steps,
            rules=Rules(clip_norm=1.0),
        )
        return materialise(list(points))

    def checkpoint(self, step: int) -> bytes:
        return to_bytes(
            capture(self.net, optimizer=self.optimizer, batches=self.batches, step=step, extra={})
        )

    def resume(self, blob: bytes) -> Snapshot:
        snapshot = from_bytes(blob, sha256_hex=digest(blob))
        restore(snapshot, net=self.net, optimizer=self.optimizer, batches=self.batches)
        return snapshot

    def everything(self) -> dict[str, Tensor]:
        snapshot = capture(self.net, optimizer=self.optimizer, batches=self.batches, step=TOTAL, extra={})
        return snapshot.tensors


def disturb_the_process() -> None:
    """Leave the generators where another process's would be."""
    torch.manual_seed(999)
    torch.rand(17)


@pytest.mark.parametrize(("lesson", "schedule", "optimizer"), COMBINATIONS)
def test_a_cut_training_ends_with_the_same_bits(lesson: str, schedule: str, optimizer: str) -> None:
    params = OPTIMIZERS[optimizer]
    plan = scheduled(SCHEDULES[schedule], optimizer=params, steps=TOTAL)
    whole = Attempt(LESSONS[lesson], params, plan)
    curve = whole.go(range(CHECKPOINT))
    blob = whole.checkpoint(CHECKPOINT)
    rest = whole.go(range(CHECKPOINT, TOTAL))
    wanted = whole.everything()

    killed_after = Attempt(LESSONS[lesson], params, plan)
    killed_after.resume(blob)
    killed_after.go(range(CHECKPOINT, CHECKPOINT + 1))
    disturb_the_process()
    second = Attempt(LESSONS[lesson], params, plan)
    snapshot = second.resume(blob)
    assert second.go(range(snapshot.step, TOTAL)) == rest
    assert len(curve.steps) + len(rest.steps) == TOTAL
    assert_same_bits(second.everything(), wanted)


@pytest.mark.parametrize("lesson", LESSONS)
def test_killed_one_update_before_its_first_checkpoint_it_begins_anew(lesson: str) -> None:
    params = OPTIMIZERS["adamw"]
    plan = scheduled(SCHEDULES["cosine"], optimizer=params, steps=TOTAL)
    whole = Attempt(LESSONS[lesson], params, plan)
    curve = whole.go(range(TOTAL))
    Attempt(LESSONS[lesson], params, plan).go(range(CHECKPOINT - 1))
    disturb_the_process()
    second = Attempt(LESSONS[lesson], params, plan)
    assert second.go(range(TOTAL)) == curve
    assert_same_bits(second.everything(), whole.everything())


@pytest.mark.parametrize("cut", range(1, TOTAL))
def test_any_step_is_a_good_place_to_cut(cut: int) -> None:
    params = OPTIMIZERS["adam"]
    plan = scheduled(SCHEDULES["cyclic-momentum"], optimizer=params, steps=TOTAL)
    whole = Attempt(LESSONS["neumf"], params, plan)
    whole.go(range(TOTAL))
    first = Attempt(LESSONS["neumf"], params, plan)
    first.go(range(cut))
    blob = first.checkpoint(cut)
    disturb_the_process()
    second = Attempt(LESSONS["neumf"], params, plan)
    second.resume(blob)
    second.go(range(cut, TOTAL))
    assert_same_bits(second.everything(), whole.everything())


def test_this_contract_can_fail() -> None:
    """Forgetting the generators' state changes a net with dropout."""
    params = SgdParams(name="sgd")
    plan = scheduled(SCHEDULES["constant"], optimizer=params, steps=TOTAL)
    whole = Attempt(LESSONS["neumf"], params, plan)
    whole.go(range(CHECKPOINT))
    blob = whole.checkpoint(CHECKPOINT)
    rest = whole.go(range(CHECKPOINT, TOTAL))
    second = Attempt(LESSONS["neumf"], params, plan)
    second.resume(blob)
    disturb_the_process()
    assert second.go(range(CHECKPOINT, TOTAL)) != rest


def assert_same_bits(came: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert came.keys() == wanted.keys()
    different = [name for name in wanted if not torch.equal(came[name], wanted[name])]
    assert different == []
