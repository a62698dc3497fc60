"""Bring a database to the newest revision; of several processes that try, one works and the others wait."""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from shared.errors import Unavailable
from shared.logs import logger

INI = Path(__file__).resolve().parent.parent / "alembic.ini"
LOCK = 0x67726164  # "grad": one number for everybody who migrates
_log = logger(__name__)


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's settings, working on the connection given."""
    config = Config(str(INI))
    config.attributes["connection"] = connection
    return config


def upgrade_to_head(database_url: str, *, patience_seconds: float = 60.0) -> None:
    """Upgrade under an advisory lock, waiting at most `patience_seconds` for a server that is starting.

    Raises `Unavailable` when no server answers.
    """
    engine = create_engine(database_url, connect_args={"application_name": "gradus-migrations"})
    try:
        _wait_for_server(engine, patience_seconds)
        with engine.connect() as cx:
            cx.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            cx.commit()
            command.upgrade(alembic_config(cx), "head")
            cx.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
            cx.commit()
    finally:
        engine.dispose()
    _log.info("database_migrated")


def _wait_for_server(engine: Engine, patience_seconds: float) -> None:
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            with engine.connect():
                return
        except OperationalError as error:
            if time.monotonic() > give_up:
                raise Unavailable("no database answered; is GRADUS_DATABASE_URL right?") from error
        time.sleep(0.2)
