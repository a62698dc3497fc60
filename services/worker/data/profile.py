"""What a column of records is, told from its name and its values.

In this order: a column without values is ignored; one with a value of more than 1,000 characters is text;
named like an id and (more than 50 different values or all different) it is an id; true/false is a category;
at least nine tenths numbers, none with a leading zero, is a number (a category when named like an id); at
least nine tenths ISO 8601 dates is a time; at most 50 levels, or at most 1,000 and no more than half as many
as values, is a category; all else is text.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.worker.data.findings import NUMBER
from services.worker.data.times import calendar
from services.worker.data.values import coded, is_text, without_missing
from shared.specs.dataset import ColumnType

FEW_LEVELS = 50
MANY_LEVELS = 1_000
MOSTLY = 0.9
LONGEST_TEXT = 1_000
"""Characters of a category or an id; text may be longer."""
LEVELS_COUNTED = 10_000
"""Beyond so many different values they are no longer told apart."""
_ID_WORDS = frozenset(
    {"id", "ids", "uid", "uuid", "guid", "mrn", "key", "nbr", "sno", "index", "unnamed", "rowid"}
)
_DATE = r"^\d{4}-\d{2}-\d{2}"
_LEADING_ZERO = r"^[+-]?0\d"


class Levels:
    """Counts different values, up to a number of them."""

    def __init__(self, most: int = LEVELS_COUNTED) -> None:
        self._most = most
        self.counts: Counter[object] = Counter()
        self.too_many = False

    def add(self, column: pa.Array) -> None:
        """Count the values of a column; missing ones are not counted."""
        if self.too_many:
            return
        found = pc.value_counts(column.drop_null())
        for value, count in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True):
            self.counts[value] += count
        self.too_many = len(self.counts) > self._most

    @property
    def distinct(self) -> int | None:
        """How many different values there are; None when too many to tell."""
        return None if self.too_many else len(self.counts)


class Profile:
    """What the values of one column look like, gathered batch by batch."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._levels = Levels()
        self._present = 0
        self._numbers = 0
        self._dates = 0
        self._truths = 0
        self._zeros = 0
        self._longest = 0
        self._arrow: pa.DataType | None = None

    def add(self, column: pa.Array) -> None:
        """Look at the next values."""
        type_ = column.type
        if is_text(type_):
            self._add_texts(without_missing(column))
        elif not pa.types.is_null(type_):
            self._arrow = type_.value_type if pa.types.is_dictionary(type_) else type_
            self._present += len(column) - column.null_count
            if named_like_id(self._name):
                self._levels.add(coded(column).dictionary_decode())

    def _add_texts(self, texts: pa.Array) -> None:
        self._present += len(texts) - texts.null_count
        self._levels.add(texts.dictionary_decode())
        self._longest = max(self._longest, pc.max(pc.utf8_length(texts.dictionary)).as_py() or 0)
        values = texts.dictionary
        counts = np.bincount(texts.indices.drop_null().to_numpy(), minlength=len(values))

        def seen(matches: pa.Array) -> int:
            return int(counts[matches.fill_null(False).to_numpy(zero_copy_only=False)].sum())

        is_number = pc.match_substring_regex(values, NUMBER)
        self._numbers += seen(is_number)
        self._zeros += seen(pc.match_substring_regex(values, _LEADING_ZERO))
        self._truths += seen(pc.is_in(pc.utf8_lower(values), value_set=pa.array(["true", "false"])))
        dated = pc.match_substring_regex(values, _DATE)
        if pc.any(dated).as_py():
            found = calendar(pc.if_else(dated, values, pa.scalar(None, pa.string())))
            self._dates += int(counts[~found.missing & ~found.wrong].sum())

    @property
    def is_truth(self) -> bool:
        """Say whether every value is true or false, in whatever capitals."""
        return self._present > 0 and self._truths == self._present

    def type(self) -> ColumnType:
        """Return what the column is."""
        if self._present == 0:
            return "ignore"
        if self._longest > LONGEST_TEXT:
            return "text"
        if named_like_id(self._name) and self._varies():
            return "id"
        return self._by_arrow() if self._arrow is not None else self._by_text()

    def _varies(self) -> bool:
        distinct = self._levels.distinct
        return distinct is None or distinct > FEW_LEVELS or distinct == self._present

    def _by_arrow(self) -> ColumnType:
        if pa.types.is_boolean(self._arrow):
            return "category"
        if pa.types.is_temporal(self._arrow):
            return "time"
        if pa.types.is_list(self._arrow):
            return "ignore"
        return "category" if named_like_id(self._name) else "number"

    def _by_text(self) -> ColumnType:
        if self.is_truth:
            return "category"
        if self._numbers >= MOSTLY * self._present and not self._zeros:
            return "category" if named_like_id(self._name) else "number"
        if self._dates >= MOSTLY * self._present:
            return "time"
        distinct = self._levels.distinct
        few = distinct is not None and (
            distinct <= FEW_LEVELS or distinct <= min(MANY_LEVELS, self._present // 2)
        )
        return "category" if few else "text"


def named_like_id(name: str) -> bool:
    """Say whether the last word of a column's name is one that ids have, as in patient_id or encounterId."""
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()
    parts = [part for part in re.split(r"[^a-z]+", words) if part]
    return bool(parts) and (parts[-1] in _ID_WORDS or parts[0] == "unnamed")
