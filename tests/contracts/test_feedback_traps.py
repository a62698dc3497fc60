"""Known traps of schedulers around feedback, momentum, groups and steps, each shown not to be ours.

The letters are those of the list of traps that the schedules' design keeps; the others stand elsewhere.
"""

from __future__ import annotations

import json
from math import inf, nan
from typing import NamedTuple

import pytest
import torch

from services.worker.training.loop import Rules, train
from services.worker.training.optim import make_optimizer
from shared.errors import Refused
from shared.schedules import ResolvedSchedule, controller_of, multiplier_at
from shared.schedules.feedback import GreedyParams, Plateau, PlateauParams
from shared.specs.optimizers import AdamParams, AdamWParams, OptimizerParams, SgdParams
from tests.support.lessons import LESSONS, scheduled

PLATEAU = PlateauParams(name="plateau", monitor="val_loss", mode="min", patience=0, factor=0.5)
ADAM = AdamParams(name="adam")
CYCLE = {"name": "cyclic", "base_lr": 0.01, "max_lr": 0.1, "step_size_up": "5st"}
ONE_CYCLE = {"name": "one_cycle", "base_lr": 0.01, "max_lr": 0.1}


class Event(NamedTuple):
    step: int
    m_after: float


def plan(schedule: object, optimizer: OptimizerParams = ADAM) -> ResolvedSchedule:
    return scheduled(schedule, optimizer=optimizer, steps=24)


def watched(params: PlateauParams, values: list[float]) -> float:
    listens, current = controller_of(params), 1.0
    for value in values:
        listens, new = listens.observe(value, multiplier=current)
        current = current if new is None else new
    return current


def test_trap_h_a_negative_metric_that_gets_worse_is_not_better():
    """A relative threshold turns −0.95 into better than −1.00; we ask for an absolute one."""
    assert watched(PLATEAU, [-1.0, -0.95]) == 0.5
    schedule = {
        "name": "constant",
        "base_lr": 0.1,
        "feedback": {"name": "plateau", "monitor": "ndcg@10", "threshold_mode": "rel"},
    }
    with pytest.raises(Refused) as caught:
        plan(schedule)
    assert caught.value.findings[0].loc == ("schedule", "feedback", "threshold_mode")


@pytest.mark.parametrize("params", [PLATEAU, GreedyParams(name="greedy", monitor="val_loss", mode="min")])
def test_trap_i_an_evaluation_without_a_number_cuts_nothing(params: PlateauParams | GreedyParams) -> None:
    listens = controller_of(params)
    for value in (nan, inf, -inf, 1.0, nan, nan):
        listens, new = listens.observe(value, multiplier=1.0)
        assert new is None or value == 1.0
        json.dumps(listens.to_json(), allow_nan=False)  # PostgreSQL's jsonb takes neither NaN nor Infinity


def test_trap_k_warm_up_and_plateau_go_together():
    schedule = {
        "base_lr": 0.1,
        "phases": [
            {"name": "linear", "duration": "4st", "start_factor": 0.25},
            {"name": "constant", "duration": "rest"},
        ],
        "feedback": {"name": "plateau", "monitor": "val_loss", "factor": 0.5},
    }
    run, events = plan(schedule), (Event(2, 0.5), Event(10, 0.25))
    found = [run.charted_lr(step, events) for step in (0, 1, 2, 3, 4, 9, 10, 23)]
    assert found == pytest.approx([0.025, 0.04375, 0.03125, 0.040625, 0.05, 0.05, 0.025, 0.025])


