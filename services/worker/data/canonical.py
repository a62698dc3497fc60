"""Canonical files of a data set: Parquet and a sample in JSON, each written whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.data.times import EPOCH
from shared.storage import Storage

SAMPLE_ROWS = 100
ROW_GROUP_ROWS = 131_072

Row = Mapping[str, object]


def write_table(storage: Storage, path: str, columns: Mapping[str, pa.Array]) -> None:
    """Write named columns as one Parquet file."""
    table = pa.table(dict(columns))
    with storage.writer(path) as stream:
        pq.write_table(table, stream, compression="zstd", row_group_size=ROW_GROUP_ROWS)


class RowGroups:
    """Writes batches of any size as row groups of one size, so that equal content makes equal files."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch, and write what makes whole row groups."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        while self._rows >= ROW_GROUP_ROWS:
            self._write(ROW_GROUP_ROWS)

    def finish(self) -> None:
        """Write what is left."""
        if self._rows or not self._waiting:
            self._write(self._rows)

    def _write(self, rows: int) -> None:
        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        self._writer.write_table(table.slice(0, rows), row_group_size=max(rows, 1))
        rest = table.slice(rows)
        self._waiting, self._rows = rest.to_batches(), rest.num_rows


@contextmanager
def row_groups(storage: Storage, path: str, schema: pa.Schema) -> Iterator[RowGroups]:
    """Open a Parquet file for batches of the schema."""
    with storage.writer(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        groups = RowGroups(writer, schema)
        yield groups
        groups.finish()


def write_sample(storage: Storage, path: str, rows: Iterable[Row]) -> None:
    """Write rows as a JSON list of objects; a missing number is null, a time is RFC 3339."""
    text = json.dumps([dict(row) for row in rows], ensure_ascii=False, allow_nan=False)
    storage.save(path, [text.encode()])


def rows_of(columns: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Return columns as rows of JSON values."""
    names = list(columns)
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]


def _plain(value: object) -> object:
    if isinstance(value, float):
        return (
            None if math.isnan(value) else int(value) if value.is_integer() and abs(value) < 2**53 else value
        )
    return value


def rfc3339(milliseconds: int | None) -> str | None:
    """Return an instant as text, e.g. 2009-12-14T02:52:24Z; None stays None."""
    if milliseconds is None:
        return None
    moment = EPOCH.fromtimestamp(milliseconds // 1000, tz=EPOCH.tzinfo).replace(
        microsecond=milliseconds % 1000 * 1000
    )
    precision = "milliseconds" if milliseconds % 1000 else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
