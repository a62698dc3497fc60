"""An uploaded file as named columns that can be read in batches, as often as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

Batches = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]

DAMAGED = (pa.ArrowException, ValueError, KeyError, TypeError, NotImplementedError, OverflowError, OSError)
"""What a decoder raises on bytes it cannot read; its words may quote a record, so they are never shown."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its name, its columns, and its rows in the order of the file."""

    file: str
    names: tuple[str, ...]
    batches: Batches
    """Yields the named columns, text as string or dictionary of string, other values by their Arrow type."""


def is_outage(error: BaseException) -> bool:
    """Say whether an error comes from the machine (it carries an error number), not from the bytes."""
    return isinstance(error, OSError) and error.errno is not None
