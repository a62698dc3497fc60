"""Checkpoints and packages as rows of 4 MiB chunks, streamed in both directions.

One bytea of 600 MiB cannot be read back as text and one of 1 GiB ends the connection; chunks of 4 MiB with
EXTERNAL storage were the fastest layout measured, and a slice of one is read without reading the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from sqlalchemy import Connection, select, text

from shared.db.rows import columns_of, one_of
from shared.db.tables import checkpoint, job, metadata
from shared.errors import NotFound, Unavailable
from shared.specs.ids import new_uuid

CHUNK_BYTES = 4 * 1024 * 1024
ChunkTable = Literal["checkpoint_chunk", "package_chunk"]
_OWNER: dict[ChunkTable, str] = {"checkpoint_chunk": "checkpoint_id", "package_chunk": "package_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Where the bytes of a checkpoint or a package lie; `sha256` is hexadecimal."""

    table: ChunkTable
    id: UUID
    size_bytes: int
    chunk_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes `start` ≤ i < `stop` of one chunk."""

    seq: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCheckpoint:
    """A trainer's whole state after `step` updates.

    Every try to write it takes a new id: the chunks of an earlier try, whose COMMIT may still be on its
    way, must not stand in the way of this one's.
    """

    step: int
    payload: bytes
    metrics: Mapping[str, float] | None = None
    best: bool = False
    """Whether the net is the best so far by the monitored metric."""
    kept: bool = False
    """Whether the spec asks to keep it for forks."""
    id: UUID = field(default_factory=new_uuid)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """A checkpoint on record, without its bytes."""

    id: UUID
    job_id: UUID
    step: int
    fence: int
    sha256: str
    size_bytes: int
    chunk_bytes: int
    metrics: dict[str, Any] | None
    kept: bool
    created_at: datetime

    def blob(self) -> Blob:
        """Return where the bytes lie."""
        return Blob(
            table="checkpoint_chunk",
            id=self.id,
            size_bytes=self.size_bytes,
            chunk_bytes=self.chunk_bytes,
            sha256=self.sha256,
        )


def write_chunks(cx: Connection, *, table: ChunkTable, owner_id: UUID, payload: bytes) -> None:
    """COPY bytes into chunks; nothing is visible, and nothing is left, unless the transaction commits."""
    whole = memoryview(payload)
    copying = f"COPY {table} ({_OWNER[table]}, seq, data) FROM STDIN (FORMAT BINARY)"
    with _driver(cx).cursor() as cursor, cursor.copy(copying) as rows:
        rows.set_types(["uuid", "int4", "bytea"])
        for seq, start in enumerate(range(0, len(whole), CHUNK_BYTES)):
            rows.write_row((owner_id, seq, whole[start : start + CHUNK_BYTES]))


def drop_chunks(cx: Connection, *, table: ChunkTable, owner_id: UUID) -> None:
    """Delete chunks that this transaction wrote and turned out not to need."""
    chunks = metadata.tables[table]
    cx.execute(chunks.delete().where(chunks.c[_OWNER[table]] == owner_id))


def slices(blob: Blob, *, start: int = 0, stop: int | None = None) -> list[Slice]:
    """Return the parts of chunks that make up bytes `start` ≤ i < `stop` of a blob."""
    stop = blob.size_bytes if stop is None else min(stop, blob.size_bytes)
    size = blob.chunk_bytes
    return [
        Slice(seq, max(start - seq * size, 0), min(stop - seq * size, size))
        for seq in range(start // size, -(-stop // size))
        if start < stop
    ]


def read_slice(cx: Connection, *, blob: Blob, part: Slice) -> bytes:
    """Return the bytes of one slice. Raises `NotFound` when retention has removed the blob meanwhile."""
    query = (
        f"SELECT substring(data FROM %s FOR %s) FROM {blob.table} "  # noqa: S608 - a literal of ChunkTable
        f"WHERE {_OWNER[blob.table]} = %s AND seq = %s"
    )
    # Binary results: as text a bytea doubles in size on its way here.
    with _driver(cx).cursor(binary=True) as cursor:
        row = cursor.execute(query, (part.start + 1, part.stop - part.start, blob.id, part.seq)).fetchone()
    if row is None:
        raise NotFound("these bytes are gone; a newer checkpoint has replaced them", code="blob_gone")
    return bytes(row[0])


def read_range(cx: Connection, *, blob: Blob, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield bytes `start` ≤ i < `stop` of a blob, at most one chunk at a time."""
    for part in slices(blob, start=start, stop=stop):
        yield read_slice(cx, blob=blob, part=part)


def read_blob(cx: Connection, *, blob: Blob) -> bytes:
    """Return all bytes of a blob. Raises `Unavailable` (`blob_damaged`) unless they are what was written."""
    payload = b"".join(read_range(cx, blob=blob))
    if hashlib.sha256(payload).hexdigest() != blob.sha256:
        raise Unavailable("stored bytes differ from what was written", code="blob_damaged")
    return payload


