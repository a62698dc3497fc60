"""Where everything in a drawing lies: layers by graphlay, a Sugiyama layout (Sugiyama et al., 1981).

The lines at a wire are a node of their own to the layout, between the wire's two ends: so it is the layout
that keeps them clear of boxes, of one another and of wires, whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shared.graphs.drawing import Box, Drawing, Flow, Wire, shortened
from shared.graphs.measuring import text_width

SIZE, LINE = 12.0, 16.0
"""Height of a letter and of a line, in pixels."""
PADDING = 10.0
GROUP_HEADER = 20.0
UNHURRIED = 200
"""Most edges for which the layout tries hard; beyond, a third of the time gives much the same picture."""
SPACING = {"layer_gap": 30.0, "node_gap": 22.0, "dummy_gap": 16.0, "port_gap": 12.0, "stub": 12.0}
MARGIN = dict.fromkeys(("top", "bottom", "left", "right"), 8.0)
Point = tuple[float, float]
Line = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its upper left corner and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A drawing laid out: rectangles and routes, in the order of its boxes, groups and wires."""

    boxes: tuple[Rect, ...]
    groups: tuple[Rect, ...]
    labels: tuple[Rect | None, ...]
    routes: tuple[tuple[Line, ...], ...]
    """Of each wire its lines: one, or two when its label lies between them."""
    width: float
    height: float


@dataclass(slots=True)
class _Request:
    """The graph as graphlay wants it."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)

    def node(self, width: float, height: float, parent: int | None, *, margin: bool) -> int:
        """Add a node and return its index."""
        node = {"size": {"width": width, "height": height}, "shape": "box", "key": str(len(self.nodes))}
        around = {"margin": MARGIN} if margin else {}
        self.nodes.append({**node, **around, **({} if parent is None else {"parent": parent})})
        return len(self.nodes) - 1

    def edge(self, source: int, target: int, **ports: object) -> int:
        """Add an edge and return its index."""
        self.edges.append({"source": source, "target": target, **ports})
        return len(self.edges) - 1


def box_size(box: Box) -> tuple[float, float]:
    """Return width and height of a box that holds its lines."""
    lines = [shortened(line) for line in box.lines]
    widths = [text_width(line, size=SIZE, bold=i == 0) for i, line in enumerate(lines)]
    return max([36.0, *widths]) + 2 * PADDING, LINE * max(1, len(lines)) + 12


def label_size(wire: Wire, flow: Flow) -> tuple[float, float] | None:
    """Return width and height of what is written at a wire; none when nothing is.

    A wire to the right runs through the middle of it, so above and below get the same room.
    """
    lines = [shortened(text.text) for text in (*wire.above, *wire.below)]
    if not lines:
        return None
    rows = 2 * max(len(wire.above), len(wire.below)) if flow == "right" else len(lines)
    return max(text_width(line, size=SIZE) for line in lines) + 8, LINE * rows + 6


def _common_group(drawing: Drawing, wire: Wire, groups: dict[str, str | None]) -> str | None:
    around = set(drawing.enclosing(groups[wire.target]))
    return next((g for g in drawing.enclosing(groups[wire.source]) if g in around), None)


def layered(drawing: Drawing) -> Placed:
    """Lay a drawing out; equal drawings are laid out equally."""
    import graphlay  # most gateways never draw: 7 MB that can wait

    request = _Request()
    groups, boxes, wires = _add(drawing, request)
    options = {
        "direction": "leftright" if drawing.flow == "right" else "topbottom",
        "spacing": {**SPACING, "compound_header": GROUP_HEADER},
        "routing": {"port_sides": "facing_only"},
        "effort": "balanced" if len(request.edges) <= UNHURRIED else "fast",
    }
    found = graphlay.layout({"nodes": request.nodes, "edges": request.edges}, options=options).raw
    low, high = found["bounds"]["min"], found["bounds"]["max"]
    at = _Origin(low["x"], low["y"])
    rects = [at.rect(node) for node in found["nodes"]]
    lines = [at.line(edge) for edge in found["edges"]]
    return Placed(
        boxes=tuple(rects[i] for i in boxes),
        groups=tuple(rects[i] for i in groups),
        labels=tuple(None if wire.label is None else rects[wire.label] for wire in wires),
        routes=tuple(
            tuple(lines[i] for i in wire.edges)
            if wire.label is None or drawing.flow == "down"
            else _centred(lines[wire.edges[0]], rects[wire.label], lines[wire.edges[1]])
            for wire in wires
        ),
        width=high["x"] - low["x"],
        height=high["y"] - low["y"],
    )


def _middle(side: str) -> dict[str, Any]:
    return {"offset": {"side": side, "t": 0.0}}


_MIDDLE: dict[Flow, tuple[dict[str, Any], dict[str, Any]]] = {
    "right": (_middle("left"), _middle("right")),
    "down": (_middle("top"), _middle("bottom")),
}
"""Where a wire enters what is written at it, and where it leaves: in the middle of either side."""


def _centred(entry: Line, label: Rect, leave: Line) -> tuple[Line, Line]:
    """Return the two halves of a wire to the right, led around the label to the middles of its sides.

    Between groups the layout does not heed where a wire should meet a label.
    """
    return (*entry, *_led(entry[-1], label)), (*reversed(_led(leave[0], label)), *leave)


def _led(point: Point, label: Rect) -> Line:
    """Return the way from a point of a label's outline to the middle of the nearer side, along it."""
    side = label.x if point[0] <= label.x + label.width / 2 else label.x + label.width
    corner, middle = (side, point[1]), (side, label.y + label.height / 2)
    if abs(point[1] - middle[1]) < 0.05:
        return ()
    return (middle,) if abs(point[0] - side) < 0.05 else (corner, middle)


