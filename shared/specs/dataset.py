"""The `spec` part of `POST /v1/datasets`, and what a worker found in the files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.specs.base import Spec

ColumnType = Literal["id", "number", "category", "time", "text", "ignore"]
Role = Annotated[str, Field(min_length=1, max_length=200)]


class DatasetSpec(Spec):
    """How to read uploaded files.

    `columns` maps, for interactions, a role (`user`, `item`, `rating`, `timestamp`) to a column of the
    file; for records, a column of the file to its type, where the inferred one is not wanted.
    """

    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[\w .()+:-]+$")]
    kind: Literal["interactions", "records"]
    format: Literal["auto", "csv", "parquet", "movielens"] = "auto"
    columns: dict[Role, Role] = Field(default_factory=dict)


class ReadingError(Spec):
    """One place in an uploaded file that cannot be read."""

    file: str
    row: int | None = None
    """The data row, from 1; a header is not counted."""
    column: str | None = None
    wanted: str
    came: str
    """For records a description of the value, never the value."""


class ColumnSummary(Spec):
    """One column as it was read."""

    name: str
    type: ColumnType
    missing: int
    distinct: int | None = None
    levels: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """The levels of a category with at most 50, each seen at least 11 times; fewer are not shown."""


class DatasetSummary(Spec):
    """What stands in a read data set; everything admission needs without opening a file."""

    rows: int
    columns: Annotated[tuple[ColumnSummary, ...], Field(strict=False)]
    users: int | None = None
    items: int | None = None
    history_histogram: dict[str, int] = Field(default_factory=dict)
    """Interactions only: number of users by how many distinct items they met, e.g. {"20": 31}."""
    duplicates: int = 0
    """Interactions only: rows whose (user, item) stands in an earlier row."""
    has_ratings: bool = False
    has_timestamps: bool = False
    warnings: Annotated[tuple[str, ...], Field(strict=False)] = ()
    notes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """How ambiguous things were read, e.g. the unit of times."""
    sha256: str | None = None
    """Of the canonical content, whatever format it came in."""
