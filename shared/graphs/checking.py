"""The gradients beside central differences: a second opinion that shares no derivative with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shared.errors import Refused
from shared.graphs.evaluation import forward
from shared.graphs.operations import RULES
from shared.graphs.program import Program
from shared.graphs.rules import Array
from shared.graphs.tracing import Trace

STEP = 1e-6
"""Relative step of the difference, near the cube root of the precision of a double."""
BUDGET = 4_000
"""Most operations spent on a check."""
Branches = list[Array]
Element = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Check:
    """How far gradients lie from central differences, over the elements that could be compared."""

    max_abs_error: float | None
    max_rel_error: float | None
    """Relative to the larger of 1 and the difference."""
    checked: int
    left_out: int
    """Elements beside a kink or the edge of a domain, or beyond the budget."""


def check(trace: Trace, given: dict[str, Array]) -> Check:
    """Compare gradients with (L(v+h) − L(v−h)) / 2h, L = Σ seed·f and h = 1e-6·max(1, |v|)."""
    gradients = _wanted(trace)
    total = sum(gradient.size for gradient in gradients.values())
    room = max(1, BUDGET // (2 * len(trace.program.nodes)))
    here = branches(trace.program, list(trace.values))
    absolute, relative = [], []
    for name, index in _spread(list(_elements(gradients)), room):
        difference = _difference(trace, given, name, index, here)
        if difference is not None:
            error = abs(difference - float(gradients[name][index]))
            absolute.append(error)
            relative.append(error / max(1.0, abs(difference)))
    done = len(absolute)
    return Check(max(absolute, default=None), max(relative, default=None), done, total - done)


def _wanted(trace: Trace) -> dict[str, Array]:
    found = {name: trace.gradients[i] for name, i in trace.program.inputs().items()}
    return {name: gradient for name, gradient in found.items() if gradient is not None}


def _elements(gradients: dict[str, Array]) -> Iterator[Element]:
    for name, gradient in gradients.items():
        for index in np.ndindex(gradient.shape):
            yield name, index


def _spread(elements: list[Element], room: int) -> list[Element]:
    """Return as many elements as there is room for, evenly over all of them."""
    total = len(elements)
    return elements if total <= room else [elements[i * total // room] for i in range(room)]


def branches(program: Program, values: list[Array]) -> Branches:
    """Return on which side of its kinks every node with kinks is."""
    found = []
    for node in program.nodes:
        side = RULES[node.op].side if node.op in RULES else None
        if side is not None:
            found.append(side([values[i] for i in node.operands]))
    return found


def _difference(
    trace: Trace, given: dict[str, Array], name: str, index: tuple[int, ...], here: Branches
) -> float | None:
    """Return the central difference along one element; none when a kink or an edge lies within the step."""
    step = STEP * max(1.0, abs(float(given[name][index])))
    results, arguments = [], []
    for sign in (1.0, -1.0):
        moved = given[name].copy()
        moved[index] += sign * step
        try:
            values = forward(trace.program, {**given, name: moved})
        except Refused:
            return None
        sides = branches(trace.program, values)
        if not all(np.array_equal(a, b) for a, b in zip(here, sides, strict=True)):
            return None
        results.append(float((trace.seed * values[trace.program.result]).sum()))
        arguments.append(float(moved[index]))
    return (results[0] - results[1]) / (arguments[0] - arguments[1])
