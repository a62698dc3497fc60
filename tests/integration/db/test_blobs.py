import hashlib
import random

import pytest
from sqlalchemy import text

from shared.db.blobs import (
    CHUNK_BYTES,
    Blob,
    Slice,
    add_checkpoint,
    get_checkpoint,
    last_checkpoint,
    read_blob,
    read_range,
    read_slice,
    slices,
    write_chunks,
)
from shared.db.engine import Database
from shared.errors import NotFound, Unavailable
from shared.specs.ids import new_uuid
from tests.support.rows import a_checkpoint, add_job


@pytest.fixture
def payload() -> bytes:
    return random.Random(5).randbytes(2 * CHUNK_BYTES + 1000)


def stored(database: Database, payload: bytes) -> Blob:
    new = a_checkpoint(10, payload=payload)
    with database.begin() as cx:
        job = add_job(cx)
        write_chunks(cx, table="checkpoint_chunk", owner_id=new.id, payload=payload)
        add_checkpoint(cx, job_id=job.id, fence=1, new=new)
        return get_checkpoint(cx, checkpoint_id=new.id).blob()


def test_bytes_come_back_as_they_were_written(database: Database, payload: bytes):
    blob = stored(database, payload)
    assert (blob.size_bytes, blob.sha256) == (len(payload), hashlib.sha256(payload).hexdigest())
    with database.begin() as cx:
        assert cx.execute(text("SELECT count(*) FROM checkpoint_chunk")).scalar_one() == 3
        assert read_blob(cx, blob=blob) == payload


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (CHUNK_BYTES, 2 * CHUNK_BYTES),
        (5, None),
        (2 * CHUNK_BYTES + 999, None),
        (3, 3),
        (10**9, None),
    ],
)
def test_a_range_is_the_same_bytes(database: Database, payload: bytes, start: int, stop: int | None):
    blob = stored(database, payload)
    with database.begin() as cx:
        assert b"".join(read_range(cx, blob=blob, start=start, stop=stop)) == payload[start:stop]


def test_an_empty_blob_is_empty(database: Database):
    blob = stored(database, b"")
    with database.begin() as cx:
        assert read_blob(cx, blob=blob) == b""


def test_slices_cut_at_chunks():
    blob = Blob(table="package_chunk", id=new_uuid(), size_bytes=25, chunk_bytes=10, sha256="")
    assert slices(blob, start=8, stop=22) == [Slice(0, 8, 10), Slice(1, 0, 10), Slice(2, 0, 2)]


def test_changed_bytes_are_noticed(database: Database, payload: bytes):
    blob = stored(database, payload)
    with database.begin() as cx:
        cx.execute(
            text("UPDATE checkpoint_chunk SET data = set_byte(data, 7, get_byte(data, 7) # 1) WHERE seq = 1")
        )
        with pytest.raises(Unavailable) as raised:
            read_blob(cx, blob=blob)
        assert raised.value.code == "blob_damaged"


def test_bytes_removed_by_retention_are_not_found(database: Database, payload: bytes):
    blob = stored(database, payload)
    with database.begin() as cx:
        cx.execute(text("DELETE FROM checkpoint"))
        assert cx.execute(text("SELECT count(*) FROM checkpoint_chunk")).scalar_one() == 0
        with pytest.raises(NotFound):
            read_slice(cx, blob=blob, part=Slice(0, 0, 10))


def test_a_transaction_that_ends_badly_leaves_no_chunk(database: Database):
    with database.begin() as cx:
        write_chunks(cx, table="checkpoint_chunk", owner_id=new_uuid(), payload=b"half")
        cx.rollback()
    with database.begin() as cx:
        assert cx.execute(text("SELECT count(*) FROM checkpoint_chunk")).scalar_one() == 0


def test_a_job_without_checkpoint_has_no_last_one(database: Database):
    with database.begin() as cx:
        assert last_checkpoint(cx, job_id=add_job(cx).id) is None


def test_chunks_are_stored_uncompressed_so_that_a_slice_is_cheap(database: Database):
    with database.begin() as cx:
        found = cx.execute(
            text(
                "SELECT attrelid::regclass::text, attstorage::text FROM pg_attribute WHERE attname = 'data' "
                "AND attrelid IN ('checkpoint_chunk'::regclass, 'package_chunk'::regclass) ORDER BY 1"
            )
        ).all()
    assert [tuple(row) for row in found] == [("checkpoint_chunk", "e"), ("package_chunk", "e")]
