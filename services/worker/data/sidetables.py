"""What is known of users and items beside the interactions: titles, genres, ages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.worker.data.findings import Findings, Place
from services.worker.data.pairs import WANTED_ID
from services.worker.data.sources import Source
from services.worker.data.values import id_codes, numbers, present

SEPARATOR = "|"
LISTS = frozenset({"genres", "genre", "categories", "category", "tags", "labels"})
"""Names of text columns that hold several values, cut at `|`."""
NO_GENRES = "(no genres listed)"
"""What MovieLens writes instead of an empty list."""

WANTED_NUMBER = "a finite number"


@dataclass(frozen=True)
class SideTable:
    """Columns aligned with the ids of the interactions; rows of ids that nobody met are counted, not kept."""

    columns: dict[str, pa.Array]
    warnings: tuple[str, ...]


def read_side(
    files: Sequence[tuple[Source, str]], ids: pa.Array, *, kind: str, findings: Findings
) -> SideTable:
    """Read side tables, each with the name of its id column, and align them with `ids`.

    `kind` is what an id names, "user" or "item". Of two rows of one id the first counts; of two files with
    one column the first counts. Raises `UnreadableFiles`.
    """
    columns: dict[str, pa.Array] = {}
    warnings: list[str] = []
    for source, key in files:
        names = [name for name in source.names if name not in {key, kind, *columns}]
        table = _read(source, [key, *names])
        codes = _keys(table, key, source, findings)
        rows = pc.index_in(ids, value_set=codes)
        warnings += _warnings(source.file, kind, codes, ids)
        for name in names:
            place = Place(source.file, name, first_row=1)
            columns[name] = _typed(table.column(name), place, findings).take(rows)
    findings.raise_any()
    return SideTable(columns, tuple(warnings))


def _read(source: Source, names: Sequence[str]) -> pa.Table:
    batches = [_plain(batch) for batch in source.batches(names)]
    if not batches:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return pa.Table.from_batches(batches).combine_chunks()


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with coded columns written out: dictionaries differ from batch to batch."""
    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _keys(table: pa.Table, key: str, source: Source, findings: Findings) -> pa.Array:
    values = _whole(table.column(key))
    codes, wrong = id_codes(values)
    if wrong.any():
        findings.add_values(Place(source.file, key, 1), wanted=WANTED_ID, wrong=wrong, values=values)
        findings.raise_any()
    return codes.dictionary_decode()


def _warnings(file: str, kind: str, keys: pa.Array, ids: pa.Array) -> list[str]:
    distinct = pc.unique(keys)
    repeated = len(keys) - len(distinct)
    met = pc.sum(pc.is_in(distinct, value_set=ids)).as_py() or 0
    found = []
    if repeated:
        found.append(f"{file}: {repeated:,} rows repeat an earlier {kind}; the first row of each counts")
    if met < len(distinct):
        found.append(f"{file}: {len(distinct) - met:,} {kind}s have no interaction and are left out")
    if met < len(ids):
        found.append(f"{file}: {len(ids) - met:,} of {len(ids):,} {kind}s with interactions have no row")
    return found


def _whole(column: pa.ChunkedArray) -> pa.Array:
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks or [pa.array([], column.type)])


def _typed(chunked: pa.ChunkedArray, place: Place, findings: Findings) -> pa.Array:
    """Return a side column as lists of text, float64 or text; a number that is infinite is noted."""
    column = _whole(chunked)
    if pa.types.is_list(column.type):
        return column.cast(pa.list_(pa.string()))
    if pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        return _lists(column) if place.column.strip().lower() in LISTS else _number_or_text(column)
    if (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_decimal(column.type)
    ):
        found = numbers(column)
        if found.wrong.any():
            findings.add_values(place, wanted=WANTED_NUMBER, wrong=found.wrong, values=column)
        return pa.array(found.values, mask=np.isnan(found.values))
    return column.cast(pa.string())


def _lists(column: pa.Array) -> pa.Array:
    known = pc.if_else(pc.equal(column, NO_GENRES), pa.scalar(None, pa.string()), column)
    lists = pc.split_pattern(known, SEPARATOR)
    empty = pa.scalar([], pa.list_(pa.string()))
    return (
        pc.if_else(pc.equal(column, NO_GENRES), empty, lists)
        if known.null_count > column.null_count
        else lists
    )


def _number_or_text(column: pa.Array) -> pa.Array:
    """Return numbers if all values are; text such as 01234 or 1e9 is a code, not a number."""
    is_code = pc.match_substring_regex(column, r"^[+-]?0\d|[eE]")
    if column.null_count == len(column) or pc.any(is_code).as_py():
        return column
    found = numbers(column)
    return (
        column
        if (found.wrong & present(column)).any()
        else pa.array(found.values, mask=np.isnan(found.values))
    )
