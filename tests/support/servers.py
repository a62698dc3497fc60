"""Real servers for tests: one embedded Postgres and one embedded Valkey a session, empty before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, text

from migrations.upgrade import upgrade_to_head
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.valkey import EmbeddedValkey
from shared.db.engine import Database
from shared.db.tables import metadata


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running Postgres of our own on a Unix socket."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("pg"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A running Valkey of our own on a Unix socket."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("vk"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _migrated_url(postgres: EmbeddedPostgres) -> str:
    upgrade_to_head(postgres.url)
    engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as cx:
        cx.execute(text("ALTER SYSTEM SET fsync = off"))  # tests of crashes start servers of their own
        cx.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    return postgres.url


@pytest.fixture
def database_url(_migrated_url: str) -> str:
    """URL of a migrated database without rows."""
    engine = create_engine(_migrated_url)
    with engine.begin() as cx:
        # A process of an earlier test that was killed may still hold a lock for a moment.
        cx.execute(text("SET lock_timeout = '10s'"))
        # For a few rows, deleting is many times faster than TRUNCATE, which makes new files.
        for table in reversed(metadata.sorted_tables):
            cx.execute(table.delete())
    engine.dispose()
    return _migrated_url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A pool of connections to a migrated database without rows."""
    pool = Database(database_url, application_name="gradus-tests", pool_size=45)
    yield pool
    pool.dispose()


@pytest.fixture
def broker_url(valkey: EmbeddedValkey) -> str:
    """URL of a broker without messages."""
    client = redis.Redis.from_url(valkey.client_url)
    client.flushall()
    client.close()
    return valkey.url


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a database that was never migrated, gone after the test."""
    engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as cx:
        cx.execute(text("CREATE DATABASE never_migrated"))
    yield postgres.url_of("never_migrated")
    with engine.connect() as cx:
        cx.execute(text("DROP DATABASE never_migrated WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of everything embedded, for processes started by a test."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder
