"""Interactions as the files hold them: ids coded, ratings and times read, in the order of the files.

Shapes: N rows, U users, I items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from services.worker.data.findings import Findings, Place
from services.worker.data.roles import Roles
from services.worker.data.sources import Source
from services.worker.data.times import calendar, in_milliseconds, is_calendar, ticks, unit_of
from services.worker.data.values import ID_CHARACTERS, id_codes, numbers

WANTED_ID = f"an id of 1 to {ID_CHARACTERS} printable characters"
LARGEST_RATING = 1e15
"""Squared errors of a batch then fit the 4 bytes that nets compute with."""
WANTED_RATING = "a number from -1e15 to 1e15"
WANTED_DATE = "a date such as 2026-11-30 or 2026-11-30T12:00:00Z, of years 1 to 9999"
WANTED_TICKS = "a time as seconds, milliseconds or microseconds since 1970, of years 1 to 9999"


@dataclass(frozen=True)
class Coded:
    """A column of ids: each row's code, and the id of each code in order of first appearance."""

    codes: npt.NDArray[np.int32]
    ids: pa.Array


@dataclass(frozen=True)
class Pairs:
    """All interactions, in the order of the files."""

    users: Coded
    items: Coded
    ratings: npt.NDArray[np.float32] | None
    times: npt.NDArray[np.int64] | None
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.users.codes)


def read_pairs(files: Sequence[tuple[Source, Roles]], findings: Findings) -> Pairs:
    """Read the interactions of one or several files. Raises `UnreadableFiles`."""
    _check_same_roles(files, findings)
    readers = [_Reader(source, roles, findings) for source, roles in files]
    for reader in readers:
        reader.read()
    findings.raise_any()
    pairs = Pairs(
        users=_coded([chunk for reader in readers for chunk in reader.users]),
        items=_coded([chunk for reader in readers for chunk in reader.items]),
        ratings=np.concatenate([r for reader in readers for r in reader.ratings])
        if files[0][1].rating
        else None,
        times=np.concatenate([reader.times() for reader in readers]) if files[0][1].timestamp else None,
        notes=tuple(note for reader in readers for note in reader.notes),
    )
    findings.raise_any()
    return pairs


def _check_same_roles(files: Sequence[tuple[Source, Roles]], findings: Findings) -> None:
    first_source, first = files[0]
    for source, roles in files[1:]:
        for role in ("rating", "timestamp"):
            if (getattr(roles, role) is None) != (getattr(first, role) is None):
                wanted = f"{role} in both or neither of {first_source.file} and {source.file}"
                findings.refuse(source.file, wanted=wanted, came="one with and one without")


class _Reader:
    """Reads one interactions file."""

    def __init__(self, source: Source, roles: Roles, findings: Findings) -> None:
        self._source, self._roles, self._findings = source, roles, findings
        self.users: list[pa.Array] = []
        self.items: list[pa.Array] = []
        self.ratings: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)]
        self.notes: list[str] = []
        self._ticks: list[npt.NDArray[Any]] = []
        self._dated: bool | None = None

    def read(self) -> None:
        """Read every batch, noting what is wrong."""
        roles = self._roles
        wanted = [name for name in (roles.user, roles.item, roles.rating, roles.timestamp) if name]
        for first_row, batch in _numbered(self._source.batches(wanted)):
            self.users.append(self._ids(batch, roles.user or "", first_row))
            self.items.append(self._ids(batch, roles.item or "", first_row))
            if roles.rating:
                self.ratings.append(self._ratings(batch.column(roles.rating), first_row))
            if roles.timestamp:
                self._ticks.append(self._read_ticks(batch.column(roles.timestamp), first_row))

    def times(self) -> npt.NDArray[np.int64]:
        """Return milliseconds, once all rows are read: the unit of numbers is that of most of them."""
        if self._dated or not self._ticks:
            return np.concatenate([np.zeros(0, np.int64), *self._ticks])
        values = np.concatenate(self._ticks)
        unit, factor = unit_of(values)
        found = in_milliseconds(values, factor)
        place = Place(self._source.file, self._roles.timestamp or "", first_row=1)
        if found.wrong.any():
            self._findings.add_values(place, wanted=WANTED_TICKS, wrong=found.wrong, values=pa.array(values))
        self.notes.append(f"times of {self._source.file} are read as {unit} since 1970, UTC")
        return found.values

    def _place(self, column: str, first_row: int) -> Place:
        return Place(self._source.file, column, first_row)

    def _ids(self, batch: pa.RecordBatch, name: str, first_row: int) -> pa.Array:
        column = batch.column(name)
        codes, wrong = id_codes(column)
        if wrong.any():
            self._findings.add_values(
                self._place(name, first_row), wanted=WANTED_ID, wrong=wrong, values=column
            )
        return codes

    def _ratings(self, column: pa.Array, first_row: int) -> npt.NDArray[np.float32]:
        found = numbers(column if not pa.types.is_string(column.type) else column.dictionary_encode())
        wrong = ~(np.abs(found.values) <= LARGEST_RATING)
        if wrong.any():
            place = self._place(self._roles.rating or "", first_row)
            self._findings.add_values(place, wanted=WANTED_RATING, wrong=wrong, values=column)
        return np.where(wrong, 0, found.values).astype(np.float32)

    def _read_ticks(self, column: pa.Array, first_row: int) -> npt.NDArray[Any]:
        if self._dated is None:
            self._dated = is_calendar(column)
        found = calendar(column) if self._dated else ticks(column)
        wrong = found.wrong | found.missing
        if wrong.any():
            place = self._place(self._roles.timestamp or "", first_row)
            wanted = WANTED_DATE if self._dated else WANTED_TICKS
            self._findings.add_values(place, wanted=wanted, wrong=wrong, values=column)
        return found.values


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    first_row = 1
    for batch in batches:
        yield first_row, batch
        first_row += batch.num_rows


def _coded(chunks: Sequence[pa.Array]) -> Coded:
    """Join coded chunks and number the ids by first appearance, whatever order their dictionaries had."""
    if not chunks:
        return Coded(np.zeros(0, np.int32), pa.array([], pa.string()))
    unified = pa.chunked_array(chunks).unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in unified.chunks])
    ids = unified.chunk(0).dictionary
    first = np.full(len(ids), len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    order = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
    renumbered = np.zeros(len(ids), dtype=np.int32)
    renumbered[order] = np.arange(len(order), dtype=np.int32)
    return Coded(renumbered[codes], ids.take(pa.array(order)))
