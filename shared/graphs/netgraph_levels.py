"""The same graph from further away: nodes that belong together become one, and no way leads in a circle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import hypot
from typing import Literal

from shared.graphs.netgraph import Lengths, NetEdge, NetGraph, NetNode

Level = Literal["op", "layer", "module"]
MANY = 6
"""Tables, or ways of the same operations, side by side that are still drawn one by one."""
Key = Callable[[NetNode], str | None]


def at_level(graph: NetGraph, level: Level) -> NetGraph:
    """Return a graph of layers or of operations as it is, or with one node for each of its modules."""
    return contracted(graph, lambda node: node.module, kind="module") if level == "module" else graph


def without_crowds(graph: NetGraph) -> NetGraph:
    """Return a graph in which many nodes of one type are one where all before and behind them is alike."""
    before, after = _neighbours(graph)
    ids = [node.id for node in graph.nodes]
    made, used = _alike(graph, before, order=ids), _alike(graph, after, order=ids[::-1])
    sizes = Counter((made[i], used[i]) for i in ids)
    crowds = {i: f"{made[i]}, {used[i]}" for i in ids if sizes[made[i], used[i]] > MANY}
    return contracted(graph, lambda node: crowds.get(node.id))


def _alike(graph: NetGraph, beside: Mapping[str, list[str]], *, order: Iterable[str]) -> dict[str, int]:
    """Return a number for each node, the same for nodes of one type and module with the same on this side."""
    kinds = {n.id: (n.type, n.module) if n.module else n.id for n in graph.nodes}
    numbers: dict[object, int] = {}
    found: dict[str, int] = {}
    for node in order:
        key = kinds[node], tuple(found[other] for other in beside[node])
        found[node] = numbers.setdefault(key, len(numbers))
    return found


def _neighbours(graph: NetGraph) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    after: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        before[edge.target].append(edge.source)
        after[edge.source].append(edge.target)
    return before, after


@dataclass(slots=True)
class _Parts:
    """Nodes put together, in the order of the forward pass: the part of each, and what each part feeds."""

    members: list[list[NetNode]] = field(default_factory=list)
    of: dict[str, int] = field(default_factory=dict)
    feeds: dict[int, set[int]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)

    def add(self, node: NetNode, key: str | None, sources: Iterable[str]) -> None:
        """Put a node into the part of its key, or into a new one where the old would feed itself."""
        before = {self.of[source] for source in sources}
        part = None if key is None else self.newest.get(key)
        if part is None or any(self._reaches(part, other) for other in before - {part}):
            part = len(self.members)
            self.members.append([])
            self.feeds[part] = set()
        if key is not None:
            self.newest[key] = part
        self.members[part].append(node)
        self.of[node.id] = part
        for other in before - {part}:
            self.feeds[other].add(part)

    def _reaches(self, start: int, end: int) -> bool:
        seen, waiting = {start}, [start]
        while waiting:
            for following in self.feeds[waiting.pop()] - seen:
                seen.add(following)
                waiting.append(following)
        return end in seen


def contracted(graph: NetGraph, key: Key, *, kind: str | None = None) -> NetGraph:
    """Return a graph with one node for all that share a key; nodes without one stay themselves.

    `kind` is the type of nodes put together, by default that of the first.
    """
    before, _ = _neighbours(graph)
    parts = _Parts()
    for node in graph.nodes:
        parts.add(node, key(node), before[node.id])
    names = _names(parts.members)
    edges = dict.fromkeys(
        (names[parts.of[e.source]], names[parts.of[e.target]], e.shape)
        for e in graph.edges
        if parts.of[e.source] != parts.of[e.target]
    )
    outer = tuple(NetEdge(source=a, target=b, shape=shape) for a, b, shape in edges)
    nodes = (_joined(names[i], members, graph, kind) for i, members in enumerate(parts.members))
    return graph.model_copy(update={"nodes": tuple(nodes), "edges": outer})


def _names(parts: list[list[NetNode]]) -> list[str]:
    """Return an id for each part: its only node's, or its module's name, counted where it comes again.

    A module that is called as an input or the output says what it is.
    """
    ends = {node.id for members in parts for node in members if node.module is None}
    names: dict[str, None] = {}
    for members in parts:
        wanted = members[0].id if len(members) == 1 else (members[0].module or members[0].type)
        if len(members) > 1 and wanted in ends:
            wanted = f"{wanted} module"
        count = 2
        name = wanted
        while name in names:
            name, count = f"{wanted} {count}", count + 1
        names[name] = None
    return list(names)


def _joined(name: str, members: list[NetNode], graph: NetGraph, kind: str | None) -> NetNode:
    if len(members) == 1:
        return members[0]
    inside = {node.id for node in members}
    arriving = (e.shape for e in graph.edges if e.target in inside and e.source not in inside)
    leaving = [e for e in graph.edges if e.source in inside and e.target not in inside]
    ends = {e.source for e in leaving}
    last = next((node for node in members if ends == {node.id}), None)
    return _sum(
        name,
        members,
        kind=kind or members[0].type,
        last=last,
        inputs=tuple(dict.fromkeys(arriving)),
        outputs=tuple(dict.fromkeys(e.shape for e in leaving)),
    )


def _sum(
    name: str,
    members: list[NetNode],
    *,
    kind: str,
    last: NetNode | None,
    inputs: tuple[Lengths, ...],
    outputs: tuple[Lengths, ...],
) -> NetNode:
    """Return one node for many: costs add up, norms as lengths do, activations are those that leave."""
    return NetNode(
        id=name,
        path="" if kind == "module" else f"{members[0].path} … {members[-1].path}",
        type=kind,
        module=members[0].module,
        layers=sum(node.layers for node in members),
        inputs=inputs,
        outputs=outputs,
        dtype=last.dtype if last else None,
        weights={k: v for node in members for k, v in node.weights.items()},
        parameters=sum(node.parameters for node in members),
        trainable=sum(node.trainable for node in members),
        bytes=sum(node.bytes for node in members),
        bytes_read=sum(node.bytes_read for node in members),
        flops_forward=sum(node.flops_forward for node in members),
        flops_backward=sum(node.flops_backward for node in members),
        gradient_norm=_length(node.gradient_norm for node in members),
        weight_norm=_length(node.weight_norm for node in members),
        output_gradient_norm=last.output_gradient_norm if last else None,
        activation_mean=last.activation_mean if last else None,
        activation_sd=last.activation_sd if last else None,
        zero_fraction=last.zero_fraction if last else None,
    )


def _length(norms: Iterable[float | None]) -> float | None:
    """Return the norm of all together; none where nothing has one."""
    known = [norm for norm in norms if norm is not None]
    return hypot(*known) if known else None
