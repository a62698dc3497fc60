"""A schedule for what is left of a run: its phases share the steps from where a fork begins."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from shared.errors import Refused
from shared.schedules import (
    ANY_OPTIMIZER,
    ResolvedSchedule,
    ScheduleSpec,
    Start,
    resolve,
    sample_steps,
    stats,
    warnings,
)
from shared.schedules.sampling import extremes


def left(
    *phases: dict[str, object], start: Start, total: int = 1000, base_lr: float | None = 0.1
) -> ResolvedSchedule:
    spec = ScheduleSpec.parse({"base_lr": base_lr, "phases": list(phases)})
    return resolve(spec, total_steps=total, steps_per_epoch=50, optimizer=ANY_OPTIMIZER, start=start)


FALL = {"name": "linear", "duration": "rest", "lr": "previous", "start_factor": 1.0, "end_factor": 0.0}
CYCLES = {
    "name": "cyclic",
    "duration": "rest",
    "base_lr": 0.1,
    "max_lr": 1.0,
    "mode": "triangular2",
    "step_size_up": "50st",
}


@pytest.fixture
def cooldown() -> ResolvedSchedule:
    """A quarter of the 400 steps left at 0.1, then down from 0.1 to 0 in 300."""
    return left({"name": "constant", "duration": "25%"}, FALL, start=Start(600))


def test_phases_tile_what_is_left_and_percent_is_of_it(cooldown: ResolvedSchedule):
    assert (cooldown.start_step, cooldown.borders, cooldown.updates) == (600, (600, 700, 1000), 400)


def test_steps_are_those_of_the_whole_run(cooldown: ResolvedSchedule):
    wanted = {600: 0.1, 699: 0.1, 700: 0.1, 850: 0.05, 999: 0.1 / 300, 1000: 0.0, 2000: 0.0}
    assert {step: cooldown.lr(step) for step in wanted} == pytest.approx(wanted, abs=1e-15)
    assert [cooldown.locate(step) for step in (600, 699, 700, 1000)] == [(0, 0), (0, 99), (1, 0), (1, 300)]


def test_a_step_before_the_fork_is_a_fault_of_the_caller(cooldown: ResolvedSchedule):
    with pytest.raises(ValueError, match="counts from 600; came 599"):
        cooldown.lr(599)


def test_previous_in_the_first_phase_is_what_the_parent_reached():
    assert left(FALL, start=Start(600, previous=0.04)).lr(800) == 0.02


def test_previous_needs_a_parent_even_later_in_the_run():
    with pytest.raises(Refused) as caught:
        left(FALL, start=Start(600))
    assert caught.value.findings[0].loc == ("schedule", "phases", 0, "lr")


def test_phases_longer_than_what_is_left_are_refused_by_the_steps_left():
    with pytest.raises(Refused, match="cannot be run") as caught:
        left({"name": "constant", "duration": "500st"}, start=Start(600))
    assert "last 500 steps of 400" in caught.value.findings[0].message


def test_momentum_cycles_from_where_the_fork_begins():
    schedule = left({**CYCLES, "mode": "triangular", "momentum": {}}, start=Start(600))
    assert [schedule.momentum(step) for step in (600, 650, 700)] == pytest.approx([0.9, 0.8, 0.9])


def test_corners_stand_at_the_steps_of_the_run(cooldown: ResolvedSchedule):
    assert [(point.step, point.cause) for point in cooldown.breakpoints()] == [
        (600, "constant begins"),
        (700, "linear begins"),
        (1000, "end"),
    ]


@pytest.mark.parametrize("points", [8, 20, 100, 399, 400, 5000])
def test_what_is_drawn_lies_in_what_is_left_and_shows_its_extremes(points: int):
    schedule = left(CYCLES, start=Start(600))
    drawn = sample_steps(schedule, points)
    whole = [schedule.lr(step) for step in range(600, 1000)]
    assert (drawn[0], drawn[-1]) == (600, 999)
    assert drawn == sorted(set(drawn))
    rates = [schedule.lr(step) for step in drawn]
    assert (min(rates), max(rates)) == (min(whole), max(whole))


def test_the_outermost_steps_of_a_stretch_lie_in_it():
    schedule = left(CYCLES, start=Start(600))
    inside = extremes(schedule, start=640, stop=760)
    assert (inside[0], inside[-1]) == (640, 759)
    assert max(inside, key=schedule.lr) == 650


@pytest.mark.parametrize("total", [1000, 150_600])
def test_figures_are_of_what_is_left(total: int):
    schedule = left(FALL, start=Start(600, previous=0.04), total=total)
    found = stats(schedule)
    n = total - 600
    assert (found.first, found.max) == (0.04, 0.04)
    assert found.final == pytest.approx(0.04 / n)
    assert found.mean == pytest.approx(0.02 * (n + 1) / n)
    assert found.sum == pytest.approx(found.mean * n)


def test_warnings_are_of_what_is_left():
    short = left({**FALL, "total_iters": "5st"}, start=Start(600, previous=0.04), base_lr=None)
    assert [w.code for w in warnings(short)] == ["short_decay", "rate_of_zero"]
    dead = left({"name": "linear", "duration": "rest", "start_factor": 0.0}, start=Start(600))
    assert [w.code for w in warnings(dead)] == ["starts_at_zero"]


def test_it_survives_json_and_an_older_one_begins_at_0(cooldown: ResolvedSchedule):
    plain = json.loads(json.dumps(cooldown.model_dump(mode="json")))
    assert ResolvedSchedule.model_validate(plain) == cooldown
    older = {**plain, "total_steps": 400}
    del older["start_step"]
    assert ResolvedSchedule.model_validate(older).borders == (0, 100, 400)
    with pytest.raises(ValidationError, match="tile steps 500 to 1000; they end at 900"):
        ResolvedSchedule.model_validate({**plain, "start_step": 500})


@pytest.mark.parametrize(
    ("previous", "said"),
    [
        (0.2, []),
        (0.21, ["the rate jumps from 0.21 to 0.1 where the fork leaves its parent"]),
        (0.05, []),
        (0.049, ["the rate jumps from 0.049 to 0.1 where the fork leaves its parent"]),
        (None, []),
    ],
)
def test_a_jump_of_more_than_twice_from_the_parents_rate_is_told(previous: float | None, said: list[str]):
    plan = left({"name": "constant", "duration": "rest"}, start=Start(600, previous=previous))
    found = [w for w in warnings(plan) if w.code == "jump_between_phases"]
    assert [w.message for w in found] == said
    assert all(w.loc == ("schedule", "phases", 0) for w in found)
