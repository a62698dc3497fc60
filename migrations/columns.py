"""Short words for the columns and keys that migrations write; the names follow `tables.NAMING`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def has(name: str, kind: Any, default: str | None = None) -> sa.Column[Any]:  # noqa: ANN401 - a SQL type
    """Return a column that is never null."""
    return sa.Column(name, kind, nullable=False, server_default=None if default is None else sa.text(default))


def may(name: str, kind: Any) -> sa.Column[Any]:  # noqa: ANN401 - a SQL type
    """Return a column that may be null."""
    return sa.Column(name, kind, nullable=True)


def now(name: str) -> sa.Column[Any]:
    """Return a time that is set when the row is written."""
    return has(name, sa.DateTime(timezone=True), "clock_timestamp()")


def then(name: str) -> sa.Column[Any]:
    """Return a time that comes later, or never."""
    return may(name, sa.DateTime(timezone=True))


def key_of(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    """Return a primary key under the name that the naming convention gives it."""
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def points_to(
    table: str,
    columns: list[str],
    target: str,
    target_columns: list[str],
    *,
    ondelete: str | None = "CASCADE",
    deferred: bool = False,
) -> sa.ForeignKeyConstraint:
    """Return a foreign key under the name that the naming convention gives it."""
    return sa.ForeignKeyConstraint(
        columns,
        [f"{target}.{column}" for column in target_columns],
        name=f"fk_{table}_{'_'.join(columns)}",
        ondelete=ondelete,
        deferrable=True if deferred else None,
        initially="DEFERRED" if deferred else None,
    )
