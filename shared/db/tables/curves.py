"""What a training writes while it runs, and what changes its rate meanwhile."""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.db.tables.base import metadata, time_of

curve_point = Table(
    "curve_point",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("lr", Double, nullable=False),
    Column("loss", Double, nullable=False),
    Column("grad_norm", REAL),
    Column("momentum", Double),
    # Where the optimizer scales the rate itself (Prodigy, schedule-free): what it really used.
    Column("effective_lr", Double),
    Column("fence", BigInteger, nullable=False),
)

evaluation = Table(
    "evaluation",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("fence", BigInteger, nullable=False),
    time_of("at", required=True),
)

# What a person asked for; a trainer takes it up between two steps and appends the event.
lr_request = Table(
    "lr_request",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("scale", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("request_sha256", LargeBinary, nullable=False),
    Column("idempotency_key", Text),
    time_of("at", required=True),
    UniqueConstraint("job_id", "actor", "idempotency_key"),
)

# Append-only: an event of a lost attempt is superseded by a later row that names its `seq`.
lr_event = Table(
    "lr_event",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("m_before", Double, nullable=False),
    Column("m_after", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("controller", JSONB),
    Column("request_id", Uuid, ForeignKey("lr_request.id", ondelete="CASCADE"), unique=True),
    Column("supersedes", Integer),
    Column("fence", BigInteger, nullable=False),
    time_of("at", required=True),
    CheckConstraint("cause IN ('manual','plateau','greedy','fork','superseded')", name="cause"),
)

# Per layer in the order of `gradient_layout.layers`; arrays of one length.
gradient_layout = Table(
    "gradient_layout",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("layers", JSONB, nullable=False),
)

gradient_sample = Table(
    "gradient_sample",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("total_norm", REAL),
    Column("gradient_norms", ARRAY(REAL), nullable=False),
    Column("weight_norms", ARRAY(REAL), nullable=False),
    Column("update_ratios", ARRAY(REAL), nullable=False),
    Column("zero_fractions", ARRAY(REAL), nullable=False),
    Column("fence", BigInteger, nullable=False),
)
