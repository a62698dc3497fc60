"""Between JSON and arrays: numbers, vectors of at most 16, matrices of at most 16 × 16."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from shared.errors import Finding
from shared.graphs.drawing import number
from shared.graphs.rules import Array

MAX_SIDE = 16
Plain = int | float | list["Plain"]
WANTED = f"wanted a finite number, a list of 1 to {MAX_SIDE} of them, or a list of such lists of one length"
Loc = tuple[str | int, ...]


def array_of(value: object, loc: Loc) -> Array | list[Finding]:
    """Return a value of a request as an array, or what is wrong with it, and where."""
    findings = list(_faults(value, loc, 0))
    if not findings and isinstance(value, list) and isinstance(value[0], list):
        lengths = {len(row) for row in value if isinstance(row, list)}
        mixed = len(lengths) > 1 or not all(isinstance(row, list) for row in value)
        findings = [Finding(loc, "wanted rows of one length")] if mixed else []
    elif not findings and isinstance(value, list) and any(isinstance(entry, list) for entry in value):
        findings = [Finding(loc, "wanted rows of one length")]
    return findings[:16] or np.array(value, dtype=np.float64)


def _faults(value: object, loc: Loc, depth: int) -> Iterator[Finding]:
    if isinstance(value, list) and depth < 2:
        if not 1 <= len(value) <= MAX_SIDE:
            yield Finding(loc, f"wanted 1 to {MAX_SIDE} entries, got {len(value)}")
            return
        for i, entry in enumerate(value):
            yield from _faults(entry, (*loc, i), depth + 1)
    elif not _is_number(value):
        yield Finding(loc, WANTED)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def plain(value: Array) -> Plain:
    """Return an array as numbers for JSON, whole ones without a point."""
    return _plain(value.tolist())


def _plain(value: object) -> Plain:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    real = float(value)  # type: ignore[arg-type]
    return int(real) if real.is_integer() and abs(real) < 2**53 else real


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape in words: number, vector of 3, 2×3 matrix."""
    if not shape:
        return "number"
    return f"vector of {shape[0]}" if len(shape) == 1 else f"{'×'.join(map(str, shape))} matrix"


def shown(value: Array, *, most: int = 6) -> str:
    """Return an array for a line of text: its numbers while they are few, else its shape."""
    if value.ndim == 0:
        return number(float(value))
    if value.size > most:
        return shape_text(value.shape)
    if value.ndim == 1:
        return "[" + ", ".join(number(float(v)) for v in value) + "]"
    return "[" + ", ".join(shown(row, most=most) for row in value) + "]"
