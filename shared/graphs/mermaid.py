"""A drawing as a Mermaid flowchart; it renders under `securityLevel: strict`."""

from __future__ import annotations

from collections.abc import Iterator

from shared.graphs.drawing import Box, Drawing, Wire, printable, shortened, worded
from shared.graphs.svg import heat_colour

BRACKETS = {"box": ("[", "]"), "round": ("([", "])"), "plain": ("[", "]")}
_ENTITIES = str.maketrans({c: f"#{ord(c)};" for c in '#"<>&`\\|[]{}()*_~@:;%'})
"""Characters that mean something to Mermaid, to its Markdown or to HTML, as Mermaid's entity codes."""


def mermaid(drawing: Drawing) -> str:
    """Return the drawing as a Mermaid document."""
    names = {box.id: f"n{i}" for i, box in enumerate(drawing.boxes)}
    parts = [
        "---",
        f'title: "{_yaml(drawing.title)}"',
        "---",
        f"flowchart {'LR' if drawing.flow == 'right' else 'TB'}",
        f"  accTitle: {_plain(drawing.title)}",
        f"  accDescr: {_plain(drawing.description)}",
        *_inside(drawing, None, names, "  "),
        *(_wire(wire, names) for wire in drawing.wires),
        *_styles(drawing, names),
    ]
    return "\n".join(parts) + "\n"


def _yaml(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _plain(text: str) -> str:
    """Return a text for an accessibility line, which ends with the line and knows no entities."""
    kept = "".join(" " if c in '<>&#{}%"`' else c for c in printable(text))
    words = " ".join(kept.replace(";", ", ").split()).replace(" ,", ",")
    return words.strip(" ,") or "graph"


def _quoted(*lines: str) -> str:
    return '"' + "<br/>".join(printable(line).translate(_ENTITIES) for line in lines) + '"'


def _inside(drawing: Drawing, group: str | None, names: dict[str, str], indent: str) -> Iterator[str]:
    for box in drawing.boxes:
        if box.group == group:
            yield indent + _box(box, names[box.id])
    for i, inner in enumerate(drawing.groups):
        if inner.parent == group:
            yield f"{indent}subgraph g{i} [{_quoted(inner.label)}]"
            yield from _inside(drawing, inner.id, names, indent + "  ")
            yield f"{indent}end"


def _box(box: Box, name: str) -> str:
    opening, closing = BRACKETS[box.shape]
    return f"{name}{opening}{_quoted(*(shortened(line) for line in box.lines))}{closing}"


def _wire(wire: Wire, names: dict[str, str]) -> str:
    lines = [worded(text) for text in (*wire.above, *wire.below)]
    label = f"|{_quoted(*lines)}|" if lines else ""
    return f"  {names[wire.source]} -->{label} {names[wire.target]}"


def _styles(drawing: Drawing, names: dict[str, str]) -> Iterator[str]:
    for box in drawing.boxes:
        if drawing.heat is not None and box.heat is not None:
            yield f"  style {names[box.id]} fill:{heat_colour(box, drawing.heat)},color:#222222"
