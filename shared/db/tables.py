"""Every table of Gradus, as SQLAlchemy Core objects; the first migration writes the same.

Bytes are sha256 digests where the name says so; times are the database's clock (`clock_timestamp()`),
because only one clock may decide whether a lease has run out.
"""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

JOB_STATUSES = "('queued','running','paused','succeeded','failed','cancelled')"


def _time(name: str, *, required: bool = False) -> Column[object]:
    default = func.clock_timestamp() if required else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)


api_key = Table(
    "api_key",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _time("created_at", required=True),
    _time("revoked_at"),
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
    _time("created_at", required=True),
    _time("read_at"),
    UniqueConstraint("owner", "idempotency_key"),
    CheckConstraint("status IN ('reading','ready','refused')", name="status"),
    Index("ix_dataset_newest", text("created_at DESC"), text("id DESC")),
)

job = Table(
    "job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model", Text),
    # A data set may be deleted after its jobs have ended; the spec keeps its id.
    Column("dataset_id", Uuid, ForeignKey("dataset.id", ondelete="SET NULL")),
    Column("dataset_version", Integer),
    Column("spec", JSONB, nullable=False),
    Column("resolved_schedule", JSONB),
    Column("status", Text, nullable=False, server_default="queued"),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("attempt_base", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False, server_default="5"),
    _time("lease_until"),
    Column("worker_id", Text),
    _time("published_at"),
    _time("cancel_requested_at"),
    _time("pause_requested_at"),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("request_id", Text),
    Column("step", BigInteger, nullable=False, server_default="0"),
    Column("total_steps", BigInteger, nullable=False, server_default="0"),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("steps_per_epoch", BigInteger, nullable=False, server_default="0"),
    Column("samples_per_second", Double),
    Column("last_checkpoint", Uuid),
    Column("best_checkpoint", Uuid),
    Column("metrics", JSONB),
    Column("best", JSONB),
    Column("report", JSONB),
    Column("model_version", Integer),
    Column("request_sha256", LargeBinary, nullable=False),
    Column("idempotency_key", Text),
    _time("created_at", required=True),
    _time("queued_at", required=True),
    _time("started_at"),
    _time("finished_at"),
    UniqueConstraint("owner", "idempotency_key"),
    CheckConstraint(f"status IN {JOB_STATUSES}", name="status"),
    CheckConstraint("kind IN ('recommend','diagnose','ingest')", name="kind"),
    CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="lease_while_running"),
    Index(
        "ix_job_queued",
        text("priority DESC"),
        "created_at",
        "id",
        postgresql_where=text("status = 'queued'"),
    ),
    Index("ix_job_leased", "lease_until", postgresql_where=text("status = 'running'")),
    Index("ix_job_newest", text("created_at DESC"), text("id DESC")),
    Index("ix_job_dataset_id", "dataset_id"),
)

job_event = Table(
    "job_event",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    _time("at", required=True),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
)

curve_point = Table(
    "curve_point",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("lr", Double, nullable=False),
    Column("loss", Double, nullable=False),
    Column("grad_norm", REAL),
    Column("momentum", Double),
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
    _time("at", required=True),
)

lr_event = Table(
    "lr_event",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("scale", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _time("at", required=True),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("chunk_bytes", Integer, nullable=False),
    Column("metrics", JSONB),
    _time("created_at", required=True),
    UniqueConstraint("job_id", "step"),
)

# Chunks are written before the row that owns them (the guard comes last): the key is checked at commit.
checkpoint_chunk = Table(
    "checkpoint_chunk",
    metadata,
    Column("checkpoint_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["checkpoint_id"], ["checkpoint.id"], ondelete="CASCADE", deferrable=True, initially="DEFERRED"
    ),
)

model = Table(
    "model",
    metadata,
    Column("name", Text, primary_key=True),
    Column("task", Text, nullable=False),
    _time("created_at", required=True),
)

model_version = Table(
    "model_version",
    metadata,
    Column("model", Text, ForeignKey("model.name", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("task", Text, nullable=False),
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="SET NULL")),
    Column("dataset_id", Uuid),
    Column("dataset_version", Integer),
    Column("split_sha256", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("metric_value", Double, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("card", JSONB, nullable=False),
    Column("package_id", Uuid, nullable=False, unique=True),
    Column("package_sha256", Text, nullable=False),
    Column("package_bytes", BigInteger, nullable=False),
    Column("chunk_bytes", Integer, nullable=False),
    _time("created_at", required=True),
    Index("ix_model_version_job_id", "job_id"),
)

package_chunk = Table(
    "package_chunk",
    metadata,
    Column("package_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["package_id"],
        ["model_version.package_id"],
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    ),
)

model_alias = Table(
    "model_alias",
    metadata,
    Column("model", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_by", Text, nullable=False),
    _time("changed_at", required=True),
    ForeignKeyConstraint(["model", "version"], ["model_version.model", "model_version.version"]),
)

alias_history = Table(
    "alias_history",
    metadata,
    Column("model", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("previous_version", Integer),
    Column("changed_by", Text, nullable=False),
    Column("cause", Text, nullable=False),
    _time("changed_at", required=True),
    ForeignKeyConstraint(["model"], ["model.name"], ondelete="CASCADE"),
)

worker_heartbeat = Table(
    "worker_heartbeat",
    metadata,
    Column("worker_id", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("busy", Integer, nullable=False),
    _time("started_at", required=True),
    _time("seen_at", required=True),
)
