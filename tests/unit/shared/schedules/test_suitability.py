"""Optimizers that make their own of the rate go with a constant one, or a warm-up to it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import Refused
from shared.schedules import OptimizerTraits, ScheduleSpec, resolve
from shared.specs.optimizers import ProdigyParams, ScheduleFreeAdamWParams

FREE = OptimizerTraits.of(ScheduleFreeAdamWParams(name="schedule_free_adamw"))
PRODIGY = OptimizerTraits.of(ProdigyParams(name="prodigy"))
CONSTANT = {"name": "constant", "duration": "rest"}
LINEAR = {"name": "linear", "duration": "10%", "start_factor": 0.1}


def places(schedule: dict[str, Any], optimizer: OptimizerTraits) -> list[tuple[str | int, ...]]:
    spec = ScheduleSpec.parse({"base_lr": 0.01, **schedule})
    with pytest.raises(Refused) as caught:
        resolve(spec, total_steps=200, steps_per_epoch=10, optimizer=optimizer)
    assert all("; " in f.message or ": " in f.message for f in caught.value.findings), "no remedy"
    return [f.loc for f in caught.value.findings]


@pytest.mark.parametrize("optimizer", [FREE, PRODIGY], ids=["schedule-free", "prodigy"])
@pytest.mark.parametrize(
    "phases",
    [
        [CONSTANT],
        [LINEAR, CONSTANT],
        [{**LINEAR, "start_factor": 0.0}, CONSTANT],
        [{"name": "piecewise", "duration": "20st", "points": [["0st", 0.0], ["20st", 0.01]]}, CONSTANT],
        [LINEAR, {"name": "constant", "duration": "10st"}, CONSTANT],
    ],
)
def test_a_constant_rate_and_a_warm_up_to_it_are_taken(
    optimizer: OptimizerTraits, phases: list[dict[str, Any]]
) -> None:
    spec = ScheduleSpec.parse({"base_lr": 0.01, "phases": phases})
    run = resolve(spec, total_steps=200, steps_per_epoch=10, optimizer=optimizer)
    assert run.lr(199) == 0.01


@pytest.mark.parametrize("optimizer", [FREE, PRODIGY], ids=["schedule-free", "prodigy"])
@pytest.mark.parametrize(
    ("phases", "loc"),
    [
        ([{"name": "cosine", "duration": "rest"}], (0, "name")),
        ([LINEAR, {"name": "cosine", "duration": "rest"}], (1, "name")),
        ([{**LINEAR, "duration": "rest"}], (0, "name")),
        ([{"name": "step", "duration": "5ep", "step_size": "1ep"}, CONSTANT], (0, "name")),
        ([{**LINEAR, "start_factor": 1.0, "end_factor": 0.1}, CONSTANT], (0,)),
        ([LINEAR, {**CONSTANT, "lr": 0.001}], (1,)),
        (
            [
                {
                    "name": "piecewise",
                    "duration": "20st",
                    "points": [["0st", 0.001], ["10st", 0.01], ["20st", 0.005]],
                },
                {**CONSTANT, "lr": "previous"},
            ],
            (0,),
        ),
    ],
)
def test_what_falls_is_refused_in_its_place(
    optimizer: OptimizerTraits, phases: list[dict[str, Any]], loc: tuple[str | int, ...]
) -> None:
    assert places({"phases": phases}, optimizer) == [("schedule", "phases", *loc)]


@pytest.mark.parametrize("optimizer", [FREE, PRODIGY], ids=["schedule-free", "prodigy"])
def test_feedback_is_refused(optimizer: OptimizerTraits):
    feedback = {"name": "plateau", "monitor": "val_loss"}
    assert places({"phases": [CONSTANT], "feedback": feedback}, optimizer) == [("schedule", "feedback")]


@pytest.mark.parametrize("optimizer", [FREE, PRODIGY], ids=["schedule-free", "prodigy"])
def test_no_momentum_is_cycled(optimizer: OptimizerTraits):
    assert not optimizer.cycles_momentum
    assert optimizer.momentum == 0.9


def test_prodigy_has_one_step_size_for_all_weights():
    halved = {"phases": [CONSTANT], "groups": {"body": {"lr_mult": 0.5}, "head": {"lr_mult": 0.0}}}
    assert places(halved, PRODIGY) == [("schedule", "groups", "body", "lr_mult")]
    resolve(
        ScheduleSpec.parse({"base_lr": 0.01, **halved}), total_steps=200, steps_per_epoch=10, optimizer=FREE
    )
