"""One encoder for records, fitted in the worker on columns and applied in the gateway to JSON objects.

Shapes: B records, N number columns, F number inputs (scores and missing indicators), C category columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from shared.errors import Finding, Refused
from shared.features.categories import NA, RARE, RESERVED, UNKNOWN, CategoryColumn, fit_category
from shared.features.numbers import Floats, NumberColumn, NumberTable, Transform, fit_number
from shared.features.reader import Loc, RawRows, Record, RecordReader

MIN_FREQUENCY = 11
"""Levels seen less often may identify a person (CMS cell-size policy: no count from 1 to 10)."""
MAX_MISSING = 0.99
"""A column missing in a larger share of the training rows is dropped."""

Texts = Sequence[str | None] | NDArray[np.object_]
"""Text or `None` for each row; an array of objects is what a table gives."""
TextColumns = Mapping[str, Texts]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Inputs of a net (`numbers_BF` float32, `codes_BC` int64); which numbers were missing or outside."""

    numbers_BF: NDArray[np.float32]
    codes_BC: NDArray[np.int64]
    absent_BN: NDArray[np.bool_]
    outside_BN: NDArray[np.bool_]


class Fitted(BaseModel):
    """What an encoder learned from the training rows; this is what a package stores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    transform: Transform
    rows: int
    numbers: tuple[NumberColumn, ...]
    categories: tuple[CategoryColumn, ...]
    dropped: tuple[str, ...] = ()
    """Columns missing in more than 99 % of the training rows: known, and not used."""


class RecordEncoder:
    """Turns records into a net's inputs, by the same arithmetic for training columns and for requests.

    Example: `RecordEncoder.fit({"age": ages_B}, {"sex": sexes}, transform="quantile").encode([{"age": 61}])`.
    """

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        self.number_names = tuple(c.name for c in fitted.numbers)
        self.category_names = tuple(c.name for c in fitted.categories)
        self._table = NumberTable(fitted.numbers)
        self._reader = RecordReader(self.number_names, fitted.categories, fitted.dropped)

    @classmethod
    def fit(
        cls,
        numbers: Mapping[str, Floats],
        categories: TextColumns,
        *,
        transform: Transform,
        min_frequency: int = MIN_FREQUENCY,
    ) -> Self:
        """Fit on training columns: `numbers` float64[B] with NaN for missing, `categories` text or `None`."""
        empty = [n for n, values in numbers.items() if np.isnan(values).mean() > MAX_MISSING]
        empty += [n for n, values in categories.items() if _missing_share(values) > MAX_MISSING]
        kept_numbers = tuple(fit_number(n, v, transform) for n, v in numbers.items() if n not in empty)
        kept_categories = tuple(
            fit_category(n, v, min_frequency=min_frequency) for n, v in categories.items() if n not in empty
        )
        return cls(
            Fitted(
                transform=transform,
                rows=_row_count(numbers, categories),
                numbers=kept_numbers,
                categories=kept_categories,
                dropped=tuple(empty),
            )
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote."""
        return cls(Fitted.model_validate_json(text))

    def to_json(self) -> str:
        """Return everything learned; numbers keep every bit."""
        return self.fitted.model_dump_json()

    @property
    def width(self) -> int:
        """Number inputs of the net (F): scores, then missing indicators."""
        return self._table.width

    @property
    def levels(self) -> tuple[int, ...]:
        """Codes of each category column, the three reserved ones included."""
        return tuple(len(c.names) for c in self.fitted.categories)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every column that is used, numbers first."""
        return (*self.number_names, *self.category_names)

    @property
    def indicators(self) -> tuple[int, ...]:
        """Index of the number column behind each missing indicator."""
        return tuple(self._table.indicators_I.tolist())

    def encode_columns(self, numbers: Mapping[str, Floats], categories: TextColumns) -> Encoded:
        """Encode columns of B rows; a column that is not there is refused, further ones are ignored."""
        lost = [n for n in self.number_names if n not in numbers]
        lost += [n for n in self.category_names if n not in categories]
        if lost:
            raise Refused("columns are missing", findings=[Finding((n,), "wanted this column") for n in lost])
        rows = _row_count(numbers, categories)
        values_BN = np.empty((rows, len(self.number_names)), dtype=np.float64)
        for n, name in enumerate(self.number_names):
            values_BN[:, n] = numbers[name]
        codes_BC = np.empty((rows, len(self.category_names)), dtype=np.int64)
        for c, column in enumerate(self.fitted.categories):
            listed, unlisted = column.codes(), column.unlisted
            codes_BC[:, c] = [listed.get(text, unlisted) for text in categories[column.name]]
        return self._encoded(values_BN, codes_BC)

    def encode(self, records: Sequence[Record], *, loc: Loc = ("records",)) -> Encoded:
        """Encode B records; raises `Refused` naming each wrong place, never a value."""
        return self.encode_rows([self.read(records, loc=loc)])

    def read(self, records: Sequence[object], *, loc: Loc = ("records",)) -> RawRows:
        """Check the records of one request; raises `Refused`."""
        return self._reader.read(records, loc=loc)

    def read_one(self, record: object, *, loc: Loc) -> RawRows:
        """Check the one record that stands at `loc`; raises `Refused`."""
        return self._reader.read_one(record, loc=loc)

    def encode_rows(self, parts: Sequence[RawRows]) -> Encoded:
        """Encode the records of several requests as one batch: one array of numbers, one of codes."""
        rows = sum(part.count for part in parts)
        numbers = [value for part in parts for value in part.numbers]
        codes = [code for part in parts for code in part.codes]
        values_BN = np.array(numbers, dtype=np.float64).reshape(rows, len(self.number_names))
        codes_BC = np.array(codes, dtype=np.int64).reshape(rows, len(self.category_names))
        return self._encoded(values_BN, codes_BC)

    def reference(self) -> Encoded:
        """Return the row that contributions are measured from: every median and every commonest level."""
        medians = np.array([[c.median for c in self.fitted.numbers]], dtype=np.float64)
        modes = np.array([[c.mode for c in self.fitted.categories]], dtype=np.int64)
        return self._encoded(medians.reshape(1, -1), modes.reshape(1, -1))

    def describe_inputs(self) -> list[dict[str, object]]:
        """Return what a form or a card says of every column: kind, reference value, range or levels."""
        numbers: list[dict[str, object]] = [
            {"name": c.name, "kind": "number", "reference": c.median, "low": c.low, "high": c.high}
            for c in self.fitted.numbers
        ]
        return numbers + [
            {
                "name": c.name,
                "kind": "category",
                "reference": c.names[c.mode] if c.mode >= len(RESERVED) else None,
                "levels": list(c.levels),
            }
            for c in self.fitted.categories
        ]

    def flags(self, encoded: Encoded) -> list[list[str]]:
        """Return for each record `out_of_range:`, `missing:` and `unseen:` with the column's name.

        `unseen` also covers levels that were rare in training, whose names are not stored.
        """
        found: list[list[str]] = [[] for _ in range(len(encoded.numbers_BF))]
        unlisted_BC = (encoded.codes_BC == RARE) | (encoded.codes_BC == UNKNOWN)
        for word, names, mask in (
            ("out_of_range", self.number_names, encoded.outside_BN),
            ("missing", self.number_names, encoded.absent_BN),
            ("missing", self.category_names, encoded.codes_BC == NA),
            ("unseen", self.category_names, unlisted_BC),
        ):
            if mask.any():
                for row, column in np.argwhere(mask).tolist():
                    found[row].append(f"{word}:{names[column]}")
        return found

    def missing_share(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return for each record the share of its columns that are missing [B]."""
        missing_B = encoded.absent_BN.sum(axis=1) + (encoded.codes_BC == NA).sum(axis=1)
        return np.asarray(missing_B / max(len(self.column_names), 1))

    def _encoded(self, values_BN: Floats, codes_BC: NDArray[np.int64]) -> Encoded:
        rows = self._table.encode(values_BN)
        return Encoded(rows.inputs_BF, codes_BC, rows.absent_BN, rows.outside_BN)


def _missing_share(values: Texts) -> float:
    return sum(1 for value in values if not value) / max(len(values), 1)


def _row_count(numbers: Mapping[str, Floats], categories: TextColumns) -> int:
    """Return the common length of the columns."""
    lengths = {len(values) for values in (*numbers.values(), *categories.values())}
    if len(lengths) > 1:
        raise Refused(f"columns differ in length: {sorted(lengths)}")
    return lengths.pop() if lengths else 0
