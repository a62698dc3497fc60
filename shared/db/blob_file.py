"""A stored blob as a file that is read where it is looked into: a part of a package costs that part alone."""

from __future__ import annotations

import io
from typing import Any

from sqlalchemy import Connection

from shared.db.blobs import Blob, read_range

BUFFER_BYTES = 16 * 1024
"""Read at once: the list of a package's files, and most of its JSON, without fetching weights beside them."""


class BlobFile(io.RawIOBase):
    """The bytes of a blob, read-only and seekable, for as long as its transaction is open."""

    def __init__(self, cx: Connection, *, blob: Blob) -> None:
        super().__init__()
        self._cx, self._blob, self._at = cx, blob, 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that any place can be gone to."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place and return it. Raises `ValueError` before the first byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blob.size_bytes}[whence]
        if base + offset < 0:
            raise ValueError("a file has no bytes before its first")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever holds writable bytes; has a name from 3.12 on
        """Fill a buffer from the place on and return how many bytes came; 0 at the end."""
        into = memoryview(buffer).cast("B")
        start, count = self._at, 0
        for part in read_range(self._cx, blob=self._blob, start=start, stop=start + len(into)):
            into[count : count + len(part)] = part
            count += len(part)
        self._at += count
        return count


def open_blob(cx: Connection, *, blob: Blob) -> io.BufferedReader:
    """Return a blob as a buffered file."""
    return io.BufferedReader(BlobFile(cx, blob=blob), BUFFER_BYTES)
