"""Delimited text, streamed; every value arrives as text, so that ids keep their zeros and `1e9` its `e`."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from services.worker.data.dialects import BOM, Dialect
from services.worker.data.findings import LIMIT, Findings
from services.worker.data.limits import Meter
from services.worker.data.sources import DAMAGED, Source, is_outage
from shared.storage import Storage

BLOCK_BYTES = 4 * 1024**2
"""Bytes parsed at once; also the longest row that can be read."""

Translate = Callable[[bytes], bytes]
"""Rewrites a stream's chunks; called with nothing at the end, for what it held back."""
MakeTranslate = Callable[[], Translate]
OnNul = Callable[[int], None]
BadRows = list[pyarrow.csv.InvalidRow]


def open_delimited(
    storage: Storage,
    path: str,
    *,
    dialect: Dialect,
    meter: Meter,
    findings: Findings,
    translate: MakeTranslate | None = None,
) -> Source:
    """Return a delimited text as a source; `translate` rewrites chunks of bytes before they are parsed."""
    file = path.rsplit("/", 1)[-1]
    meter.check_columns(file, len(dialect.names))

    def on_nul(line: int) -> None:
        row = line - dialect.header_rows
        findings.add(file, wanted="text", came="a NUL byte", row=row if row > 0 else None)
        findings.raise_any()

    def batches(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        first_row = 1
        with storage.reader(path) as raw:
            stream = _Plain(raw, on_nul=on_nul, translate=translate() if translate else None)
            for batch in _parsed(stream, dialect, wanted, file, findings):
                meter.count(file, batch)
                _check_text(batch, file, first_row, findings)
                first_row += batch.num_rows
                yield batch
        if dialect.quote and stream.quotes % 2:
            _refuse_open_quote(storage, path, dialect, file, findings)

    return Source(file=file, names=dialect.names, batches=batches)


def _parsed(
    stream: _Plain, dialect: Dialect, wanted: Sequence[str], file: str, findings: Findings
) -> Iterator[pa.RecordBatch]:
    bad: BadRows = []
    try:
        reader = pyarrow.csv.open_csv(stream, **_options(dialect, wanted, bad))
        for batch in reader:
            _refuse_bad_rows(bad, dialect, file, findings)
            yield batch
    except DAMAGED as error:
        if is_outage(error):
            raise
        _refuse_bad_rows(bad, dialect, file, findings)
        _refuse_unparsed(error, file, findings)
    _refuse_bad_rows(bad, dialect, file, findings)


def _options(dialect: Dialect, wanted: Sequence[str], bad: BadRows) -> dict[str, object]:
    def note(row: pyarrow.csv.InvalidRow) -> str:
        bad.append(row)
        return "skip" if len(bad) < LIMIT else "error"

    return {
        "read_options": pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            column_names=list(dialect.names),
            skip_rows_after_names=dialect.header_rows,
        ),
        "parse_options": pyarrow.csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            newlines_in_values=bool(dialect.quote),
            invalid_row_handler=note,
        ),
        "convert_options": pyarrow.csv.ConvertOptions(
            check_utf8=False,
            strings_can_be_null=True,
            null_values=[""],
            column_types=dict.fromkeys(dialect.names, pa.string()),
            include_columns=list(wanted),
        ),
    }


def _refuse_bad_rows(bad: BadRows, dialect: Dialect, file: str, findings: Findings) -> None:
    for row in bad:
        number = None if row.number is None else row.number - dialect.header_rows
        findings.add(file, wanted=f"{row.expected_columns} values", came=f"{row.actual_columns}", row=number)
    findings.raise_any()


def _refuse_unparsed(error: BaseException, file: str, findings: Findings) -> None:
    too_long = "straddl" in str(error) or "block size" in str(error)
    wanted = f"rows of at most {BLOCK_BYTES // 1024**2} MiB" if too_long else "rows of delimited text"
    findings.refuse(file, wanted=wanted, came="a longer one" if too_long else "bytes that cannot be parsed")


def _check_text(batch: pa.RecordBatch, file: str, first_row: int, findings: Findings) -> None:
    """Note values that are not UTF-8; Arrow checks a whole column at once, so one by one only if it fails."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except DAMAGED:
            for index, value in enumerate(column.cast(pa.binary()).to_pylist()):
                if value is not None and not _is_utf8(value):
                    came = "bytes that are not UTF-8"
                    findings.add(file, wanted="UTF-8 text", came=came, row=first_row + index, column=name)
    findings.raise_any()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Plain(io.RawIOBase):
    """A byte stream without BOM and NUL, optionally translated on the way."""

    def __init__(self, raw: BinaryIO, *, on_nul: OnNul, translate: Translate | None) -> None:
        self._raw = raw
        self._on_nul = on_nul
        self._translate = translate or bytes
        self._lines = 0
        self._fresh = True
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            chunk = self._raw.read(size if size and size > 0 else BLOCK_BYTES)
            self._count(chunk)
            if self._fresh:
                chunk, self._fresh = chunk.removeprefix(BOM), False
            plain = self._translate(chunk)
            if plain or not chunk:
                return plain

    def _count(self, chunk: bytes) -> None:
        nul = chunk.find(b"\0")
        if nul >= 0:
            self._on_nul(self._lines + chunk.count(b"\n", 0, nul) + 1)
        self._lines += chunk.count(b"\n")
        self.quotes += chunk.count(b'"')


def _refuse_open_quote(storage: Storage, path: str, dialect: Dialect, file: str, findings: Findings) -> None:
    """Refuse a text whose last quote never closes: its rows to the end would be one value.

    Called when the number of quotes is odd, which a lone inch mark within a value also makes it.
    """
    with storage.reader(path) as raw:
        text = io.TextIOWrapper(raw, encoding="latin-1", newline="")
        rows = csv.reader(text, delimiter=dialect.delimiter, strict=True)
        try:
            deque(rows, maxlen=0)
        except csv.Error as error:
            if "end of data" in str(error):
                findings.refuse(file, wanted="a closing quote", came="the end of the file")
        text.detach()
