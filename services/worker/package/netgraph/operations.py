"""A net's graph in torch's own operations (aten): its layers, seen from nearer by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from services.worker.package.netgraph.example import Example
from services.worker.package.netgraph.recording import Origin
from services.worker.package.netgraph.runs import Runs, runs_of
from services.worker.package.netgraph.sites import weight_of
from services.worker.package.netgraph.wiring import TracedWiring
from shared.graphs.netgraph import NetEdge, NetGraph, NetNode


def operations_of(wiring: TracedWiring, net: nn.Module, example: Example, *, layers: NetGraph) -> NetGraph:
    """Return the operations that a net on the CPU runs in eval mode; `layers` is the graph of its layers.

    Statistics and bytes read are the layers', told at the operation that they speak of. Raises `Unsteady`.
    """
    runs = runs_of(wiring, net, example)
    names, ends = _names(runs), [node for node in layers.nodes if node.type == "input"]
    nodes = (*ends, *_nodes(runs, names, net, layers))
    return layers.model_copy(update={"nodes": nodes, "edges": tuple(_edges(runs, names))})


def _names(runs: Runs) -> dict[int, str]:
    """Return an id for each call that leads to the output: its name, from the second of a name on counted."""
    used, names = Counter[str](), dict[int, str]()
    for call in sorted(_leading(runs)):
        name = runs.base.calls[call].name
        names[call] = f"{name}_{used[name]}" if used[name] else name
        used[name] += 1
    return names


def _leading(runs: Runs) -> set[int]:
    found, waiting = set[int](), [len(runs.base.calls) - 1]
    while waiting:
        call = waiting.pop()
        found.add(call)
        before = {origin.call for origin, _ in runs.arriving[call]}
        waiting.extend(place for place in before if place is not None and place not in found)
    return found


def _edges(runs: Runs, names: Mapping[int, str]) -> Iterator[NetEdge]:
    for call, name in names.items():
        for origin, shape in runs.arriving[call]:
            source = origin.site if origin.call is None else names[origin.call]
            if source is not None:
                yield NetEdge(source=source, target=name, shape=shape)


def _nodes(runs: Runs, names: Mapping[int, str], net: nn.Module, layers: NetGraph) -> Iterator[NetNode]:
    """Yield a node for each call; a parameter that two of them read belongs to the first."""
    parameters, by_id, seen = dict(net.named_parameters()), {n.id: n for n in layers.nodes}, set[str]()
    for call, name in names.items():
        wanted = [p for origin, _ in runs.arriving[call] for p in origin.parameters if p not in seen]
        seen.update(wanted)
        layer = by_id[runs.base.calls[call].layer]
        facts = weight_of({p: parameters[p] for p in wanted}) | _told(layer, wanted)
        if runs.before(runs.base.values.get(layer.id, Origin())) == Origin(call=call):
            facts |= _measured(layer)
        yield layer if layer.type == "output" else _node(runs, call, name=name, layer=layer, facts=facts)


def _node(runs: Runs, call: int, *, name: str, layer: NetNode, facts: Mapping[str, Any]) -> NetNode:
    flops = runs.flops(call)
    return NetNode(
        id=name,
        path=layer.path,
        type=runs.base.calls[call].name,
        module=layer.module,
        layer=layer.id,
        inputs=tuple(shape for _, shape in runs.arriving[call]),
        outputs=runs.left(call),
        dtype=runs.base.calls[call].dtype,
        flops_forward=flops.forward,
        flops_backward=flops.backward,
        **facts,
    )


def _told(layer: NetNode, wanted: list[str]) -> dict[str, Any]:
    """Return what a layer says of its parameters, where an operation reads all of them."""
    if not wanted or layer.weights.keys() != set(wanted):
        return {}
    return {name: getattr(layer, name) for name in ("bytes_read", "gradient_norm", "weight_norm")}


def _measured(layer: NetNode) -> dict[str, Any]:
    """Return what a layer says of its value."""
    names = ("output_gradient_norm", "activation_mean", "activation_sd", "zero_fraction")
    return {name: getattr(layer, name) for name in names}
