"""Findings on real nets: eight hidden layers of 64, 32 numbers in, batches of 256, over 20 seeds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from services.worker.data.batches import EncodedRecords, EpochPlan, RecordBatches
from services.worker.nets import Net, Sizes, build
from services.worker.training.determinism import seed_everything
from services.worker.training.diagnostics import FlowWatch
from services.worker.training.loop import Rules, train
from services.worker.training.objective import objective_of
from services.worker.training.optim import make_optimizer
from shared.catalog import ActivationName, InitName, MlpParams, NeumfParams
from shared.gradients import FindingKind, FlowFinding, find
from shared.specs.optimizers import AdamWParams
from tests.support.lessons import pair_lesson, scheduled

SEEDS = range(20)
STEPS = 10
"""As many as every training samples at its start."""
HEALTHY: list[tuple[ActivationName, InitName]] = [
    ("relu", "default"),
    ("relu", "xavier"),
    ("relu", "torch"),
    ("tanh", "default"),
    ("tanh", "torch"),
    ("gelu", "default"),
    ("silu", "default"),
]


def deep(activation: ActivationName, init: InitName, *, seed: int) -> Net:
    params = MlpParams(hidden=(64,) * 8, dropout=0.0, activation=activation, init=init)
    return build(params, Sizes(numbers=32), seed=seed)


def found_in(net: Net, *, seed: int) -> tuple[FlowFinding, ...]:
    """Return what the first updates of a net on noise show."""
    seed_everything(seed, "cpu")
    draw = np.random.default_rng(seed)
    rows = 256 * STEPS
    records = EncodedRecords(
        draw.standard_normal((rows, 32)).astype(np.float32),
        np.zeros((rows, 0), dtype=np.int64),
        draw.integers(0, 2, rows).astype(np.float32),
    )
    params = AdamWParams(name="adamw")
    schedule = scheduled({"name": "constant", "base_lr": 0.001}, optimizer=params, steps=STEPS)
    optimizer = make_optimizer(net, params, schedule)
    watch = FlowWatch(net, parameters=optimizer.parameters, every=50)
    points = train(
        net,
        batches=RecordBatches(records, plan=EpochPlan(rows=rows, batch_size=256, seed=seed), device="cpu"),
        objective=objective_of(task="diagnose"),
        optimizer=optimizer,
        steps=range(STEPS),
        rules=Rules(watch=watch),
    )
    return find(watch.layers, watch.read(list(points)))


@pytest.mark.parametrize(("activation", "init"), HEALTHY)
def test_a_healthy_net_has_no_finding_under_any_seed(activation: ActivationName, init: InitName) -> None:
    assert [found_in(deep(activation, init, seed=seed), seed=seed) for seed in SEEDS] == [()] * len(SEEDS)


@pytest.mark.parametrize("init", ["default", "torch"])
def test_a_deep_sigmoid_net_vanishes_under_every_seed(init: InitName) -> None:
    for seed in SEEDS:
        (found,) = found_in(deep("sigmoid", init, seed=seed), seed=seed)
        assert (found.kind, found.layer) == (FindingKind.VANISHING, "body.0")
        assert found.first_step <= 5
        assert any("replace sigmoid" in remedy for remedy in found.remedies)


def test_a_net_drawn_three_times_too_wide_explodes_under_every_seed():
    for seed in SEEDS:
        net = deep("relu", "kaiming", seed=seed)
        with torch.no_grad():
            for layer in net.layers():
                layer.weight.mul_(3.0 if layer.name.startswith("body") else 1.0)
        found = {f.kind: f for f in found_in(net, seed=seed)}
        assert found[FindingKind.EXPLODING].first_step == 0
        assert (found[FindingKind.EXPLODING].value or 0) > 1e3


def test_a_layer_with_a_bias_of_minus_ten_is_dead():
    net = deep("relu", "default", seed=1)
    with torch.no_grad():
        layer = next(layer for layer in net.layers() if layer.name == "body.4")
        assert layer.bias is not None
        layer.bias.fill_(-10.0)
    dead = [f for f in found_in(net, seed=1) if f.kind is FindingKind.DEAD]
    assert dead[0].layer == "body.4"
    assert dead[0].value == 1.0


def test_a_recommender_that_learns_has_no_finding():
    """Its embeddings start small, so gradients grow a hundredfold in the first epochs: no explosion."""
    for seed in range(3):
        seed_everything(seed, "cpu")
        lesson, params = pair_lesson(NeumfParams()), AdamWParams(name="adamw")
        net = lesson.net()
        optimizer = make_optimizer(
            net, params, scheduled({"name": "cosine", "base_lr": 0.01}, optimizer=params, steps=120)
        )
        watch = FlowWatch(net, parameters=optimizer.parameters, every=5)
        points = train(
            net,
            batches=lesson.batches(),
            objective=lesson.objective,
            optimizer=optimizer,
            steps=range(120),
            rules=Rules(watch=watch),
        )
        assert find(watch.layers, watch.read(list(points))) == ()
