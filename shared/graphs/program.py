"""A formula once it is parsed: operations in the order of their evaluation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the text, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """Return the place in words; a text of one line needs no line."""
        return f"column {self.column}" if self.line == 1 else f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Node:
    """An input, a constant or an operation on earlier nodes."""

    op: str
    """`input`, `constant`, or the name of an operation."""
    operands: tuple[int, ...]
    place: Place
    name: str
    """The variable, the intermediate's name, or the constant's number as text."""
    constant: float | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A formula: its nodes in order of evaluation, each once, and the one that is the result."""

    nodes: tuple[Node, ...]
    result: int
    unused: tuple[str, ...] = ()
    """Intermediates that the result does not depend on; they are no nodes."""

    def inputs(self) -> dict[str, int]:
        """Return the variables, each with its node."""
        return {node.name: i for i, node in enumerate(self.nodes) if node.op == "input"}
