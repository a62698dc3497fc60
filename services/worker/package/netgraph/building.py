"""From a net and a batch to its graph."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod

import structlog
import torch
from torch import Tensor, fx, nn

from services.worker.package.netgraph.example import COUNTED, Example, Shapes, shapes_of
from services.worker.package.netgraph.flops import of_a_row
from services.worker.package.netgraph.hooks import HookWiring
from services.worker.package.netgraph.modules import modules_of
from services.worker.package.netgraph.operations import operations_of
from services.worker.package.netgraph.runs import Unsteady
from services.worker.package.netgraph.sites import Flops, Site, Wiring, weight_of
from services.worker.package.netgraph.statistics import Statistics, measured
from services.worker.package.netgraph.wiring import TracedWiring
from shared.graphs.netgraph import Lengths, NetEdge, NetGraph, NetNode, SampleFacts, Totals, totals_of

ROW = {"B": 1, "N": 1}
NOTHING = Statistics()
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """All that was found out about a net's sites."""

    sites: Sequence[Site]
    shapes: Shapes
    statistics: Mapping[str, Statistics]
    flops: Mapping[str, Flops]
    modules: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NetGraphs:
    """A net's graph in layers, and in operations where they are the same for a batch of any size."""

    layers: NetGraph
    operations: NetGraph | None


def net_graphs(net: nn.Module, *, name: str, example: Example, modules: Mapping[str, str]) -> NetGraphs:
    """Return the graphs of a net on the CPU in eval mode; `modules` names its attributes' modules.

    The net should be a copy: it is left with gradients. Raises what the net raises when it can be neither
    traced nor watched.
    """
    wiring = wiring_of(net, example)
    layers = _layers(wiring, net, example, name=name, modules=modules)
    operations = _operations(wiring, net, example, layers=layers)
    return NetGraphs(_plainly(layers), None if operations is None else _plainly(operations))


def _plainly(graph: NetGraph) -> NetGraph:
    """Return the graph with inputs called as they are drawn, `users` for `users_B`, where nothing else is."""
    others = {node.id for node in graph.nodes if node.type != "input"}
    inputs = (node for node in graph.nodes if node.type == "input")
    names = {node.id: node.path for node in inputs if node.path.isidentifier() and node.path not in others}
    nodes = tuple(node.model_copy(update={"id": names.get(node.id, node.id)}) for node in graph.nodes)
    edges = (
        edge.model_copy(update={"source": names.get(edge.source, edge.source)}) for edge in graph.edges
    )  # nothing leads to an input
    return graph.model_copy(update={"nodes": nodes, "edges": tuple(edges)})


def _operations(wiring: Wiring, net: nn.Module, example: Example, *, layers: NetGraph) -> NetGraph | None:
    """Return the graph of operations; none of a net that is watched, or whose operations change or fail."""
    if not isinstance(wiring, TracedWiring):
        return None
    try:
        return operations_of(wiring, net, example, layers=layers)
    except Unsteady:
        return None
    except Exception as error:  # noqa: BLE001 - the layers are known by now, and are worth more
        log.warning("the net has no graph of operations", net=layers.net, error=type(error).__name__)
        return None


def _layers(
    wiring: Wiring, net: nn.Module, example: Example, *, name: str, modules: Mapping[str, str]
) -> NetGraph:
    found = _Found(
        sites=wiring.sites,
        shapes=shapes_of(lambda inputs: wiring.run(net, inputs), example),
        statistics=measured(wiring, net, example),
        flops=flops_of(wiring, net, example),
        modules=modules_of(wiring.sites, modules),
    )
    nodes = tuple(_nodes(net, found))
    return NetGraph(
        net=name,
        method=wiring.method,
        row=example.row,
        nodes=nodes,
        edges=tuple(_edges(found)),
        totals=_totals(net, nodes, found.flops.get("", Flops())),
        sample=SampleFacts(rows=len(example.inputs[0]), source=example.source),
    )


