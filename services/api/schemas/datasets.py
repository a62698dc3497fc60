"""What the gateway says of data sets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, computed_field

from services.api.schemas.answer import Answer, Time


class ReadingErrorAnswer(Answer):
    """One place in an uploaded file that could not be read; no file where the reading was stopped."""

    file: Annotated[str | None, BeforeValidator(lambda name: name or None)] = None
    row: Annotated[
        int | None, Field(description="The data row, counted from 1; a header is not counted.")
    ] = None
    column: str | None = None
    wanted: str
    came: str

    @computed_field(description="File, data row and column in words.")  # type: ignore[prop-decorator]
    @property
    def place(self) -> str | None:
        """The place in words, none where the reading was stopped."""
        row = None if self.row is None else f"data row {self.row} (a header is not counted)"
        column = None if self.column is None else f"column {self.column}"
        return ", ".join(part for part in (self.file, row, column) if part) or None


class ColumnAnswer(Answer):
    """One column as it was read."""

    name: str
    type: str
    missing: int
    distinct: int | None = None
    levels: list[str] | None = None


class FileAnswer(Answer):
    """One uploaded file."""

    name: str
    size_bytes: int
    sha256: str


class DatasetAnswer(Answer):
    """A data set; the counts stand when it is ready, `errors` when it was refused."""

    id: str
    name: str
    kind: str
    status: Literal["reading", "ready", "refused"]
    version: int
    files: list[FileAnswer]
    size_bytes: int
    sha256: str
    rows: int | None = None
    columns: list[ColumnAnswer] | None = None
    users: int | None = None
    items: int | None = None
    duplicates: int | None = None
    has_ratings: bool | None = None
    has_timestamps: bool | None = None
    warnings: list[str] = Field(default=[])
    errors: list[ReadingErrorAnswer] | None = None
    created_at: Time
    read_at: Time | None
    spec: dict[str, Any]


class SampleAnswer(Answer):
    """The first rows of a data set as they were read."""

    data: list[dict[str, Any]]
