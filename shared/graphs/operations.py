"""The menu of operations: what a formula may call, and under which name a node has it."""

from __future__ import annotations

from shared.graphs.pointwise import POINTWISE
from shared.graphs.rules import Rule
from shared.graphs.wholes import WHOLES

RULES: dict[str, Rule] = {**POINTWISE, **WHOLES}
SIGNS = {"add": " + ", "sub": " − ", "mul": "·", "div": "/", "pow": "^", "matmul": " @ "}
"""Operations written between their operands."""
ALIASES = {"ln": "log"}
OF_ONE_VALUE = {"max": "reduce_max", "min": "reduce_min"}
"""What a function is when it is called with a single value."""
FUNCTIONS = tuple(
    sorted({name for name in RULES if name not in {*SIGNS, "neg", *OF_ONE_VALUE.values()}} | set(ALIASES))
)
"""The names that a formula may call, and that no variable may have."""


def called(name: str, operands: int) -> str:
    """Return the operation that a call of a function with so many operands is."""
    if operands == 1 and name in OF_ONE_VALUE:
        return OF_ONE_VALUE[name]
    return ALIASES.get(name, name)


def shown_name(op: str) -> str:
    """Return how a formula writes an operation: its function's name, or its operator."""
    typed = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "matmul": "@", "neg": "-"}
    if op in typed:
        return typed[op]
    return next((name for name, whole in OF_ONE_VALUE.items() if whole == op), op)
