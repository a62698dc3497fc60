"""Who may ask, what was uploaded, and who works."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.db.tables.base import metadata, time_of

api_key = Table(
    "api_key",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    time_of("created_at", required=True),
    time_of("revoked_at"),
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="reading"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("spec", JSONB, nullable=False),
    Column("files", JSONB, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("summary", JSONB),
    Column("errors", JSONB),
    Column("request_sha256", LargeBinary, nullable=False),
    Column("idempotency_key", Text),
    time_of("created_at", required=True),
    time_of("read_at"),
    UniqueConstraint("owner", "idempotency_key"),
    CheckConstraint("status IN ('reading','ready','refused')", name="status"),
    Index("ix_dataset_newest", text("created_at DESC"), text("id DESC")),
)

worker_heartbeat = Table(
    "worker_heartbeat",
    metadata,
    Column("worker_id", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("busy", Integer, nullable=False),
    time_of("started_at", required=True),
    time_of("seen_at", required=True),
)
