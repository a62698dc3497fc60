"""Each schedule's values, written out by hand from its formula."""

from __future__ import annotations

import math

import pytest

from shared.schedules import ANY_OPTIMIZER, OptimizerTraits, ResolvedSchedule, ScheduleSpec, resolve

ADAM = OptimizerTraits("adam", cycles_momentum=True, momentum=0.9)


def run_of(schedule: object, *, steps: int = 1000, epoch: int = 50) -> ResolvedSchedule:
    return resolve(ScheduleSpec.parse(schedule), total_steps=steps, steps_per_epoch=epoch, optimizer=ADAM)


def values(schedule: object, at: list[int], *, steps: int = 1000, epoch: int = 50) -> list[float]:
    resolved = run_of(schedule, steps=steps, epoch=epoch)
    return [resolved.lr(step) for step in at]


def test_constant_never_moves():
    assert values({"name": "constant", "base_lr": 0.01}, [0, 1, 999, 1000]) == [0.01] * 4


def test_step_drops_at_epochs_10_and_20():
    """⌊epoch/10⌋: 0.1 for epochs 0–9, 0.05 for 10–19, 0.025 from 20."""
    schedule = {"name": "step", "base_lr": 0.1, "step_size": "10ep", "gamma": 0.5}
    at = [0, 10 * 7 - 1, 10 * 7, 20 * 7 - 1, 20 * 7]
    assert values(schedule, at, steps=210, epoch=7) == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_step_with_offset_1_drops_one_epoch_earlier():
    """⌊(1+epoch)/10⌋: 0.1 for epochs 0–8, 0.05 for 9–18, 0.025 from 19."""
    schedule = {"name": "step", "base_lr": 0.1, "step_size": "10ep", "gamma": 0.5, "offset": "1ep"}
    at = [0, 9 * 7 - 1, 9 * 7, 19 * 7 - 1, 19 * 7]
    assert values(schedule, at, steps=210, epoch=7) == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_step_of_one_epoch_with_offset_1_lowers_even_the_first():
    schedule = {"name": "step", "base_lr": 0.1, "step_size": "1ep", "gamma": 0.5, "offset": "1ep"}
    assert values(schedule, [0, 6, 7], steps=70, epoch=7) == [0.05, 0.05, 0.025]


def test_the_offset_in_steps_is_the_offset_in_epochs():
    """⌊(t+E)/(sE)⌋ = ⌊(1+⌊t/E⌋)/s⌋ for every t."""
    resolved = run_of(
        {"name": "step", "base_lr": 1.0, "step_size": "3ep", "gamma": 0.5, "offset": "1ep"}, epoch=7
    )
    assert all(resolved.lr(t) == 0.5 ** ((1 + t // 7) // 3) for t in range(1000))


def test_the_two_forms_of_step_are_told_apart():
    plain = {"name": "step", "base_lr": 0.1, "step_size": "10ep"}
    assert run_of(plain).forms == ("η₀·γ^⌊t/s⌋",)
    assert run_of({**plain, "offset": "1ep"}).forms == ("η₀·γ^⌊(t+o)/s⌋",)


def test_linear_climbs_in_a_straight_line_and_holds():
    schedule = {"name": "linear", "base_lr": 0.4, "start_factor": 0.25, "total_iters": "30st"}
    assert values(schedule, [0, 10, 20, 30, 999]) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4], abs=1e-15)


def test_linear_starts_at_a_third_unless_told():
    assert values({"name": "linear", "base_lr": 0.3}, [0, 500, 1000]) == pytest.approx(
        [0.1, 0.2, 0.3], abs=1e-15
    )


def test_linear_may_start_at_zero():
    assert values({"name": "linear", "base_lr": 0.3, "start_factor": 0.0}, [0]) == [0.0]


def test_cosine_halves_in_the_middle_and_ends_at_its_floor():
    schedule = {"name": "cosine", "base_lr": 0.11, "eta_min": 0.01}
    assert values(schedule, [0, 500, 1000, 5000]) == pytest.approx([0.11, 0.06, 0.01, 0.01], abs=1e-15)


def test_cosine_holds_its_floor_where_another_would_rise_again():
    schedule = {"name": "cosine", "base_lr": 0.1, "T_max": "400st"}
    assert values(schedule, [200, 400, 401, 800, 999]) == pytest.approx([0.05, 0, 0, 0, 0], abs=1e-15)


def test_k_decay_keeps_the_rate_high_for_longer():
    at_half = values({"name": "cosine", "base_lr": 1.0, "k_decay": 2.0}, [500])[0]
    assert at_half == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)), abs=1e-15)


