"""Figures of a schedule."""

import math

import pytest

from shared.schedules import ANY_OPTIMIZER, ResolvedSchedule, ScheduleSpec, resolve, stats

LONG = 150_000


def resolved(total_steps: int, **phase: object) -> ResolvedSchedule:
    spec = ScheduleSpec.parse({"base_lr": 0.1, "phases": [{"duration": "rest", **phase}]})
    return resolve(spec, total_steps=total_steps, steps_per_epoch=10, optimizer=ANY_OPTIMIZER)


def test_a_constant_has_its_rate_everywhere() -> None:
    found = stats(resolved(10, name="constant"))
    assert (found.first, found.final, found.min, found.max) == (0.1, 0.1, 0.1, 0.1)
    assert found.mean == pytest.approx(0.1)
    assert found.sum == pytest.approx(1.0)


def test_final_is_the_rate_of_the_last_update_not_one_past_it() -> None:
    found = stats(resolved(4, name="linear", start_factor=0.0, end_factor=1.0))
    assert found.final == pytest.approx(0.075)
    assert found.sum == pytest.approx(0.0 + 0.025 + 0.05 + 0.075)


@pytest.mark.parametrize(
    "phase",
    [
        {"name": "cosine"},
        {"name": "linear", "start_factor": 0.01},
        {"name": "step", "step_size": "300st", "gamma": 0.999},
        {
            "name": "cyclic",
            "base_lr": 0.001,
            "max_lr": 0.1,
            "shape": "hann",
            "mode": "triangular",
            "step_size_up": "1333st",
        },
        {
            "name": "cyclic",
            "base_lr": 0.001,
            "max_lr": 0.1,
            "shape": "welch",
            "mode": "triangular2",
            "step_size_up": "20000st",
        },
        {"name": "cosine", "k_decay": 0.01},
        {"name": "step", "step_size": "7st", "offset": "3st", "gamma": 0.9999},
        {"name": "cyclic", "base_lr": 0.0, "max_lr": 0.1, "step_size_up": "1st", "mode": "triangular2"},
        {
            "name": "cyclic",
            "base_lr": 0.0,
            "max_lr": 0.1,
            "step_size_up": "75000st",
            "mode": "exp_range",
            "gamma": 0.9,
        },
        {
            "name": "cyclic",
            "base_lr": 0.001,
            "max_lr": 0.1,
            "step_size_up": "7st",
            "step_size_down": "4st",
            "mode": "exp_range",
            "gamma": 0.99999,
        },
    ],
    ids=lambda phase: f"{phase['name']}-{phase.get('shape', '')}-{phase.get('mode', '')}",
)
def test_a_long_run_is_summed_to_a_millionth(phase: dict[str, object]) -> None:
    schedule = resolved(LONG, **phase)
    exact = math.fsum(schedule.lr(t) for t in range(LONG))
    assert stats(schedule).sum == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_a_thousand_million_cycles_cost_no_more_than_a_few(mode: str) -> None:
    schedule = resolved(
        2 * 10**9, name="cyclic", base_lr=0.1, max_lr=0.3, step_size_up="1st", mode=mode, gamma=0.5
    )
    found = stats(schedule)
    assert (found.first, found.min, found.max) == (0.1, 0.1, 0.2 if mode == "exp_range" else 0.3)
    tops = {"triangular": 0.2 * 10**9, "triangular2": 0.4, "exp_range": 0.2 * 0.5 / (1 - 0.25)}
    assert found.sum - 0.1 * 2 * 10**9 == pytest.approx(tops[mode], abs=1e-6)
