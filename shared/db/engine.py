"""The connection to PostgreSQL: one pool a process, every driver error turned into one of ours."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from shared.errors import Unavailable
from shared.settings import Settings

__all__ = ["Connection", "Database", "PoolUsage", "open_database"]

T = TypeVar("T")
CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """How many connections of a pool are in use and how many wait."""

    in_use: int
    idle: int


class Database:
    """A pool of connections to one PostgreSQL database.

    `begin()` gives a transaction that writes, `snapshot()` one that only reads; `retrying()` repeats one
    until the server answers again. Losing the server, a lock wait that is too long, a deadlock or an
    exhausted pool raise `Unavailable`.
    """

    def __init__(
        self,
        url: str,
        *,
        application_name: str,
        pool_size: int = 5,
        statement_timeout_seconds: float = 20.0,
        idle_timeout_seconds: float = 10.0,
    ) -> None:
        if not url:
            raise Unavailable("no database: set GRADUS_DATABASE_URL, or start everything with make up")
        self._engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            pool_recycle=1800,
            json_serializer=_json,
            hide_parameters=True,  # an error's text must not quote a row
            connect_args={
                "application_name": application_name,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "options": _session_options(statement_timeout_seconds, idle_timeout_seconds),
            },
        )
        self._reader = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction: committed at the end, rolled back when anything is raised."""
        with _driver_errors_named(), self._engine.begin() as cx:
            yield cx

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction in which every query sees the same moment, and nothing can be written.

        Under `begin()` each query sees what was committed just before it, so that an answer put together
        from several of them could contradict itself.
        """
        with _driver_errors_named(), self._reader.begin() as cx:
            yield cx

    def retrying(self, work: Callable[[Connection], T], *, patience_seconds: float) -> T:
        """Run `work` in a transaction, again and again while the server is away, at most `patience_seconds`.

        The outcome of a COMMIT whose connection died is unknown, so `work` must be harmless when repeated.
        """
        give_up = time.monotonic() + patience_seconds
        pause = 0.05
        while True:
            try:
                with self.begin() as cx:
                    return work(cx)
            except Unavailable:
                if time.monotonic() + pause > give_up:
                    raise
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def answers(self) -> bool:
        """Tell whether the server answers a query now."""
        try:
            with self.begin() as cx:
                return bool(cx.execute(text("SELECT 1")).scalar_one())
        except Unavailable:
            return False

    def usage(self) -> PoolUsage:
        """Return how many connections are in use and idle."""
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            raise TypeError("the engine was made without a QueuePool")
        return PoolUsage(in_use=pool.checkedout(), idle=pool.checkedin())

    def dispose(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()


def open_database(settings: Settings, *, application_name: str, pool_size: int | None = None) -> Database:
    """Return the database that the settings name.

    A client that stalls inside a transaction must lose it before it loses its job's lease.
    """
    return Database(
        settings.database_url,
        application_name=application_name,
        pool_size=pool_size or settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        idle_timeout_seconds=min(10.0, settings.lease_seconds / 2),
    )


def _json(value: object) -> str:
    """Write JSON as PostgreSQL reads it: NaN and infinities, which JSON has not, become null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _session_options(statement_timeout_seconds: float, idle_timeout_seconds: float) -> str:
    limits_ms = {
        "statement_timeout": statement_timeout_seconds * 1000,
        "lock_timeout": min(LOCK_TIMEOUT_SECONDS, statement_timeout_seconds) * 1000,
        "idle_in_transaction_session_timeout": idle_timeout_seconds * 1000,
    }
    return " ".join(f"-c {name}={int(value)}" for name, value in limits_ms.items())


# COPY speaks to the driver directly, so the driver's own errors are named too.
_AWAY = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError)


@contextmanager
def _driver_errors_named() -> Iterator[None]:
    """Turn what the driver raises when the server cannot serve into `Unavailable`."""
    try:
        yield
    except _AWAY as error:
        raise Unavailable(f"the database does not answer: {_sqlstate(error)}") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise Unavailable(f"the database connection was lost: {_sqlstate(error)}") from error


def _sqlstate(error: Exception) -> str:
    """Return the five-character SQLSTATE of a driver error; its message could quote a row."""
    original = getattr(error, "orig", None)
    return str(getattr(original, "sqlstate", None) or type(original or error).__name__)
