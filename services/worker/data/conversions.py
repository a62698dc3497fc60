"""A column of records as it was read into its canonical form.

Shapes: N values. number → float64[N], null where missing; category, id, text → string; time → timestamp[ms].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.worker.data.findings import Mask
from services.worker.data.profile import LONGEST_TEXT
from services.worker.data.records import TYPE_KEY
from services.worker.data.times import calendar, in_milliseconds, is_calendar, ticks, unit_of
from services.worker.data.values import coded, is_text, numbers, without_missing
from shared.features.numbers import WANTED_NUMBER, too_large
from shared.specs.dataset import ColumnType

_TIME = pa.timestamp("ms", "UTC")
_ARROW: dict[ColumnType, pa.DataType] = {
    "number": pa.float64(),
    "category": pa.string(),
    "id": pa.string(),
    "text": pa.string(),
    "time": _TIME,
}
_WANTED: dict[ColumnType, str] = {
    "number": WANTED_NUMBER,
    "category": f"a category of at most {LONGEST_TEXT:,} characters",
    "id": f"an id of at most {LONGEST_TEXT:,} characters",
    "text": "text",
    "time": "a date such as 2026-11-30T12:00:00Z, or a number since 1970, of years 1 to 9999",
}


@dataclass
class Conversion:
    """How one column is read; the unit of times written as numbers is fixed by the first values."""

    name: str
    type: ColumnType
    inferred: bool
    is_truth: bool
    factor: float | None = None

    @property
    def wanted(self) -> str:
        """What a value must be, for a person whose value was not."""
        hint = (
            "" if not self.inferred else '; if that is not what the column is, state its type under "columns"'
        )
        return _WANTED[self.type] + hint

    def field(self) -> pa.Field:
        """Return the canonical field."""
        return pa.field(self.name, _ARROW[self.type], metadata={TYPE_KEY: self.type.encode()})

    def apply(self, column: pa.Array) -> tuple[pa.Array, Mask]:
        """Return the canonical values and which of those read were wrong."""
        if is_text(column.type):
            column = without_missing(column)
        if self.type == "number":
            found = numbers(column)
            wrong = found.wrong | too_large(found.values)
            return pa.array(found.values, mask=np.isnan(found.values) | wrong), wrong
        if self.type == "time":
            return self._times(column)
        texts = _texts(column)
        texts = pc.utf8_lower(texts) if self.is_truth and self.type == "category" else texts
        if self.type == "text":
            return texts, np.zeros(len(texts), dtype=bool)
        wrong = pc.greater(pc.utf8_length(texts), LONGEST_TEXT).fill_null(False)
        return texts, np.asarray(wrong.to_numpy(zero_copy_only=False), dtype=bool)

    def _times(self, column: pa.Array) -> tuple[pa.Array, Mask]:
        if self.factor is None and is_calendar(column) in {True, None}:
            found = calendar(column)
            return _moments(found.values, found.missing | found.wrong), found.wrong
        read = ticks(column)
        if self.factor is None:
            self.factor = unit_of(read.values[~read.missing & ~read.wrong])[1]
        scaled = in_milliseconds(read.values, self.factor)
        wrong = read.wrong | scaled.wrong
        return _moments(scaled.values, read.missing | wrong), wrong


def _moments(values: np.ndarray, none: Mask) -> pa.Array:
    return pa.array(values, pa.int64(), mask=none).cast(_TIME)


def _texts(column: pa.Array) -> pa.Array:
    """Return values as text: 3.0 as 3, booleans as true and false, times in ISO 8601."""
    column = coded(column)
    values = column.dictionary
    if pa.types.is_floating(values.type):
        floats = values.cast(pa.float64())
        whole = pc.and_(pc.equal(pc.floor(floats), floats), pc.less(pc.abs(floats), 2.0**53))
        kept = pc.if_else(whole, floats, 0.0)
        values = pc.if_else(whole, kept.cast(pa.int64()).cast(pa.string()), floats.cast(pa.string()))
        values = pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.string()), values)
    return values.cast(pa.string()).take(column.indices)
