"""The graph of every net: nothing is missing, shapes and costs are those of the net, and no row is in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from services.worker.nets import BUILDERS, Net, Sizes, build
from services.worker.nets.activations import Activation
from services.worker.package.netgraph import MIN_ROWS, Example, NetGraphs, Rows, graphs_of_net, net_graphs
from services.worker.package.netgraph.building import on_meta, wiring_of
from services.worker.package.netgraph.catalogue import KINDS
from services.worker.package.weights import served_form
from services.worker.training.objective import objective_of
from shared.catalog import NETS_OF_TASK, AnyNet, MfParams, MlpParams, NeumfParams
from shared.graphs.netgraph import NetEdge, NetGraph, NetNode, SampleFacts
from shared.graphs.netgraph_levels import at_level, contracted

SIZES = Sizes(users=150, items=200, numbers=5, levels=(4, 9), start=0.25)
"""More items than a batch names: with fewer, NeuMF puts the whole table through its first layer."""
VARIANTS: dict[str, list[AnyNet]] = {
    "mf": [MfParams(), MfParams(embedding_dim=1)],
    "neumf": [NeumfParams(), NeumfParams(hidden=(8,), embedding_dim=3, dropout=0.5, activation="gelu")],
    "mlp": [
        MlpParams(hidden=(16,) * 8, activation="sigmoid"),
        MlpParams(hidden=()),
        MlpParams(activation="tanh", dropout=0.5),
        MlpParams(activation="silu"),
    ],
}
CASES = [pytest.param(p, id=f"{name}-{i}") for name in BUILDERS for i, p in enumerate(VARIANTS[name])]
B, N = 6, 3


def net_of(params: AnyNet, *, sizes: Sizes = SIZES) -> Net:
    """Return a net whose every parameter is far from its initial value, in training mode."""
    net = build(params, sizes, seed=3)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.2)
    return net


def rows_of(params: AnyNet, *, rows: int, seed: int = 0, items: int = N) -> Rows:
    """Return a batch as training has it."""
    draw = torch.Generator().manual_seed(seed)
    if params.name in NETS_OF_TASK["recommend"]:
        users_B = torch.randint(SIZES.users, (rows,), generator=draw)
        items_BN = torch.randint(SIZES.items, (rows, items), generator=draw)
        return Rows((users_B, items_BN), None, objective_of(task="recommend", loss="bce"))
    numbers_BF = torch.randn(rows, SIZES.numbers, generator=draw)
    codes_BC = torch.stack([torch.randint(n, (rows,), generator=draw) for n in SIZES.levels], dim=1)
    return Rows((numbers_BF, codes_BC), torch.arange(rows) % 2.0, objective_of(task="diagnose"))


def graphs(params: AnyNet) -> NetGraphs:
    return graphs_of_net(net_of(params), name=params.name, rows=rows_of(params, rows=40))


def graph(params: AnyNet) -> NetGraph:
    return graphs(params).layers


def operations(found: NetGraphs) -> NetGraph:
    """Return the graph of operations, which there must be."""
    assert found.operations is not None
    return found.operations


def leaves(net: nn.Module) -> Iterator[str]:
    """Yield the paths of modules that compute something themselves."""
    for path, module in net.named_modules():
        own = list(module.parameters(recurse=False)) or not list(module.children())
        if path and own and not isinstance(module, nn.ParameterList | nn.Sequential):
            yield path


def sized(shape: tuple[int | str, ...]) -> tuple[int, ...]:
    return tuple({"B": B, "N": N}[length] if isinstance(length, str) else length for length in shape)


def torch_counts(net: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[int, int]:
    """Return FLOPs forward and backward by torch's own counter, in training mode on the meta device."""
    bare, own = on_meta(net).train(), tuple(t.to("meta") for t in inputs)
    with FlopCounterMode(display=False) as forward:
        output = bare(*own)
    with FlopCounterMode(display=False) as backward:
        output.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()


def test_every_net_of_the_menu_has_a_graph_of_its_own_kind() -> None:
    assert set(VARIANTS) == set(BUILDERS)
    assert {type(net_of(params)) for found in VARIANTS.values() for params in found} == set(KINDS)