def wiring_of(net: nn.Module, example: Example) -> Wiring:
    """Trace a net by one row on the meta device, or watch it where its forward pass cannot be traced."""
    try:
        return TracedWiring(on_meta(net), example.sized(ROW, device="meta"))
    except (fx.proxy.TraceError, RuntimeError, TypeError, AttributeError, NotImplementedError):
        return HookWiring(net, example.sized(ROW))


def on_meta(net: nn.Module) -> nn.Module:
    """Return a copy without numbers; the net's own are not copied on the way."""
    held: dict[int, Tensor] = {
        id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad) for p in net.parameters()
    }
    held |= {id(b): torch.empty_like(b, device="meta") for b in net.buffers()}
    return copy.deepcopy(net, held)


def flops_of(wiring: Wiring, net: nn.Module, example: Example) -> dict[str, Flops]:
    """Return the FLOPs of a row at each site, forward and backward, in train mode."""
    state = torch.random.get_rng_state()
    found = wiring.count(net.train(), example.sized(COUNTED))
    net.eval()
    torch.random.set_rng_state(state)  # dropout drew
    return {site: of_a_row(flops) for site, flops in found.items()}


def _nodes(net: nn.Module, found: _Found) -> Iterator[NetNode]:
    """Yield a node for each site; a parameter that two sites use belongs to the first."""
    parameters, seen = dict(net.named_parameters()), set[str]()
    for site in found.sites:
        held = {name: parameters[name] for name in site.parameters if name not in seen}
        seen |= held.keys()
        yield _node(site, found, held)


def _node(site: Site, found: _Found, held: Mapping[str, nn.Parameter]) -> NetNode:
    flops, arrived, left = found.flops[site.id], found.shapes.arrived[site.id], found.shapes.left[site.id]
    return NetNode(
        id=site.id,
        path=site.path,
        type=site.type,
        module=found.modules.get(site.id),
        inputs=arrived,
        outputs=left,
        dtype=found.shapes.dtypes[site.id],
        bytes_read=_bytes_read(site, arrived, left, held),
        flops_forward=flops.forward,
        flops_backward=flops.backward,
        **weight_of(held),
        **asdict(found.statistics.get(site.id, NOTHING)),
    )


def _bytes_read(
    site: Site, arrived: Sequence[Lengths], left: Sequence[Lengths], held: Mapping[str, nn.Parameter]
) -> int:
    """Return the bytes of a table that one row reads: the looked-up entries, each of the table's width."""
    if site.type not in {"Embedding", "EmbeddingBag"} or not held:
        return 0
    table = next(iter(held.values()))
    looked_up = prod(x for x in arrived[0] if isinstance(x, int)) if site.type == "EmbeddingBag" else None
    entries = looked_up * table.shape[-1] if looked_up else prod(x for x in left[0] if isinstance(x, int))
    return entries * table.element_size()


def _edges(found: _Found) -> Iterator[NetEdge]:
    for site in found.sites:
        arrived = found.shapes.arrived[site.id]
        if len(arrived) != len(site.sources):
            arrived = tuple(found.shapes.left[source][0] for source in site.sources)
        for source, shape in zip(site.sources, arrived, strict=True):
            yield NetEdge(source=source, target=site.id, shape=shape)


def _totals(net: nn.Module, nodes: tuple[NetNode, ...], rest: Flops) -> Totals:
    """Return the sums: of parameters those of the net, of FLOPs also what lies between the nodes."""
    sums, parameters = totals_of(nodes), list(net.parameters())
    return sums.model_copy(
        update={
            "parameters": sum(p.numel() for p in parameters),
            "trainable": sum(p.numel() for p in parameters if p.requires_grad),
            "bytes": sum(p.numel() * p.element_size() for p in parameters),
            "flops_forward": sums.flops_forward + rest.forward,
            "flops_backward": sums.flops_backward + rest.backward,
        }
    )
