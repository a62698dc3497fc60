"""Our closed forms beside torch's schedulers, to 1e-12 of the peak, for settings drawn at random."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)

from tests.support.oracles import STEPS, assert_follows, drawn, ours, replayed

PEAK = st.floats(1e-5, 10.0)
SHARE = st.floats(0.0, 1.0)
GAMMA = st.floats(0.01, 1.0)


def steps_of(most: int = 2 * STEPS) -> st.SearchStrategy[int]:
    return st.integers(1, most)


@drawn
@given(peak=PEAK)
def test_constant(peak: float):
    run = replayed(lambda o: ConstantLR(o, factor=1.0, total_iters=1), base_lr=peak)
    assert_follows({"name": "constant", "base_lr": peak}, run.rates)


@drawn
@given(peak=PEAK, size=steps_of(), gamma=GAMMA)
def test_step(peak: float, size: int, gamma: float):
    run = replayed(lambda o: StepLR(o, step_size=size, gamma=gamma), base_lr=peak)
    assert_follows({"name": "step", "base_lr": peak, "step_size": f"{size}st", "gamma": gamma}, run.rates)


@drawn
@given(peak=PEAK, milestones=st.lists(steps_of(), min_size=1, max_size=8), gamma=GAMMA)
def test_multistep_with_milestones_that_may_repeat(peak: float, milestones: list[int], gamma: float):
    milestones.sort()
    run = replayed(lambda o: MultiStepLR(o, milestones, gamma), base_lr=peak)
    schedule = {"name": "multistep", "base_lr": peak, "gamma": gamma}
    assert_follows({**schedule, "milestones": [f"{m}st" for m in milestones]}, run.rates)


@drawn
@given(peak=PEAK, gamma=st.floats(0.9, 1.0))
def test_exponential(peak: float, gamma: float):
    run = replayed(lambda o: ExponentialLR(o, gamma), base_lr=peak)
    schedule = {"name": "exponential", "base_lr": peak, "gamma": gamma, "decay_steps": "1st"}
    assert_follows(schedule, run.rates)
    assert_follows({**schedule, "staircase": True}, run.rates)


@drawn
@given(peak=PEAK, start=st.floats(1e-3, 1.0), end=SHARE, iters=steps_of())
def test_linear(peak: float, start: float, end: float, iters: int):
    run = replayed(lambda o: LinearLR(o, start, end, iters), base_lr=peak)
    schedule = {"name": "linear", "base_lr": peak, "start_factor": start, "end_factor": end}
    assert_follows({**schedule, "total_iters": f"{iters}st"}, run.rates)


@drawn
@given(peak=PEAK, power=st.floats(0.1, 5.0), iters=steps_of())
def test_polynomial(peak: float, power: float, iters: int):
    run = replayed(lambda o: PolynomialLR(o, iters, power), base_lr=peak)
    schedule = {"name": "polynomial", "base_lr": peak, "power": power, "total_iters": f"{iters}st"}
    assert_follows(schedule, run.rates)


@drawn
@given(peak=PEAK, share=SHARE, horizon=st.integers(STEPS, 3 * STEPS))
def test_cosine_up_to_its_horizon(peak: float, share: float, horizon: int):
    run = replayed(lambda o: CosineAnnealingLR(o, T_max=horizon, eta_min=share * peak), base_lr=peak)
    schedule = {"name": "cosine", "base_lr": peak, "eta_min": share * peak, "T_max": f"{horizon}st"}
    assert_follows(schedule, run.rates)


@drawn
@given(peak=PEAK, share=SHARE, first=steps_of(), multiplier=st.integers(1, 10))
def test_cosine_restarts(peak: float, share: float, first: int, multiplier: int):
    floor = share * peak
    run = replayed(
        lambda o: CosineAnnealingWarmRestarts(o, T_0=first, T_mult=multiplier, eta_min=floor), base_lr=peak
    )
    schedule = {"name": "cosine_restarts", "base_lr": peak, "eta_min": floor, "T_0": f"{first}st"}
    assert_follows({**schedule, "T_mult": multiplier}, run.rates)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
@drawn
@given(
    peak=PEAK,
    share=SHARE,
    up=steps_of(200),
    down=steps_of(200),
    gamma=st.floats(0.9, 1.0),
    momenta=st.tuples(st.floats(0.0, 0.85), st.floats(0.85, 0.99)),
    adam=st.booleans(),
)
def test_cyclic_with_its_momentum(
    mode: Literal["triangular", "triangular2", "exp_range"],
    *,
    peak: float,
    share: float,
    up: int,
    down: int,
    gamma: float,
    momenta: tuple[float, float],
    adam: bool,
):
    low = share * peak
    run = replayed(
        lambda o: CyclicLR(
            o, low, peak, up, down, mode, gamma, base_momentum=momenta[0], max_momentum=momenta[1]
        ),
        base_lr=low or peak,
        adam=adam,
    )
    schedule = {
        "name": "cyclic",
        "base_lr": low,
        "max_lr": peak,
        "step_size_up": f"{up}st",
        "step_size_down": f"{down}st",
        "mode": mode,
        "gamma": gamma,
        "momentum": {"base_momentum": momenta[0], "max_momentum": momenta[1]},
    }
    whole = {"base_lr": peak, "phases": [{**schedule, "duration": "rest"}]}
    assert_follows(whole, run.rates)
    mine = ours(whole)
    assert max(abs((mine.momentum(t) or 0.0) - m) for t, m in enumerate(run.momenta)) <= 1e-12


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
@drawn
@given(
    peak=PEAK,
    share=st.floats(0.01, 0.99),
    start=st.floats(1.0, 100.0),
    end=st.floats(1.0, 1e6),
    momenta=st.tuples(st.floats(0.0, 0.85), st.floats(0.85, 0.99)),
    adam=st.booleans(),
    steps=st.integers(5, STEPS),
)
def test_one_cycle_with_its_momentum(
    strategy: Literal["cos", "linear"],
    three_phase: bool,
    *,
    peak: float,
    share: float,
    start: float,
    end: float,
    momenta: tuple[float, float],
    adam: bool,
    steps: int,
):
    assume(share * steps > 1.0 and (not three_phase or 2 * share * steps - 2 < steps - 1))
    run = replayed(
        lambda o: OneCycleLR(
            o,
            max_lr=peak,
            total_steps=steps,
            pct_start=share,
            anneal_strategy=strategy,
            three_phase=three_phase,
            div_factor=start,
            final_div_factor=end,
            base_momentum=momenta[0],
            max_momentum=momenta[1],
        ),
        base_lr=peak,
        adam=adam,
        steps=steps,
    )
    schedule = {
        "name": "one_cycle",
        "base_lr": peak,
        "max_lr": peak,
        "pct_start": share,
        "anneal_strategy": strategy,
        "three_phase": three_phase,
        "div_factor": start,
        "final_div_factor": end,
        "momentum": {"base_momentum": momenta[0], "max_momentum": momenta[1]},
    }
    assert_follows(schedule, run.rates)
    mine = ours(schedule, steps=steps)
    assert max(abs((mine.momentum(t) or 0.0) - m) for t, m in enumerate(run.momenta)) <= 1e-12


@drawn
@given(peak=PEAK, warm=st.integers(1, STEPS - 1), start=st.floats(1e-3, 1.0), share=SHARE)
def test_warm_up_then_cosine_is_torchs_sequence(peak: float, warm: int, start: float, share: float):
    def make(optimizer: Optimizer) -> LRScheduler:
        parts = [
            LinearLR(optimizer, start, 1.0, warm),
            CosineAnnealingLR(optimizer, T_max=STEPS - warm, eta_min=share * peak),
        ]
        return SequentialLR(optimizer, parts, milestones=[warm])

    run = replayed(make, base_lr=peak)
    phases = [
        {"name": "linear", "duration": f"{warm}st", "start_factor": start},
        {"name": "cosine", "duration": "rest", "eta_min": share * peak},
    ]
    assert_follows({"base_lr": peak, "phases": phases}, run.rates)


def test_triangular_is_the_papers_formula():
    """cycle = ⌊1 + t/(2·s)⌋, x = |t/s − 2·cycle + 1|, base + (max−base)·max(0, 1−x) (arXiv 1506.01186)."""
    run = ours({"name": "cyclic", "base_lr": 0.001, "max_lr": 0.006, "step_size_up": "21st"})
    for t in range(STEPS):
        cycle = 1 + t // 42
        x = abs(t / 21 - 2 * cycle + 1)
        assert run.lr(t) == pytest.approx(0.001 + 0.005 * max(0.0, 1.0 - x), abs=6e-15)
