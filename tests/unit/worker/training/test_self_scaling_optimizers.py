"""Schedule-free AdamW and Prodigy beside their authors' packages, update by update."""

from __future__ import annotations

from typing import Any

import prodigyopt
import pytest
import schedulefree
import torch
from torch import Tensor, nn

from services.worker.training.optim import SteppedOptimizer, make_optimizer
from shared.specs.optimizers import ProdigyParams, ScheduleFreeAdamWParams
from tests.support.lessons import scheduled

WARM_UP: dict[str, Any] = {
    "base_lr": 0.05,
    "phases": [
        {"name": "linear", "duration": "7st", "start_factor": 0.1},
        {"name": "constant", "duration": "rest"},
    ],
}
CONSTANT = {"name": "constant", "base_lr": 0.05}
STEPS = 80
SETTINGS = [
    pytest.param(schedule, betas, decay, id=f"{name}, betas {betas}, decay {decay}")
    for name, schedule in (("constant", CONSTANT), ("warm-up", WARM_UP))
    for betas in ((0.9, 0.999), (0.8, 0.95))
    for decay in (0.0, 0.1)
]


class Valley(nn.Module):
    """A table and a head that want to be elsewhere, each coordinate with its own steepness."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = nn.Parameter(torch.randn(5, 3, generator=generator))
        self.head = nn.Parameter(torch.randn(3, generator=generator))
        self.wanted = [torch.randn(p.shape, generator=generator) for p in self.parameters()]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"embeddings": [self.table], "head": [self.head]}

    def give_gradients(self, step: int) -> None:
        generator = torch.Generator().manual_seed(step)
        for parameter, wanted in zip(self.parameters(), self.wanted, strict=True):
            noise = 0.1 * torch.randn(parameter.shape, generator=generator)
            parameter.grad = (parameter.detach() - wanted) * (1.0 + wanted.abs()) + noise

    def weights(self) -> list[Tensor]:
        return [p.detach().clone() for p in self.parameters()]


def farthest(mine: Valley, theirs: Valley) -> float:
    pairs = zip(mine.weights(), theirs.weights(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def schedule_free(
    net: Valley, schedule: dict[str, Any] = CONSTANT, steps: int = STEPS, **settings: object
) -> SteppedOptimizer:
    params = ScheduleFreeAdamWParams.model_validate({"name": "schedule_free_adamw", **settings})
    return make_optimizer(net, params, scheduled(schedule, optimizer=params, steps=steps))


def prodigy(
    net: Valley, schedule: dict[str, Any] = CONSTANT, steps: int = STEPS, **settings: object
) -> SteppedOptimizer:
    params = ProdigyParams.model_validate({"name": "prodigy", **settings})
    whole = {**schedule, "base_lr": 1.0}
    return make_optimizer(net, params, scheduled(whole, optimizer=params, steps=steps))


@pytest.mark.parametrize(("schedule", "betas", "decay"), SETTINGS)
def test_schedule_free_is_its_authors_step_by_step(
    schedule: dict[str, Any], betas: tuple[float, float], decay: float
) -> None:
    mine, other = Valley(), Valley()
    ours = schedule_free(mine, schedule, betas=betas, weight_decay=decay)
    theirs = schedulefree.AdamWScheduleFree(other.parameters(), lr=0.05, betas=betas, weight_decay=decay)
    theirs.train()
    for step in range(STEPS):
        mine.give_gradients(step)
        other.give_gradients(step)
        theirs.param_groups[0]["lr"] = ours.schedule.lr(step)
        ours.step(step)
        theirs.step()
        assert ours.effective_lr == theirs.param_groups[0]["scheduled_lr"] == ours.schedule.lr(step)
        assert farthest(mine, other) < 1e-5
    theirs.eval()
    with ours.averaged():
        assert farthest(mine, other) < 1e-5


@pytest.mark.parametrize(("r", "power"), [(0.0, 0.0), (0.5, 2.0), (1.0, 1.0)])
def test_the_average_may_favour_later_steps(r: float, power: float):
    mine, other = Valley(), Valley()
    ours = schedule_free(mine, WARM_UP, r=r, weight_lr_power=power)
    theirs = schedulefree.AdamWScheduleFree(other.parameters(), lr=0.05, r=r, weight_lr_power=power)
    theirs.train()
    for step in range(STEPS):
        mine.give_gradients(step)
        other.give_gradients(step)
        theirs.param_groups[0]["lr"] = ours.schedule.lr(step)
        ours.step(step)
        theirs.step()
    assert farthest(mine, other) < 1e-5


@pytest.mark.parametrize(("schedule", "betas", "decay"), SETTINGS)
@pytest.mark.parametrize("d0", [1e-6, 1e-3])
def test_prodigy_is_its_authors_step_by_step(
    schedule: dict[str, Any], betas: tuple[float, float], decay: float, d0: float
) -> None:
    mine, other = Valley(), Valley()
    ours = prodigy(mine, schedule, betas=betas, weight_decay=decay, d0=d0, d_coef=0.5)
    theirs = prodigyopt.Prodigy(
        other.parameters(), lr=1.0, betas=betas, weight_decay=decay, d0=d0, d_coef=0.5
    )
    for step in range(STEPS):
        mine.give_gradients(step)
        other.give_gradients(step)
        group = theirs.param_groups[0]
        group["lr"] = ours.schedule.lr(step)
        used = group["d"] * group["lr"]
        ours.step(step)
        theirs.step()
        assert isinstance(ours.effective_lr, Tensor)
        assert ours.effective_lr.item() == pytest.approx(used, rel=1e-4)
        assert farthest(mine, other) < 1e-4
    assert theirs.param_groups[0]["d"] > 100 * d0, "the estimate never grew, so nothing was compared"


def test_prodigy_rests_until_there_is_a_gradient_and_a_rate():
    net = Valley()
    optimizer = prodigy(net, WARM_UP, weight_decay=0.1)
    before = net.weights()
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step(0)
    assert all(torch.equal(a, b) for a, b in zip(net.weights(), before, strict=True))
    still = prodigy(net, {"phases": [{**WARM_UP["phases"][0], "start_factor": 0.0}, WARM_UP["phases"][1]]})
    net.give_gradients(0)
    still.step(0)
    assert all(torch.equal(a, b) for a, b in zip(net.weights(), before, strict=True))
    assert float(still.effective_lr or 0.0) == 0.0


def test_a_group_of_factor_zero_is_frozen_under_prodigy():
    net = Valley()
    optimizer = prodigy(net, {**CONSTANT, "groups": {"embeddings": {"lr_mult": 0.0}}}, weight_decay=0.1)
    table, head = net.weights()
    for step in range(5):
        net.give_gradients(step)
        optimizer.step(step)
    assert torch.equal(net.table, table)
    assert not torch.equal(net.head, head)


def test_looking_at_the_average_changes_no_bit():
    looked, left = Valley(), Valley()
    one, other = schedule_free(looked, WARM_UP), schedule_free(left, WARM_UP)
    for step in range(40):
        looked.give_gradients(step)
        left.give_gradients(step)
        one.step(step)
        other.step(step)
        for _ in range(step % 3):
            with one.averaged():
                assert not torch.equal(looked.table, left.table) or step == 0
        assert torch.equal(looked.table, left.table), step
        assert torch.equal(looked.head, left.head), step


def test_weights_written_inside_the_block_become_the_average():
    net = Valley()
    optimizer = schedule_free(net)
    net.give_gradients(0)
    optimizer.step(0)
    with optimizer.averaged(), torch.no_grad():
        net.head.fill_(2.0)
    with optimizer.averaged():
        assert net.head.tolist() == [2.0, 2.0, 2.0]
    assert net.head.tolist() != [2.0, 2.0, 2.0]


def test_without_beta_the_gradient_is_taken_at_the_fast_sequence():
    net = Valley()
    optimizer = schedule_free(net, betas=(0.0, 0.9))
    for step in range(5):
        net.give_gradients(step)
        optimizer.step(step)
    assert torch.equal(net.head, optimizer.state_of(net.head)["z"])
    with optimizer.averaged():
        assert not torch.equal(net.head, optimizer.state_of(net.head)["z"])
