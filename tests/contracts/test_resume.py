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
from shared.schedules import PHASES, ResolvedSchedule
from shared.specs.optimizers import OptimizerParams, SgdParams
from tests.support.lessons import CATALOGUE, LESSONS, OPTIMIZERS, SCHEDULES, SELF_SCALING, Lesson, scheduled

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
WARM_UP: dict[str, object] = {
    "base_lr": 0.02,
    "phases": [
        {"name": "linear", "duration": "5st", "start_factor": 0.2},
        {"name": "constant", "duration": "rest"},
    ],
}


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
    assert_a_cut_changes_nothing(LESSONS[lesson], SCHEDULES[schedule], OPTIMIZERS[optimizer])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", PHASES)
def test_so_it_is_for_every_schedule_of_the_catalogue(name: str, optimizer: str) -> None:
    schedule = {"name": name, **CATALOGUE[name]}
    assert_a_cut_changes_nothing(LESSONS["neumf"], schedule, OPTIMIZERS[optimizer])


@pytest.mark.parametrize("lesson", NETS)
@pytest.mark.parametrize(
    "schedule", [{"name": "constant", "base_lr": 0.02}, WARM_UP], ids=["constant", "warm-up"]
)
@pytest.mark.parametrize("optimizer", SELF_SCALING)
def test_so_it_is_for_optimizers_with_a_pace_of_their_own(
    lesson: str, schedule: dict[str, object], optimizer: str
) -> None:
    assert_a_cut_changes_nothing(LESSONS[lesson], schedule, SELF_SCALING[optimizer])


def assert_a_cut_changes_nothing(
    lesson: Lesson, schedule: dict[str, object], params: OptimizerParams
) -> None:
    plan = scheduled(schedule, optimizer=params, steps=TOTAL)
    whole = Attempt(lesson, params, plan)
    curve = whole.go(range(CHECKPOINT))
    blob = whole.checkpoint(CHECKPOINT)
    rest = whole.go(range(CHECKPOINT, TOTAL))
    wanted = whole.everything()

    killed_after = Attempt(lesson, params, plan)
    killed_after.resume(blob)
    killed_after.go(range(CHECKPOINT, CHECKPOINT + 1))
    disturb_the_process()
    second = Attempt(lesson, params, plan)
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
@pytest.mark.parametrize("optimizer", ["adam", *SELF_SCALING])
def test_any_step_is_a_good_place_to_cut(cut: int, optimizer: str) -> None:
    params = {**OPTIMIZERS, **SELF_SCALING}[optimizer]
    schedule = SCHEDULES["cyclic-momentum"] if optimizer == "adam" else WARM_UP
    plan = scheduled(schedule, optimizer=params, steps=TOTAL)
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


def test_looking_at_the_weights_to_publish_changes_no_bit() -> None:
    """A checkpoint after every update leaves the updates as they are, and holds the average."""
    params = SELF_SCALING["schedule-free"]
    plan = scheduled(WARM_UP, optimizer=params, steps=TOTAL)
    left = Attempt(LESSONS["mlp"], params, plan)
    left.go(range(TOTAL))
    wanted = left.everything()
    looked = Attempt(LESSONS["mlp"], params, plan)
    for step in range(TOTAL):
        looked.go(range(step, step + 1))
        kept = from_bytes(looked.checkpoint(step + 1)).tensors
    assert_same_bits(looked.everything(), wanted)
    training = {f"net/{name}": tensor for name, tensor in looked.net.state_dict().items()}
    assert not all(torch.equal(kept[name], tensor) for name, tensor in training.items())
