"""Plateau and greedy as values: goldens, bounds, and state that is JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import inf, nan
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.errors import Refused
from shared.schedules import (
    ANY_OPTIMIZER,
    CATALOG,
    AnyController,
    ManualParams,
    ResolvedSchedule,
    ScheduleSpec,
    controller_of,
    resolve,
)
from shared.schedules.feedback import AnyFeedback, OneFeedback

ONE: TypeAdapter[AnyFeedback] = TypeAdapter(OneFeedback)


def settings_of(name: str, **settings: object) -> AnyFeedback:
    return ONE.validate_python({"name": name, "monitor": "val_loss", **settings}).settled()


def controller(name: str, **settings: object) -> AnyController:
    return controller_of(settings_of(name, **settings))


def multipliers(listens: AnyController, values: Sequence[float], start: float = 1.0) -> list[float]:
    """Return M after each value; every state goes through JSON before the next."""
    current, found = start, []
    for value in values:
        listens, new = listens.observe(value, multiplier=current)
        state = json.loads(json.dumps(listens.to_json(), allow_nan=False))
        assert controller_of(listens.params, state) == listens
        current = current if new is None else new
        found.append(current)
    return found


def test_a_constant_metric_halves_the_rate_every_patience_plus_one_evaluations():
    flat = controller("plateau", patience=2, factor=0.5)
    assert multipliers(flat, [1.0] * 8) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_a_cooldown_is_not_counted():
    cooling = controller("plateau", patience=0, factor=0.5, cooldown=2)
    assert multipliers(cooling, [1.0] * 8) == [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_greedy_raises_lowers_and_keeps_to_its_bounds():
    greedy = controller("greedy", patience=2, factor=0.5, min_factor=0.1, max_factor=4.0)
    values = [10.0, 9, 8, 7, 6, 5, 5, 5, 5, 5, 5, 5, 5]
    assert multipliers(greedy, values) == [1, 1, 2, 2, 2, 4, 4, 4, 2, 2, 2, 1, 1]


def test_the_first_event_comes_at_evaluation_patience_plus_one_after_the_best():
    values = [5.0, 4.0, 3.0, *[3.0] * 6]
    assert multipliers(controller("plateau", patience=3), values).index(0.1) == 2 + 4


def test_a_plateau_never_goes_below_its_floor_nor_by_less_than_eps():
    floored = controller("plateau", patience=0, factor=0.1, min_factor=0.05)
    assert multipliers(floored, [1.0] * 4) == [1, 0.1, 0.05, 0.05]
    tiny = controller("plateau", patience=0, factor=0.5, eps=0.3)
    assert multipliers(tiny, [1.0] * 4) == [1, 0.5, 0.5, 0.5]


def test_controllers_multiply_the_present_multiplier_whoever_set_it():
    assert multipliers(controller("plateau", patience=0, factor=0.5), [1.0, 1.0], start=3.0) == [3.0, 1.5]


def test_greedy_begins_anew_after_being_refused_at_its_floor_long_enough():
    greedy = controller("greedy", patience=0, factor=0.5, min_factor=0.25, max_factor=1.0, reset_start=3)
    # Bad from the second on: ½, ¼ (at the floor: 1), refused (2), refused (3): everything forgotten.
    assert multipliers(greedy, [1.0] * 7) == [1, 0.5, 0.25, 0.25, 1.0, 1.0, 0.5]


def test_greedy_rests_after_a_change_without_judging():
    warm = controller("greedy", patience=0, factor=0.5, warmup=2, max_factor=8.0)
    assert multipliers(warm, [9.0, 8, 7, 6, 5]) == [2, 2, 2, 4, 4]
    cool = controller("greedy", patience=0, factor=0.5, cooldown=1, min_factor=0.01)
    assert multipliers(cool, [9.0, 9, 9, 9, 9]) == [2, 1, 1, 0.5, 0.5]


def test_greedy_may_judge_the_mean_of_the_last_values():
    smooth = controller("greedy", patience=0, factor=0.5, smooth=True, window_size=2, max_factor=8.0)
    # Means 4, 3, 3, 4: better, better, not, not.
    assert multipliers(smooth, [4.0, 2.0, 4.0, 4.0]) == [2, 4, 2, 1]


@pytest.mark.parametrize("name", ["plateau", "greedy"])
@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_is_skipped(name: str, value: float):
    before, _ = controller(name).observe(1.0, multiplier=1.0)
    assert before.observe(value, multiplier=1.0) == (before, None)


def test_state_before_the_first_evaluation_is_json_too():
    assert json.dumps(controller("plateau").to_json(), allow_nan=False) == (
        '{"best": null, "bad": 0, "cooling": 0}'
    )


def test_more_is_better_where_the_metric_says_so_or_the_spec():
    up = controller("plateau", monitor="auroc", patience=0, factor=0.5)
    assert multipliers(up, [0.5, 0.6, 0.7, 0.6]) == [1, 1, 1, 0.5]
    told = controller("plateau", monitor="auroc", mode="min", patience=0, factor=0.5)
    assert multipliers(told, [0.5, 0.6]) == [1, 0.5]


def test_a_relative_threshold_is_a_share_of_the_best():
    relative = controller("plateau", patience=0, factor=0.5, threshold=0.1, threshold_mode="rel")
    assert multipliers(relative, [10.0, 9.5, 8.9]) == [1, 0.5, 0.5]


def refused(feedback: dict[str, Any]) -> list[tuple[str | int, ...]]:
    spec = ScheduleSpec.parse({"name": "constant", "base_lr": 0.1, "feedback": feedback})
    with pytest.raises(Refused) as caught:
        resolve(spec, total_steps=10, steps_per_epoch=1, optimizer=ANY_OPTIMIZER)
    return [f.loc for f in caught.value.findings]


def test_settings_that_cannot_be_are_refused_in_their_place():
    assert refused({"name": "plateau", "monitor": "beauty"}) == [("schedule", "feedback", "monitor")]
    relative = {"name": "greedy", "monitor": "hr@10", "threshold_mode": "rel"}
    assert refused(relative) == [("schedule", "feedback", "threshold_mode")]


@pytest.mark.parametrize(
    ("field", "value"),
    [("factor", 1.0), ("factor", 0.0), ("patience", -1), ("threshold", -0.1), ("monitor", "a b"), ("x", 1)],
)
def test_settings_out_of_bounds_are_refused(field: str, value: object):
    feedback = {"name": "plateau", "monitor": "val_loss", field: value}
    with pytest.raises(ValidationError) as caught:
        ScheduleSpec.parse({"name": "constant", "base_lr": 0.1, "feedback": feedback})
    assert caught.value.errors()[0]["loc"][:2] == ("feedback", "plateau")


@pytest.mark.parametrize("name", ["plateau", "greedy"])
def test_an_example_of_the_catalogue_resolves_and_survives_json(name: str):
    spec = ScheduleSpec.parse(CATALOG[name].example)
    run = resolve(spec, total_steps=100, steps_per_epoch=10, optimizer=ANY_OPTIMIZER)
    again = ResolvedSchedule.model_validate(json.loads(json.dumps(run.model_dump(mode="json"))))
    assert again.feedback == run.feedback
    assert again.feedback is not None
    assert again.feedback.mode == "min"
    assert CATALOG[name].kind == "feedback"


def test_the_manual_example_is_a_body_of_lr_events():
    body = ManualParams.model_validate(CATALOG["manual"].example)
    assert body.scale == 0.5
    for wrong in ({"scale": 0.0}, {"scale": -1.0}, {"scale": 1e9}, {"reason": ""}, {"reason": "x" * 501}):
        with pytest.raises(ValidationError):
            ManualParams.model_validate({**CATALOG["manual"].example, **wrong})
