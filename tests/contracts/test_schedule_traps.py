"""Traps of other schedulers, by what they did elsewhere; none of them is here.

The numbers in the docstrings were seen in torch 2.13, timm 1.0.31, transformers 5.23 and fastai 2.8.
Traps of feedback and optimizers have a file of their own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from shared.errors import Refused
from shared.schedules import ANY_OPTIMIZER, ResolvedSchedule, ScheduleSpec, Start, resolve
from tests.support.schedules import resolved

WARM_THEN_COSINE = {
    "base_lr": 0.1,
    "phases": [
        {"name": "linear", "duration": "10st", "start_factor": 0.1},
        {"name": "cosine", "duration": "rest"},
    ],
}


def stored(run: ResolvedSchedule) -> ResolvedSchedule:
    """Return a schedule as a checkpoint or the database gives it back."""
    return ResolvedSchedule.model_validate(json.loads(json.dumps(run.model_dump(mode="json"))))


def values(schedule: Mapping[str, object], *at: int, steps: int = 100) -> list[float]:
    run = resolved(schedule, steps=steps)
    return [run.lr(t) for t in at]


def test_resuming_does_not_depend_on_the_order_in_which_things_are_loaded():
    """SequentialLR made after the optimizer was loaded ran at .0100 instead of .0794, and said nothing."""
    run = resolved(WARM_THEN_COSINE, steps=100)
    again = stored(run)
    assert [again.lr(t) for t in range(40, 101)] == [run.lr(t) for t in range(40, 101)]
    assert run.lr(40) == 0.05 * (1 + math.cos(math.pi * 30 / 90))


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle_holds_its_end_one_step_past_it_and_for_ever(strategy: str):
    """OneCycleLR gave .0495 one step past the end (cos), and −.138 in lines (final_div_factor 10)."""
    schedule = {"name": "one_cycle", "base_lr": 1.0, "max_lr": 1.0, "anneal_strategy": strategy}
    last, past, far = values({**schedule, "final_div_factor": 10.0}, 9, 10, 10**6, steps=10)
    assert last == past == far == pytest.approx(0.004)


@pytest.mark.parametrize(("share", "steps"), [(0.1, 10), (1 / 3, 3), (0.1, 5)])
def test_a_rise_of_one_step_is_refused_with_its_place(share: float, steps: int):
    """OneCycleLR divided by zero at 10 × .1 and 3 × ⅓, and began 5 × .1 at .97 of the peak in silence."""
    with pytest.raises(Refused) as caught:
        resolved({"name": "one_cycle", "base_lr": 1.0, "max_lr": 1.0, "pct_start": share}, steps=steps)
    assert caught.value.findings[0].loc == ("schedule", "phases", 0, "pct_start")


def test_a_longer_run_is_a_schedule_of_its_own_and_the_old_total_stays_away():
    """OneCycleLR resumed with a larger total took the old one back from its state, and died at its end."""
    spec = ScheduleSpec.parse({"name": "one_cycle", "base_lr": 1.0, "max_lr": 1.0})
    start = Start(step=60, previous=0.5)
    longer = resolve(spec, total_steps=200, steps_per_epoch=10, optimizer=ANY_OPTIMIZER, start=start)
    assert longer.borders == (60, 200)
    assert longer.lr(199) == pytest.approx(4e-6)


@pytest.mark.parametrize(("multiplier", "restart"), [(3, 121), (10, 111), (10, 111_111)])
@pytest.mark.parametrize("first", [1, 7])
def test_a_restart_is_never_put_into_the_cycle_before(multiplier: int, restart: int, first: int):
    """A cycle found by a logarithm gave LR 0 instead of the peak at 121·T_0, 111·T_0 and 111,111·T_0."""
    schedule = {"name": "cosine_restarts", "base_lr": 0.1, "T_0": f"{first}st", "T_mult": multiplier}
    before, at, after = values(schedule, *(restart * first + k for k in (-1, 0, 1)), steps=1_000_000)
    assert at == 0.1
    assert before < 0.01 or first == 1
    assert 0.0999 < after <= 0.1


def test_reading_a_schedule_leaves_what_was_read_alone():
    """CyclicLR.load_state_dict took a key out of the caller's dict, and the second load failed."""
    plain = resolved({"name": "cyclic", "base_lr": 0.1, "max_lr": 1.0, "step_size_up": "5st"}).model_dump(
        mode="json"
    )
    copy = json.loads(json.dumps(plain))
    first, second = ResolvedSchedule.model_validate(plain), ResolvedSchedule.model_validate(plain)
    assert plain == copy
    assert first == second