@pytest.mark.parametrize("params", CASES)
class TestEveryNet:
    def test_it_traces_without_watching(self, params: AnyNet) -> None:
        assert graph(params).method == "trace"

    def test_every_layer_and_every_parameter_is_there_once(self, params: AnyNet) -> None:
        net, found = net_of(params), graph(params)
        assert set(leaves(net)) <= {node.path for node in found.nodes}
        weights = [(name, shape) for node in found.nodes for name, shape in node.weights.items()]
        assert sorted(weights) == sorted((name, tuple(p.shape)) for name, p in net.named_parameters())

    def test_parameters_and_bytes_are_those_of_the_net(self, params: AnyNet) -> None:
        net, found = net_of(params), graph(params)
        count = sum(p.numel() for p in net.parameters())
        assert sum(node.parameters for node in found.nodes) == found.totals.parameters == count
        assert (found.totals.trainable, found.totals.bytes) == (count, 4 * count)

    def test_shapes_are_those_of_a_real_forward_pass(self, params: AnyNet) -> None:
        net, came = net_of(params).eval(), dict[str, tuple[int, ...]]()
        for path, module in net.named_modules():
            if isinstance(module, Activation) or (type(module) is nn.Linear):
                module.register_forward_hook(lambda _m, _i, out, path=path: came.__setitem__(path, out.shape))
        output = net(*rows_of(params, rows=B).inputs)
        nodes = {node.path or node.id: node for node in graph(params).nodes}
        assert sized(nodes["output"].outputs[0]) == tuple(output.shape)
        assert {path: sized(nodes[path].outputs[0]) for path in came} == {
            p: tuple(s) for p, s in came.items()
        }

    def test_flops_are_torchs_counts_and_the_dot_products(self, params: AnyNet) -> None:
        found = graph(params)
        dots = [n for n in found.nodes if n.type == "dot product"]
        forward, backward = torch_counts(net_of(params), rows_of(params, rows=8, items=1).inputs)
        assert found.totals.flops_forward - sum(n.flops_forward for n in dots) == forward / 8
        assert found.totals.flops_backward - sum(n.flops_backward for n in dots) == backward / 8

    def test_gradients_are_those_of_the_plain_net_to_the_bit(self, params: AnyNet) -> None:
        net, rows = served_form(net_of(params)), rows_of(params, rows=40)
        rows.objective(net(*rows.inputs), rows.targets).backward()  # type: ignore[no-untyped-call]
        copy = served_form(net_of(params))
        example = Example(rows.inputs, KINDS[type(net)].layout, lambda out: rows.objective(out, rows.targets))
        run = wiring_of(copy, example).run(copy, rows.inputs)
        example.loss(run.left["output"][0]).backward()  # type: ignore[no-untyped-call]
        for (name, plain), (_, traced) in zip(net.named_parameters(), copy.named_parameters(), strict=True):
            assert plain.grad is not None, name
            assert traced.grad is not None, name
            assert torch.equal(plain.grad, traced.grad), name

    def test_norms_and_moments_are_those_of_the_batch(self, params: AnyNet) -> None:
        net, rows, found = served_form(net_of(params)), rows_of(params, rows=40), graph(params)
        output = net(*rows.inputs)
        rows.objective(output, rows.targets).backward()  # type: ignore[no-untyped-call]
        gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
        for node in (n for n in found.nodes if n.weights):
            wanted = torch.cat([gradients[w].flatten() for w in node.weights]).norm()
            assert node.gradient_norm == pytest.approx(float(wanted), rel=1e-5), node.id
        last, output = found.nodes[-1], output.detach()
        assert last.activation_mean == pytest.approx(float(output.mean()), rel=1e-5)
        assert last.activation_sd == pytest.approx(float(output.std(correction=0)), rel=1e-5)

    def test_the_net_and_the_generator_are_left_as_they_were(self, params: AnyNet) -> None:
        net = net_of(params)
        before, state = {k: v.clone() for k, v in net.state_dict().items()}, torch.random.get_rng_state()
        graphs_of_net(net, name=params.name, rows=rows_of(params, rows=40))
        assert torch.equal(torch.random.get_rng_state(), state)
        assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
        assert net.training
        assert all(p.grad is None for p in net.parameters())

    def test_the_same_net_and_rows_give_the_same_bytes(self, params: AnyNet) -> None:
        first, second = graphs(params), graphs(params)
        assert first.layers.to_json() == second.layers.to_json()
        assert operations(first).to_json() == operations(second).to_json()

    def test_a_stored_graph_is_read_back_as_it_was(self, params: AnyNet) -> None:
        found = graphs(params)
        for each in (found.layers, operations(found)):
            assert NetGraph.model_validate_json(each.to_json()) == each

    def test_modules_hold_every_layer_and_cost_the_same(self, params: AnyNet) -> None:
        near = graph(params)
        far = at_level(near, "module")
        assert sum(n.layers for n in far.nodes) == len(near.nodes)
        for name in ("parameters", "flops_forward", "flops_backward", "bytes_read"):
            assert sum(getattr(n, name) for n in far.nodes) == getattr(near.totals, name)
        order = {node.id: place for place, node in enumerate(far.nodes)}
        assert {e.source for e in far.edges} | {e.target for e in far.edges} == set(order)

    def test_no_value_of_a_row_is_in_it(self, params: AnyNet) -> None:
        """Each number of the rows is one that nothing else is, and its digits are looked for."""
        rows = rows_of(params, rows=MIN_ROWS)
        if params.name == "mlp":
            rows.inputs[0].copy_(
                torch.linspace(1.2345678, 9.8765432, rows.inputs[0].numel()).view(MIN_ROWS, -1)
            )
        found = graphs_of_net(net_of(params), name=params.name, rows=rows)
        texts = [found.layers.to_json(), operations(found).to_json()]
        told = {abs(x) for text in texts for x in numbers_in(json.loads(text)) if isinstance(x, float)}
        own = [float(x) for t in rows.inputs if t.is_floating_point() for x in t.flatten()]
        own += net_of(params).eval()(*rows.inputs).flatten().abs().tolist()
        assert not [x for x in own if any(abs(x - y) <= 1e-6 * abs(x) for y in told)]

    def test_fewer_than_32_rows_are_not_looked_at(self, params: AnyNet) -> None:
        few = (None, *(rows_of(params, rows=MIN_ROWS - 1, seed=s) for s in (1, 2)))
        found = [graphs_of_net(net_of(params), name=params.name, rows=rows) for rows in few]
        texts = {(each.layers.to_json(), operations(each).to_json()) for each in found}
        assert len(texts) == 1
        assert all('"source":"synthetic"' in text for text in texts.pop())
        assert graph(params).sample == SampleFacts(rows=40, source="training")


