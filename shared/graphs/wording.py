"""A trace in words: labels, local derivatives, and the frames that step through both passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.graphs.arrays import shown
from shared.graphs.drawing import number
from shared.graphs.operations import RULES, SIGNS, shown_name
from shared.graphs.program import Node
from shared.graphs.rules import Operand, Written
from shared.graphs.tracing import Edge, Trace

ORDINALS = {0: "1st", 1: "2nd", 2: "3rd"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the tracing."""

    direction: Literal["forward", "backward"]
    node: int
    text: str


def applied(op: str, operands: Sequence[str]) -> str:
    """Return an operation on texts as it is written: x·y, −x, exp(x)."""
    if op in SIGNS:
        left, right = operands
        return bracketed(left) + SIGNS[op] + bracketed(right)
    if op == "neg":
        return "−" + bracketed(operands[0])
    return f"{shown_name(op)}({', '.join(operands)})"


def bracketed(text: str) -> str:
    """Return a number in brackets where its sign would run into an operator."""
    return f"({text})" if text.startswith("−") else text


def label(trace: Trace, index: int) -> str:
    """Return a node in words: x, 2, a = x·y."""
    node = trace.program.nodes[index]
    if node.op == "input":
        return node.name
    if node.constant is not None:
        text = number(node.constant)
        return text if node.name == text else f"{node.name} = {text}"
    return f"{node.name} = {applied(node.op, _names(trace, node))}"


def _names(trace: Trace, node: Node) -> list[str]:
    return [trace.program.nodes[i].name for i in node.operands]


def ratio(trace: Trace, edge: Edge) -> str:
    """Return ∂target/∂source; where the target uses the source more than once, it says which use."""
    nodes = trace.program.nodes
    plain = f"∂{nodes[edge.target].name}/∂{nodes[edge.source].name}"
    return plain + use(trace, edge)


def use(trace: Trace, edge: Edge) -> str:
    """Return which use of the source an edge is, nothing when it is the only one of its target."""
    operands = trace.program.nodes[edge.target].operands
    if operands.count(edge.source) == 1:
        return ""
    return f" ({ORDINALS.get(edge.operand, f'{edge.operand + 1}th')} use)"


def local_text(trace: Trace, edge: Edge) -> str:
    """Return the local derivative in symbols: ∂a/∂x = y."""
    return f"{ratio(trace, edge)} = {local_formula(trace, edge)}" + _repetition(trace, edge)


def local_formula(trace: Trace, edge: Edge) -> str:
    """Return the local derivative as the operation writes it; of a product, what it does to the upstream."""
    nodes = trace.program.nodes
    node = nodes[edge.target]
    operands = [Operand(_named(nodes[i]), trace.values[i].shape, nodes[i].constant) for i in node.operands]
    return RULES[node.op].says(Written(edge.operand, operands, node.name))


def _named(node: Node) -> str:
    return node.name if node.constant is None else bracketed(node.name)


def _repetition(trace: Trace, edge: Edge) -> str:
    """Return what happens to an operand that was repeated to a larger shape."""
    source, target = trace.values[edge.source], trace.values[edge.target]
    repeated = edge.local is None or edge.local.kind == "jacobian"
    if repeated and trace.program.nodes[edge.target].op in _REPEATING and source.shape != target.shape:
        return ", summed over its copies"
    return ""


_REPEATING = {"add", "sub", "mul", "div", "pow", "max", "min"}


def frames(trace: Trace) -> Iterator[Frame]:
    """Yield the forward pass in order of evaluation, then the backward pass in the opposite order."""
    for i, node in enumerate(trace.program.nodes):
        if node.op in RULES:
            yield Frame("forward", i, _forward_text(trace, i))
    arriving: dict[int, list[Edge]] = {}
    for edge in trace.edges:
        if edge.contribution is not None:
            arriving.setdefault(edge.source, []).append(edge)
    for i in range(len(trace.values) - 1, -1, -1):
        if trace.gradients[i] is not None:
            yield Frame("backward", i, _backward_text(trace, i, arriving.get(i, [])))


def _forward_text(trace: Trace, index: int) -> str:
    node = trace.program.nodes[index]
    values = [trace.values[i] for i in node.operands]
    steps = [label(trace, index)]
    if all(v.ndim == 0 for v in values):
        steps.append(applied(node.op, [number(float(v)) for v in values]))
    value = shown(trace.values[index])
    return " = ".join([*steps, *([value] if steps[-1] != value else [])])


def result_name(trace: Trace) -> str:
    """Return what the gradients are of: the result, or L = Σ seed·result when a seed was given."""
    if np.all(trace.seed == 1.0):
        return trace.program.nodes[trace.program.result].name
    taken = {node.name for node in trace.program.nodes}
    return next(name for name in ("L", "S", "total_seeded", "L_seeded") if name not in taken)


def _backward_text(trace: Trace, index: int, edges: Sequence[Edge]) -> str:
    gradient = trace.gradients[index]
    end = "" if gradient is None else shown(gradient)
    start = f"∂{result_name(trace)}/∂{trace.program.nodes[index].name}"
    terms = " + ".join(_term(trace, edge) for edge in edges)
    return f"{start} = {terms} = {end}" if terms else f"{start} = {end}"


def _term(trace: Trace, edge: Edge) -> str:
    """Return what one edge brings: upstream · local, in numbers where both are single ones."""
    local, upstream = edge.local, edge.upstream
    if local is not None and local.kind == "scalar" and upstream is not None:
        return f"{bracketed(number(float(upstream)))}·{bracketed(number(float(local.value)))}"
    arriving = f"∂{result_name(trace)}/∂{trace.program.nodes[edge.target].name}"
    formula = local_formula(trace, edge)
    if "upstream" in formula:
        return formula.replace("upstream", arriving)
    return f"{arriving} · {ratio(trace, edge)}"
