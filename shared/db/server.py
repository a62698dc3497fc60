"""What is asked of the database server itself: a lock everybody sees, and its size."""

from __future__ import annotations

from sqlalchemy import Connection, text


def try_lock(cx: Connection, number: int) -> bool:
    """Take an advisory lock until the end of the transaction; tell whether nobody else has it."""
    return bool(cx.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": number}).scalar_one())


def database_bytes(cx: Connection) -> int:
    """Return the size of the database on disk, in bytes."""
    return int(cx.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
