"""Reads JSON records: checks every key and type at the border, and lays the values out for one array a batch.

The fast path is C code over whole records (one `itemgetter`, one set of types, one sum); only a record that
fails it is looked at value by value, to say what is wrong. No message repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import itemgetter
from typing import cast

from shared.errors import Finding, Refused
from shared.features.categories import CategoryColumn

NUMBER_TYPES = frozenset({float, int, type(None)})
TEXT_TYPES = frozenset({str, type(None)})
MAX_FINDINGS = 20
COLUMN_NAME = re.compile(r"[A-Za-z_][\w .()/%-]{0,63}")
"""What a column's name looks like; anything else may be a value in the wrong place and is not repeated."""

Numbers = tuple[float | int | None, ...]
Texts = tuple[str | None, ...]
Record = Mapping[str, object]
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class RawRows:
    """Records that passed every check: numbers and codes in column order, one record after the other."""

    count: int
    numbers: Sequence[float | int | None]
    codes: Sequence[int]


class RecordReader:
    """Knows the columns of one encoder."""

    def __init__(
        self, numbers: Sequence[str], categories: Sequence[CategoryColumn], dropped: Iterable[str]
    ) -> None:
        self._number_names = tuple(numbers)
        self._text_names = tuple(c.name for c in categories)
        self._known = frozenset((*self._number_names, *self._text_names, *dropped))
        self._codes = tuple(c.codes() for c in categories)
        self._unlisted = tuple(c.unlisted for c in categories)
        self._numbers_of = _getter(self._number_names)
        self._texts_of = _getter(self._text_names)

    def read(self, records: Sequence[object], *, loc: Loc) -> RawRows:
        """Check records without touching NumPy; raises `Refused` naming what is wrong in the first bad."""
        numbers: list[float | int | None] = []
        codes: list[int] = []
        for position, record in enumerate(records):
            row = self.read_one(record, loc=(*loc, position))
            numbers += row.numbers
            codes += row.codes
        return RawRows(len(records), numbers, codes)

    def read_one(self, record: object, *, loc: Loc) -> RawRows:
        """Check the one record that stands at `loc`; raises `Refused`."""
        values = self._values(record)
        if values is None:
            raise Refused("a record is wrong", findings=self._findings(record, loc)[:MAX_FINDINGS])
        return RawRows(1, values[0], self.codes(values[1]))

    def codes(self, texts: Texts) -> list[int]:
        """Return the codes of one record's categories."""
        listed = zip(self._codes, texts, self._unlisted, strict=True)
        return [codes.get(text, unlisted) for codes, text, unlisted in listed]

    def _values(self, record: object) -> tuple[Numbers, Texts] | None:
        """Return a record's values in column order, or `None` when something in it is wrong."""
        if type(record) is not dict:
            return None
        try:
            numbers, texts = self._numbers_of(record), self._texts_of(record)
        except KeyError:
            numbers = tuple(map(record.get, self._number_names))
            texts = tuple(map(record.get, self._text_names))
        if len(record) != len(numbers) + len(texts) and not self._known.issuperset(record):
            return None
        if not (NUMBER_TYPES.issuperset(map(type, numbers)) and TEXT_TYPES.issuperset(map(type, texts))):
            return None
        if not _all_finite(cast("Numbers", numbers)):
            return None
        return cast("Numbers", numbers), cast("Texts", texts)

    def _findings(self, record: object, loc: Loc) -> list[Finding]:
        """Explain what `_values` would not take."""
        if type(record) is not dict:
            return [Finding(loc, f"wanted an object; came {kind_of(record)}")]
        found = [
            Finding((*loc, shown_name(name)), "unknown column; the model was not trained on it")
            for name in record
            if name not in self._known
        ]
        wrong = [(n, "a finite number") for n in self._number_names if not _is_number(record.get(n))]
        wrong += [(n, "text") for n in self._text_names if type(record.get(n)) not in TEXT_TYPES]
        found += [
            Finding((*loc, n), f"wanted {what} or null; came {kind_of(record[n])}") for n, what in wrong
        ]
        return found


def _getter(names: Sequence[str]) -> Callable[[Record], tuple[object, ...]]:
    """Return a function that reads all the keys at once; its `KeyError` says that one is missing."""
    if len(names) > 1:
        return itemgetter(*names)
    if names:
        return lambda record: (record[names[0]],)
    return lambda _: ()


def shown_name(name: object) -> str:
    """Return a key as a message may repeat it: `*` unless it looks like a name."""
    return name if isinstance(name, str) and COLUMN_NAME.fullmatch(name) else "*"


def _is_number(value: object) -> bool:
    return type(value) in NUMBER_TYPES and _all_finite((cast("float | None", value),))


def _all_finite(values: Numbers) -> bool:
    """Tell whether every number is finite as a double: one sum, since NaN and infinity survive it."""
    try:
        return isfinite(sum(filter(None, values))) or all(isfinite(v) for v in values if v is not None)
    except OverflowError:
        return False


def kind_of(value: object) -> str:
    """Name a JSON type, never the value."""
    if type(value) in (int, float) and not _is_number(value):
        return "a number that is not finite"
    names = {
        bool: "a boolean",
        str: "text",
        list: "a list",
        dict: "an object",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else names.get(type(value), "something that is no JSON")
