"""How much uploaded files may hold, counted while they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from services.worker.data.findings import Findings
from shared.settings import Settings

FREE_BYTES = 256 * 1024**2
"""Decoded bytes that every data set may have, whatever its files measure: small files compress well."""
CELL_BYTES = 1024**2
HEADER_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest sizes of one data set."""

    rows: int
    columns: int
    expansion: float
    """Decoded bytes a byte of the files."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that the settings name."""
        return cls(
            rows=settings.dataset_max_rows,
            columns=settings.dataset_max_columns,
            expansion=settings.dataset_max_expansion,
        )


class Meter:
    """Counts rows and decoded bytes of all files of a set; raises `UnreadableFiles` beyond the limits.

    Between two batches it calls `leave_if_asked`, which raises when the reading is to stop.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        uploaded_bytes: int,
        findings: Findings,
        leave_if_asked: Callable[[], None],
    ) -> None:
        self.limits = limits
        self._leave_if_asked = leave_if_asked
        self._findings = findings
        self._byte_limit = max(FREE_BYTES, int(limits.expansion * uploaded_bytes))
        self._rows = 0
        self._bytes = 0

    def restart(self) -> None:
        """Count from nothing again, for another pass over the same files."""
        self._rows = self._bytes = 0

    def check_columns(self, file: str, columns: int) -> None:
        """Refuse a file with too many columns."""
        if columns > self.limits.columns:
            self._findings.refuse(
                file, wanted=f"at most {self.limits.columns:,} columns", came=f"{columns:,}"
            )

    def check_promised(self, file: str, *, rows: int, decoded_bytes: int) -> None:
        """Refuse a file whose own footer promises too much, before anything is decoded."""
        self._check_rows(file, rows)
        self._check_bytes(file, decoded_bytes)

    def count(self, file: str, batch: pa.RecordBatch) -> None:
        """Count a batch as it was decoded."""
        self._leave_if_asked()
        self._rows += batch.num_rows
        self._check_rows(file, self._rows)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            size, longest = _text_bytes(column)
            if longest > CELL_BYTES:
                self._findings.refuse(
                    file, wanted="values of at most 1 MiB", came="a longer one", column=name
                )
            self._bytes += size
        self._check_bytes(file, self._bytes)

    def _check_rows(self, file: str, rows: int) -> None:
        if rows > self.limits.rows:
            self._findings.refuse(file, wanted=f"at most {self.limits.rows:,} rows in all files", came="more")

    def _check_bytes(self, file: str, size: int) -> None:
        if size > self._byte_limit:
            wanted = f"at most {self._byte_limit // 1024**2:,} MiB once decoded (for files of this size)"
            self._findings.refuse(file, wanted=wanted, came="more")


def _text_bytes(column: pa.Array) -> tuple[int, int]:
    """Return a column's decoded bytes and those of its longest value, without writing out repeated values."""
    if pa.types.is_dictionary(column.type):
        lengths = _lengths(column.dictionary)
        if lengths is None or len(lengths) == 0:
            return column.indices.nbytes, 0
        total = pc.sum(lengths.take(column.indices)).as_py() or 0
        return int(total), int(pc.max(lengths).as_py() or 0)
    lengths = _lengths(column)
    if lengths is None:
        return column.nbytes, 0
    return int(pc.sum(lengths).as_py() or 0), int(pc.max(lengths).as_py() or 0)


def _lengths(column: pa.Array) -> pa.Array | None:
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    is_bytes = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
    return pc.binary_length(column).cast(pa.int64()) if is_text or is_bytes else None
