"""Phases that follow one another, groups, and events that multiply."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from shared.schedules import (
    AS_WRITTEN,
    CATALOG,
    PHASES,
    OptimizerTraits,
    ResolvedSchedule,
    ScheduleSpec,
    multiplier_at,
    resolve,
    stats,
)
from shared.schedules.admission import phase_steps

ADAM = OptimizerTraits("adam", cycles_momentum=True, momentum=0.9)

TWO = [
    {"name": "linear", "duration": "5%", "start_factor": 0.01, "end_factor": 0.05},
    {
        "name": "cyclic",
        "duration": "80%",
        "base_lr": 0.005,
        "max_lr": 0.1,
        "shape": "hann",
        "mode": "triangular2",
        "step_size_up": "2ep",
        "momentum": {"base_momentum": 0.85, "max_momentum": 0.95},
    },
]
TO_ZERO = {"name": "linear", "duration": "rest", "lr": "previous", "start_factor": 1.0, "end_factor": 0.0}
THREE = {"base_lr": 0.1, "phases": [*TWO, TO_ZERO], "groups": {"embeddings": {"lr_mult": 0.1}}}


class Event(NamedTuple):
    step: int
    m_after: float


@pytest.fixture
def three() -> ResolvedSchedule:
    return resolve(ScheduleSpec.parse(THREE), total_steps=1000, steps_per_epoch=50, optimizer=ADAM)


def test_three_phases_pass_through_the_values_computed_by_hand(three: ResolvedSchedule):
    wanted = {
        0: 0.001,
        49: 0.00492,
        50: 0.005,
        100: 0.0525,
        150: 0.1,
        250: 0.005,
        350: 0.0525,
        550: 0.02875,
        750: 0.016875,
        850: 0.005,
        999: 3.33333333333e-5,
    }
    assert {step: three.lr(step) for step in wanted} == pytest.approx(wanted, rel=1e-9)
    assert three.borders == (0, 50, 850, 1000)


def test_the_last_line_may_as_well_be_a_polynomial_of_power_1(three: ResolvedSchedule):
    line = {"name": "polynomial", "duration": "rest", "lr": "previous", "power": 1.0, "eta_min": 0.0}
    spec = ScheduleSpec.parse({"base_lr": 0.1, "phases": [*TWO, line]})
    other = resolve(spec, total_steps=1000, steps_per_epoch=50, optimizer=ADAM)
    assert [other.lr(t) for t in range(1001)] == pytest.approx([three.lr(t) for t in range(1001)], abs=1e-17)


def test_figures_of_three_phases(three: ResolvedSchedule):
    figures = stats(three)
    assert figures.max == pytest.approx(0.1, abs=1e-15)
    assert figures.mean == pytest.approx(0.022338, abs=5e-7)


def test_momentum_cycles_in_its_phase_and_is_the_optimizers_own_outside(three: ResolvedSchedule):
    wanted = {0: 0.9, 49: 0.9, 50: 0.95, 150: 0.85, 350: 0.90, 850: 0.9, 999: 0.9}
    assert {step: three.momentum(step) for step in wanted} == pytest.approx(wanted, abs=1e-12)


def test_a_group_is_a_constant_factor_on_everything(three: ResolvedSchedule):
    assert three.lr_of("embeddings", 150) == pytest.approx(0.01, abs=1e-15)
    assert three.lr_of("head", 150) == three.lr(150)
    assert three.lr_of("embeddings", 150, 0.5) == 0.1 * 0.5 * three.lr(150)


def test_after_the_end_the_last_phase_holds_its_end(three: ResolvedSchedule):
    assert three.lr(1000) == three.lr(10**9) == 0.0


def test_a_step_before_the_first_is_a_fault_of_the_caller(three: ResolvedSchedule):
    with pytest.raises(ValueError, match="counts from 0"):
        three.lr(-1)


def test_a_resolved_schedule_survives_json(three: ResolvedSchedule):
    again = ResolvedSchedule.model_validate(json.loads(json.dumps(three.model_dump(mode="json"))))
    assert again == three
    assert [again.lr(t) for t in range(0, 1000, 7)] == [three.lr(t) for t in range(0, 1000, 7)]


def test_a_resolved_schedule_is_itself_a_schedule(three: ResolvedSchedule):
    plain = three.model_dump(mode="json")
    spec = ScheduleSpec.parse({key: plain[key] for key in ("base_lr", "phases", "groups")})
    assert resolve(spec, total_steps=1000, steps_per_epoch=50, optimizer=ADAM) == three


def test_one_phase_needs_no_list():
    short = {
        "name": "step",
        "base_lr": 0.01,
        "step_size": "10ep",
        "gamma": 0.5,
        "groups": {"head": {"lr_mult": 2.0}},
    }
    long = {
        "base_lr": 0.01,
        "phases": [{"name": "step", "duration": "rest", "step_size": "10ep", "gamma": 0.5}],
        "groups": {"head": {"lr_mult": 2.0}},
    }
    assert ScheduleSpec.from_shorthand(short) == long
    assert ScheduleSpec.from_shorthand(long) == long
    assert ScheduleSpec.parse(short) == ScheduleSpec.parse(long)
    assert (ScheduleSpec.parse(short).short, ScheduleSpec.parse(long).short) == (True, False)


@pytest.mark.parametrize("name", [*PHASES, "plateau", "greedy"])
def test_a_schedule_is_written_again_in_the_form_in_which_it_came(name: str):
    spec = ScheduleSpec.parse(CATALOG[name].example)
    plain, listed = spec.model_dump(mode="json", context=AS_WRITTEN), spec.model_dump(mode="json")
    assert "phases" in listed
    assert ("phases" in plain) == ("phases" in CATALOG[name].example)
    for written, short in ((plain, spec.short), (listed, False)):
        again = ScheduleSpec.parse(written)
        assert (again, again.short) == (spec, short)


def test_borders_are_rounded_cumulatively_so_that_phases_tile():
    """Thirds of 100 steps: borders ⌊33⅓+½⌋ = 33, ⌊66⅔+½⌋ = 67, 100."""
    phases = [{"name": "constant", "duration": d} for d in ("33.333333333%", "33.333333333%", "rest")]
    spec = ScheduleSpec.parse({"base_lr": 1.0, "phases": phases})
    assert phase_steps(spec, total_steps=100, steps_per_epoch=10) == [33, 34, 33]


def test_a_quarter_of_ten_steps_is_three():
    phases = [{"name": "constant", "duration": d} for d in ("25%", "25%", "50%")]
    spec = ScheduleSpec.parse({"base_lr": 1.0, "phases": phases})
    assert phase_steps(spec, total_steps=10, steps_per_epoch=10) == [3, 2, 5]


def test_rest_may_stand_anywhere():
    phases = [{"name": "constant", "duration": d} for d in ("rest", "100st", "2ep")]
    spec = ScheduleSpec.parse({"base_lr": 1.0, "phases": phases})
    assert phase_steps(spec, total_steps=1000, steps_per_epoch=50) == [800, 100, 100]


def test_lengths_inside_a_phase_are_of_the_phase():
    phases = [
        {"name": "constant", "duration": "20%"},
        {"name": "step", "duration": "rest", "step_size": "50%", "gamma": 0.5},
    ]
    resolved = resolve(
        ScheduleSpec.parse({"base_lr": 1.0, "phases": phases}),
        total_steps=100,
        steps_per_epoch=10,
        optimizer=ADAM,
    )
    assert [resolved.lr(t) for t in (19, 20, 59, 60, 99)] == [1, 1, 1, 0.5, 0.5]


def test_previous_takes_up_where_the_phase_before_ends():
    phases = [
        {"name": "cosine", "duration": "50st", "eta_min": 0.25},
        {"name": "constant", "duration": "rest", "lr": "previous"},
    ]
    resolved = resolve(
        ScheduleSpec.parse({"base_lr": 1.0, "phases": phases}),
        total_steps=100,
        steps_per_epoch=10,
        optimizer=ADAM,
    )
    assert resolved.lr(50) == 0.25


def test_the_multiplier_is_the_last_event_that_has_come():
    events = [Event(10, 0.5), Event(20, 0.25), Event(20, 0.125), Event(40, 1.0)]
    assert [multiplier_at(events, t) for t in (0, 9, 10, 19, 20, 39, 40, 99)] == [
        1,
        1,
        0.5,
        0.5,
        0.125,
        0.125,
        1,
        1,
    ]
    assert multiplier_at([], 7) == 1.0


def test_traits_come_from_the_optimizer_as_it_was_asked_for():
    from shared.specs.optimizers import AdamWParams, SgdParams

    adam = OptimizerTraits.of(AdamWParams(name="adamw", betas=(0.8, 0.99)))
    assert (adam.name, adam.cycles_momentum, adam.momentum) == ("adamw", True, 0.8)
    assert not OptimizerTraits.of(SgdParams(name="sgd")).cycles_momentum
    assert OptimizerTraits.of(SgdParams(name="sgd", momentum=0.9)).momentum == 0.9
