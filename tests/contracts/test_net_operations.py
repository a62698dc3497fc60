"""Every net in torch's own operations: none is missing, and they are those of its layers, costs and all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import prod

import pytest
import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from services.worker.nets import layers, mf, neumf
from services.worker.package.netgraph import Example, building, net_graphs
from services.worker.package.netgraph.flops import dot_products
from services.worker.package.weights import served_form
from shared.catalog import AnyNet, MlpParams, NeumfParams
from shared.graphs.netgraph import NetGraph, NetNode, totals_of
from shared.graphs.netgraph_levels import at_level
from tests.contracts.test_net_graphs import (
    CASES,
    Attentive,
    B,
    N,
    Recurrent,
    graph,
    graphs,
    net_of,
    operations,
    rows_of,
    sequence_graphs,
)

COSTS = ("parameters", "trainable", "bytes", "bytes_read", "flops_forward", "flops_backward")


def ops(params: AnyNet) -> NetGraph:
    return operations(graphs(params))


def inner(found: NetGraph) -> list[NetNode]:
    """Return the nodes between the ends."""
    return [node for node in found.nodes if node.type not in {"input", "output"}]


def reached(edges: Iterable[tuple[str, str]], start: set[str]) -> set[str]:
    """Return what edges lead to; they come in an order in which none leads back."""
    found = set(start)
    for source, target in edges:
        if source in found:
            found.add(target)
    return found


def sized(shape: tuple[int | str, ...]) -> tuple[int, ...]:
    """Return a shape of 6 users or records with 3 items each."""
    sizes = {"B": B, "N": N}
    return tuple(
        prod(sizes[letter] for letter in length.split("·")) if isinstance(length, str) else length
        for length in shape
    )


def changes(node: fx.Node) -> bool:
    """Tell whether a node of torch's trace is more than a view of a parameter, or of what it is already."""
    target: object = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    if not target.is_view:
        return True
    source = node.args[0]
    assert isinstance(source, fx.Node)
    if source.op == "get_attr":
        return False
    now, before = node.meta["tensor_meta"], source.meta["tensor_meta"]
    return bool((now.shape, now.stride) != (before.shape, before.stride))


def traced_by_torch(params: AnyNet) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield what torch's own tracer of operations finds in a net, by name and shape."""
    served = served_form(net_of(params))
    for node in make_fx(served)(*rows_of(params, rows=B).inputs).graph.nodes:
        if changes(node):
            yield node.target._overloadpacket.__name__, tuple(node.meta["tensor_meta"].shape)


