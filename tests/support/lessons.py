"""Tiny trainings of every net: a checkerboard of clicks, its ratings, and records with a rule in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.worker.data.batches import EncodedRecords, EpochPlan, PairBatches, Pairs, RecordBatches
from services.worker.nets import Net, Sizes, build
from services.worker.training.objective import Objective, objective_of
from shared.catalog import AnyNet, MfParams, MlpParams, NeumfParams
from shared.schedules import OptimizerTraits, ResolvedSchedule, ScheduleSpec, resolve
from shared.specs.optimizers import (
    AdamParams,
    AdamWParams,
    OptimizerParams,
    ProdigyParams,
    ScheduleFreeAdamWParams,
    SgdParams,
)

USERS, ITEMS, RECORDS = 12, 10, 50
STEPS_PER_EPOCH = 8


@dataclass(frozen=True)
class Lesson:
    """How to make a net, its batches and its objective afresh, the same every time."""

    net: Callable[[], Net]
    batches: Callable[[], PairBatches | RecordBatches]
    objective: Objective


def checkerboard(*, explicit: bool = False) -> Pairs:
    """Even users met all even items but one, odd users the odd ones; liked is 5, else 1 where rated."""
    users, items = np.divmod(np.arange(USERS * ITEMS), ITEMS)
    liked = (users + items) % 2 == 0
    kept = np.ones(len(users), dtype=bool) if explicit else liked & (items != users % ITEMS)
    ratings = np.where(liked, 5.0, 1.0).astype(np.float32)[kept] if explicit else None
    return Pairs(users[kept].astype(np.int32), items[kept].astype(np.int32), ratings, USERS, ITEMS)


def ward() -> EncodedRecords:
    """Records with two numbers and a category; the label is their exclusive or."""
    draw = np.random.default_rng(5)
    numbers = draw.standard_normal((RECORDS, 2)).astype(np.float32)
    codes = draw.integers(0, 3, size=(RECORDS, 1))
    return EncodedRecords(numbers, codes, ((numbers[:, 0] > 0) != (codes[:, 0] == 1)).astype(np.float32))


def pair_lesson(params: AnyNet, *, explicit: bool = False) -> Lesson:
    """Return a lesson of a recommender on the checkerboard."""
    pairs = checkerboard(explicit=explicit)
    plan = EpochPlan(rows=len(pairs.users), batch_size=-(-len(pairs.users) // STEPS_PER_EPOCH), seed=7)
    sizes = Sizes(users=USERS, items=ITEMS, start=3.0 if explicit else 0.0)
    return Lesson(
        net=lambda: build(params, sizes, seed=7),
        batches=lambda: PairBatches(pairs, plan=plan, negatives=2, device="cpu"),
        objective=objective_of(
            task="recommend",
            feedback="explicit" if explicit else "implicit",
            loss=getattr(params, "loss", None),
        ),
    )


def record_lesson(params: MlpParams) -> Lesson:
    """Return a lesson of a net on records."""
    plan = EpochPlan(rows=RECORDS, batch_size=-(-RECORDS // STEPS_PER_EPOCH), seed=7)
    return Lesson(
        net=lambda: build(params, Sizes(numbers=2, levels=(3,)), seed=7),
        batches=lambda: RecordBatches(ward(), plan=plan, device="cpu"),
        objective=objective_of(task="diagnose"),
    )


LESSONS: dict[str, Lesson] = {
    "mf": pair_lesson(MfParams(embedding_dim=4)),
    "mf-bpr": pair_lesson(MfParams(embedding_dim=4, loss="bpr")),
    "mf-explicit": pair_lesson(MfParams(embedding_dim=4), explicit=True),
    "neumf": pair_lesson(NeumfParams(embedding_dim=4, hidden=(8, 4), dropout=0.2, init_std=0.1)),
    "neumf-explicit": pair_lesson(NeumfParams(embedding_dim=4, hidden=(8,), init_std=0.1), explicit=True),
    "mlp": record_lesson(MlpParams(hidden=(16, 8), dropout=0.2)),
}

OPTIMIZERS: dict[str, OptimizerParams] = {
    "sgd": SgdParams(name="sgd"),
    "sgd-momentum": SgdParams(name="sgd", momentum=0.9, weight_decay=1e-4),
    "sgd-nesterov": SgdParams(name="sgd", momentum=0.9, nesterov=True),
    "adam": AdamParams(name="adam", weight_decay=1e-4),
    "adamw": AdamWParams(name="adamw"),
}

SELF_SCALING: dict[str, OptimizerParams] = {
    "schedule-free": ScheduleFreeAdamWParams(name="schedule_free_adamw", weight_decay=0.01, r=0.5),
    "prodigy": ProdigyParams(name="prodigy", weight_decay=0.01, d0=1e-3),
}
"""Those that make their own of a constant rate."""

CYCLE: dict[str, object] = {"name": "cyclic", "base_lr": 0.001, "max_lr": 0.02, "step_size_up": "5st"}
WARM_UP: dict[str, object] = {"name": "linear", "duration": "20%", "start_factor": 0.1}
SCHEDULES: dict[str, dict[str, object]] = {
    "constant": {"name": "constant", "base_lr": 0.01},
    "step": {"name": "step", "base_lr": 0.02, "step_size": "1ep", "gamma": 0.5},
    "step-offset": {"name": "step", "base_lr": 0.02, "step_size": "1ep", "gamma": 0.5, "offset": "3st"},
    "cyclic-triangular": {**CYCLE, "mode": "triangular2"},
    "cyclic-welch": {**CYCLE, "shape": "welch", "mode": "exp_range", "gamma": 0.98},
    "cyclic-hann": {**CYCLE, "shape": "hann"},
    "cyclic-momentum": {**CYCLE, "momentum": {"base_momentum": 0.7, "max_momentum": 0.95}},
    "cosine": {"name": "cosine", "base_lr": 0.02, "eta_min": 0.001},
    "warm-up-then-cosine": {
        "base_lr": 0.02,
        "phases": [WARM_UP, {"name": "cosine", "duration": "rest"}],
        "groups": {"embeddings": {"lr_mult": 0.5}},
    },
}


WHOLE: dict[str, object] = {"base_lr": 0.02}
CATALOGUE: dict[str, dict[str, object]] = {
    "constant": WHOLE,
    "step": {**WHOLE, "step_size": "5st", "gamma": 0.5, "offset": "2st"},
    "multistep": {**WHOLE, "milestones": ["3st", "14st"], "gamma": 0.3},
    "exponential": {**WHOLE, "gamma": 0.7},
    "inverse_time": {**WHOLE, "decay_rate": 0.5, "decay_steps": "4st"},
    "linear": {**WHOLE, "start_factor": 0.2},
    "polynomial": {**WHOLE, "power": 2.0},
    "cosine": {**WHOLE, "T_max": "20st"},
    "cosine_restarts": {**WHOLE, "T_0": "4st", "T_mult": 2, "cycle_decay": 0.8},
    "cyclic": {**WHOLE, "base_lr": 0.001, "max_lr": 0.02, "step_size_up": "5st", "mode": "triangular2"},
    "one_cycle": {**WHOLE, "max_lr": 0.02},
    "inverse_sqrt": {**WHOLE, "timescale": "5st"},
    "wsd": {**WHOLE, "num_warmup_steps": "4st", "num_decay_steps": "8st"},
    "flat_cosine": WHOLE,
    "rex": WHOLE,
    "coslog": WHOLE,
    "tanh": WHOLE,
    "piecewise": {**WHOLE, "points": [["0st", 0.001], ["9st", 0.02], ["20st", 0.005]]},
}
"""Every schedule there is, short enough that a run of 24 updates goes through its corners."""


def scheduled(schedule: object, *, optimizer: OptimizerParams, steps: int) -> ResolvedSchedule:
    """Return a schedule in whole steps."""
    return resolve(
        ScheduleSpec.parse(schedule),
        total_steps=steps,
        steps_per_epoch=STEPS_PER_EPOCH,
        optimizer=OptimizerTraits.of(optimizer),
    )