@dataclass(frozen=True, slots=True)
class _Added:
    """Where a wire went in the request."""

    label: int | None
    edges: tuple[int, ...]


def _add(drawing: Drawing, request: _Request) -> tuple[list[int], list[int], list[_Added]]:
    """Put a drawing into the request; return the places of its groups, boxes and wires, in their order."""
    depth = {g.id: len(list(drawing.enclosing(g.id))) for g in drawing.groups}
    places: dict[str | None, int | None] = {None: None}
    for group in sorted(drawing.groups, key=lambda g: depth[g.id]):
        places[group.id] = request.node(1.0, 1.0, places[group.parent], margin=True)
    margin = bool(drawing.groups)
    boxes = {b.id: request.node(*box_size(b), places[b.group], margin=margin) for b in drawing.boxes}
    around = {b.id: b.group for b in drawing.boxes}
    wires = []
    for wire in drawing.wires:
        source, target, size = boxes[wire.source], boxes[wire.target], label_size(wire, drawing.flow)
        if size is None:
            wires.append(_Added(None, (request.edge(source, target),)))
            continue
        label = request.node(*size, places[_common_group(drawing, wire, around)], margin=False)
        entry, leave = _MIDDLE[drawing.flow]
        ends = (
            request.edge(source, label, target_port=entry),
            request.edge(label, target, source_port=leave),
        )
        wires.append(_Added(label, ends))
    groups = [index for g in drawing.groups if (index := places[g.id]) is not None]
    return groups, list(boxes.values()), wires


@dataclass(frozen=True, slots=True)
class _Origin:
    """The upper left corner of what the layout found."""

    x: float
    y: float

    def rect(self, node: dict[str, Any]) -> Rect:
        """Return a node's rectangle, counted from the corner."""
        centre, size = node["center"], node["size"]
        width, height = float(size["width"]), float(size["height"])
        return Rect(centre["x"] - width / 2 - self.x, centre["y"] - height / 2 - self.y, width, height)

    def line(self, edge: dict[str, Any]) -> Line:
        """Return an edge's corners, counted from the corner."""
        return tuple((p["x"] - self.x, p["y"] - self.y) for p in edge["points"])
