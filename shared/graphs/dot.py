"""A drawing as Graphviz DOT: quoted strings only, no HTML labels, no attribute that a caller could fill."""

from __future__ import annotations

from collections.abc import Iterator

from shared.graphs.drawing import Box, Drawing, Wire, printable, shortened, worded
from shared.graphs.svg import heat_colour

SHAPES = {"box": "box", "round": "ellipse", "plain": "plaintext"}


def dot(drawing: Drawing) -> str:
    """Return the drawing as a DOT document that `dot -Tsvg` reads."""
    rank = "LR" if drawing.flow == "right" else "TB"
    head = [
        "digraph gradus {",
        f"  rankdir={rank}; label={_quoted(drawing.title)}; labelloc=t;",
        '  node [fontname="DejaVu Sans", fontsize=12, style=filled, fillcolor="#ffffff"];',
        '  edge [fontname="DejaVu Sans", fontsize=11];',
    ]
    names = {box.id: f"n{i}" for i, box in enumerate(drawing.boxes)}
    wires = [_wire(wire, names) for wire in drawing.wires]
    return "\n".join([*head, *_inside(drawing, None, names, "  "), *wires, "}\n"])


def _quoted(*lines: str) -> str:
    r"""Return lines as one DOT string; a backslash or a quote of the text is escaped, lines end in \n."""
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in map(printable, lines)]
    return '"' + "\\n".join(escaped) + '"'


def _inside(drawing: Drawing, group: str | None, names: dict[str, str], indent: str) -> Iterator[str]:
    """Yield the boxes that lie right in a group, and its groups as clusters."""
    for box in drawing.boxes:
        if box.group == group:
            yield f"{indent}{names[box.id]} [{_attributes(box, drawing)}];"
    for i, inner in enumerate(drawing.groups):
        if inner.parent == group:
            yield f"{indent}subgraph cluster_{i} {{ label={_quoted(inner.label)}; style=dashed;"
            yield from _inside(drawing, inner.id, names, indent + "  ")
            yield f"{indent}}}"


def _attributes(box: Box, drawing: Drawing) -> str:
    label = _quoted(*(shortened(line) for line in box.lines))
    return f'label={label}, shape={SHAPES[box.shape]}, fillcolor="{heat_colour(box, drawing.heat)}"'


def _wire(wire: Wire, names: dict[str, str]) -> str:
    lines = [worded(text) for text in (*wire.above, *wire.below)]
    label = f" [label={_quoted(*lines)}]" if lines else ""
    return f"  {names[wire.source]} -> {names[wire.target]}{label};"
