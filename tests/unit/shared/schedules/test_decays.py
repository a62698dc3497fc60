"""Schedules that fall once: their values at the boundaries, written out by hand from the formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from shared.schedules import ANY_OPTIMIZER, ResolvedSchedule, ScheduleSpec, resolve


def run_of(schedule: Mapping[str, object], *, steps: int = 1000, epoch: int = 50) -> ResolvedSchedule:
    spec = ScheduleSpec.parse({"base_lr": 1.0, **schedule})
    return resolve(spec, total_steps=steps, steps_per_epoch=epoch, optimizer=ANY_OPTIMIZER)


def values(schedule: Mapping[str, object], at: list[int], *, steps: int = 1000) -> list[float]:
    resolved = run_of(schedule, steps=steps)
    return [resolved.lr(t) for t in at]


def test_multistep_drops_at_its_milestones_not_before():
    schedule = {"name": "multistep", "milestones": ["300st", "75%"], "gamma": 0.1}
    assert values(schedule, [0, 299, 300, 749, 750, 999, 5000]) == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01, 0.01], abs=1e-16
    )


def test_a_milestone_written_twice_counts_twice():
    schedule = {"name": "multistep", "milestones": ["5ep", "5ep", "10ep"], "gamma": 0.5}
    assert values(schedule, [249, 250, 499, 500]) == [1.0, 0.25, 0.25, 0.125]


def test_exponential_is_one_epochs_factor_unless_told():
    schedule = {"name": "exponential", "gamma": 0.9}
    assert values(schedule, [0, 50, 100]) == pytest.approx([1.0, 0.9, 0.81], abs=1e-15)
    assert values(schedule, [25]) == pytest.approx([math.sqrt(0.9)], abs=1e-15)


def test_exponential_in_stairs_holds_each_epoch():
    schedule = {"name": "exponential", "gamma": 0.5, "decay_steps": "10st", "staircase": True}
    assert values(schedule, [0, 9, 10, 19, 20]) == [1.0, 1.0, 0.5, 0.5, 0.25]
    assert run_of(schedule).forms == ("η₀·γ^⌊t/d⌋",)


def test_the_division_outside_the_floor_is_a_smooth_exponential():
    """⌊1+epoch⌋/s with lr₀ = .1, d = .5, s = 10: .0933 at epoch 0, .05 at 9, .0467 at 10."""
    schedule = {"name": "exponential", "lr": 0.1 * 0.5**0.1, "gamma": 0.5, "decay_steps": "10ep"}
    assert values(schedule, [0, 9 * 50, 10 * 50]) == pytest.approx([0.0933, 0.05, 0.0467], abs=5e-5)


def test_inverse_time_halves_after_d_over_r():
    schedule = {"name": "inverse_time", "decay_rate": 0.5, "decay_steps": "100st"}
    assert values(schedule, [0, 100, 200, 400]) == pytest.approx([1.0, 1 / 1.5, 0.5, 1 / 3], abs=1e-15)


def test_inverse_time_in_stairs():
    schedule = {"name": "inverse_time", "decay_rate": 1.0, "decay_steps": "100st", "staircase": True}
    assert values(schedule, [0, 99, 100, 199, 200]) == [1.0, 1.0, 0.5, 0.5, 1 / 3]


def test_polynomial_of_power_1_is_a_line_that_holds_its_end():
    schedule = {"name": "polynomial", "total_iters": "400st", "eta_min": 0.2}
    assert values(schedule, [0, 200, 400, 999, 1000]) == pytest.approx([1, 0.6, 0.2, 0.2, 0.2], abs=1e-15)


def test_polynomial_of_power_2_and_with_k():
    assert values({"name": "polynomial", "power": 2.0}, [500]) == pytest.approx([0.25], abs=1e-15)
    assert values({"name": "polynomial", "k_decay": 2.0}, [500]) == pytest.approx([0.75], abs=1e-15)


def test_inverse_sqrt_takes_its_timescale_from_the_warm_up_before_it():
    phases = [
        {"name": "linear", "duration": "100st", "start_factor": 0.0},
        {"name": "inverse_sqrt", "duration": "rest"},
    ]
    resolved = run_of({"phases": phases})
    assert str(resolved.phases[1].timescale) == "100st"  # type: ignore[union-attr]
    assert [resolved.lr(t) for t in (99, 100, 400, 999)] == pytest.approx(
        [0.99, 1.0, 0.5, math.sqrt(100 / 999)], abs=1e-15
    )


@pytest.mark.parametrize(
    "before",
    [
        {"name": "constant"},
        {"name": "linear", "start_factor": 1.0, "end_factor": 0.5},
        {"name": "piecewise", "points": [["0st", 0.1], ["50%", 1.0], ["100%", 0.5]]},
    ],
)
def test_what_does_not_climb_is_no_warm_up(before: dict[str, object]):
    phases = [{"duration": "100st", **before}, {"name": "inverse_sqrt", "duration": "rest"}]
    assert str(run_of({"phases": phases}).phases[1].timescale) == "10000st"  # type: ignore[union-attr]


def test_a_piecewise_climb_is_a_warm_up_too():
    climb = {"name": "piecewise", "points": [["0st", 0.1], ["100%", 1.0]], "interpolation": "cosine"}
    phases = [{"duration": "80st", **climb}, {"name": "inverse_sqrt", "duration": "rest"}]
    assert str(run_of({"phases": phases}).phases[1].timescale) == "80st"  # type: ignore[union-attr]


def test_inverse_sqrt_without_a_warm_up_counts_in_ten_thousands():
    schedule = {"name": "inverse_sqrt"}
    assert values(schedule, [0, 30_000], steps=50_000) == [1.0, 0.5]


def test_wsd_warms_up_holds_and_cools_down():
    schedule = {
        "name": "wsd",
        "num_warmup_steps": "100st",
        "num_decay_steps": "400st",
        "decay_type": "linear",
    }
    at = [0, 50, 100, 350, 600, 800, 1000, 1001]
    assert values(schedule, at) == pytest.approx([0.01, 0.505, 1, 1, 1, 0.5, 0, 0], abs=1e-15)


@pytest.mark.parametrize(("decay", "last"), [(5, 0.106), (20, 0.025), (100, 0.005)])
def test_the_last_update_of_1_sqrt_is_one_step_short_of_the_floor(decay: int, last: float):
    schedule = {"name": "wsd", "num_warmup_steps": "0st", "num_decay_steps": f"{decay}st"}
    assert values(schedule, [999, 1000]) == pytest.approx([last, 0.0], abs=5e-4)


@pytest.mark.parametrize(
    ("kind", "quarter"),
    [
        ("linear", 0.75),
        ("1-sqrt", 0.5),
        ("cosine", 0.5 * (1 + math.sqrt(0.5))),
        ("power", 0.5),
        ("exp", (0.1**0.25 - 0.1) / 0.9),
    ],
)
def test_a_bare_cool_down_goes_from_1_to_the_floor(kind: str, quarter: float):
    schedule = {"name": "wsd", "num_warmup_steps": "0st", "num_decay_steps": "100%", "decay_type": kind}
    floored = {**schedule, "eta_min": 0.2}
    assert values(schedule, [0, 250, 1000]) == pytest.approx([1.0, quarter, 0.0], abs=1e-15)
    assert values(floored, [0, 250, 1000]) == pytest.approx([1.0, 0.2 + 0.8 * quarter, 0.2], abs=1e-15)


def test_power_of_a_half_is_1_sqrt():
    schedule = {"name": "wsd", "num_warmup_steps": "0st", "num_decay_steps": "50%"}
    root, power = run_of(schedule), run_of({**schedule, "decay_type": "power"})
    assert [root.lr(t) for t in range(1001)] == [power.lr(t) for t in range(1001)]


def test_flat_cosine_holds_until_p_and_ends_at_its_floor():
    schedule = {"name": "flat_cosine", "eta_min": 0.1}
    at = [0, 499, 500, 750, 1000, 2000]
    assert values(schedule, at) == pytest.approx([1, 1, 1, 0.55, 0.1, 0.1], abs=1e-15)


def test_flat_cosine_with_no_flat_part_is_a_cosine():
    flat, cosine = run_of({"name": "flat_cosine", "pct_start": 0.0}), run_of({"name": "cosine"})
    assert [flat.lr(t) for t in range(1001)] == pytest.approx([cosine.lr(t) for t in range(1001)], abs=1e-15)


def test_rex_is_two_thirds_up_in_the_middle():
    assert values({"name": "rex"}, [0, 500, 1000]) == pytest.approx([1, 2 / 3, 0], abs=1e-15)
    assert values({"name": "rex", "eta_min": 0.1}, [500, 1000]) == pytest.approx([0.7, 0.1], abs=1e-15)


def test_rexs_mean_is_2_times_1_less_ln_2():
    resolved = run_of({"name": "rex"}, steps=100_000)
    mean = math.fsum(resolved.lr(t) for t in range(100_000)) / 100_000
    assert mean == pytest.approx(2 * (1 - math.log(2)), abs=1e-5)


def test_tanh_begins_just_under_the_peak_and_is_cut_to_its_floor():
    start, before, end = values({"name": "tanh"}, [0, 99_999, 100_000], steps=100_000)
    assert 1 - start == pytest.approx(8e-7, rel=0.05)
    assert before == pytest.approx(0.0025, abs=5e-5)
    assert end == 0.0


def test_piecewise_meets_its_points_and_holds_outside_them():
    schedule = {"name": "piecewise", "points": [["100st", 0.2], ["300st", 1.0], ["800st", 0.0]]}
    at = [0, 100, 200, 300, 550, 800, 999, 1000]
    assert values(schedule, at) == pytest.approx([0.2, 0.2, 0.6, 1.0, 0.5, 0, 0, 0], abs=1e-15)


def test_piecewise_in_half_cosines():
    points = [["0st", 0.0], ["400st", 1.0], ["800st", 0.5]]
    schedule = {"name": "piecewise", "points": points, "interpolation": "cosine"}
    eighth = 0.5 * (1 - math.sqrt(0.5))
    at = [0, 100, 200, 400, 500, 600, 800]
    assert values(schedule, at) == pytest.approx([0, eighth, 0.5, 1, 1 - 0.5 * eighth, 0.75, 0.5], abs=1e-15)


def test_piecewise_in_steps_changes_at_each_point():
    points = [["0st", 1.0], ["50%", 0.1], ["75%", 0.01]]
    schedule = {"name": "piecewise", "points": points, "interpolation": "step"}
    assert values(schedule, [0, 499, 500, 749, 750, 1000]) == [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]


def test_piecewise_through_one_point_is_a_constant():
    assert values({"name": "piecewise", "points": [["50%", 0.3]]}, [0, 500, 999]) == [0.3, 0.3, 0.3]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("linear", [0.1, 0.085, 0.07, 0.055, 0.04, 0.05, 0.06, 0.07, 0.08, 0.06, 0.04, 0.04]),
        (
            "cosine",
            [
                *(0.1, 0.09121320343559643, 0.07, 0.04878679656440359, 0.04, 0.04585786437626906),
                *(0.06, 0.07414213562373097, 0.08, 0.06, 0.04, 0.04),
            ],
        ),
    ],
)
def test_piecewise_is_that_of_optax(kind: str, wanted: list[float]):
    """piecewise_interpolate_schedule(kind, 0.1, {40: 0.4, 100: 2.0, 110: 0.5}) of optax 0.2.8 in float64."""
    points = [["0st", 0.1], ["40st", 0.04], ["100st", 0.08], ["110st", 0.04]]
    schedule = {"name": "piecewise", "points": points, "interpolation": kind}
    at = [0, 10, 20, 30, 40, 55, 70, 85, 100, 105, 110, 150]
    assert values(schedule, at) == pytest.approx(wanted, abs=1e-13)
