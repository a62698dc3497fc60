"""Records in memory: one row per patient or encounter, columns by what they are.

Shapes: N rows. Missing is NaN in a number, None in a category or id, NaT in a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shared.errors import Finding, Refused
from shared.features.numbers import WANTED_NUMBER, too_large
from shared.storage import Storage, dataset_folder

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Times = npt.NDArray[np.datetime64]

TYPE_KEY = b"gradus.type"
"""Key of a canonical column's type in its Parquet field."""


@dataclass(frozen=True)
class Records:
    """A table of records; columns of type text and ignore are not loaded."""

    rows: int
    numbers: dict[str, Floats]
    """[N] float64 each."""
    categories: dict[str, Texts]
    """[N] str or None each."""
    ids: dict[str, Texts]
    """[N] str or None each; for grouping, never a feature."""
    times: dict[str, Times]
    """[N] datetime64[ms], UTC, each."""


def load_records(storage: Storage, dataset_id: UUID, version: int) -> Records:
    """Return the records of a data set that was read.

    Raises `NotFound` when there are none, and `Refused` when a column read by an earlier version holds
    numbers that are refused today.
    """
    with storage.reader(f"{dataset_folder(dataset_id, version)}/records.parquet") as stream:
        file = pq.ParquetFile(stream)
        types = {field.name: _type_of(field) for field in file.schema_arrow}
        wanted = [name for name, type_ in types.items() if type_ in {"number", "category", "id", "time"}]
        table = file.read(columns=wanted, use_threads=False)
    by_type: dict[str, dict[str, npt.NDArray[Any]]] = {t: {} for t in ("number", "category", "id", "time")}
    for name in wanted:
        by_type[types[name]][name] = _numpy(table.column(name))
    _check_sizes(by_type["number"])
    return Records(
        rows=table.num_rows,
        numbers=cast("dict[str, Floats]", by_type["number"]),
        categories=cast("dict[str, Texts]", by_type["category"]),
        ids=cast("dict[str, Texts]", by_type["id"]),
        times=cast("dict[str, Times]", by_type["time"]),
    )


def _check_sizes(numbers: dict[str, Floats]) -> None:
    wrong = [name for name, values in numbers.items() if too_large(values).any()]
    if wrong:
        names, came = ", ".join(wrong), f"wanted {WANTED_NUMBER} or none in every row; came larger ones"
        raise Refused(
            f"columns that hold too large numbers: {names}; {came}; upload the data set again without them",
            findings=[Finding((name,), came) for name in wrong],
        )


def _type_of(field: pa.Field) -> str:
    return str((field.metadata or {})[TYPE_KEY], "ascii")


def _numpy(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column as NumPy; equal texts share one object, so that memory follows the levels."""
    if pa.types.is_string(column.type):
        coded = column.combine_chunks().dictionary_encode()
        levels = np.array([*coded.dictionary.to_pylist(), None], dtype=np.object_)
        return cast("npt.NDArray[Any]", levels[coded.indices.fill_null(len(levels) - 1).to_numpy()])
    return cast("npt.NDArray[Any]", column.to_numpy())
