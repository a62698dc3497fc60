"""A trace as a drawing: values above the wires, gradients below them."""

from __future__ import annotations

from collections import Counter

from shared.graphs.arrays import shown
from shared.graphs.drawing import Box, Drawing, Shape, Text, Wire, number
from shared.graphs.program import Node
from shared.graphs.tracing import Edge, Trace
from shared.graphs.wording import bracketed, label, result_name

NOTES = (
    "Above a wire, green: the value on its way forward.",
    "Below a wire, red: the gradient on its way back = upstream · local derivative.",
)


def picture(trace: Trace, title: str) -> Drawing:
    """Return the drawing of a trace."""
    uses = Counter(edge.source for edge in trace.edges if edge.contribution is not None)
    return Drawing(
        title=title,
        description=_description(trace),
        boxes=tuple(_box(trace, i, uses[i]) for i in range(len(trace.values))),
        wires=tuple(_wire(trace, edge) for edge in trace.edges),
        notes=NOTES,
    )


def _description(trace: Trace) -> str:
    name = trace.program.nodes[trace.program.result].name
    told = [f"Computation graph. {name} = {shown(trace.values[trace.program.result])}."]
    for variable, i in trace.program.inputs().items():
        gradient = trace.gradients[i]
        if gradient is not None:
            told.append(f"∂{result_name(trace)}/∂{variable} = {shown(gradient)}.")
    return " ".join(told)


def _shape(node: Node) -> Shape:
    return "round" if node.op == "input" else "plain" if node.constant is not None else "box"


def _box(trace: Trace, index: int, uses: int) -> Box:
    """Return a node's box; the numbers that no single wire shows stand in it."""
    node, gradient = trace.program.nodes[index], trace.gradients[index]
    lines = [label(trace, index)]
    is_result = index == trace.program.result
    if is_result:
        lines.append(f"value {shown(trace.values[index])}")
    if gradient is not None and (is_result or uses > 1):
        lines.append(f"gradient {shown(gradient)}")
    return Box(f"n{index}", tuple(lines), shape=_shape(node))


def _wire(trace: Trace, edge: Edge) -> Wire:
    value = Text(shown(trace.values[edge.source]), "value")
    below = () if edge.contribution is None else (Text(_backward(edge), "gradient"),)
    return Wire(f"n{edge.source}", f"n{edge.target}", (value,), below)


def _backward(edge: Edge) -> str:
    if edge.contribution is None or edge.upstream is None:
        return ""
    whole = shown(edge.contribution)
    if edge.local is None or edge.local.kind != "scalar":
        return whole
    return f"{whole} = {bracketed(number(float(edge.upstream)))}·{bracketed(number(float(edge.local.value)))}"
