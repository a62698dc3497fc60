"""What is wrong with uploaded files: place, wanted, came; collected up to a limit, then refused together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.errors import Finding, Refused
from shared.features.numbers import LARGEST_NUMBER
from shared.specs.dataset import ReadingError

LIMIT = 20
TOO_LARGE = "a number beyond ±1e100"
"""What a number above `LARGEST_NUMBER` is, in words."""
QUOTED_CHARACTERS = 40
NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
"""How text writes a number; each text matches in one way only, so that Python's backtracking stays linear."""
_NUMBER = re.compile(NUMBER, re.ASCII)  # as Arrow reads it: other digits are text to both

Kind = Literal["interactions", "records"]
Mask = npt.NDArray[np.bool_]


class UnreadableFiles(Refused):
    """The uploaded files cannot be read; `errors` name each place, at most 20."""

    code = "unreadable_files"

    def __init__(self, errors: Iterable[ReadingError]) -> None:
        self.errors = tuple(errors)
        super().__init__("the uploaded files cannot be read", findings=map(_finding, self.errors))


def _finding(error: ReadingError) -> Finding:
    place = [part for part in (error.row, error.column) if part is not None]
    return Finding(("files", error.file, *place), f"wanted {error.wanted}; came {error.came}")


class Findings:
    """Collects reading errors; values of records are described, never quoted."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._errors: list[ReadingError] = []

    def add(
        self, file: str, *, wanted: str, came: str, row: int | None = None, column: str | None = None
    ) -> None:
        """Note one place. Raises `UnreadableFiles` with all of them when there are `LIMIT`."""
        self._errors.append(ReadingError(file=file, row=row, column=column, wanted=wanted, came=came))
        if len(self._errors) >= LIMIT:
            self.raise_any()

    def add_values(self, place: Place, *, wanted: str, wrong: Mask, values: pa.Array) -> None:
        """Note each value of a column where `wrong` is true."""
        for index in np.flatnonzero(wrong)[:LIMIT].tolist():
            came = self.described(values[index].as_py())
            self.add(place.file, wanted=wanted, came=came, row=place.first_row + index, column=place.column)

    def refuse(self, file: str, *, wanted: str, came: str, column: str | None = None) -> NoReturn:
        """Note one place and give up on the files."""
        self._errors.append(ReadingError(file=file, column=column, wanted=wanted, came=came))
        raise UnreadableFiles(self._errors[:LIMIT])

    def raise_any(self) -> None:
        """Raise `UnreadableFiles` if anything was noted."""
        if self._errors:
            raise UnreadableFiles(self._errors)

    def described(self, value: object) -> str:
        """Say what a value is; of interactions also show its first characters."""
        if value is None or value == "":
            return "nothing"
        if self._kind == "interactions":
            return ascii(value if isinstance(value, str) else str(value))[1:-1][:QUOTED_CHARACTERS]
        size = _size(value)
        too_large = size is not None and size > LARGEST_NUMBER
        if isinstance(value, str):
            what = TOO_LARGE if too_large else "text" if size is None else "a number"
            return f"{what} of {len(value)} character{'s' if len(value) != 1 else ''}"
        return TOO_LARGE if too_large else f"a value of type {type(value).__name__}"


def _size(value: object) -> float | None:
    """Return how far from 0 a value is that is a number or is written as one, none of any other."""
    written = isinstance(value, str) and _NUMBER.fullmatch(value.strip()) is not None
    return abs(float(value)) if written or isinstance(value, float | int | Decimal) else None  # type: ignore[arg-type]


class Place:
    """A column of a batch of rows of a file."""

    __slots__ = ("column", "file", "first_row")

    def __init__(self, file: str, column: str, first_row: int) -> None:
        self.file = file
        self.column = column
        self.first_row = first_row
        """1-based row of the batch's first value, header not counted."""
