"""Our closed forms beside the schedules of transformers, for settings drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import optimization

from tests.support.oracles import STEPS, assert_follows, drawn, replayed

hub: Any = optimization
"""It has no types of its own."""
PEAK = st.floats(1e-5, 10.0)
WARM = st.integers(1, STEPS - 1)


def after_a_warm_up(peak: float, warm: int, phase: Mapping[str, object]) -> dict[str, object]:
    """Theirs begins at 0, where the first update does nothing; ours does so when it is asked to."""
    climb = {"name": "linear", "duration": f"{warm}st", "start_factor": 0.0}
    return {"base_lr": peak, "phases": [climb, {"duration": "rest", **phase}]}


@drawn
@given(peak=PEAK, warm=WARM)
def test_constant_after_a_warm_up(peak: float, warm: int):
    run = replayed(lambda o: hub.get_constant_schedule_with_warmup(o, warm), base_lr=peak)
    assert_follows(after_a_warm_up(peak, warm, {"name": "constant"}), run.rates)


@drawn
@given(peak=PEAK, warm=WARM)
def test_linear(peak: float, warm: int):
    run = replayed(lambda o: hub.get_linear_schedule_with_warmup(o, warm, STEPS), base_lr=peak)
    assert_follows(after_a_warm_up(peak, warm, {"name": "polynomial"}), run.rates)
    line = {"name": "linear", "start_factor": 1.0, "end_factor": 0.0}
    assert_follows(after_a_warm_up(peak, warm, line), run.rates)


@drawn
@given(peak=PEAK, warm=WARM)
def test_cosine(peak: float, warm: int):
    run = replayed(lambda o: hub.get_cosine_schedule_with_warmup(o, warm, STEPS), base_lr=peak)
    assert_follows(after_a_warm_up(peak, warm, {"name": "cosine"}), run.rates)


@drawn
@given(peak=PEAK, cycles=st.sampled_from([1, 2, 4, 8, 16]), whole=st.sampled_from([128, 256, 512]))
def test_hard_restarts(peak: float, cycles: int, whole: int):
    """Their remainder of a product of floats is exact where the parts are powers of two."""
    warm = STEPS - whole
    run = replayed(
        lambda o: hub.get_cosine_with_hard_restarts_schedule_with_warmup(o, warm, STEPS, cycles), base_lr=peak
    )
    phase = {"name": "cosine_restarts", "T_0": f"{whole // cycles}st"}
    assert_follows(after_a_warm_up(peak, warm, phase), run.rates)


@drawn
@given(peak=PEAK, warm=WARM, share=st.floats(1e-6, 0.9), power=st.floats(0.1, 5.0))
def test_polynomial_to_a_floor(peak: float, warm: int, share: float, power: float):
    run = replayed(
        lambda o: hub.get_polynomial_decay_schedule_with_warmup(o, warm, STEPS, share * peak, power),
        base_lr=peak,
    )
    phase = {"name": "polynomial", "eta_min": share * peak, "power": power}
    assert_follows(after_a_warm_up(peak, warm, phase), run.rates)


@drawn
@given(peak=PEAK, warm=WARM, scale=st.one_of(st.none(), st.integers(1, 20_000)))
def test_inverse_sqrt(peak: float, warm: int, scale: int | None):
    run = replayed(lambda o: hub.get_inverse_sqrt_schedule(o, warm, scale), base_lr=peak)
    phase = {"name": "inverse_sqrt", "timescale": scale and f"{scale}st"}
    assert_follows(after_a_warm_up(peak, warm, phase), run.rates)


@pytest.mark.parametrize("kind", ["linear", "1-sqrt", "cosine"])
@drawn
@given(peak=PEAK, share=st.floats(0.0, 0.9), warm=st.integers(1, STEPS // 2), cool=st.integers(1, STEPS // 2))
def test_warm_up_stable_decay(kind: str, peak: float, share: float, warm: int, cool: int):
    run = replayed(
        lambda o: hub.get_wsd_schedule(
            o, warm, cool, num_training_steps=STEPS, decay_type=kind, min_lr_ratio=share
        ),
        base_lr=peak,
    )
    schedule = {
        "name": "wsd",
        "base_lr": peak,
        "num_warmup_steps": f"{warm}st",
        "num_decay_steps": f"{cool}st",
        "start_factor": share,
        "decay_type": kind,
        "eta_min": share * peak,
    }
    assert_follows(schedule, run.rates)
