"""API keys on record: who may do what; the text of a key is never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, update

from shared.db.rows import columns_of, one_of
from shared.db.tables import api_key
from shared.db.tokens import Token, new_token, parse_token, token_digest
from shared.errors import NotFound

__all__ = [
    "KeyRow",
    "LiveKey",
    "NewKey",
    "Token",
    "create_key",
    "list_keys",
    "live_keys",
    "new_token",
    "parse_token",
    "revoke_key",
    "token_digest",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key about to be put on record."""

    id: UUID
    kid: str
    name: str
    scopes: Sequence[str]
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One key as its administrators see it."""

    id: UUID
    kid: str
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKey:
    """A key that is not revoked, as the gateway checks it."""

    id: UUID
    kid: str
    name: str
    scopes: frozenset[str]
    digest: bytes


def create_key(cx: Connection, *, new: NewKey) -> KeyRow:
    """Put a key on record."""
    values = {
        "id": new.id,
        "kid": new.kid,
        "name": new.name,
        "scopes": list(new.scopes),
        "digest": new.digest,
    }
    row = cx.execute(api_key.insert().values(**values).returning(*columns_of(api_key, KeyRow))).one()
    return one_of(KeyRow, row)


def list_keys(cx: Connection) -> list[KeyRow]:
    """Return every key, newest first, revoked ones too."""
    wanted = select(*columns_of(api_key, KeyRow)).order_by(api_key.c.created_at.desc(), api_key.c.id.desc())
    return [one_of(KeyRow, row) for row in cx.execute(wanted)]


def revoke_key(cx: Connection, *, key_id: UUID) -> KeyRow:
    """End a key for ever; ending it again changes nothing. Raises `NotFound`."""
    revoked_at = func.coalesce(api_key.c.revoked_at, func.clock_timestamp())
    ended = update(api_key).where(api_key.c.id == key_id).values(revoked_at=revoked_at)
    row = cx.execute(ended.returning(*columns_of(api_key, KeyRow))).one_or_none()
    if row is None:
        raise NotFound("no such key", code="key_not_found")
    return one_of(KeyRow, row)


def live_keys(cx: Connection) -> list[LiveKey]:
    """Return every key that is not revoked: what a gateway keeps in memory."""
    wanted = select(*columns_of(api_key, LiveKey)).where(api_key.c.revoked_at.is_(None))
    return [
        LiveKey(id=row.id, kid=row.kid, name=row.name, scopes=frozenset(row.scopes), digest=bytes(row.digest))
        for row in cx.execute(wanted)
    ]
