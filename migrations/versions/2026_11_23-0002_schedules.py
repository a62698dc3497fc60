"""Schedules and gradients: sweeps, range tests, forks, events of the learning rate, gradient flow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import has, key_of, may, now, points_to

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = "kind IN ('recommend','diagnose','ingest')"
KINDS_NOW = "kind IN ('recommend','diagnose','ingest','lr_range_test')"
CAUSES = "cause IN ('manual','plateau','greedy','fork','superseded')"


def upgrade() -> None:
    _create_sweeps()
    _extend_jobs()
    op.add_column("curve_point", may("effective_lr", sa.Double()))
    op.add_column("checkpoint", has("kept", sa.Boolean(), "false"))
    op.drop_table("lr_event")
    _create_lr_events()
    _create_gradients()


def downgrade() -> None:
    for table in ("gradient_sample", "gradient_layout", "lr_event", "lr_request"):
        op.drop_table(table)
    _create_first_lr_event()
    op.drop_column("checkpoint", "kept")
    op.drop_column("curve_point", "effective_lr")
    op.execute("DELETE FROM job WHERE kind = 'lr_range_test'")
    _reduce_jobs()
    op.drop_table("sweep")


def _create_sweeps() -> None:
    op.create_table(
        "sweep",
        has("id", sa.Uuid()),
        has("owner", sa.Text()),
        has("model", sa.Text()),
        has("spec", JSONB()),
        has("request_sha256", sa.LargeBinary()),
        may("idempotency_key", sa.Text()),
        now("created_at"),
        key_of("sweep", "id"),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_sweep_owner_idempotency_key"),
    )


def _extend_jobs() -> None:
    for column in (
        may("sweep_id", sa.Uuid()),
        may("sweep_arm", sa.Integer()),
        may("parent_id", sa.Uuid()),
        may("parent_checkpoint", sa.Uuid()),
        has("start_step", sa.BigInteger(), "0"),
    ):
        op.add_column("job", column)
    op.create_foreign_key("fk_job_sweep_id", "job", "sweep", ["sweep_id"], ["id"], ondelete="CASCADE")
    op.create_foreign_key("fk_job_parent_id", "job", "job", ["parent_id"], ["id"], ondelete="SET NULL")
    op.create_index("ix_job_sweep_id", "job", ["sweep_id"])
    op.create_index("ix_job_parent_id", "job", ["parent_id"])
    op.drop_constraint(op.f("ck_job_kind"), "job")
    op.create_check_constraint(op.f("ck_job_kind"), "job", KINDS_NOW)


def _reduce_jobs() -> None:
    op.drop_constraint(op.f("ck_job_kind"), "job")
    op.create_check_constraint(op.f("ck_job_kind"), "job", KINDS)
    for column in ("start_step", "parent_checkpoint", "parent_id", "sweep_arm", "sweep_id"):
        op.drop_column("job", column)


def _create_lr_events() -> None:
    once = ("job_id", "actor", "idempotency_key")
    op.create_table(
        "lr_request",
        has("id", sa.Uuid()),
        has("job_id", sa.Uuid()),
        has("scale", sa.Double()),
        has("reason", sa.Text()),
        has("actor", sa.Text()),
        has("request_sha256", sa.LargeBinary()),
        may("idempotency_key", sa.Text()),
        now("at"),
        key_of("lr_request", "id"),
        points_to("lr_request", ["job_id"], "job", ["id"]),
        sa.UniqueConstraint(*once, name="uq_lr_request_job_id_actor_idempotency_key"),
    )
    op.create_table(
        "lr_event",
        has("job_id", sa.Uuid()),
        has("seq", sa.Integer()),
        has("step", sa.BigInteger()),
        has("cause", sa.Text()),
        has("m_before", sa.Double()),
        has("m_after", sa.Double()),
        has("actor", sa.Text()),
        has("reason", sa.Text()),
        may("controller", JSONB()),
        may("request_id", sa.Uuid()),
        may("supersedes", sa.Integer()),
        has("fence", sa.BigInteger()),
        now("at"),
        key_of("lr_event", "job_id", "seq"),
        points_to("lr_event", ["job_id"], "job", ["id"]),
        points_to("lr_event", ["request_id"], "lr_request", ["id"]),
        sa.UniqueConstraint("request_id", name="uq_lr_event_request_id"),
        sa.CheckConstraint(CAUSES, name=op.f("ck_lr_event_cause")),
    )


def _create_first_lr_event() -> None:
    op.create_table(
        "lr_event",
        has("job_id", sa.Uuid()),
        has("seq", sa.Integer()),
        has("step", sa.BigInteger()),
        has("scale", sa.Double()),
        has("reason", sa.Text()),
        has("actor", sa.Text()),
        now("at"),
        key_of("lr_event", "job_id", "seq"),
        points_to("lr_event", ["job_id"], "job", ["id"]),
    )


def _create_gradients() -> None:
    op.create_table(
        "gradient_layout",
        has("job_id", sa.Uuid()),
        has("layers", JSONB()),
        key_of("gradient_layout", "job_id"),
        points_to("gradient_layout", ["job_id"], "job", ["id"]),
    )
    arrays = ("gradient_norms", "weight_norms", "update_ratios", "zero_fractions")
    op.create_table(
        "gradient_sample",
        has("job_id", sa.Uuid()),
        has("step", sa.BigInteger()),
        may("total_norm", sa.REAL()),
        *[has(name, ARRAY(sa.REAL())) for name in arrays],
        has("fence", sa.BigInteger()),
        key_of("gradient_sample", "job_id", "step"),
        points_to("gradient_sample", ["job_id"], "job", ["id"]),
    )
