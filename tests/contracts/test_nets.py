"""What holds for every net: built from a seed, trained in groups, and able to learn a tiny world."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from services.worker.nets import BUILDERS, Net, Sizes, build
from services.worker.nets.activations import Activation
from services.worker.nets.neumf import Neumf
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import Rules, train
from services.worker.training.optim import make_optimizer
from services.worker.training.points import materialise
from shared.catalog import (
    GROUPS_OF_NET,
    NETS_OF_TASK,
    ActivationName,
    AnyNet,
    InitName,
    MfParams,
    MlpParams,
    NeumfParams,
)
from shared.specs.optimizers import AdamParams
from tests.support.lessons import ITEMS, LESSONS, STEPS_PER_EPOCH, USERS, Lesson, pair_lesson, scheduled, ward

SIZES = Sizes(users=7, items=9, numbers=3, levels=(4, 30), start=0.25)
PARAMS: dict[str, AnyNet] = {
    "mf": MfParams(embedding_dim=4),
    "neumf": NeumfParams(embedding_dim=4, hidden=(8, 4)),
    "mlp": MlpParams(hidden=(8, 4)),
}
DEEP = ("neumf", "mlp")
PLAIN: dict[ActivationName, Callable[[Tensor], Tensor]] = {
    "relu": lambda x: x.clamp(min=0),
    "tanh": lambda x: 2 / (1 + torch.exp(-2 * x)) - 1,
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "silu": lambda x: x / (1 + torch.exp(-x)),
}
RECOMMENDERS = NETS_OF_TASK["recommend"]


def weights(net: Net) -> dict[str, Tensor]:
    return dict(net.state_dict())


def inputs_of(name: str) -> tuple[Tensor, ...]:
    if name in RECOMMENDERS:
        return torch.tensor([0, 3, 6]), torch.tensor([[0, 8], [1, 1], [4, 2]])
    return torch.randn(3, 3, generator=torch.Generator().manual_seed(0)), torch.tensor(
        [[0, 29], [3, 1], [2, 2]]
    )


def test_every_net_of_the_menu_has_its_builder_and_its_groups():
    names = {name for names in NETS_OF_TASK.values() for name in names}
    assert set(BUILDERS) == set(GROUPS_OF_NET) == set(PARAMS) == names


@pytest.mark.parametrize("name", BUILDERS)
class TestEveryNet:
    def test_the_seed_alone_decides_its_weights(self, name: str) -> None:
        torch.manual_seed(1)
        first = weights(build(PARAMS[name], SIZES, seed=5))
        torch.manual_seed(2)
        same, other = (weights(build(PARAMS[name], SIZES, seed=s)) for s in (5, 6))
        assert all(torch.equal(first[key], same[key]) for key in first)
        assert any(not torch.equal(first[key], other[key]) for key in first)

    def test_building_leaves_the_generator_alone(self, name: str) -> None:
        torch.manual_seed(3)
        wanted = torch.rand(1)
        torch.manual_seed(3)
        build(PARAMS[name], SIZES, seed=5)
        assert torch.equal(torch.rand(1), wanted)

    def test_its_groups_hold_every_parameter_once(self, name: str) -> None:
        net = build(PARAMS[name], SIZES, seed=5)
        groups = net.parameter_groups()
        assert tuple(groups) == GROUPS_OF_NET[name]
        grouped = [id(p) for group in groups.values() for p in group]
        assert sorted(grouped) == sorted(id(p) for p in net.parameters())

    def test_its_layers_hold_every_parameter_once_in_forward_order(self, name: str) -> None:
        net = build(PARAMS[name], SIZES, seed=5)
        layers = net.layers()
        held = [p for layer in layers for p in (layer.weight, layer.bias) if p is not None]
        assert sorted(map(id, held)) == sorted(id(p) for p in net.parameters())
        assert [layer.order for layer in layers] == sorted(layer.order for layer in layers)
        assert len({layer.name for layer in layers}) == len(layers)

    def test_its_layers_are_named_as_in_a_checkpoint(self, name: str) -> None:
        net = build(PARAMS[name], SIZES, seed=5)
        named = dict(net.named_parameters())
        for layer in net.layers():
            assert named.get(layer.name, named.get(f"{layer.name}.weight")) is layer.weight

    def test_the_backward_pass_meets_its_matrices_in_reverse(self, name: str) -> None:
        net, met = build(PARAMS[name], SIZES, seed=5), list[int]()
        for layer in net.layers():
            if layer.kind == "matrix":
                layer.weight.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                    lambda _, at=layer.order: met.append(at)
                )
        net(*inputs_of(name)).square().sum().backward()
        assert met == sorted(met, reverse=True)
        assert len(met) == {"mf": 0, "neumf": 4, "mlp": 3}[name]

    def test_every_parameter_takes_part(self, name: str) -> None:
        net = build(PARAMS[name], SIZES, seed=5)
        net(*inputs_of(name)).square().sum().backward()
        assert [key for key, p in net.named_parameters() if p.grad is None] == []

    def test_scores_are_float32_also_when_computed_in_bf16(self, name: str) -> None:
        net = build(PARAMS[name], SIZES, seed=5).eval()
        exact = net(*inputs_of(name))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = net(*inputs_of(name))
        assert exact.dtype == rough.dtype == torch.float32
        assert torch.allclose(exact, rough, atol=0.05)

    def test_dropout_rests_when_the_net_is_judged(self, name: str) -> None:
        net = build(PARAMS[name], SIZES, seed=5).eval()
        assert torch.equal(net(*inputs_of(name)), net(*inputs_of(name)))


@pytest.mark.parametrize("activation", get_args(ActivationName))
@pytest.mark.parametrize("name", DEEP)
class TestEveryActivation:
    def test_follows_every_hidden_layer(self, name: str, activation: ActivationName) -> None:
        """What passes each of the two is the plain formula of what came."""
        net = with_activation(name, activation)
        net.eval()
        plain = PLAIN[activation]
        seen: list[tuple[Tensor, Tensor]] = []
        modules = [m for m in net.modules() if isinstance(m, Activation)]
        for module in modules:
            module.register_forward_hook(lambda _m, given, out: seen.append((given[0], out)))
        net(*inputs_of(name))
        assert len(seen) == len(modules) == 2
        assert all(torch.allclose(out, plain(given), atol=1e-7) for given, out in seen)

    def test_every_parameter_takes_part(self, name: str, activation: ActivationName) -> None:
        net = with_activation(name, activation)
        net(*inputs_of(name)).square().sum().backward()
        assert [key for key, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("activation", get_args(ActivationName))
def test_dropout_zeroes_its_share_of_what_an_activation_passes(activation: ActivationName):
    layer = Activation(activation, dropout=0.5)
    torch.manual_seed(1)
    out = layer(torch.full((100, 1000), 2.0))
    assert float((out == 0).float().mean()) == pytest.approx(0.5, abs=0.01)
    assert torch.equal(layer.eval()(torch.ones(3)), Activation(activation, dropout=0.0)(torch.ones(3)))


@pytest.mark.parametrize(
    ("activation", "init", "bound"),
    [
        ("relu", "default", (6 / 20) ** 0.5),
        ("gelu", "default", (6 / 20) ** 0.5),
        ("tanh", "default", (6 / 50) ** 0.5),
        ("sigmoid", "default", (6 / 50) ** 0.5),
        ("sigmoid", "kaiming", (6 / 20) ** 0.5),
        ("relu", "xavier", (6 / 50) ** 0.5),
        ("relu", "torch", (1 / 20) ** 0.5),
    ],
)
def test_hidden_weights_are_drawn_from_the_range_that_was_asked_for(
    activation: ActivationName, init: InitName, bound: float
):
    """20 numbers into 30 units: Kaiming ±√(6/20), Xavier ±√(6/50), torch ±√(1/20)."""
    params = MlpParams(hidden=(30,), activation=activation, init=init)
    net = build(params, Sizes(numbers=20), seed=1)
    weight = net.state_dict()["body.0.weight"].abs()
    assert 0.97 * bound < float(weight.max()) <= bound


def with_activation(name: str, activation: ActivationName) -> Net:
    return build(PARAMS[name].model_copy(update={"activation": activation}), SIZES, seed=5)


@pytest.mark.parametrize("name", RECOMMENDERS)
class TestEveryRecommender:
    def test_a_shared_list_of_items_scores_as_each_users_own(self, name: str) -> None:
        net = build(PARAMS[name], SIZES, seed=5).eval()
        users, items = torch.tensor([0, 2, 5]), torch.arange(9)
        assert torch.allclose(net(users, items), net(users, items.expand(3, 9)), atol=1e-6)

    def test_its_output_starts_where_it_is_told(self, name: str) -> None:
        tiny = PARAMS[name].model_copy(update={"init_std": 1e-12})
        net = build(tiny, SIZES, seed=5).eval()
        assert net(*inputs_of(name)).detach().numpy() == pytest.approx(0.25, abs=1e-5)

    def test_it_learns_the_checkerboard(self, name: str) -> None:
        """Each user's one held-out item is the best of those not met: the other colour is never liked."""
        params = PARAMS[name].model_copy(update={"init_std": 0.1})
        net = learnt(pair_lesson(params))
        scores = net(torch.arange(USERS), torch.arange(ITEMS)).detach().numpy()
        users, items = np.divmod(np.arange(USERS * ITEMS), ITEMS)
        liked = ((users + items) % 2 == 0).reshape(USERS, ITEMS)
        held_out = liked & (items == users % ITEMS).reshape(USERS, ITEMS)
        assert held_out.any(axis=1).all()
        assert (scores[held_out] > np.where(liked, -np.inf, scores).max(axis=1)).all()


