"""The chain rule written out: every way from a variable to the result, its product, and their sum.

With named intermediates the ways double with every reuse (30 squarings: 2^30), so they are counted by dynamic
programming over the graph and only the first are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from shared.graphs.tracing import Edge, Trace

MAX_PATHS = 50
MAX_FACTORS = 4000
"""Factors listed for all variables together; the first way of each is always listed."""
Path = tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways from one variable to the result: how many there are, and the first of them, result first."""

    variable: int
    total: int
    listed: tuple[Path, ...]


def active_edges(trace: Trace) -> list[list[Edge]]:
    """Return the edges that carry a gradient, by the node they leave."""
    leaving: list[list[Edge]] = [[] for _ in trace.values]
    for edge in trace.edges:
        if edge.contribution is not None:
            leaving[edge.source].append(edge)
    return leaving


def count_paths(trace: Trace, leaving: Sequence[Sequence[Edge]]) -> list[int]:
    """Return for every node the number of ways to the result."""
    counts = [0] * len(trace.values)
    counts[trace.program.result] = 1
    for i in range(trace.program.result - 1, -1, -1):
        counts[i] = sum(counts[edge.target] for edge in leaving[i])
    return counts


def all_ways(trace: Trace) -> dict[str, Ways]:
    """Return the ways of every variable that has a gradient, in the order of the graph."""
    leaving = active_edges(trace)
    counts = count_paths(trace, leaving)
    found: dict[str, Ways] = {}
    room = MAX_FACTORS
    for name, index in trace.program.inputs().items():
        if trace.gradients[index] is None:
            continue
        listed: list[Path] = []
        for path in islice(_paths(trace, leaving, index), MAX_PATHS):
            if listed and room < len(path):
                break
            listed.append(path)
            room -= len(path)
        found[name] = Ways(index, counts[index], tuple(listed))
    return found


def _paths(trace: Trace, leaving: Sequence[Sequence[Edge]], start: int) -> Iterator[Path]:
    """Yield ways from a node to the result, depth first; every active node leads there."""
    if start == trace.program.result:
        yield ()
        return
    walk = [iter(leaving[start])]
    taken: list[Edge] = []
    while walk:
        edge = next(walk[-1], None)
        if edge is None:
            walk.pop()
            if taken:
                taken.pop()
        elif edge.target == trace.program.result:
            yield (edge, *reversed(taken))
        else:
            taken.append(edge)
            walk.append(iter(leaving[edge.target]))


def product(path: Path, seed: float) -> float:
    """Return the product of seed and local derivatives along a way of scalars."""
    return seed * float(np.prod([float(e.local.value) for e in path if e.local is not None]))


def is_scalar(trace: Trace) -> bool:
    """Tell whether every derivative of the trace is a plain number."""
    return all(value.ndim == 0 for value in trace.values)
