"""MovieLens' own files (Harper & Konstan 2015, doi 10.1145/2827872): 100K, 1M and 10M have no header row.

The newer ones (20M, 25M, 32M, latest) are CSV with one and need nothing of this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from services.worker.data.delimited import Translate
from services.worker.data.dialects import Dialect
from services.worker.data.sources import Source

SEPARATOR = "\x1f"
"""Stands for `::` once translated: the parser cuts at one character (ASCII unit separator)."""

GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip

NOT_READ = re.compile(
    r"(tags|links|genome-(scores|tags))\.(csv|dat)|u\.(genre|info|occupation)|README.*", re.IGNORECASE
)
"""Files of these sets that say nothing of who met what; left out when others are there."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One file of MovieLens: what its first line looks like and what its columns are."""

    shape: re.Pattern[bytes]
    separator: str
    names: tuple[str, ...]

    def dialect(self) -> Dialect:
        """Return how the file is parsed, after `translated`."""
        delimiter = SEPARATOR if self.separator == "::" else self.separator
        return Dialect(delimiter=delimiter, names=self.names, header_rows=0, quote=None)


LAYOUTS = (
    Layout(re.compile(rb"\d+\t\d+\t[\d.]+\t\d{8,10}\r?$"), "\t", ("user", "item", "rating", "timestamp")),
    Layout(re.compile(rb"\d+::\d+::[\d.]+::\d{8,10}\r?$"), "::", ("user", "item", "rating", "timestamp")),
    Layout(re.compile(rb"\d+::[MF]::\d+::\d+::[^:]*$"), "::", ("user", "gender", "age", "occupation", "zip")),
    Layout(re.compile(rb"\d+::.+::[^:]+$"), "::", ("item", "title", "genres")),
    Layout(
        re.compile(rb"\d+\|\d+\|[MF]\|[^|]*\|[^|]*$"), "|", ("user", "age", "gender", "occupation", "zip")
    ),
    Layout(
        re.compile(rb"\d+\|[^|]*\|[^|]*\|[^|]*\|[^|]*(\|[01]){19}\r?$"),
        "|",
        ("item", "title", "release_date", "video_release_date", "url", *GENRES_100K),
    ),
)


def layout_of(head: bytes) -> Layout | None:
    """Return the layout that the first line of a file has, if any."""
    first = head.split(b"\n", 1)[0]
    return next((layout for layout in LAYOUTS if layout.shape.match(first)), None)


def translated(layout: Layout, *, is_utf8: Callable[[], bool]) -> Callable[[], Translate]:
    """Return what makes a stream of this layout plain UTF-8 with one-character delimiters."""
    latin = not is_utf8()

    def make() -> Translate:
        cut = _Cut() if layout.separator == "::" else bytes

        def translate(chunk: bytes) -> bytes:
            plain = cut(chunk)
            return plain.decode("latin-1").encode() if latin else plain

        return translate

    return make


class _Cut:
    """Replaces `::`, also one that lies across two chunks."""

    def __init__(self) -> None:
        self._held = b""

    def __call__(self, chunk: bytes) -> bytes:
        text = (self._held + chunk).replace(b"::", SEPARATOR.encode())
        self._held = b":" if chunk and text.endswith(b":") else b""
        return text[: len(text) - len(self._held)]


def genres_in_one_column(source: Source) -> Source:
    """Return 100K's film file with its 19 flags as one column of lists, and without the always empty one."""

    def batches(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        read = [name for name in wanted if name != "genres"] + list(GENRES_100K)
        for batch in source.batches(read):
            columns = [_genres(batch) if name == "genres" else batch.column(name) for name in wanted]
            yield pa.RecordBatch.from_arrays(columns, names=list(wanted))

    return replace(source, names=("item", "title", "release_date", "url", "genres"), batches=batches)


def _genres(batch: pa.RecordBatch) -> pa.Array:
    flags = [batch.column(name).to_pylist() for name in GENRES_100K]
    rows = zip(*flags, strict=True)
    return pa.array(
        [[genre for genre, flag in zip(GENRES_100K, row, strict=True) if flag == "1"] for row in rows],
        pa.list_(pa.string()),
    )