def add_checkpoint(cx: Connection, *, job_id: UUID, fence: int, new: NewCheckpoint) -> UUID:
    """Write the row of a checkpoint whose chunks are written, and return the id that stands for its step.

    When an earlier, seemingly lost COMMIT has already stored this step, its row stays and our chunks go.
    """
    row = {
        "id": new.id,
        "job_id": job_id,
        "step": new.step,
        "fence": fence,
        "sha256": hashlib.sha256(new.payload).hexdigest(),
        "size_bytes": len(new.payload),
        "chunk_bytes": CHUNK_BYTES,
        "kept": new.kept,
    }
    same_step = select(checkpoint.c.id).where(checkpoint.c.job_id == job_id, checkpoint.c.step == new.step)
    present = cx.execute(same_step).scalar_one_or_none()
    if present is None:
        metrics = None if new.metrics is None else dict(new.metrics)
        cx.execute(checkpoint.insert().values(**row, metrics=metrics))
        return new.id
    drop_chunks(cx, table="checkpoint_chunk", owner_id=new.id)
    return UUID(str(present))


def get_checkpoint(cx: Connection, *, checkpoint_id: UUID) -> CheckpointRow:
    """Return a checkpoint's row. Raises `NotFound`."""
    wanted = select(*columns_of(checkpoint, CheckpointRow)).where(checkpoint.c.id == checkpoint_id)
    row = cx.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("no such checkpoint", code="checkpoint_not_found")
    return one_of(CheckpointRow, row)


def list_checkpoints(cx: Connection, *, job_id: UUID) -> list[CheckpointRow]:
    """Return a job's checkpoints, newest step first."""
    wanted = (
        select(*columns_of(checkpoint, CheckpointRow))
        .where(checkpoint.c.job_id == job_id)
        .order_by(checkpoint.c.step.desc())
    )
    return [one_of(CheckpointRow, row) for row in cx.execute(wanted)]


def last_checkpoint(cx: Connection, *, job_id: UUID) -> CheckpointRow | None:
    """Return the checkpoint a job goes on from, none before its first."""
    wanted = (
        select(*columns_of(checkpoint, CheckpointRow))
        .join(job, job.c.last_checkpoint == checkpoint.c.id)
        .where(job.c.id == job_id)
    )
    row = cx.execute(wanted).one_or_none()
    return None if row is None else one_of(CheckpointRow, row)


def hold_checkpoint(cx: Connection, *, checkpoint_id: UUID) -> CheckpointRow:
    """Return a checkpoint's row, which retention leaves alone until this transaction ends.

    A job written in it that begins with this checkpoint holds it from then on. Raises `NotFound`.
    """
    wanted = select(*columns_of(checkpoint, CheckpointRow)).where(checkpoint.c.id == checkpoint_id)
    row = cx.execute(wanted.with_for_update(read=True, key_share=True)).one_or_none()
    if row is None:
        raise NotFound("no such checkpoint", code="checkpoint_not_found")
    return one_of(CheckpointRow, row)


# A child that has no checkpoint of its own may have to begin again with its parent's.
_UNNEEDED = """
c.id IS DISTINCT FROM j.last_checkpoint AND c.id IS DISTINCT FROM j.best_checkpoint AND NOT c.kept
AND NOT EXISTS (SELECT FROM job child WHERE child.parent_checkpoint = c.id AND child.last_checkpoint IS NULL
                   AND (child.status IN ('queued','running','paused')
                        OR child.status = 'failed' AND child.kind <> 'lr_range_test'))
"""
_CANDIDATES = "SELECT c.id FROM checkpoint c JOIN job j ON j.id = c.job_id WHERE"
_LOCK_UNNEEDED = text(f"{_CANDIDATES} {_UNNEEDED} LIMIT :limit FOR UPDATE OF c SKIP LOCKED")
_CHOSEN = "DELETE FROM checkpoint c USING job j WHERE j.id = c.job_id AND c.id = ANY(:ids) AND"
_DELETE_UNNEEDED = text(f"{_CHOSEN} {_UNNEEDED}")


def prune_checkpoints(cx: Connection, *, limit: int = 20) -> int:
    """Delete checkpoints that no job goes on from and nobody asked to keep; return how many.

    They are locked first: the deletion, a statement later, then sees every fork committed before the lock.
    """
    ids = list(cx.execute(_LOCK_UNNEEDED, {"limit": limit}).scalars())
    return cx.execute(_DELETE_UNNEEDED, {"ids": ids}).rowcount if ids else 0


def _driver(cx: Connection) -> psycopg.Connection[Any]:
    connection = cx.connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError("blobs need the psycopg driver")
    return connection