def test_milestones_survive_json():
    """MultiStepLR's counter came back from JSON with strings as keys; the decay never happened."""
    run = resolved({"name": "multistep", "base_lr": 0.1, "milestones": ["30st", "30st", "60st"]}, steps=100)
    assert [stored(run).lr(t) for t in (29, 30, 60)] == pytest.approx([0.1, 0.001, 0.0001])


def test_phases_after_phases_are_joined_at_any_depth():
    """SequentialLR around ChainedScheduler failed at its milestone; nested, [.05, .05, .02] became [.05, .02,
    .02]. Phases are a list: whatever comes after whatever owns its steps alone.
    """
    drops = {"name": "piecewise", "points": [["0st", 0.05], ["2st", 0.02]], "interpolation": "step"}
    schedule = {
        "base_lr": 0.1,
        "phases": [
            {"name": "constant", "duration": "3st"},
            {"duration": "3st", **drops},
            {"name": "cosine_restarts", "duration": "rest", "T_0": "2st"},
        ],
    }
    found = values(schedule, *range(10), steps=10)
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.02, 0.1, 0.05, 0.1, 0.05], abs=1e-16)


def test_a_warm_up_may_begin_at_zero_and_a_constant_is_one():
    """LinearLR(start_factor=0) was refused, ConstantLR(factor=0) divided by zero."""
    assert values({"name": "linear", "base_lr": 0.1, "start_factor": 0.0}, 0, 50) == [0.0, 0.05]
    assert values({"name": "constant", "base_lr": 0.1, "lr": 0.0}, 0, 99, 100) == [0.0, 0.0, 0.0]


def test_a_cosine_past_its_horizon_does_not_rise_again():
    """CosineAnnealingLR came back to the peak at 2·T_max."""
    schedule = {"name": "cosine", "base_lr": 0.1, "T_max": "40st", "eta_min": 0.001}
    assert values(schedule, 40, 60, 80, 99, 100) == [0.001] * 5


def test_the_documented_boundaries_are_the_values_that_run():
    """PolynomialLR's documentation says .0490 at epoch 0 where base_lr runs: theirs is one step off."""
    assert values({"name": "polynomial", "base_lr": 0.05}, 0, 1, steps=50) == [0.05, 0.05 * (1 - 1 / 50)]


def test_the_first_update_of_a_warm_up_does_something_and_groups_keep_their_share():
    """transformers began at t/w = 0, so that the first update did nothing; polynomial and minimum rates
    took one group's rate for all.
    """
    warm = {"base_lr": 0.1, "phases": [{"name": "linear", "duration": "rest"}]}
    assert values(warm, 0)[0] > 0.0
    schedule = {"name": "polynomial", "base_lr": 0.1, "eta_min": 0.01}
    run = resolved({**schedule, "groups": {"embeddings": {"lr_mult": 0.1}}}, steps=100)
    for t in (0, 50, 99, 100):
        assert run.lr_of("embeddings", t) == 0.1 * run.lr_of("body", t)


def test_a_warm_up_never_overlaps_what_follows_and_the_peak_is_reached():
    """timm with warmup_prefix=False went .07 → .079 where the cosine took over; the peak never came."""
    assert values(WARM_THEN_COSINE, 9, 10, 11) == [
        pytest.approx(0.091),
        0.1,
        pytest.approx(0.05 * (1 + math.cos(math.pi / 90))),
    ]


def test_a_flat_cosine_that_begins_later_begins_where_it_is_told():
    """fastai's fit_flat_cos took a start_epoch and began at 0 all the same."""
    spec = ScheduleSpec.parse({"name": "flat_cosine", "base_lr": 0.1})
    run = resolve(
        spec, total_steps=100, steps_per_epoch=10, optimizer=ANY_OPTIMIZER, start=Start(step=60, previous=0.1)
    )
    assert [run.lr(t) for t in (60, 80, 90, 100)] == pytest.approx([0.1, 0.1, 0.05, 0.0], abs=1e-16)
    with pytest.raises(ValueError, match="counts from 60"):
        run.lr(59)
