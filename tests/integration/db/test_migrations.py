import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from migrations.upgrade import alembic_config, upgrade_to_head
from shared.db.engine import Database
from shared.db.revision import HEAD, schema_matches
from shared.db.tables import metadata
from shared.errors import Unavailable


def tables_of(url: str) -> set[str]:
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return found


def migrate(url: str, revision: str) -> None:
    engine = create_engine(url)
    with engine.connect() as cx:
        move = command.downgrade if revision == "base" else command.upgrade
        move(alembic_config(cx), revision)
    engine.dispose()


def matches(url: str) -> bool:
    database = Database(url, application_name="gradus-tests")
    try:
        with database.begin() as cx:
            return schema_matches(cx)
    finally:
        database.dispose()


def test_the_head_in_the_code_is_the_newest_revision():
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def test_the_migrations_make_exactly_the_tables_of_the_code(database_url: str):
    engine = create_engine(database_url)
    with engine.connect() as cx:
        context = MigrationContext.configure(cx, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_up_down_up_ends_where_up_did(empty_database_url: str):
    assert not matches(empty_database_url)
    migrate(empty_database_url, "head")
    assert tables_of(empty_database_url) == set(metadata.tables)
    migrate(empty_database_url, "base")
    assert tables_of(empty_database_url) == set()
    assert not matches(empty_database_url)
    migrate(empty_database_url, "head")
    assert matches(empty_database_url)


def test_several_processes_may_migrate_at_once(empty_database_url: str):
    code = f"from migrations.upgrade import upgrade_to_head; upgrade_to_head({empty_database_url!r})"
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: subprocess.run([sys.executable, "-c", code], check=False), range(2)))
    assert [run.returncode for run in runs] == [0, 0]
    assert matches(empty_database_url)


def test_no_server_is_said_plainly(tmp_path: Path):
    with pytest.raises(Unavailable):
        upgrade_to_head(f"postgresql+psycopg://postgres@/postgres?host={tmp_path}", patience_seconds=0)


def test_the_command_migrates_and_says_what_is_missing(empty_database_url: str):
    command_line = [sys.executable, "-m", "migrations"]
    done = subprocess.run(
        command_line, env={"GRADUS_DATABASE_URL": empty_database_url}, check=False, capture_output=True
    )
    assert done.returncode == 0
    assert matches(empty_database_url)
    refused = subprocess.run(command_line, env={}, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "GRADUS_DATABASE_URL" in refused.stderr
