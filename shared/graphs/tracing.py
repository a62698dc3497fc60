"""Forward and backward through a formula: values and gradients on the nodes, derivatives on the edges.

Reverse-mode differentiation (Griewank & Walther, Evaluating Derivatives, 2008): a node's gradient is the sum
of what its outgoing edges carry back, and an edge carries the upstream gradient times its local derivative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.errors import Finding, Refused
from shared.graphs.arrays import shape_text
from shared.graphs.evaluation import forward, not_finite
from shared.graphs.operations import RULES
from shared.graphs.pointwise import POINTWISE
from shared.graphs.program import Node, Program
from shared.graphs.rules import Array, Use

MAX_JACOBIAN = 16
"""Most rows and columns of a local Jacobian that is written out."""


@dataclass(frozen=True, slots=True)
class Local:
    """A local derivative in numbers: one number, one per element, or a Jacobian with a row per output."""

    kind: Literal["scalar", "elementwise", "jacobian"]
    value: Array


@dataclass(frozen=True, slots=True)
class Edge:
    """A use of a node by a later one; without a gradient its numbers are none."""

    source: int
    target: int
    operand: int
    local: Local | None = None
    upstream: Array | None = None
    contribution: Array | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A formula traced: values and gradients by node, and the edges in the order of their targets."""

    program: Program
    values: tuple[Array, ...]
    gradients: tuple[Array | None, ...]
    edges: tuple[Edge, ...]
    seed: Array


def differentiable(program: Program, wrt: frozenset[str]) -> list[bool]:
    """Tell of every node whether it depends on a variable that gradients are wanted for."""
    found: list[bool] = []
    for node in program.nodes:
        found.append(node.name in wrt if node.op == "input" else any(found[i] for i in node.operands))
    return found


def trace(
    program: Program, given: Mapping[str, Array], *, wrt: frozenset[str], seed: Array | None = None
) -> Trace:
    """Trace a program at given values. Raises `Refused` with the place of what cannot be computed."""
    values = forward(program, given)
    upstream = _seed(values[program.result], seed)
    active = differentiable(program, wrt)
    gradients: list[Array | None] = [
        np.zeros_like(v) if on else None for v, on in zip(values, active, strict=True)
    ]
    if active[program.result]:
        gradients[program.result] = upstream
    edges: list[Edge] = []
    with np.errstate(all="ignore"):
        for target in range(len(values) - 1, -1, -1):
            edges += reversed(_edges(program, target, values, gradients))
    return Trace(program, tuple(values), tuple(gradients), tuple(reversed(edges)), upstream)


def _seed(result: Array, seed: Array | None) -> Array:
    shape = shape_text(result.shape)
    if seed is None and result.ndim:
        raise _no_seed(f"the result is a {shape}; reduce it with sum or mean, or give a seed of its shape")
    if seed is not None and seed.shape != result.shape:
        raise _no_seed(f"wanted a {shape}, as the result is; got a {shape_text(seed.shape)}")
    return np.ones_like(result) if seed is None else seed


def _no_seed(message: str) -> Refused:
    finding = Finding(("seed",), message)
    return Refused("there is no gradient to begin with", code="refused_expression", findings=[finding])


def _edges(program: Program, target: int, values: list[Array], gradients: list[Array | None]) -> list[Edge]:
    """Return the edges into a node, and add what they carry to the gradients of its operands."""
    node, upstream = program.nodes[target], gradients[target]
    xs = [values[i] for i in node.operands]
    edges = []
    for i, source in enumerate(node.operands):
        held = gradients[source]
        if upstream is None or held is None:
            edges.append(Edge(source, target, i))
            continue
        use = Use(i, xs, values[target])
        local = _local(node, use)
        contribution = RULES[node.op].pull(use, upstream)
        total = held + contribution
        _all_finite(node, use, contribution, total)
        gradients[source] = total
        edges.append(Edge(source, target, i, local, upstream, contribution))
    return edges


def _all_finite(node: Node, use: Use, *arrays: Array) -> None:
    for array in arrays:
        if not np.isfinite(array).all():
            raise not_finite(node, array, use.xs, by=use.i)


def _local(node: Node, use: Use) -> Local | None:
    """Return the local derivative in numbers, none where it has too many. Raises `Refused`."""
    pointwise = POINTWISE.get(node.op)
    if pointwise is not None:
        slope = pointwise.slope(use)
        _all_finite(node, use, slope)
        if use.v.shape == use.x.shape:
            return Local("elementwise" if use.v.ndim else "scalar", slope)
    if max(use.v.size, use.x.size) > MAX_JACOBIAN:
        return None
    units = np.eye(use.v.size).reshape(-1, *use.v.shape)
    jacobian = np.array([RULES[node.op].pull(use, unit).ravel() for unit in units])
    _all_finite(node, use, jacobian)
    if use.v.ndim == use.x.ndim == 0:
        return Local("scalar", jacobian.reshape(()))
    return Local("jacobian", jacobian)
