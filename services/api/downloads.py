"""Bytes of a checkpoint over HTTP: whole or one range, chunk by chunk, under a strong ETag (RFC 9110 §14)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from shared.db.blobs import Blob, read_slice, slices
from shared.db.engine import Database

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


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
        with database.begin() as cx:
            chunk = read_slice(cx, blob=blob, part=part)
        yield chunk


def blob_response(database: Database, *, blob: Blob, headers: Mapping[str, str], name: str) -> Response:
    """Return a blob as the request's headers ask for it: 200, 206, 304 or 416."""
    etag = f'"{blob.sha256}"'
    known = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    base = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable"}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=base)
    wanted = headers.get("range") if headers.get("if-range", etag) == etag else None
    part = parse_range(wanted, blob.size_bytes)
    start, stop = part or (0, blob.size_bytes)
    base |= {"Content-Length": str(stop - start), "Content-Disposition": f'attachment; filename="{name}"'}
    if part:
        base["Content-Range"] = f"bytes {start}-{stop - 1}/{blob.size_bytes}"
    chunks = _chunks(database, blob, start, stop)
    return StreamingResponse(chunks, 206 if part else 200, base, "application/octet-stream")