@pytest.mark.parametrize("params", CASES)
class TestEveryNet:
    def test_its_operations_are_those_that_torchs_tracer_finds(
        self, params: AnyNet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(layers, "HAS_ONEDNN", False)
        for module in (mf, neumf):
            monkeypatch.setattr(module, "dot_each", dot_products)
        wanted = list(traced_by_torch(params))
        assert [(node.type, sized(node.outputs[0])) for node in inner(ops(params))] == wanted

    def test_every_operation_lies_on_a_way_from_an_input_to_the_output(self, params: AnyNet) -> None:
        found = ops(params)
        order = {node.id: place for place, node in enumerate(found.nodes)}
        ways = [(e.source, e.target) for e in found.edges]
        assert all(order[source] < order[target] for source, target in ways)
        inputs = {n.id for n in found.nodes if n.type == "input"}
        wanted = {node.id for node in inner(found)} | {"output"}
        assert wanted <= reached(ways, inputs)
        backwards = sorted(((b, a) for a, b in ways), key=lambda way: -order[way[0]])
        assert wanted <= reached(backwards, {"output"})

    def test_every_parameter_is_read_by_one_of_them(self, params: AnyNet) -> None:
        read = [(name, shape) for node in ops(params).nodes for name, shape in node.weights.items()]
        assert sorted(read) == sorted((n, tuple(p.shape)) for n, p in net_of(params).named_parameters())

    def test_together_they_are_the_layers(self, params: AnyNet) -> None:
        """Seen by the layers that they name, the operations have the layers' ways and costs."""
        near, far = ops(params), graph(params)
        layer_of = {node.id: node.layer or node.id for node in near.nodes}
        ways = {(layer_of[e.source], layer_of[e.target]) for e in near.edges}
        assert {way for way in ways if way[0] != way[1]} == {(e.source, e.target) for e in far.edges}
        for layer in inner(far):
            own = [node for node in inner(near) if node.layer == layer.id]
            assert own, layer.id
            assert {(node.path, node.module) for node in own} == {(layer.path, layer.module)}
            for cost in COSTS:
                assert sum(getattr(n, cost) for n in own) == getattr(layer, cost), (layer.id, cost)

    def test_their_costs_add_up_to_the_totals(self, params: AnyNet) -> None:
        near, far = graphs(params).operations, graph(params)
        assert near is not None
        assert totals_of(near.nodes) == near.totals == far.totals
        assert totals_of(at_level(near, "module").nodes) == near.totals

    def test_statistics_are_the_layers_and_stand_once(self, params: AnyNet) -> None:
        near, far = ops(params), graph(params)
        for name in ("gradient_norm", "activation_sd", "output_gradient_norm", "zero_fraction"):
            told = [(n.layer, getattr(n, name)) for n in inner(near) if getattr(n, name) is not None]
            wanted = [(n.id, getattr(n, name)) for n in inner(far) if getattr(n, name) is not None]
            assert sorted(told) == sorted(wanted), name


def test_the_operations_of_a_perceptron_are_those_of_its_formula() -> None:
    """tanh([x, E₀, E₁]·W + b), twice, and a head: what torch runs, in order."""
    found = inner(ops(MlpParams(activation="tanh", hidden=(128, 64))))
    looked_up = ["select", "index_select"] * 2
    assert [n.type for n in found] == [*looked_up, "cat", *["addmm", "tanh"] * 2, "addmm", "squeeze"]
    first = next(n for n in found if n.type == "addmm")
    assert (first.layer, first.path, first.outputs) == ("dense", "body.0", (("B", 128),))
    assert first.inputs == ((128,), ("B", 15), (15, 128))
    assert first.weights == {"body.0.bias": (128,), "body.0.weight": (128, 15)}
    assert (first.flops_forward, first.flops_backward) == (2 * 15 * 128, 4 * 15 * 128)


def test_the_items_of_all_users_are_one_long_batch_to_a_product_of_matrices() -> None:
    found = next(n for n in inner(ops(NeumfParams())) if n.path == "item_layer" and n.type == "addmm")
    assert (found.inputs[1], found.outputs[0]) == (("B·N", 32), ("B·N", 64))


@pytest.mark.parametrize("make", [Recurrent, Attentive])
def test_fused_layers_are_taken_apart_and_cost_the_same(make: Callable[[], nn.Module]) -> None:
    found = operations(sequence_graphs(make()))
    assert totals_of(found.nodes) == found.totals
    assert {name for n in found.nodes for name in n.weights} == {n for n, _ in make().named_parameters()}
    assert {e.source for e in found.edges} | {"output"} == {n.id for n in found.nodes}
    assert {n.type for n in inner(found)} >= {"embedding", "addmm"}


class Uneven(nn.Module):
    """Runs another operation for an odd number of rows."""

    __module__ = "torch.nn.uneven"
    """Of torch's own modules torch.fx does not look inside."""

    def forward(self, numbers_BF: Tensor) -> Tensor:
        return numbers_BF.exp() if len(numbers_BF) % 2 else numbers_BF.tanh()


def test_operations_that_change_with_the_size_of_the_batch_are_not_told() -> None:
    example = Example((torch.ones(40, 5),), (("B", None),), lambda out: out.square().mean())
    net = nn.Sequential(nn.Linear(5, 4), Uneven(), nn.Linear(4, 1)).eval()
    found = net_graphs(net, name="uneven", example=example, modules={})
    assert [n.path for n in inner(found.layers)] == ["0", "1", "2"]
    assert found.operations is None


def test_operations_that_cannot_be_told_do_not_cost_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> NetGraph:
        raise TypeError("the recorder met what it does not know")

    monkeypatch.setattr(building, "operations_of", fail)
    found = net_graphs(
        nn.Sequential(nn.Linear(5, 1)).eval(),
        name="plain",
        example=Example((torch.ones(40, 5),), (("B", None),), lambda out: out.square().mean()),
        modules={},
    )
    assert [n.path for n in inner(found.layers)] == ["0"]
    assert found.operations is None


class Spare(nn.Module):
    """Its dropout hands on what it is given, once the net is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(5, 5)
        self.rest = nn.Dropout()

    def forward(self, numbers_BF: Tensor) -> Tensor:
        out: Tensor = self.rest(self.dense(numbers_BF).max(dim=0, keepdim=True)[0])
        return out


def test_layers_that_do_nothing_have_no_operation() -> None:
    example = Example((torch.ones(40, 5),), (("B", None),), lambda out: out.square().mean())
    found = net_graphs(Spare().eval(), name="spare", example=example, modules={})
    assert [n.type for n in inner(found.layers)] == ["Linear", "max", "Dropout"]
    assert [n.type for n in operations(found).nodes] == ["input", "addmm", "max", "output"]
