"""Public ids: a prefix and a UUIDv7 (RFC 9562), made here because servers before PostgreSQL 18 cannot."""

from __future__ import annotations

import secrets
import time
from uuid import UUID

from shared.errors import NotFound


def new_uuid() -> UUID:
    """Return a UUIDv7: 48 bits of Unix milliseconds, then random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return UUID(int=value)


def public_id(prefix: str, value: UUID) -> str:
    """Return `job_0190…` for a UUID."""
    return f"{prefix}_{value}"


def parse_id(prefix: str, text: str) -> UUID:
    """Return the UUID of a public id; anything else names nothing, so it raises `NotFound`."""
    head, _, tail = text.partition("_")
    try:
        value = UUID(tail)
    except ValueError:
        raise NotFound(f"no such id; wanted {prefix}_ and a UUID") from None
    if head != prefix or str(value) != tail:
        raise NotFound(f"no such id; wanted {prefix}_ and a UUID")
    return value
