"""What every table shares: the metadata, how constraints are named, and times by the database's clock."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, func

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

JOB_STATUSES = "('queued','running','paused','succeeded','failed','cancelled')"


def time_of(name: str, *, required: bool = False) -> Column[object]:
    """Return a column for a time; a required one is set when the row is written."""
    default = func.clock_timestamp() if required else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)