def numbers_in(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, int | float):
        yield value


def by_path(found: NetGraph) -> dict[str, NetNode]:
    return {node.path: node for node in found.nodes if node.path}


def test_the_flops_of_a_perceptron_are_those_counted_by_hand() -> None:
    """5 numbers, embeddings of 4 and 6: 15 inputs; 2 FLOPs for each weight, twice that backward."""
    found = graph(MlpParams(hidden=(128, 64)))
    flops = {
        path: (n.flops_forward, n.flops_backward) for path, n in by_path(found).items() if n.flops_forward
    }
    assert flops == {
        "body.0": (2 * 15 * 128, 4 * 15 * 128),
        "body.1": (2 * 128 * 64, 4 * 128 * 64),
        "head": (2 * 64, 4 * 64),
    }
    assert (by_path(found)["tables.0"].bytes_read, by_path(found)["tables.1"].bytes_read) == (4 * 4, 6 * 4)


def test_a_first_layer_without_embeddings_needs_no_gradient_of_its_inputs() -> None:
    net = net_of(MlpParams(hidden=(8,)), sizes=Sizes(numbers=5))
    found = by_path(graphs_of_net(net, name="mlp", rows=None).layers)
    assert (found["body.0"].flops_forward, found["body.0"].flops_backward) == (2 * 5 * 8, 2 * 5 * 8)


def test_the_flops_of_neumf_are_those_counted_by_hand() -> None:
    """Width 32, layers 64-32-16: two halves of the first layer, two layers, the head, and a dot product."""
    found = graph(NeumfParams())
    products = 32 * 64 + 32 * 64 + 64 * 32 + 32 * 16 + 16 + 32
    assert (found.totals.flops_forward, found.totals.flops_backward) == (2 * products, 4 * products)
    assert found.totals.bytes_read == 4 * 32 * 4


def test_the_dot_product_of_a_factorisation_is_counted() -> None:
    found = graph(MfParams(embedding_dim=64))
    assert (found.totals.flops_forward, found.totals.flops_backward) == (2 * 64, 4 * 64)
    assert found.totals.bytes_read == 2 * 64 * 4 + 2 * 4


class Recurrent(nn.Module):
    """Events of 12 codes through an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.events = nn.Embedding(30, 5)
        self.history = nn.LSTM(5, 7, batch_first=True)
        self.head = nn.Linear(7, 1)

    def forward(self, codes_BT: Tensor) -> Tensor:
        states, _ = self.history(self.events(codes_BT))
        logits: Tensor = self.head(states[:, -1]).squeeze(-1)
        return logits


class Attentive(nn.Module):
    """Events of 12 codes through a layer of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.events = nn.Embedding(30, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, codes_BT: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(self.events(codes_BT)).mean(1)).squeeze(-1)
        return logits


def sequence_graphs(net: nn.Module) -> NetGraphs:
    codes_BT = torch.arange(40 * 12).view(40, 12) % 30
    example = Example((codes_BT,), (("B", None),), lambda out: out.square().mean())
    return net_graphs(net.eval(), name="sequence", example=example, modules={})


