"""The same interactions give the same canonical content in every format that can hold them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest

from tests.support.uploads import Upload


class Met(NamedTuple):
    user: str
    item: str
    rating: int
    seconds: int


def rows() -> list[Met]:
    """Return 1,000 interactions of 50 users and 80 items, some of them twice."""
    rng = random.Random(7)
    return [
        Met(
            str(rng.randint(1, 50)),
            str(rng.randint(1, 80)),
            rng.randint(1, 5),
            978_300_000 + rng.randint(0, 10**6),
        )
        for _ in range(1000)
    ]


def text(
    separator: str, *, header: str = "", end: str = "\n", time: str = "{seconds}", quote: str = ""
) -> str:
    line = separator.join(f"{quote}{field}{quote}" for field in ("{user}", "{item}", "{rating}", time)) + end
    return (header + end if header else "") + "".join(line.format(**met._asdict()) for met in rows())


def table(
    *, rating: pa.DataType, time: pa.DataType, scale: int = 1, ids: str | pa.DataType = "string"
) -> pa.Table:
    met = rows()
    return pa.table(
        {
            "userId": pa.array([m.user for m in met]).cast(ids),
            "movieId": pa.array([m.item for m in met]).cast(ids),
            "rating": pa.array([m.rating for m in met]).cast(rating),
            "timestamp": pa.array([m.seconds * scale for m in met], pa.int64()).cast(time),
        }
    )


LATEST = "userId,movieId,rating,timestamp"
FORMATS: dict[str, tuple[str, str | bytes | pa.Table]] = {
    "MovieLens 100K": ("u.data", text("\t")),
    "MovieLens 1M": ("ratings.dat", text("::")),
    "MovieLens latest": ("ratings.csv", text(",", header=LATEST)),
    "CSV, CRLF": ("a.csv", text(",", header=LATEST, end="\r\n")),
    "CSV, byte order mark": ("a.csv", b"\xef\xbb\xbf" + text(",", header=LATEST).encode()),
    "CSV, quoted": ("a.csv", text(",", header=LATEST, quote='"')),
    "CSV, semicolons": ("a.csv", text(";", header="user;item;rating;timestamp")),
    "CSV, tabs": ("a.tsv", text("\t", header="user\titem\trating\ttimestamp")),
    "CSV, bars": ("a.txt", text("|", header="user|item|rating|timestamp")),
    "CSV, milliseconds": ("a.csv", text(",", header=LATEST, time="{seconds}000")),
    "CSV, microseconds": ("a.csv", text(",", header=LATEST, time="{seconds}000000")),
    "CSV, fractions": ("a.csv", text(",", header=LATEST, time="{seconds}.0")),
    "Parquet, text ids": ("a.parquet", table(rating=pa.float64(), time=pa.int64())),
    "Parquet, coded ids": (
        "a.parquet",
        table(rating=pa.int8(), time=pa.int64(), ids=pa.dictionary(pa.int16(), pa.string())),
    ),
    "Parquet, whole ids": ("a.parquet", table(rating=pa.float32(), time=pa.int64(), ids=pa.int32())),
    "Parquet, large text": ("a.parquet", table(rating=pa.float32(), time=pa.int64(), ids=pa.large_string())),
    "Parquet, timestamps": ("a.parquet", table(rating=pa.float32(), time=pa.timestamp("s"))),
    "Parquet, timestamps in UTC": (
        "a.parquet",
        table(rating=pa.float32(), time=pa.timestamp("us", "UTC"), scale=1_000_000),
    ),
}


@pytest.fixture(params=FORMATS, ids=str)
def uploaded(request: pytest.FixtureRequest, tmp_path: Path) -> Upload:
    name, content = FORMATS[request.param]
    return Upload(tmp_path).put({name: content})


def test_the_digest_is_that_of_movielens_100k(uploaded: Upload, tmp_path_factory: pytest.TempPathFactory):
    name, content = FORMATS["MovieLens 100K"]
    reference = Upload(tmp_path_factory.mktemp("reference")).put({name: content}).read("interactions")
    summary = uploaded.read("interactions")
    assert summary.sha256 == reference.sha256
    assert summary.model_dump(exclude={"notes", "warnings"}) == reference.model_dump(
        exclude={"notes", "warnings"}
    )


def test_what_is_loaded_is_what_was_written_down(uploaded: Upload):
    uploaded.read("interactions")
    found = uploaded.interactions()
    assert found.ratings is not None
    assert found.times is not None
    met = sorted(rows(), key=lambda m: m.seconds)
    assert [found.user_ids[u] for u in found.users] == [m.user for m in met]
    assert [found.item_ids[i] for i in found.items] == [m.item for m in met]
    assert found.ratings.tolist() == [m.rating for m in met]
    assert found.times.tolist() == [m.seconds * 1000 for m in met]
    assert found.user_ids == list(dict.fromkeys(m.user for m in rows()))
    widths = [str(column.dtype) for column in (found.users, found.items, found.ratings, found.times)]
    assert widths == ["int32", "int32", "float32", "int64"]


def test_the_counts_are_those_of_a_slow_count(uploaded: Upload):
    summary = uploaded.read("interactions")
    pairs = {(m.user, m.item) for m in rows()}
    lengths = [sum(user == u for u, _ in pairs) for user in {u for u, _ in pairs}]
    assert summary.rows == 1000
    assert summary.duplicates == 1000 - len(pairs)
    assert summary.history_histogram == {str(n): lengths.count(n) for n in sorted(set(lengths))}
    assert (summary.users, summary.items) == (50, 80)


def test_the_sample_is_the_first_hundred_rows_of_the_file(uploaded: Upload):
    uploaded.read("interactions")
    sample = uploaded.sample()
    assert len(sample) == 100
    first = rows()[0]
    assert (sample[0]["user"], sample[0]["item"], sample[0]["rating"]) == (
        first.user,
        first.item,
        first.rating,
    )
    assert sample[0]["timestamp"].startswith("2001-01-")


def test_reading_twice_writes_the_same_files(uploaded: Upload):
    first = uploaded.read("interactions")
    before = {path: b"".join(uploaded.storage.chunks(path)) for path in uploaded.left()}
    assert uploaded.read("interactions") == first
    assert {path: b"".join(uploaded.storage.chunks(path)) for path in uploaded.left()} == before