@pytest.mark.parametrize("schedule", [CYCLE, ONE_CYCLE], ids=["cyclic", "one_cycle"])
@pytest.mark.parametrize(
    ("params", "own"),
    [
        (ADAM, 0.9),
        (SgdParams(name="sgd", momentum=0.7), 0.7),
        (SgdParams(name="sgd"), None),
    ],
    ids=["adam", "sgd with momentum", "plain sgd"],
)
def test_trap_m_momentum_stays_as_it_is_unless_cycling_was_asked_for(
    schedule: dict[str, object], params: OptimizerParams, own: float | None
) -> None:
    optimizer = make_optimizer(LESSONS["mf"].net(), params, plan(schedule, params))
    for step in range(24):
        optimizer.apply(step)
        assert optimizer.momentum == own


def test_trap_m_cycling_a_momentum_that_is_not_there_is_refused():
    cycled = {**CYCLE, "momentum": {"base_momentum": 0.8, "max_momentum": 0.9}}
    with pytest.raises(Refused) as caught:
        plan(cycled, SgdParams(name="sgd"))
    assert caught.value.findings[0].loc == ("schedule", "phases", 0, "momentum")


def test_trap_o_every_group_has_its_rate_at_every_step():
    """Groups are named once, in the schedule; there is none to add later and no list to fall out of step."""
    schedule = {
        "name": "cosine",
        "base_lr": 0.1,
        "groups": {"embeddings": {"lr_mult": 0.1}, "head": {"lr_mult": 0.0}},
    }
    run = plan(schedule)
    net = LESSONS["neumf"].net()
    optimizer = make_optimizer(net, ADAM, run)
    for step in range(30):
        optimizer.apply(step)
        found = {group.lr_mult: group.lr for group in optimizer._groups}
        assert found == {0.1: 0.1 * 1.0 * run.lr(step), 0.0: 0.0, 1.0: run.lr(step)}
    assert len(optimizer.parameters) == len(list(net.parameters()))


def test_trap_p_a_rate_of_1e_8_is_still_cut():
    """The smallest change allowed is one of the multiplier, so it is relative to whatever rate there is."""
    assert PLATEAU.eps == 1e-8
    run = plan({"name": "constant", "base_lr": 1e-8, "feedback": PLATEAU.model_dump()})
    multiplier = watched(PLATEAU, [1.0, 1.0])
    assert run.charted_lr(3, (Event(2, multiplier),)) == 0.5e-8


def test_trap_q_state_holds_counters_and_never_settings():
    seen, _ = Plateau(PLATEAU).observe(1.0, multiplier=1.0)
    state = seen.to_json()
    assert not set(state) & set(PlateauParams.model_fields)
    patient = controller_of(PLATEAU.model_copy(update={"patience": 5}), state)
    assert patient.params.patience == 5
    assert patient.observe(1.0, multiplier=1.0)[1] is None


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_trap_v_every_step_is_an_update_that_was_made(precision: str):
    """No scaler skips an update, so t is the number of updates that moved the weights, in bf16 too."""
    lesson, params = LESSONS["mf"], AdamWParams(name="adamw")
    run = plan({"name": "cosine", "base_lr": 0.1}, params)
    net = lesson.net()
    optimizer = make_optimizer(net, params, run)
    before = [p.detach().clone() for p in optimizer.parameters]
    points = train(
        net,
        batches=lesson.batches(),
        objective=lesson.objective,
        optimizer=optimizer,
        steps=range(24),
        rules=Rules(precision=precision),  # type: ignore[arg-type]
    )
    for done, point in enumerate(points, start=1):
        assert (point.step, point.lr) == (done - 1, run.lr(done - 1))
        updates = optimizer.state_of(optimizer.parameters[0])["step"]
        assert updates.item() == done
        after = [p.detach().clone() for p in optimizer.parameters]
        assert not all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), done
        before = after


def test_a_multiplier_is_looked_up_and_never_multiplied_again():
    events = (Event(3, 0.5), Event(3, 0.25), Event(7, 2.0))
    assert [multiplier_at(events, step) for step in (0, 2, 3, 6, 7, 10**9)] == [1, 1, 0.25, 0.25, 2, 2]
    assert multiplier_at((), 5) == 1.0
