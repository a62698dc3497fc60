"""Samples of gradient flow are what they say, and change nothing."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch import Tensor

from services.worker.nets import Net
from services.worker.nets.neumf import Neumf
from services.worker.training.determinism import seed_everything
from services.worker.training.diagnostics import FlowWatch, described
from services.worker.training.loop import Point, Rules, train
from services.worker.training.optim import SteppedOptimizer, make_optimizer
from shared.gradients import Sample
from shared.specs.optimizers import AdamParams, OptimizerParams, SgdParams
from tests.support.lessons import LESSONS, OPTIMIZERS, scheduled

SGD = SgdParams(name="sgd")


class Watched:
    """A lesson being learnt under a watch."""

    def __init__(
        self, lesson: str, params: OptimizerParams = SGD, *, every: int | None = 5, clip: float | None = None
    ) -> None:
        seed_everything(7, "cpu")
        made = LESSONS[lesson]
        self.net: Net = made.net()
        schedule = scheduled({"name": "constant", "base_lr": 0.1}, optimizer=params, steps=40)
        self.optimizer: SteppedOptimizer = make_optimizer(self.net, params, schedule)
        self.watch = FlowWatch(self.net, parameters=self.optimizer.parameters, every=every)
        self.points = train(
            self.net,
            batches=made.batches(),
            objective=made.objective,
            optimizer=self.optimizer,
            steps=range(40),
            rules=Rules(watch=self.watch, clip_norm=clip),
        )

    def take(self, count: int) -> list[Point]:
        return list(islice(self.points, count))

    def sample(self) -> Sample:
        """Make one update and return its sample."""
        return self.watch.read(self.take(1))[0]

    @property
    def weights(self) -> list[Tensor]:
        """All weights in the order of the layers, copied."""
        layers = self.net.layers()
        return [p.detach().clone() for layer in layers for p in (layer.weight, layer.bias) if p is not None]


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_watch_changes_no_bit_of_a_training(lesson: str, optimizer: str) -> None:
    watched = Watched(lesson, OPTIMIZERS[optimizer], every=1, clip=0.05)
    free = Watched(lesson, OPTIMIZERS[optimizer], every=None, clip=0.05)
    seen = watched.take(15)
    states = [torch.get_rng_state()]
    seed_everything(7, "cpu")
    alone = free.take(15)
    states.append(torch.get_rng_state())
    assert len(watched.watch.read(seen)) == 15
    assert free.watch.read(alone) == []
    assert [(p.loss.item(), p.grad_norm.item()) for p in seen] == [
        (p.loss.item(), p.grad_norm.item()) for p in alone
    ]
    assert all(torch.equal(a, b) for a, b in zip(watched.weights, free.weights, strict=True))
    assert torch.equal(*states)


def test_the_first_ten_steps_are_sampled_and_then_every_so_many():
    made = Watched("mlp", every=7)
    assert [s.step for s in made.watch.read(made.take(40))] == [*range(10), 14, 21, 28, 35]


def test_a_fork_samples_its_own_first_ten_steps():
    made = Watched("mlp")
    watch = FlowWatch(made.net, parameters=made.optimizer.parameters, every=50, start=95)
    assert [step for step in range(95, 160) if watch.due(step)] == [*range(95, 105), 150]


def test_norms_are_those_of_each_layer_before_clipping():
    """The total is that of the layers; clipped, the update of plain SGD is lr · limit, the norm is not."""
    made = Watched("mlp", clip=0.01)
    before = made.weights
    found = made.sample()
    moved = [after - b for after, b in zip(made.weights, before, strict=True)]
    total = torch.cat([m.reshape(-1) for m in moved]).norm().item()
    assert total == pytest.approx(0.1 * 0.01, rel=1e-3)
    assert found.total_norm == pytest.approx(sum(n**2 for n in found.gradient_norms) ** 0.5, rel=1e-5)
    assert found.total_norm > 0.05
    # Every gradient was scaled by the same factor, so updates keep the proportions of the true norms.
    norms = [moved[0].norm(), *(torch.hypot(moved[i].norm(), moved[i + 1].norm()) for i in (1, 3, 5))]
    scaled = [n.item() * found.total_norm / total for n in norms]
    assert list(found.gradient_norms) == pytest.approx(scaled, rel=1e-3)


def test_an_update_ratio_is_that_of_the_weights_themselves():
    made = Watched("mlp", AdamParams(name="adam"))
    before = made.weights
    found = made.sample()
    # Of the first hidden layer, weight and bias; a bias that starts at zero has a part in the update alone.
    weight, bias = (made.weights[i] - before[i] for i in (1, 2))
    assert found.weight_norms[1] == pytest.approx(before[1].norm().item(), rel=1e-6)
    wanted = torch.hypot(weight.norm(), bias.norm()).item() / before[1].norm().item()
    assert found.update_ratios[1] == pytest.approx(wanted, rel=1e-5)


def test_a_table_is_measured_over_the_rows_that_the_batch_touched():
    made = Watched("neumf", AdamParams(name="adam"))
    made.take(3)  # Adam moves every row that ever had a gradient, also those the batch left out
    before = made.weights[0]
    found = made.sample()
    table = made.net.layers()[0].weight
    assert table.grad is not None
    touched = (table.grad != 0).any(1)
    assert 0 < int(touched.sum()) < len(table)
    moved = (table.detach() - before)[touched].norm().item()
    assert found.weight_norms[0] == pytest.approx(before[touched].norm().item(), rel=1e-5)
    assert found.update_ratios[0] == pytest.approx(moved / before[touched].norm().item(), rel=1e-4)


def test_zero_shares_are_of_relu_layers_before_dropout():
    """Hidden units of one sign: biases of +9 leave none at zero and −9 all, whatever dropout takes."""
    made = Watched("neumf", every=1)
    net = made.net
    assert isinstance(net, Neumf)
    assert net.activation.dropout == 0.2
    with torch.no_grad():
        net.item_layer.bias.fill_(9.0)
        next(iter(net.body.layers())).bias.fill_(-900.0)
    shares = dict(zip((layer.name for layer in made.watch.layers), made.sample().zero_fractions, strict=True))
    assert (shares["item_layer"], shares["body.0"]) == (0.0, 1.0)
    assert {name for name, share in shares.items() if share is not None} == {"item_layer", "body.0"}


def test_hooks_are_gone_after_a_sampled_step():
    made = Watched("mlp", every=20)
    made.take(1)
    assert all(not module._forward_hooks for module in made.net.modules())


def test_layers_are_described_in_forward_order_with_group_and_activation():
    layers = described(LESSONS["neumf"].net())
    assert [(layer.name, layer.group, layer.kind, layer.order, layer.activation) for layer in layers] == [
        ("users", "embeddings", "table", 0, None),
        ("items", "embeddings", "table", 0, None),
        ("deep_users", "embeddings", "table", 0, None),
        ("deep_items", "embeddings", "table", 0, None),
        ("user_layer", "body", "matrix", 1, None),
        ("item_layer", "body", "matrix", 1, "relu"),
        ("body.0", "body", "matrix", 2, "relu"),
        ("product_head", "head", "vector", 3, None),
        ("body_head", "head", "matrix", 3, None),
    ]
