"""The pool of connections when the server is away, slow, or full, and what its errors may say."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from services.standalone.postgres import EmbeddedPostgres
from shared.db.engine import Connection, Database, open_database
from shared.errors import Unavailable
from shared.settings import Settings


def test_an_absent_server_is_unavailable(tmp_path: Path):
    database = Database(f"postgresql+psycopg://postgres@/postgres?host={tmp_path}", application_name="t")
    assert database.answers() is False
    with pytest.raises(Unavailable), database.begin():
        pass


def test_no_url_says_which_setting_is_missing():
    with pytest.raises(Unavailable) as raised:
        open_database(Settings(database_url=""), application_name="t")
    assert "GRADUS_DATABASE_URL" in raised.value.detail


def test_an_exhausted_pool_is_unavailable(database_url: str, monkeypatch: pytest.MonkeyPatch):
    database = Database(database_url, application_name="t", pool_size=1)
    monkeypatch.setattr(database._engine.pool, "_timeout", 0.1)
    with database.begin():
        assert (database.usage().in_use, database.usage().idle) == (1, 0)
        with pytest.raises(Unavailable), database.begin():
            pass
    assert (database.usage().in_use, database.usage().idle) == (0, 1)
    database.dispose()


def test_a_snapshot_sees_one_moment_and_writes_nothing(empty_database_url: str):
    database = Database(empty_database_url, application_name="t")
    counted = text("SELECT count(*) FROM moments")
    with database.begin() as cx:
        cx.execute(text("CREATE TABLE moments (id integer)"))
    with database.snapshot() as reader:
        assert reader.execute(counted).scalar_one() == 0
        with database.begin() as cx:
            cx.execute(text("INSERT INTO moments VALUES (1)"))
        assert reader.execute(counted).scalar_one() == 0
    with database.snapshot() as reader:
        assert reader.execute(counted).scalar_one() == 1
        with pytest.raises(SQLAlchemyError, match="read-only transaction"):
            reader.execute(text("INSERT INTO moments VALUES (2)"))
    with database.begin() as cx:  # on connections that served snapshots
        cx.execute(text("INSERT INTO moments VALUES (3)"))
        assert cx.execute(counted).scalar_one() == 2
    database.dispose()


def test_a_statement_that_takes_too_long_is_unavailable(database_url: str):
    database = Database(database_url, application_name="t", statement_timeout_seconds=0.1)
    with pytest.raises(Unavailable) as raised, database.begin() as cx:
        cx.execute(text("SELECT pg_sleep(5)"))
    assert "57014" in raised.value.detail
    database.dispose()


def test_a_client_that_stalls_inside_a_transaction_loses_it(database_url: str):
    database = Database(database_url, application_name="t", idle_timeout_seconds=0.2)
    with pytest.raises(Unavailable), database.begin() as cx:
        stall_in(cx)
    assert database.answers()
    database.dispose()


def test_a_transaction_that_raises_leaves_nothing(database: Database):
    with database.begin() as cx:
        cx.execute(text("INSERT INTO model (name, task) VALUES ('m', 'recommend')"))
        cx.rollback()
    with database.begin() as cx:
        assert cx.execute(text("SELECT count(*) FROM model")).scalar_one() == 0


def test_an_error_does_not_quote_what_was_written(database: Database):
    with pytest.raises(SQLAlchemyError) as raised, database.begin() as cx:
        cx.execute(text("INSERT INTO nowhere VALUES (:age)"), {"age": "patient 4711"})
    assert "4711" not in str(raised.value)


def test_work_is_repeated_until_a_crashed_server_is_back(tmp_path: Path):
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    database = Database(server.url, application_name="t", pool_size=1)
    try:
        assert database.answers()
        os.kill(server.pid, signal.SIGQUIT)
        server.stop()
        done: list[int] = []
        work = threading.Thread(target=lambda: done.append(database.retrying(one, patience_seconds=30)))
        work.start()
        time.sleep(0.5)
        assert done == []
        server.start()
        work.join(timeout=30)
        assert done == [1]
    finally:
        database.dispose()
        server.stop()


def test_patience_ends(tmp_path: Path):
    database = Database(f"postgresql+psycopg://postgres@/postgres?host={tmp_path}", application_name="t")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        database.retrying(one, patience_seconds=0.3)
    assert time.monotonic() - began < 2


def stall_in(cx: Connection) -> None:
    one(cx)
    time.sleep(0.6)
    one(cx)


def one(cx: Connection) -> int:
    return int(cx.execute(text("SELECT 1")).scalar_one())