@pytest.mark.parametrize(
    ("make", "path", "flops"),
    [
        (Recurrent, "history", 2 * 12 * 4 * 7 * (5 + 7)),
        (Attentive, "encoder", 2 * 12 * (4 * 8 * 8 + 2 * 8 * 16) + 2 * 2 * 12 * 12 * 8),
    ],
)
def test_fused_layers_are_counted_as_by_hand_and_as_torch_does(
    make: Callable[[], nn.Module], path: str, flops: int
) -> None:
    found = sequence_graphs(make()).layers
    assert by_path(found)[path].flops_forward == flops
    assert (
        by_path(found)["events"].bytes_read == 12 * by_path(found)["events"].weights["events.weight"][1] * 4
    )
    forward, backward = torch_counts(make(), (torch.zeros(8, 12, dtype=torch.int64),))
    assert (found.totals.flops_forward, found.totals.flops_backward) == (forward / 8, backward / 8)
    assert found.method == "trace"


class Gated(nn.Module):
    """Takes another way for a batch of large numbers, so it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 4)
        self.scale = nn.Parameter(torch.full((4,), 0.5))
        self.rest = nn.Sequential(nn.Tanh(), nn.Linear(4, 1))

    def forward(self, numbers_BF: Tensor) -> Tensor:
        hidden = self.first(numbers_BF)
        if hidden.abs().mean() > 100:
            hidden = hidden / 100
        logits: Tensor = self.rest(hidden * self.scale).squeeze(-1)
        return logits


class TestANetThatCannotBeTraced:
    def both(self) -> NetGraphs:
        example = Example((torch.ones(40, 5),), (("B", None),), lambda out: out.square().mean())
        torch.manual_seed(0)
        return net_graphs(Gated().eval(), name="gated", example=example, modules={})

    def found(self) -> NetGraph:
        return self.both().layers

    def test_its_operations_are_not_told(self) -> None:
        assert self.both().operations is None

    def test_it_is_watched_and_nothing_is_missing(self) -> None:
        found = self.found()
        assert found.method == "hooks"
        assert {n.path for n in found.nodes} >= {"first", "scale", "rest.0", "rest.1"}
        assert sum(n.parameters for n in found.nodes) == found.totals.parameters == 5 * 4 + 4 + 4 + 5

    def test_ways_lead_through_operations_between_modules(self) -> None:
        edges = {(e.source, e.target, e.shape) for e in self.found().edges}
        assert edges == {
            ("input_0", "first", ("B", 5)),
            ("first", "rest.0", ("B", 4)),
            ("scale", "rest.0", (4,)),
            ("rest.0", "rest.1", ("B", 4)),
            ("rest.1", "output", ("B",)),
        }

    def test_it_is_counted_and_measured(self) -> None:
        found = by_path(self.found())
        assert (found["first"].flops_forward, found["rest.1"].flops_forward) == (2 * 5 * 4, 2 * 4)
        assert found["scale"].gradient_norm is not None
        assert found["rest.0"].activation_sd is not None
        assert found["rest.1"].gradient_norm is not None


def test_a_net_that_cannot_run_has_no_graph() -> None:
    example = Example((torch.ones(40, 3),), (("B", None),), lambda out: out.sum())
    with pytest.raises(RuntimeError):
        net_graphs(Gated().eval(), name="gated", example=example, modules={})


def test_a_factorisation_names_its_inputs_and_its_modules_apart() -> None:
    far = at_level(graph(MfParams()), "module")
    assert [n.id for n in far.nodes] == ["users", "items", "user factors", "item factors", "score", "output"]


def test_a_module_that_is_called_as_an_input_says_that_it_is_a_module() -> None:
    nodes = [
        NetNode(id="items", type="input"),
        *(NetNode(id=name, type="Embedding", module="items") for name in ("table", "bias")),
    ]
    edges = [NetEdge(source="items", target=name, shape=("B",)) for name in ("table", "bias")]
    near = graph(MfParams()).model_copy(update={"nodes": tuple(nodes), "edges": tuple(edges)})
    assert [n.id for n in at_level(near, "module").nodes] == ["items", "items module"]


def test_nodes_put_together_never_lead_in_a_circle() -> None:
    """users → perceptron → users would be one: the second part of users stays apart."""
    nodes = [NetNode(id=n, type="add", module=m) for n, m in (("a", "x"), ("b", "y"), ("c", "x"))]
    edges = [NetEdge(source=a, target=b, shape=("B",)) for a, b in (("a", "b"), ("b", "c"))]
    near = graph(MfParams()).model_copy(update={"nodes": tuple(nodes), "edges": tuple(edges)})
    far = contracted(near, lambda node: node.module)
    assert [n.id for n in far.nodes] == ["a", "b", "c"]
    assert far.edges == near.edges
