"""The spine: keys, data sets, jobs, curves, checkpoints, models and workers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import has, key_of, may, now, points_to, then

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Columns = list["sa.Column[Any]"]
TABLES = (
    "api_key",
    "dataset",
    "job",
    "job_event",
    "curve_point",
    "evaluation",
    "lr_event",
    "checkpoint",
    "checkpoint_chunk",
    "model",
    "model_version",
    "package_chunk",
    "model_alias",
    "alias_history",
    "worker_heartbeat",
)


def upgrade() -> None:
    _create_keys()
    _create_datasets()
    _create_jobs()
    _create_history()
    _create_curves()
    _create_checkpoints()
    _create_models()
    _create_aliases()
    _create_workers()
    _store_chunks_plainly()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _store_chunks_plainly() -> None:
    """Weights do not compress: EXTERNAL skips the attempt and lets a slice be read without the rest."""
    for table in ("checkpoint_chunk", "package_chunk"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTERNAL")
        # Few large rows come and go: by row count alone autovacuum would wait too long.
        limits = "autovacuum_vacuum_threshold = 20, autovacuum_vacuum_scale_factor = 0.05"
        op.execute(f"ALTER TABLE {table} SET ({limits})")


def _create_keys() -> None:
    op.create_table(
        "api_key",
        has("id", sa.Uuid()),
        has("kid", sa.Text()),
        has("name", sa.Text()),
        has("scopes", ARRAY(sa.Text())),
        has("digest", sa.LargeBinary()),
        now("created_at"),
        then("revoked_at"),
        key_of("api_key", "id"),
        sa.UniqueConstraint("kid", name="uq_api_key_kid"),
    )


def _create_datasets() -> None:
    op.create_table(
        "dataset",
        has("id", sa.Uuid()),
        *[has(name, sa.Text()) for name in ("owner", "name", "kind")],
        has("status", sa.Text(), "'reading'"),
        has("version", sa.Integer(), "1"),
        has("spec", JSONB()),
        has("files", JSONB()),
        has("size_bytes", sa.BigInteger()),
        has("sha256", sa.Text()),
        may("summary", JSONB()),
        may("errors", JSONB()),
        has("request_sha256", sa.LargeBinary()),
        may("idempotency_key", sa.Text()),
        now("created_at"),
        then("read_at"),
        key_of("dataset", "id"),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_dataset_owner_idempotency_key"),
        sa.CheckConstraint("status IN ('reading','ready','refused')", name=op.f("ck_dataset_status")),
    )
    op.create_index("ix_dataset_newest", "dataset", [sa.text("created_at DESC"), sa.text("id DESC")])


def _job_asked() -> Columns:
    return [
        has("id", sa.Uuid()),
        has("owner", sa.Text()),
        has("kind", sa.Text()),
        may("model", sa.Text()),
        may("dataset_id", sa.Uuid()),
        may("dataset_version", sa.Integer()),
        has("spec", JSONB()),
        may("resolved_schedule", JSONB()),
    ]


def _job_held() -> Columns:
    return [
        has("status", sa.Text(), "'queued'"),
        has("priority", sa.SmallInteger(), "0"),
        has("fence", sa.BigInteger(), "0"),
        has("attempt", sa.Integer(), "0"),
        has("attempt_base", sa.Integer(), "0"),
        has("max_attempts", sa.Integer(), "5"),
        then("lease_until"),
        may("worker_id", sa.Text()),
        then("published_at"),
        then("cancel_requested_at"),
        then("pause_requested_at"),
        may("error_code", sa.Text()),
        may("error_message", sa.Text()),
        may("request_id", sa.Text()),
    ]


def _job_reached() -> Columns:
    return [
        has("step", sa.BigInteger(), "0"),
        has("total_steps", sa.BigInteger(), "0"),
        has("epoch", sa.Integer(), "0"),
        has("steps_per_epoch", sa.BigInteger(), "0"),
        may("samples_per_second", sa.Double()),
        may("last_checkpoint", sa.Uuid()),
        may("best_checkpoint", sa.Uuid()),
        *[may(name, JSONB()) for name in ("metrics", "best", "report")],
        may("model_version", sa.Integer()),
        has("request_sha256", sa.LargeBinary()),
        may("idempotency_key", sa.Text()),
        now("created_at"),
        now("queued_at"),
        then("started_at"),
        then("finished_at"),
    ]


def _create_jobs() -> None:
    statuses = "('queued','running','paused','succeeded','failed','cancelled')"
    leased = "(status = 'running') = (lease_until IS NOT NULL)"
    op.create_table(
        "job",
        *_job_asked(),
        *_job_held(),
        *_job_reached(),
        key_of("job", "id"),
        points_to("job", ["dataset_id"], "dataset", ["id"], ondelete="SET NULL"),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_job_owner_idempotency_key"),
        sa.CheckConstraint(f"status IN {statuses}", name=op.f("ck_job_status")),
        sa.CheckConstraint("kind IN ('recommend','diagnose','ingest')", name=op.f("ck_job_kind")),
        sa.CheckConstraint(leased, name=op.f("ck_job_lease_while_running")),
    )
    queued, running = sa.text("status = 'queued'"), sa.text("status = 'running'")
    best_first: list[str | sa.TextClause] = [sa.text("priority DESC"), "created_at", "id"]
    op.create_index("ix_job_queued", "job", best_first, postgresql_where=queued)
    op.create_index("ix_job_leased", "job", ["lease_until"], postgresql_where=running)
    op.create_index("ix_job_newest", "job", [sa.text("created_at DESC"), sa.text("id DESC")])
    op.create_index("ix_job_dataset_id", "job", ["dataset_id"])


def _create_of_job(table: str, key: str, *columns: sa.Column[Any]) -> None:
    """Create a table of rows that belong to a job and are numbered by `key`."""
    kind = sa.Integer() if key == "seq" else sa.BigInteger()
    keys = (key_of(table, "job_id", key), points_to(table, ["job_id"], "job", ["id"]))
    op.create_table(table, has("job_id", sa.Uuid()), has(key, kind), *columns, *keys)


def _create_history() -> None:
    words = (may("from_status", sa.Text()), has("to_status", sa.Text()), has("cause", sa.Text()))
    _create_of_job("job_event", "seq", now("at"), *words, has("detail", JSONB(), "'{}'::jsonb"))


def _create_curves() -> None:
    numbers = (has("lr", sa.Double()), has("loss", sa.Double()), may("grad_norm", sa.REAL()))
    fence = (has("fence", sa.BigInteger()),)
    _create_of_job("curve_point", "step", *numbers, may("momentum", sa.Double()), *fence)
    judged = (has("epoch", sa.Integer()), has("metrics", JSONB()))
    _create_of_job("evaluation", "step", *judged, has("fence", sa.BigInteger()), now("at"))
    scaled = (has("step", sa.BigInteger()), has("scale", sa.Double()))
    _create_of_job("lr_event", "seq", *scaled, has("reason", sa.Text()), has("actor", sa.Text()), now("at"))


def _create_chunks(table: str, owner: str, target: str, target_column: str) -> None:
    """Create a table of chunks; their owner's row is written after them, so the key is checked at commit."""
    op.create_table(
        table,
        has(owner, sa.Uuid()),
        has("seq", sa.Integer()),
        has("data", sa.LargeBinary()),
        key_of(table, owner, "seq"),
        points_to(table, [owner], target, [target_column], deferred=True),
    )