@pytest.mark.parametrize(
    ("shape", "rise"),
    [
        ("triangular", [0, 0.25, 0.5, 0.75, 1]),
        ("welch", [0, 0.4375, 0.75, 0.9375, 1]),
        ("hann", [0, 0.14644660940672624, 0.5, 0.8535533905932737, 1]),
    ],
)
def test_every_window_rises_from_0_to_1_and_falls_as_it_rose(shape: str, rise: list[float]):
    schedule = {"name": "cyclic", "base_lr": 1.0, "max_lr": 1.0, "step_size_up": "4st", "shape": shape}
    phase = {"base_lr": 1.0, "phases": [{**schedule, "base_lr": 0.0, "duration": "rest"}]}
    assert values(phase, list(range(9)), steps=8) == pytest.approx([*rise, *rise[-2::-1]], abs=1e-15)


def test_triangular2_halves_at_every_cycle_end():
    schedule = {"name": "cyclic", "base_lr": 0.1, "max_lr": 1.0, "step_size_up": "2st", "mode": "triangular2"}
    wanted = [0.1, 0.55, 1.0, 0.55, 0.1, 0.325, 0.55, 0.325, 0.1]
    assert values(schedule, list(range(9)), steps=8) == pytest.approx(wanted, abs=1e-15)


def test_exp_range_shrinks_from_the_start_of_the_phase_not_of_the_cycle():
    schedule = {
        "name": "cyclic",
        "base_lr": 0.1,
        "max_lr": 1.0,
        "step_size_up": "2st",
        "mode": "exp_range",
        "gamma": 0.9,
    }
    assert values(schedule, [6], steps=8)[0] == pytest.approx(0.1 + 0.9 * 0.9**6, abs=1e-15)


def test_the_fall_may_be_longer_than_the_rise():
    schedule = {
        "name": "cyclic",
        "base_lr": 1.0,
        "max_lr": 4.0,
        "step_size_up": "1st",
        "step_size_down": "3st",
    }
    assert values(schedule, [0, 1, 2, 3, 4, 5], steps=8) == pytest.approx([1, 4, 3, 2, 1, 4], abs=1e-15)


def test_momentum_falls_while_the_rate_rises():
    schedule = {
        "name": "cyclic",
        "base_lr": 0.1,
        "max_lr": 1.0,
        "step_size_up": "2st",
        "momentum": {"base_momentum": 0.8, "max_momentum": 0.9},
    }
    resolved = run_of(schedule, steps=8)
    assert [resolved.momentum(t) for t in range(5)] == pytest.approx([0.9, 0.85, 0.8, 0.85, 0.9], abs=1e-15)


def test_momentum_is_left_alone_unless_asked():
    assert run_of({"name": "constant", "base_lr": 0.1}).momentum(0) is None


@pytest.mark.parametrize("shape", ["triangular", "welch", "hann"])
@pytest.mark.parametrize("gamma", [0.9, 0.97, 0.999])
def test_breakpoints_of_exp_range_hold_the_highest_step(shape: str, gamma: float):
    schedule = {
        "name": "cyclic",
        "base_lr": 0.1,
        "max_lr": 1.0,
        "step_size_up": "40st",
        "mode": "exp_range",
        "gamma": gamma,
        "shape": shape,
    }
    resolved = run_of(schedule, steps=400)
    highest = max(range(400), key=resolved.lr)
    assert highest in {point.step for point in resolved.breakpoints()}


def test_an_unnamed_optimizer_may_be_previewed_with_cycled_momentum():
    spec = ScheduleSpec.parse(
        {"name": "cyclic", "base_lr": 0.1, "max_lr": 1.0, "step_size_up": "2st", "momentum": {}}
    )
    resolved = resolve(spec, total_steps=8, steps_per_epoch=4, optimizer=ANY_OPTIMIZER)
    assert resolved.momentum(2) == pytest.approx(0.8)