def learnt(lesson: Lesson, *, epochs: int = 60) -> Net:
    """Train a net until it knows its lesson."""
    seed_everything(7, "cpu")
    net, params = lesson.net(), AdamParams(name="adam")
    steps = epochs * STEPS_PER_EPOCH
    schedule = scheduled({"name": "cosine", "base_lr": 0.03}, optimizer=params, steps=steps)
    points = train(
        net,
        batches=lesson.batches(),
        objective=lesson.objective,
        optimizer=make_optimizer(net, params, schedule),
        steps=range(steps),
        rules=Rules(),
    )
    curve = materialise(list(points))
    assert curve.loss[-1] < curve.loss[0]
    return net.eval()


def test_mlp_learns_an_exclusive_or_of_a_number_and_a_category():
    net = learnt(LESSONS["mlp"])
    records = ward()
    logits = net(torch.as_tensor(records.numbers), torch.as_tensor(records.codes)).detach().numpy()
    assert ((logits > 0) == (records.labels > 0)).mean() >= 0.98


def test_mlp_without_categories_or_layers_is_a_logistic_regression():
    net = build(MlpParams(hidden=()), Sizes(numbers=3), seed=1)
    assert list(net.parameter_groups()) == ["head"]
    assert net(torch.zeros(2, 3), torch.zeros(2, 0, dtype=torch.int64)).tolist() == [0.0, 0.0]


def test_neumf_is_the_papers_formula():
    """h·[p⊙q ; MLP([p';q'])] + b, written with one concatenated first layer."""
    net = build(PARAMS["neumf"], SIZES, seed=5).eval()
    assert isinstance(net, Neumf)
    users, items = torch.tensor([1, 4]), torch.tensor([[3, 5], [0, 8]])
    p, q = net.users[users].unsqueeze(1).expand(2, 2, 4), net.items[items]
    deep_p, deep_q = net.deep_users[users].unsqueeze(1).expand(2, 2, 4), net.deep_items[items]
    weight = torch.cat([net.user_layer.weight, net.item_layer.weight], dim=1)
    hidden = torch.cat([deep_p, deep_q], -1) @ weight.T + net.item_layer.bias
    deep = net.body(hidden.relu())
    head = torch.cat([net.product_head, net.body_head.weight[0]])
    wanted = torch.cat([p * q, deep], -1) @ head + net.body_head.bias
    assert torch.allclose(net(users, items), wanted, atol=1e-6)
