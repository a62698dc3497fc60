"""sha256 of a data set's canonical content, whatever the files, the batches and the compression were."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


class Fingerprint:
    """Digests named columns that come in batches; equal content in other batches gives an equal digest.

    Of numbers the little-endian bytes count, of texts their lengths (-1 when missing) and their bytes.
    """

    def __init__(self) -> None:
        self._columns: dict[str, tuple[Any, Any]] = {}

    def add_numbers(self, name: str, values: npt.NDArray[Any]) -> None:
        """Digest a fixed-width column's next values; every NaN counts as one and the same."""
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
        plain = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        self._of(f"{name}:{plain.dtype.str}")[0].update(plain.tobytes())

    def add_texts(self, name: str, values: pa.Array) -> None:
        """Digest a string column's next values."""
        lengths, content = self._of(f"{name}:text")
        lengths.update(
            pc.binary_length(values).cast(pa.int32()).fill_null(-1).to_numpy().astype("<i4").tobytes()
        )
        content.update(_bytes_of(values))

    def add_column(self, name: str, values: pa.Array) -> None:
        """Digest a column of text, of lists of text or of float64, null meaning missing."""
        if pa.types.is_list(values.type):
            self.add_lists(name, values)
        elif pa.types.is_string(values.type):
            self.add_texts(name, values)
        else:
            self.add_numbers(name, values.to_numpy(zero_copy_only=False))

    def add_lists(self, name: str, values: pa.Array) -> None:
        """Digest a column of lists of text."""
        self.add_numbers(
            f"{name}:lengths", pc.list_value_length(values).fill_null(-1).to_numpy().astype(np.int32)
        )
        self.add_texts(f"{name}:values", pc.list_flatten(values))

    def hexdigest(self) -> str:
        """Return the digest of all columns, in the order of their names."""
        whole = hashlib.sha256()
        for name, parts in sorted(self._columns.items()):
            whole.update(name.encode() + b"\0")
            for part in parts:
                whole.update(part.digest())
        return whole.hexdigest()

    def _of(self, name: str) -> tuple[Any, Any]:
        return self._columns.setdefault(name, (hashlib.sha256(), hashlib.sha256()))


def _bytes_of(values: pa.Array) -> bytes:
    """Return the bytes of all texts of a string array, one after the other."""
    plain = values.drop_null().cast(pa.large_binary())
    _, offsets, content = plain.buffers()
    if content is None or len(plain) == 0:
        return b""
    ends = np.frombuffer(offsets, dtype=np.int64)[plain.offset : plain.offset + len(plain) + 1]
    return bytes(memoryview(content)[ends[0] : ends[-1]])
