"""Times as they were read into milliseconds since 1970, UTC.

Shapes: N values. Times come as dates (ISO 8601, Arrow timestamps) or as numbers, whose unit is told from
their size.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from services.worker.data.findings import Mask
from services.worker.data.values import coded, expand, is_text, numbers, present

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MS = 253_402_300_799_999
"""The end of year 9999, the last that RFC 3339 can write."""
FIRST_MS = -62_135_596_800_000
"""The beginning of year 1."""

_BEYOND = 1e30
"""Larger than any time in any unit; a larger number counts as this one, so that no product overflows."""

UNITS: tuple[tuple[float, str, float], ...] = (
    (1e11, "seconds", 1e3),
    (1e14, "milliseconds", 1.0),
    (1e17, "microseconds", 1e-3),
    (np.inf, "nanoseconds", 1e-6),
)
"""Below which size, which unit, and its milliseconds: 1e11 s is the year 5138, 1e11 ms is March 1973."""


class Ticks(NamedTuple):
    """int64[N] or float64[N] times of an unknown unit; 0 where missing or wrong."""

    values: npt.NDArray[Any]
    missing: Mask
    wrong: Mask


class Instants(NamedTuple):
    """int64[N] milliseconds since 1970, UTC; 0 where missing or wrong."""

    values: npt.NDArray[np.int64]
    missing: Mask
    wrong: Mask


def is_calendar(column: pa.Array) -> bool | None:
    """Say whether times are written as dates, not as numbers; None when there is no value to tell from."""
    column = column.drop_null()
    if len(column) == 0:
        return None
    if not is_text(column.type):
        return bool(pa.types.is_temporal(column.type))
    return bool(numbers(coded(column.slice(0, 1000))).wrong.mean() > 0.5)


def ticks(column: pa.Array) -> Ticks:
    """Read times written as numbers: exactly when all are whole, else as float64."""
    whole = _whole(column)
    if whole is not None:
        nowhere = np.zeros(len(whole), dtype=bool)
        return Ticks(whole, nowhere, nowhere)
    found = numbers(column)
    return Ticks(np.nan_to_num(found.values), np.isnan(found.values) & ~found.wrong, found.wrong)


def _whole(column: pa.Array) -> npt.NDArray[np.int64] | None:
    if column.null_count or not (pa.types.is_string(column.type) or pa.types.is_integer(column.type)):
        return None
    try:
        return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
    except pa.ArrowInvalid:
        return None


def unit_of(values: npt.NDArray[Any]) -> tuple[str, float]:
    """Return the name and the milliseconds of the unit in which times are written, by their median size."""
    size = float(np.median(_sizes(values))) if len(values) else 0.0
    return next((name, factor) for limit, name, factor in UNITS if size < limit)


def _sizes(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.minimum(np.abs(values.astype(np.float64)), _BEYOND)


def in_milliseconds(values: npt.NDArray[Any], factor: float) -> Instants:
    """Return times of a known unit as whole milliseconds, rounded down; outside of years 1–9999 is wrong."""
    fits = _sizes(values) * factor <= LAST_MS
    kept = np.where(fits, values, 0)
    if kept.dtype.kind == "i":
        scaled = kept * int(factor) if factor >= 1 else kept // round(1 / factor)
    else:
        scaled = np.floor(np.round(kept * factor, 3))
    milliseconds = scaled.astype(np.int64)
    wrong = ~fits | (milliseconds < FIRST_MS)
    return Instants(np.where(wrong, 0, milliseconds), np.zeros(len(values), dtype=bool), wrong)


def calendar(column: pa.Array) -> Instants:
    """Read times written as ISO 8601 dates, with or without a time and an offset (without: UTC)."""
    if pa.types.is_dictionary(column.type):
        found = calendar(column.dictionary)
        return Instants(
            expand(found.values, column.indices, missing=0),
            expand(found.missing, column.indices, missing=True),
            expand(found.wrong, column.indices, missing=False),
        )
    for type_ in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return _instants(column.cast(type_, safe=False))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return _one_by_one(column)


def _instants(column: pa.Array) -> Instants:
    microseconds = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    found = in_milliseconds(microseconds, 1e-3)
    return Instants(found.values, ~present(column), found.wrong)


def _one_by_one(column: pa.Array) -> Instants:
    """Read dates of several ways of writing and mark what is none: Arrow's parser gives up at the first."""
    missing = ~present(column)
    values, wrong = np.zeros(len(column), dtype=np.int64), np.zeros(len(column), dtype=bool)
    for index in np.flatnonzero(~missing).tolist():
        instant = _instant(column[index].as_py())
        wrong[index] = instant is None
        values[index] = instant or 0
    return Instants(values, missing, wrong)


def _instant(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int((moment - EPOCH).total_seconds() * 1000 // 1)
    except (ValueError, OverflowError):
        return None
