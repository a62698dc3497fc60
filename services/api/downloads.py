"""Stored bytes over HTTP: whole or one range, chunk by chunk, under a strong ETag (RFC 9110 §14)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from shared.db.blobs import Blob, read_slice, slices
from shared.db.engine import Database

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes `start` ≤ i < `stop` of a blob, which never change, as a file of this name."""

    blob: Blob
    start: int
    stop: int
    etag: str
    """Without quotes."""
    name: str
    media_type: str = "application/octet-stream"

    @property
    def size_bytes(self) -> int:
        """Return the length of the content."""
        return self.stop - self.start


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return (start, stop) of one byte range, none when the whole is wanted; answers 416 outside the content.

    Several ranges, other units and what is malformed are ignored, as the standard allows.
    """
    parts = _RANGE.fullmatch(header.strip()) if header else None
    if parts is None or parts.groups() == ("", ""):
        return None
    first, last = parts.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
    return start, stop


def _chunks(database: Database, blob: Blob, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes, each chunk in a transaction of its own: a slow client must not hold one open."""
    for part in slices(blob, start=start, stop=stop):
        with database.snapshot() as cx:
            chunk = read_slice(cx, blob=blob, part=part)
        yield chunk


def known_to(headers: Mapping[str, str], etag: str) -> bool:
    """Tell whether the client has what a quoted ETag stands for."""
    known = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    return etag in known or "*" in known


def blob_response(database: Database, *, blob: Blob, headers: Mapping[str, str], name: str) -> Response:
    """Return a blob as the request's headers ask for it: 200, 206, 304 or 416."""
    content = Content(blob, 0, blob.size_bytes, blob.sha256, name)
    return content_response(database, content=content, headers=headers)


def content_response(database: Database, *, content: Content, headers: Mapping[str, str]) -> Response:
    """Return content as the request's headers ask for it: 200, 206, 304 or 416."""
    etag, size = f'"{content.etag}"', content.size_bytes
    base = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable"}
    if known_to(headers, etag):
        return Response(status_code=304, headers=base)
    wanted = headers.get("range") if headers.get("if-range", etag) == etag else None
    part = parse_range(wanted, size)
    start, stop = part or (0, size)
    disposition = f'attachment; filename="{content.name}"'
    base |= {"Content-Length": str(stop - start), "Content-Disposition": disposition}
    if part:
        base["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    chunks = _chunks(database, content.blob, content.start + start, content.start + stop)
    return StreamingResponse(chunks, 206 if part else 200, base, content.media_type)
