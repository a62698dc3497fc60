"""Our updates are torch.optim's to the last bit, under a rate that is set before each."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from services.worker.training.optim import SteppedOptimizer, clip_and_norm, make_optimizer
from shared.errors import Refused
from shared.schedules import ResolvedSchedule
from shared.specs.optimizers import AdamParams, OptimizerParams, SgdParams
from tests.support.lessons import OPTIMIZERS, scheduled

TORCH: dict[str, Any] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
COSINE: dict[str, object] = {"name": "cosine", "base_lr": 0.1, "groups": {"embeddings": {"lr_mult": 0.3}}}
MOMENTUM: dict[str, object] = {
    "name": "cyclic",
    "base_lr": 0.01,
    "max_lr": 0.1,
    "step_size_up": "7st",
    "momentum": {"base_momentum": 0.6, "max_momentum": 0.95},
}


class Two(nn.Module):
    """A net of a table and a head."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = nn.Parameter(torch.randn(5, 3, generator=generator))
        self.head = nn.Parameter(torch.randn(3, generator=generator))

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"embeddings": [self.table], "head": [self.head]}


class Event(NamedTuple):
    step: int
    m_after: float


def give_gradients(net: Two, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def torchs(net: Two, params: OptimizerParams) -> torch.optim.Optimizer:
    settings = params.model_dump(exclude={"name"})
    groups = [{"params": group, "name": name} for name, group in net.parameter_groups().items()]
    made: torch.optim.Optimizer = TORCH[params.name](groups, lr=0.1, fused=True, **settings)
    return made


def torch_step(theirs: torch.optim.Optimizer, plan: ResolvedSchedule, step: int) -> None:
    momentum = plan.momentum(step)
    for group in theirs.param_groups:
        group["lr"] = plan.lr_of(group["name"], step)
        if momentum is not None and "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        elif momentum is not None:
            group["momentum"] = momentum
    theirs.step()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", [COSINE, MOMENTUM], ids=["cosine with groups", "cycled momentum"])
def test_sixty_updates_are_torchs_to_the_last_bit(optimizer: str, schedule: dict[str, object]) -> None:
    if optimizer == "sgd" and schedule is MOMENTUM:
        with pytest.raises(Refused):
            scheduled(schedule, optimizer=OPTIMIZERS[optimizer], steps=60)
        return
    params = OPTIMIZERS[optimizer]
    plan = scheduled(schedule, optimizer=params, steps=60)
    mine, theirs = Two(), Two()
    ours, other = make_optimizer(mine, params, plan), torchs(theirs, params)
    for step in range(60):
        give_gradients(mine, step)
        give_gradients(theirs, step)
        ours.step(step)
        torch_step(other, plan, step)
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))


def optimizer_under(
    schedule: dict[str, object], params: OptimizerParams, steps: int = 20
) -> SteppedOptimizer:
    return make_optimizer(Two(), params, scheduled(schedule, optimizer=params, steps=steps))


def test_the_rate_read_back_is_the_planned_one_bit_for_bit():
    optimizer = optimizer_under(COSINE, AdamParams(name="adam"))
    for step in range(20):
        optimizer.apply(step)
        assert optimizer.lr == optimizer.schedule.lr(step)


def test_events_multiply_from_their_step_on():
    optimizer = optimizer_under({"name": "constant", "base_lr": 0.1}, AdamParams(name="adam"))
    optimizer.events = (Event(3, 0.5), Event(5, 2.0))
    rates = []
    for step in range(7):
        optimizer.apply(step)
        rates.append(optimizer.lr)
    assert rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.2, 0.2]


def test_groups_of_one_factor_are_updated_together():
    plain = optimizer_under({"name": "constant", "base_lr": 0.1}, AdamParams(name="adam"))
    apart = optimizer_under(COSINE, AdamParams(name="adam"))
    assert (len(plain._groups), len(apart._groups)) == (1, 2)


def test_momentum_goes_where_the_optimizer_keeps_it():
    adam, sgd = AdamParams(name="adam"), SgdParams(name="sgd", momentum=0.9)
    for params in (adam, sgd):
        optimizer = optimizer_under(MOMENTUM, params)
        optimizer.apply(7)
        assert optimizer.momentum == pytest.approx(0.6)
    assert optimizer_under(COSINE, adam).momentum == 0.9
    assert optimizer_under(COSINE, SgdParams(name="sgd")).momentum is None


def test_a_group_that_the_net_lacks_is_refused():
    with pytest.raises(Refused) as caught:
        optimizer_under({**COSINE, "groups": {"tail": {"lr_mult": 2.0}}}, AdamParams(name="adam"))
    assert caught.value.findings[0].loc == ("schedule", "groups", "tail")


def test_a_parameter_without_a_gradient_is_a_fault_of_the_net():
    optimizer = optimizer_under(COSINE, AdamParams(name="adam"))
    with pytest.raises(RuntimeError, match="took no part in the loss"):
        optimizer.step(0)


def test_the_norm_is_that_of_all_gradients_and_the_clip_scales_them_together():
    first, second = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    assert clip_and_norm([first, second], None).total.item() == 5.0
    assert clip_and_norm([first, second], 10.0).total.item() == 5.0
    assert first.grad.tolist() == [3.0, 0.0]
    assert clip_and_norm([first, second], 1.0).total.item() == 5.0
    assert first.grad.tolist() == pytest.approx([0.6, 0.0], abs=1e-6)
    assert second.grad.tolist() == pytest.approx([0.8], abs=1e-6)
