"""How much a schedule may hold; checked before each piece too many becomes a finding of its own."""

from __future__ import annotations

from typing import TypeVar

from pydantic_core import PydanticCustomError

MAX_FIELDS = 100
"""Of anything in a schedule."""
MAX_RATE = 1e30
"""Of any learning rate: far beyond every use, and sums over a run stay far from overflowing."""
Items = TypeVar("Items", bound=tuple[object, ...])


def few_fields(value: object) -> object:
    """Refuse a mapping of far too many keys in one finding, before each of them becomes one."""
    if isinstance(value, dict) and len(value) > MAX_FIELDS:
        raise PydanticCustomError("too_long", "has more than {limit} fields", {"limit": MAX_FIELDS})
    return value


def at_least_one(items: Items) -> Items:
    """Hold the minimum of a list here: the built-in one counts refused items as absent, and reports twice."""
    if not items:
        raise PydanticCustomError("too_short", "needs at least one item")
    return items
