"""Our closed forms beside torch's schedulers, step by step, to 1e-12 of the peak."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    CyclicLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
    StepLR,
)

from shared.schedules import OptimizerTraits, ResolvedSchedule, ScheduleSpec, resolve

STEPS = 700
ADAM = OptimizerTraits("adam", cycles_momentum=True, momentum=0.9)
MODES = ("triangular", "triangular2", "exp_range")


def replayed(make: Callable[[Optimizer], LRScheduler], *, base_lr: float, adam: bool = False):
    """Return torch's rates and momenta for the updates 0 … STEPS − 1."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer: Optimizer = Adam([weight], lr=base_lr) if adam else SGD([weight], lr=base_lr, momentum=0.9)
    rates, momenta = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations inside SequentialLR
        scheduler = make(optimizer)
        for _ in range(STEPS):
            group = optimizer.param_groups[0]
            rates.append(float(group["lr"]))
            momenta.append(float(group["betas"][0] if adam else group["momentum"]))
            optimizer.step()
            scheduler.step()
    return rates, momenta


def ours(schedule: object) -> ResolvedSchedule:
    return resolve(ScheduleSpec.parse(schedule), total_steps=STEPS, steps_per_epoch=10, optimizer=ADAM)


def assert_equal(schedule: object, rates: list[float]) -> None:
    run = ours(schedule)
    peak = max(rates)
    worst = max(abs(run.lr(t) - rate) for t, rate in enumerate(rates))
    assert worst <= 1e-12 * peak


def test_constant():
    rates, _ = replayed(lambda o: ConstantLR(o, factor=1.0, total_iters=1), base_lr=0.1)
    assert_equal({"name": "constant", "base_lr": 0.1}, rates)


@pytest.mark.parametrize(("size", "gamma"), [(30, 0.1), (7, 0.9), (1, 0.99)])
def test_step(size: int, gamma: float):
    rates, _ = replayed(lambda o: StepLR(o, step_size=size, gamma=gamma), base_lr=0.1)
    assert_equal({"name": "step", "base_lr": 0.1, "step_size": f"{size}st", "gamma": gamma}, rates)


@pytest.mark.parametrize(("start", "end", "iters"), [(1 / 3, 1.0, 100), (0.01, 0.05, 700), (1.0, 0.1, 333)])
def test_linear(start: float, end: float, iters: int):
    rates, _ = replayed(lambda o: LinearLR(o, start, end, iters), base_lr=0.1)
    schedule = {"name": "linear", "base_lr": 0.1, "start_factor": start, "end_factor": end}
    assert_equal({**schedule, "total_iters": f"{iters}st"}, rates)


@pytest.mark.parametrize("eta_min", [0.0, 0.003])
def test_cosine_up_to_its_horizon(eta_min: float):
    rates, _ = replayed(lambda o: CosineAnnealingLR(o, T_max=STEPS, eta_min=eta_min), base_lr=0.1)
    assert_equal({"name": "cosine", "base_lr": 0.1, "eta_min": eta_min}, rates)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("up", "down"), [(20, 20), (13, 40)])
@pytest.mark.parametrize("adam", [False, True])
def test_cyclic_with_its_momentum(mode: str, up: int, down: int, adam: bool):
    rates, momenta = replayed(
        lambda o: CyclicLR(
            o,
            0.01,
            0.1,
            step_size_up=up,
            step_size_down=down,
            mode=mode,  # type: ignore[arg-type]
            gamma=0.995,
            base_momentum=0.85,
            max_momentum=0.95,
        ),
        base_lr=0.01,
        adam=adam,
    )
    schedule = {
        "name": "cyclic",
        "base_lr": 0.01,
        "max_lr": 0.1,
        "step_size_up": f"{up}st",
        "step_size_down": f"{down}st",
        "mode": mode,
        "gamma": 0.995,
        "momentum": {"base_momentum": 0.85, "max_momentum": 0.95},
    }
    assert_equal(schedule, rates)
    run = ours(schedule)
    assert max(abs((run.momentum(t) or 0.0) - m) for t, m in enumerate(momenta)) <= 1e-12


def test_warm_up_then_cosine_is_torchs_sequence():
    def make(optimizer: Optimizer) -> LRScheduler:
        parts = [LinearLR(optimizer, 0.01, 1.0, 70), CosineAnnealingLR(optimizer, T_max=630)]
        return SequentialLR(optimizer, parts, milestones=[70])

    rates, _ = replayed(make, base_lr=0.1)
    phases = [
        {"name": "linear", "duration": "10%", "start_factor": 0.01},
        {"name": "cosine", "duration": "rest"},
    ]
    assert_equal({"base_lr": 0.1, "phases": phases}, rates)


def test_triangular_is_the_papers_formula():
    """cycle = ⌊1 + t/(2·s)⌋, x = |t/s − 2·cycle + 1|, base + (max−base)·max(0, 1−x) (arXiv 1506.01186)."""
    run = ours({"name": "cyclic", "base_lr": 0.001, "max_lr": 0.006, "step_size_up": "21st"})
    for t in range(STEPS):
        cycle = 1 + t // 42
        x = abs(t / 21 - 2 * cycle + 1)
        assert run.lr(t) == pytest.approx(0.001 + 0.005 * max(0.0, 1.0 - x), abs=6e-15)
