"""From the database's rows to our frozen dataclasses, column by column of the same name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Table

R = TypeVar("R")


def columns_of(table: Table, row_type: type[Any]) -> list[Column[Any]]:
    """Return the columns of a table that a dataclass names as its fields."""
    return [table.c[field.name] for field in fields(row_type)]


def one_of(row_type: type[R], row: Row[Any]) -> R:
    """Return a database row as a value of the dataclass whose fields were selected."""
    return row_type(**row._asdict())
