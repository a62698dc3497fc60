"""Every table of Gradus, as SQLAlchemy Core objects; the migrations write the same.

Bytes are sha256 digests where the name says so; times are the database's clock (`clock_timestamp()`),
because only one clock may decide whether a lease has run out.
"""

from __future__ import annotations

from shared.db.tables.base import JOB_STATUSES, NAMING, metadata
from shared.db.tables.curves import (
    curve_point,
    evaluation,
    gradient_layout,
    gradient_sample,
    lr_event,
    lr_request,
)
from shared.db.tables.jobs import job, job_event, sweep
from shared.db.tables.models import (
    alias_history,
    checkpoint,
    checkpoint_chunk,
    model,
    model_alias,
    model_version,
    package_chunk,
)
from shared.db.tables.operations import api_key, dataset, worker_heartbeat

__all__ = [
    "JOB_STATUSES",
    "NAMING",
    "alias_history",
    "api_key",
    "checkpoint",
    "checkpoint_chunk",
    "curve_point",
    "dataset",
    "evaluation",
    "gradient_layout",
    "gradient_sample",
    "job",
    "job_event",
    "lr_event",
    "lr_request",
    "metadata",
    "model",
    "model_alias",
    "model_version",
    "package_chunk",
    "sweep",
    "worker_heartbeat",
]