def _create_checkpoints() -> None:
    op.create_table(
        "checkpoint",
        has("id", sa.Uuid()),
        has("job_id", sa.Uuid()),
        has("step", sa.BigInteger()),
        has("fence", sa.BigInteger()),
        has("sha256", sa.Text()),
        has("size_bytes", sa.BigInteger()),
        has("chunk_bytes", sa.Integer()),
        may("metrics", JSONB()),
        now("created_at"),
        key_of("checkpoint", "id"),
        points_to("checkpoint", ["job_id"], "job", ["id"]),
        sa.UniqueConstraint("job_id", "step", name="uq_checkpoint_job_id_step"),
    )
    _create_chunks("checkpoint_chunk", "checkpoint_id", "checkpoint", "id")


def _create_models() -> None:
    op.create_table(
        "model", has("name", sa.Text()), has("task", sa.Text()), now("created_at"), key_of("model", "name")
    )
    op.create_table(
        "model_version",
        has("model", sa.Text()),
        has("version", sa.Integer()),
        has("task", sa.Text()),
        may("job_id", sa.Uuid()),
        may("dataset_id", sa.Uuid()),
        may("dataset_version", sa.Integer()),
        has("split_sha256", sa.Text()),
        has("metric", sa.Text()),
        has("metric_value", sa.Double()),
        has("metrics", JSONB()),
        has("card", JSONB()),
        has("package_id", sa.Uuid()),
        has("package_sha256", sa.Text()),
        has("package_bytes", sa.BigInteger()),
        has("chunk_bytes", sa.Integer()),
        now("created_at"),
        key_of("model_version", "model", "version"),
        points_to("model_version", ["model"], "model", ["name"]),
        points_to("model_version", ["job_id"], "job", ["id"], ondelete="SET NULL"),
        sa.UniqueConstraint("package_id", name="uq_model_version_package_id"),
    )
    op.create_index("ix_model_version_job_id", "model_version", ["job_id"])
    _create_chunks("package_chunk", "package_id", "model_version", "package_id")


def _create_aliases() -> None:
    version = ["model", "version"]
    op.create_table(
        "model_alias",
        has("model", sa.Text()),
        has("alias", sa.Text()),
        has("version", sa.Integer()),
        has("revision", sa.Integer()),
        has("changed_by", sa.Text()),
        now("changed_at"),
        key_of("model_alias", "model", "alias"),
        points_to("model_alias", version, "model_version", version, ondelete=None),
    )
    op.create_table(
        "alias_history",
        has("model", sa.Text()),
        has("alias", sa.Text()),
        has("revision", sa.Integer()),
        has("version", sa.Integer()),
        may("previous_version", sa.Integer()),
        has("changed_by", sa.Text()),
        has("cause", sa.Text()),
        now("changed_at"),
        key_of("alias_history", "model", "alias", "revision"),
        points_to("alias_history", ["model"], "model", ["name"]),
    )


def _create_workers() -> None:
    op.create_table(
        "worker_heartbeat",
        *[has(name, sa.Text()) for name in ("worker_id", "hostname", "device")],
        *[has(name, sa.Integer()) for name in ("slots", "busy")],
        now("started_at"),
        now("seen_at"),
        key_of("worker_heartbeat", "worker_id"),
    )
