"""Our closed forms beside timm's schedulers, for settings drawn at random."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.oracles import STEPS, an_optimizer, assert_follows, drawn, timm_rates, timm_scheduler

TIMM = timm_scheduler()
PEAK = st.floats(1e-5, 10.0)
SHARE = st.floats(0.0, 0.99)


def theirs(kind: str, *, peak: float, **asked: object) -> list[float]:
    return timm_rates(getattr(TIMM, kind)(an_optimizer(base_lr=peak), **asked))


@pytest.mark.parametrize("decay", ["linear", "1-sqrt", "cosine", "power", "exp"])
@drawn
@given(
    peak=PEAK,
    share=SHARE,
    start=SHARE,
    warm=st.integers(0, STEPS // 2),
    cool=st.integers(1, STEPS // 2),
    power=st.floats(0.1, 5.0),
    ratio=st.floats(0.01, 0.9),
)
def test_wsd(
    decay: str, *, peak: float, share: float, start: float, warm: int, cool: int, power: float, ratio: float
):
    rates = theirs(
        "WSDLRScheduler",
        peak=peak,
        t_initial=STEPS - warm,
        decay_t=cool,
        lr_min=share * peak,
        decay_fn=decay,
        decay_power=power,
        decay_ratio=ratio,
        warmup_t=warm,
        warmup_lr_init=start * peak,
    )
    schedule = {
        "name": "wsd",
        "base_lr": peak,
        "num_warmup_steps": f"{warm}st",
        "num_decay_steps": f"{cool}st",
        "start_factor": start,
        "decay_type": decay,
        "eta_min": share * peak,
        "decay_power": power,
        "decay_ratio": ratio,
    }
    assert_follows(schedule, rates)


@drawn
@given(peak=PEAK, warm=st.integers(1, STEPS - 2), scale=st.one_of(st.none(), st.integers(1, 2000)))
def test_inverse_sqrt_is_the_stable_part_of_wsd(peak: float, warm: int, scale: int | None):
    rates = theirs(
        "WSDLRScheduler",
        peak=peak,
        t_initial=STEPS - warm,
        decay_t=1,
        stable_fn="rsqrt",
        stable_timescale=scale,
        warmup_t=warm,
    )
    phases = [
        {"name": "linear", "duration": f"{warm}st", "start_factor": 0.0},
        {"name": "inverse_sqrt", "duration": "rest", "timescale": scale and f"{scale}st"},
    ]
    assert_follows({"base_lr": peak, "phases": phases}, rates)


@drawn
@given(
    peak=PEAK,
    share=SHARE,
    cycle=st.integers(1, STEPS),
    fade=st.floats(0.1, 1.0),
    limit=st.integers(1, 10),
)
def test_cosine_restarts_with_cycles_that_fade_and_end(
    peak: float, share: float, cycle: int, fade: float, limit: int
):
    assume(cycle > 1 or fade < 1.0)  # timm warns of a schedule without effect
    rates = theirs(
        "CosineLRScheduler",
        peak=peak,
        t_initial=cycle,
        lr_min=share * peak,
        cycle_decay=fade,
        cycle_limit=limit,
    )
    schedule = {
        "name": "cosine_restarts",
        "base_lr": peak,
        "T_0": f"{cycle}st",
        "eta_min": share * peak,
        "cycle_decay": fade,
        "cycle_limit": limit,
    }
    assert_follows(schedule, rates)


@drawn
@given(peak=PEAK, share=SHARE, horizon=st.integers(2, 2 * STEPS), k=st.floats(0.2, 5.0))
def test_cosine_with_k_held_after_its_horizon(peak: float, share: float, horizon: int, k: float):
    rates = theirs("CosineLRScheduler", peak=peak, t_initial=horizon, lr_min=share * peak, k_decay=k)
    schedule = {"name": "cosine", "base_lr": peak, "eta_min": share * peak, "T_max": f"{horizon}st"}
    assert_follows({**schedule, "k_decay": k}, rates)


@drawn
@given(
    peak=PEAK,
    share=SHARE,
    horizon=st.integers(2, 2 * STEPS),
    power=st.floats(0.2, 5.0),
    k=st.floats(0.2, 5.0),
)
def test_polynomial_with_k(peak: float, share: float, horizon: int, power: float, k: float):
    rates = theirs(
        "PolyLRScheduler", peak=peak, t_initial=horizon, lr_min=share * peak, power=power, k_decay=k
    )
    schedule = {"name": "polynomial", "base_lr": peak, "eta_min": share * peak, "power": power}
    assert_follows({**schedule, "total_iters": f"{horizon}st", "k_decay": k}, rates)


@drawn
@given(peak=PEAK, share=SHARE, lb=st.floats(-20.0, 0.0), ub=st.floats(0.1, 20.0), steps=st.integers(2, STEPS))
def test_tanh_and_the_cut_at_its_end(peak: float, share: float, lb: float, ub: float, steps: int):
    rates = theirs("TanhLRScheduler", peak=peak, t_initial=steps, lb=lb, ub=ub, lr_min=share * peak)
    schedule = {"name": "tanh", "base_lr": peak, "lb": lb, "ub": ub, "eta_min": share * peak}
    assert_follows(schedule, rates, steps=steps)


@drawn
@given(peak=PEAK, warm=st.integers(1, STEPS - 2), start=SHARE)
def test_a_warm_up_before_a_cosine_is_timms_with_a_prefix(peak: float, warm: int, start: float):
    rates = theirs(
        "CosineLRScheduler",
        peak=peak,
        t_initial=STEPS - warm,
        warmup_t=warm,
        warmup_lr_init=start * peak,
        warmup_prefix=True,
    )
    phases = [
        {"name": "linear", "duration": f"{warm}st", "start_factor": start},
        {"name": "cosine", "duration": "rest"},
    ]
    assert_follows({"base_lr": peak, "phases": phases}, rates)
