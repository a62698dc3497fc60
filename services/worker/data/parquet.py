"""Parquet, streamed in batches of rows; repeated text stays coded: a small file cannot fill memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.data.dialects import named
from services.worker.data.findings import Findings
from services.worker.data.limits import Meter
from services.worker.data.sources import DAMAGED, Source, is_outage
from shared.storage import Storage

BATCH_ROWS = 131_072
_THRIFT_STRING_BYTES = 16 * 1024**2
_THRIFT_ITEMS = 1_000_000
_DAMAGED = "damaged content"
_WANTED = "a Parquet file that can be decoded"


def open_parquet(storage: Storage, path: str, *, meter: Meter, findings: Findings) -> Source:
    """Return a Parquet file as a source; its footer is checked against the limits before any page is read."""
    file = path.rsplit("/", 1)[-1]
    with storage.reader(path) as stream, _refusing(file, findings):
        parquet = _opened(stream)
        schema, footer = parquet.schema_arrow, parquet.metadata
        promised = [footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)]
        rows = footer.num_rows
    meter.check_columns(file, len(schema.names))
    meter.check_promised(file, rows=rows, decoded_bytes=sum(max(size, 0) for size in promised))
    if named(file, schema.names, findings) != tuple(schema.names):
        findings.refuse(file, wanted="a name for every column", came="a column without one")
    texts = [field.name for field in schema if _is_text(field.type)]

    def batches(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for name in wanted:
            _check_type(file, schema.field(name), findings)
        with storage.reader(path) as stream:
            read = _batches(stream, [t for t in texts if t in wanted], wanted, file, findings)
            for batch in read:
                meter.count(file, batch)
                yield batch

    return Source(file=file, names=tuple(schema.names), batches=batches)


def _batches(
    stream: BinaryIO, texts: Sequence[str], wanted: Sequence[str], file: str, findings: Findings
) -> Iterator[pa.RecordBatch]:
    with _refusing(file, findings):
        parquet = _opened(stream, read_dictionary=texts)
        batches = parquet.iter_batches(BATCH_ROWS, columns=list(wanted), use_threads=False)
    while True:
        with _refusing(file, findings):
            batch = next(batches, None)
        if batch is None:
            return
        yield _checked(batch.select(list(wanted)), file, findings)


def _opened(stream: BinaryIO, read_dictionary: Sequence[str] = ()) -> pq.ParquetFile:
    return pq.ParquetFile(
        stream,
        read_dictionary=list(read_dictionary),
        thrift_string_size_limit=_THRIFT_STRING_BYTES,
        thrift_container_size_limit=_THRIFT_ITEMS,
    )


def _checked(batch: pa.RecordBatch, file: str, findings: Findings) -> pa.RecordBatch:
    """Return the batch with every text, large or as bytes, as string or dictionary of string."""
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns.append(_as_string(column))
            columns[-1].validate(full=True)
        except DAMAGED:
            findings.refuse(file, wanted="UTF-8 text, or whole values", came="damaged ones", column=name)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_string(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        levels = column.dictionary
        return pa.DictionaryArray.from_arrays(
            column.indices.cast(pa.int32()), levels.cast(pa.string()) if _is_text(levels.type) else levels
        )
    return column.cast(pa.string()) if _is_text(column.type) else column


def _is_text(type_: pa.DataType) -> bool:
    t = pa.types
    checks = (
        t.is_string,
        t.is_large_string,
        t.is_string_view,
        t.is_binary,
        t.is_large_binary,
        t.is_binary_view,
    )
    return any(check(type_) for check in checks)


def _check_type(file: str, field: pa.Field, findings: Findings) -> None:
    t = pa.types
    kind = field.type.value_type if t.is_dictionary(field.type) or t.is_list(field.type) else field.type
    scalar = (t.is_boolean, t.is_integer, t.is_floating, t.is_decimal, t.is_timestamp, t.is_date, t.is_null)
    if not _is_text(kind) and not any(check(kind) for check in scalar):
        wanted = "a column of numbers, text, booleans, times or lists of text"
        findings.refuse(file, wanted=wanted, came=f"type {field.type}"[:80], column=field.name)


@contextmanager
def _refusing(file: str, findings: Findings) -> Iterator[None]:
    """Turn a decoder's complaint into a finding without its words, which may quote a record."""
    try:
        yield
    except DAMAGED as error:
        if is_outage(error):
            raise
        findings.refuse(file, wanted=_WANTED, came=_DAMAGED)
