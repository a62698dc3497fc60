"""Whether the database has the schema this code was written for."""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

HEAD = "0003"
"""The newest revision in `migrations/versions`; a test holds the two together."""


def schema_matches(cx: Connection) -> bool:
    """Tell whether the database stands at `HEAD`, without Alembic; a database never migrated does not."""
    try:
        present = cx.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    except ProgrammingError:
        return False
    return list(present) == [HEAD]
