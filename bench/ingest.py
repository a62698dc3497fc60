"""How fast, and in how much memory, uploaded files become a data set.

`python -m bench.ingest` prints one JSON object. Each file is read in a process of its own with one thread;
`peak_mb` is that process's largest resident size, of which about 110 MB are the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from services.worker.data.ingest import ingest
from services.worker.data.limits import Limits
from shared.settings import Settings
from shared.specs.dataset import DatasetSpec
from shared.specs.ids import new_uuid
from shared.storage import Storage, upload_folder

LIMIT_SECONDS = 10.0
"""For the ratings of MovieLens 1M's size and format, one thread, other work on the machine."""


def met(rows: int) -> pa.Table:
    """Return interactions of the shape of MovieLens 1M: users by Zipf's law, 3,706 items, five stars."""
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "user": pa.array(np.minimum(rng.zipf(1.3, rows), 6040)),
            "item": pa.array(np.minimum(rng.zipf(1.2, rows), 3706)),
            "rating": pa.array(rng.integers(1, 6, rows)),
            "timestamp": pa.array(956_700_000 + rng.integers(0, 10**8, rows)),
        }
    )


def write_dat(table: pa.Table, path: Path) -> None:
    """Write the format of MovieLens 1M."""
    columns = [column.to_pylist() for column in table.columns]
    path.write_text("".join(f"{u}::{i}::{r}::{t}\n" for u, i, r, t in zip(*columns, strict=True)))


def write_records(table: pa.Table, path: Path) -> None:
    """Write 24 numbers and 8 categories a row, a tenth of each column missing."""
    rows, rng = table.num_rows, np.random.default_rng(1)
    numbers = {
        f"n{k}": pa.array(rng.normal(size=rows).round(3), mask=rng.random(rows) < 0.1) for k in range(24)
    }
    levels = np.array([f"level {n}" for n in range(12)])
    texts = {
        f"c{k}": pa.array(levels[rng.integers(0, 12, rows)], mask=rng.random(rows) < 0.1) for k in range(8)
    }
    pyarrow.csv.write_csv(pa.table(numbers | texts), path)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "ratings.dat": write_dat,
    "ratings.csv": pyarrow.csv.write_csv,
    "ratings.parquet": pq.write_table,
    "records.csv": write_records,
}


def read_one(path: Path) -> dict[str, Any]:
    """Read one file into a data set and say what it took."""
    kind = "records" if path.name.startswith("records") else "interactions"
    with tempfile.TemporaryDirectory() as folder:
        storage, dataset = Storage(Path(folder).as_uri()), new_uuid()
        with path.open("rb") as stream:
            storage.save(f"{upload_folder(dataset)}/{path.name}", iter(lambda: stream.read(1 << 20), b""))
        spec = DatasetSpec.model_validate({"name": "bench", "kind": kind})
        begun, cpu = time.perf_counter(), time.process_time()
        summary = ingest(storage, dataset_id=dataset, version=1, spec=spec, limits=Limits.of(Settings()))
        seconds, busy = time.perf_counter() - begun, time.process_time() - cpu
    size = path.stat().st_size / 1024**2
    return {
        "rows": summary.rows,
        "mb": round(size, 1),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(busy, 2),
        "peak_mb": peak_megabytes(),
    }


def peak_megabytes() -> int:
    """Return this program's largest resident size; `getrusage` would count its starter's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def measure(name: str, rows: int) -> dict[str, Any]:
    """Write a file of so many rows and read it in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        WRITERS[name](met(rows), path)
        command = [sys.executable, "-m", "bench.ingest", "--read", str(path)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Measure every format at the size of MovieLens 1M, and interactions at `--rows`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(read_one(arguments.read)))
        return 0
    sizes = [(name, 1_000_209) for name in WRITERS if name != "records.csv"]
    sizes += [("records.csv", 200_000), ("ratings.csv", arguments.rows), ("ratings.parquet", arguments.rows)]
    found = {f"{name}, {rows:,} rows": measure(name, rows) for name, rows in sizes}
    seconds = found["ratings.dat, 1,000,209 rows"]["seconds"]
    print(
        json.dumps(
            {"files": found, "limit_seconds": LIMIT_SECONDS, "passed": seconds <= LIMIT_SECONDS}, indent=2
        )
    )
    return int(seconds > LIMIT_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
