"""Forward through a program: the value of every node, all of them finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shared.errors import Refused
from shared.graphs.arrays import MAX_SIDE, shape_text
from shared.graphs.drawing import number
from shared.graphs.lexing import refusal
from shared.graphs.operations import RULES, shown_name
from shared.graphs.pointwise import POINTWISE
from shared.graphs.program import Node, Program
from shared.graphs.rules import Array, Arrays

MAX_EXPONENT = 64.0
MAX_ELEMENTS = 8192
"""Numbers in all nodes together: what keeps an answer with every local derivative below some megabytes."""
MAX_CARRIED = 3 * MAX_ELEMENTS
"""Numbers that all uses of nodes carry together, of which a node may have sixteen."""


def forward(program: Program, given: Mapping[str, Array]) -> list[Array]:
    """Return the value of every node. Raises `Refused` with the node's place."""
    values: list[Array] = []
    elements = carried = 0
    with np.errstate(all="ignore"):
        for node in program.nodes:
            value = value_of(node, values, given)
            elements += value.size
            carried += sum(max(value.size, values[i].size) for i in node.operands)
            if elements > MAX_ELEMENTS:
                raise refusal(node.place, f"the graph holds more than {MAX_ELEMENTS} numbers here")
            if carried > MAX_CARRIED:
                raise refusal(node.place, f"the wires carry more than {MAX_CARRIED} numbers here")
            values.append(value)
    return values


def value_of(node: Node, values: list[Array], given: Mapping[str, Array]) -> Array:
    """Return the value of one node from those before it. Raises `Refused`."""
    if node.op == "input":
        return given[node.name]
    if node.constant is not None:
        return np.asarray(node.constant)
    operands = [values[i] for i in node.operands]
    if node.op == "pow" and np.abs(operands[1]).max() > MAX_EXPONENT:
        raise refusal(node.place, f"an exponent here is beyond ±{MAX_EXPONENT:g}, the most this computes")
    try:
        value = RULES[node.op].value(operands)
    except ValueError:
        raise refusal(node.place, _misfit(node, operands)) from None
    if value.ndim > 2 or max(value.shape, default=1) > MAX_SIDE:
        raise refusal(node.place, f"the value here is larger than {MAX_SIDE} × {MAX_SIDE}")
    if not np.isfinite(value).all():
        raise not_finite(node, value, operands)
    return value


def _misfit(node: Node, operands: list[Array]) -> str:
    shapes = " and a ".join(shape_text(o.shape) for o in operands)
    return f"{shown_name(node.op)} cannot take a {shapes}; check the shapes, or transpose one"


def not_finite(node: Node, wrong: Array, operands: Arrays, *, by: int | None = None) -> Refused:
    """Return the refusal of a node whose value, or whose gradient by an operand, is not finite.

    What does not exist at these operands is told by the operation; the rest has only grown too large.
    """
    worst, fault = float(wrong[~np.isfinite(wrong)].flat[0]), RULES[node.op].fault
    what = f"the {'value' if by is None else 'gradient'} of {shown_name(node.op)} is {number(worst)} here"
    outside = None if fault is None else fault(operands, by)
    if outside is not None:
        return refusal(node.place, f"{what}; wanted {outside}")
    by_way = node.op not in POINTWISE  # a sum inside may overflow where the value itself would not
    cause = "since a number on the way is too large" if by_way else "too large"
    return refusal(node.place, f"{what}, {cause} for a double; wanted numbers up to ±1.8e308")
