import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from migrations.upgrade import alembic_config, upgrade_to_head
from shared.db.engine import Connection, Database
from shared.db.gradients import FlowRows, write_flow
from shared.db.jobs import get_job
from shared.db.lr_events import take_up_requests
from shared.db.lr_requests import NewLrRequest, add_lr_request
from shared.db.revision import HEAD, schema_matches
from shared.db.sweeps import NewSweep, insert_sweep
from shared.db.tables import metadata
from shared.errors import Unavailable
from shared.gradients import Layer, Sample
from shared.lifecycle import JobKind
from shared.specs.ids import new_uuid
from tests.support.rows import add_job


def tables_of(url: str) -> set[str]:
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return found


def migrate(url: str, revision: str) -> None:
    engine = create_engine(url)
    with engine.connect() as cx:
        move = command.upgrade if revision == "head" else command.downgrade
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


def test_trainings_survive_a_way_down_and_up_again_and_what_is_newer_than_they_does_not(
    empty_database_url: str,
):
    upgrade_to_head(empty_database_url)
    database = Database(empty_database_url, application_name="gradus-tests")
    try:
        with database.begin() as cx:
            kept = {add_job(cx).id, *_of_the_second_revision(cx)}
            add_job(cx, kind=JobKind.LR_RANGE_TEST)
        migrate(empty_database_url, "0001")
        with database.begin() as cx:
            assert set(cx.execute(text("SELECT id FROM job")).scalars()) == kept
            first = text(
                "INSERT INTO lr_event (job_id, seq, step, scale, reason, actor)"
                " VALUES (:id, 1, 2, 0.5, 'too fast', 'kid')"
            )
            cx.execute(first, {"id": next(iter(kept))})
        upgrade_to_head(empty_database_url)
        with database.begin() as cx:
            assert schema_matches(cx)
            assert {get_job(cx, job_id=job_id).start_step for job_id in kept} == {0}
    finally:
        database.dispose()


def _of_the_second_revision(cx: Connection) -> set[UUID]:
    """Add a sweep's training that a person steers, and a fork of it; return their ids."""
    new = NewSweep(id=new_uuid(), owner="kid", model="m", spec={}, request_sha256=b"one body")
    insert_sweep(cx, new=new, jobs=[])
    parent = add_job(cx, sweep_id=new.id, sweep_arm=0)
    child = add_job(cx, parent_id=parent.id, parent_checkpoint=new_uuid(), start_step=3)
    asked = NewLrRequest(
        id=new_uuid(),
        job_id=parent.id,
        scale=0.5,
        reason="too fast",
        actor="kid",
        request_sha256=b"one body",
    )
    add_lr_request(cx, new=asked)
    take_up_requests(cx, job_id=parent.id, fence=1, step=3)
    layer = Layer("head", "head", "matrix", 0)
    sample = Sample(0, 1.0, [1.0], [1.0], [None], [None])
    write_flow(cx, job_id=parent.id, fence=1, rows=FlowRows([layer], [sample]))
    return {parent.id, child.id}


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
