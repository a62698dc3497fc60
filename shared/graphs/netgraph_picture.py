"""A net's graph as a drawing: boxes in the frames of their modules, coloured by a number they also say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from shared.graphs.drawing import Box, Drawing, Group, Heat, Text, Wire, number
from shared.graphs.netgraph import Lengths, NetGraph, NetNode
from shared.graphs.netgraph_levels import Level, at_level, without_crowds

HeatName = Literal["gradient", "activation", "parameters", "flops", "none"]


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What colours a box: its number, how the legend calls it, and how the box says it."""

    title: str
    value: Callable[[NetNode], float | None]
    say: Callable[[NetNode], str | None]


def net_drawing(graph: NetGraph, *, title: str, level: Level = "layer", heat: HeatName = "none") -> Drawing:
    """Return the drawing of a graph; in colour, a box without the number stays white."""
    seen = at_level(graph, level) if level == "module" else without_crowds(graph)
    quantity = QUANTITIES.get(heat)
    modules = tuple(dict.fromkeys(n.module for n in seen.nodes if n.module)) if level != "module" else ()
    return Drawing(
        title=title,
        description=_description(graph),
        boxes=tuple(_box(node, quantity, grouped=bool(modules)) for node in seen.nodes),
        wires=tuple(_wires(seen, heat)),
        groups=tuple(Group(module, module) for module in modules),
        flow="down",
        heat=None if quantity is None else _scale(seen, quantity),
        notes=tuple(_notes(graph, heat)),
    )


def _box(node: NetNode, quantity: _Quantity | None, *, grouped: bool) -> Box:
    lines = tuple(_lines(node, quantity))
    return Box(
        id=node.id,
        lines=lines,
        group=node.module if grouped else None,
        shape="round" if node.type in {"input", "output"} else "box",
        heat=None if quantity is None else _log(quantity.value(node)),
    )


def _lines(node: NetNode, quantity: _Quantity | None) -> list[str]:
    lines = [_name(node), *_what(node)]
    if node.parameters:
        lines.append(f"{_whole(node.parameters)} {_plural(node.parameters, 'parameter')}")
    if node.flops_forward or node.flops_backward:
        lines.append(f"FLOPs {_whole(node.flops_forward)} forward, {_whole(node.flops_backward)} back")
    if node.bytes_read:
        lines.append(f"reads {_whole(node.bytes_read)} bytes")
    said = quantity.say(node) if quantity else None
    return [*lines, said] if said else lines


def _name(node: NetNode) -> str:
    if node.type == "module":
        return node.id
    return f"{node.layers} × {node.type}" if node.layers > 1 else node.type


def _what(node: NetNode) -> list[str]:
    """Return the place of a layer, or how many a module holds."""
    if node.type == "module":
        return [f"{node.layers} layers and operations"]
    return [node.path] if node.path else []


def _wires(graph: NetGraph, heat: HeatName) -> list[Wire]:
    """Return a wire for each pair of nodes, with every shape that goes that way."""
    below = {n.id: _arriving_gradient(n) for n in graph.nodes} if heat == "gradient" else {}
    wires: dict[tuple[str, str], list[str]] = {}
    for edge in graph.edges:
        wires.setdefault((edge.source, edge.target), []).append(shape_text(edge.shape))
    return [
        Wire(
            source,
            target,
            above=(Text(", ".join(dict.fromkeys(shapes)), "plain"),),
            below=below.get(source, ()),
        )
        for (source, target), shapes in wires.items()
    ]


def _arriving_gradient(node: NetNode) -> tuple[Text, ...]:
    norm = node.output_gradient_norm
    return () if norm is None else (Text(f"‖∂‖ {number(_short(norm))}", "gradient"),)


def shape_text(shape: Lengths) -> str:
    """Return a shape as text: B × 64; a single number is `1`."""
    return " × ".join(map(str, shape)) if shape else "1"


def _scale(graph: NetGraph, quantity: _Quantity) -> Heat:
    found = [_log(quantity.value(node)) for node in graph.nodes]
    finite = [value for value in found if value is not None and math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return Heat(f"log₁₀ of {quantity.title}", math.floor(low * 10) / 10, math.ceil(high * 10) / 10)


def _log(value: float | None) -> float | None:
    """Return the decimal logarithm; of zero minus infinity, which a drawing shows as not finite."""
    if value is None:
        return None
    return math.log10(value) if value > 0 else -math.inf


def _description(graph: NetGraph) -> str:
    totals = graph.totals
    return (
        f"A net of the kind {graph.net} with {len(graph.nodes)} nodes and "
        f"{_whole(totals.parameters)} parameters, from its inputs to its output."
    )


def _notes(graph: NetGraph, heat: HeatName) -> list[str]:
    t = graph.totals
    reads = f", and reads {_whole(t.bytes_read)} bytes of tables" if t.bytes_read else ""
    size = f"{_whole(t.parameters)} parameters ({_whole(t.bytes)} bytes)"
    costs = f"{_whole(t.flops_forward)} FLOPs forward, {_whole(t.flops_backward)} backward{reads}"
    notes = [f"{size}. One {graph.row} costs {costs}."]
    if heat in {"gradient", "activation"} and graph.sample is not None:
        notes.append(f"Statistics of {graph.sample.rows} {graph.sample.source} rows together.")
    return notes


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _whole(value: int) -> str:
    return f"{value:,}"


def _gradient(node: NetNode) -> str | None:
    return None if node.gradient_norm is None else f"gradient norm {number(_short(node.gradient_norm))}"


def _activation(node: NetNode) -> str | None:
    if node.activation_mean is None or node.activation_sd is None:
        return None
    mean, sd = number(_short(node.activation_mean)), number(_short(node.activation_sd))
    zeros = f", {100 * node.zero_fraction:.0f} % zeros" if node.zero_fraction else ""
    return f"mean {mean}, sd {sd}{zeros}"


def _short(value: float) -> float:
    """Return a number of three significant digits: a box must stay narrow."""
    return float(f"{value:.3g}")


def _flops(node: NetNode) -> float | None:
    return float(node.flops_forward + node.flops_backward) or None


QUANTITIES: dict[HeatName, _Quantity] = {
    "gradient": _Quantity("the gradient norm of the parameters", lambda n: n.gradient_norm, _gradient),
    "activation": _Quantity(
        "the standard deviation of the activations", lambda n: n.activation_sd, _activation
    ),
    "parameters": _Quantity(
        "the number of parameters", lambda n: float(n.parameters) or None, lambda _: None
    ),
    "flops": _Quantity("the FLOPs of a row, forward and backward", _flops, lambda _: None),
}
