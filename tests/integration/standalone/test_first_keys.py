"""The first keys are made once, for their owner alone, and only a key that the database accepts counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.standalone.first_keys import ADMIN_SCOPES, ensure_key
from shared.db.engine import Database
from shared.db.keys import list_keys, parse_token, revoke_key

ROOT = Path(__file__).resolve().parents[3]
SECRET = b"a secret of 32 bytes or rather more"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.key"


def make(database: Database, path: Path, *, secret: bytes = SECRET) -> str:
    ensure_key(database, path, secret=secret, scopes=ADMIN_SCOPES)
    return path.read_text()


def test_a_key_is_made_once(database: Database, path: Path) -> None:
    first = make(database, path)
    assert parse_token(first.strip()) is not None
    assert make(database, path) == first
    with database.begin() as cx:
        (row,) = list_keys(cx)
    assert (row.name, sorted(row.scopes)) == ("first admin key", sorted(ADMIN_SCOPES))


def test_the_file_is_readable_by_its_owner_alone_even_when_it_was_opened_up(
    database: Database, path: Path
) -> None:
    make(database, path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    make(database, path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_revoked_key_is_set_aside_and_replaced(database: Database, path: Path) -> None:
    first = make(database, path)
    with database.begin() as cx:
        revoke_key(cx, key_id=list_keys(cx)[0].id)
    assert make(database, path) != first
    assert path.with_name("admin.key.old").read_text() == first


def test_under_another_secret_the_old_key_is_worth_nothing(database: Database, path: Path) -> None:
    first = make(database, path)
    assert make(database, path, secret=b"another secret, also long enough to be one") != first


def test_the_command_writes_an_admin_key_and_one_for_prometheus(database_url: str, tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ.get("PATH", ""),
        "GRADUS_HOME": str(tmp_path / "keys"),
        "GRADUS_DATABASE_URL": database_url,
        "GRADUS_SECRET_KEY": SECRET.decode(),
    }
    command = [sys.executable, "-m", "services.standalone.first_keys"]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    places = {"admin.key": tmp_path / "keys", "metrics.key": tmp_path / "keys" / "metrics"}
    keys = {name: (folder / name).read_text().strip() for name, folder in places.items()}
    assert not any(key in done.stdout + done.stderr for key in keys.values())
    database = Database(database_url, application_name="gradus-tests", pool_size=1)
    with database.begin() as cx:
        scopes = {row.kid: sorted(row.scopes) for row in list_keys(cx)}
    database.dispose()
    assert scopes[str(parse_token(keys["metrics.key"]))] == ["metrics"]
    assert scopes[str(parse_token(keys["admin.key"]))] == sorted(ADMIN_SCOPES)


def test_without_a_database_the_command_says_so(tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": str(ROOT),
        "GRADUS_HOME": str(tmp_path),
        "GRADUS_SECRET_KEY": SECRET.decode(),
    }
    command = [sys.executable, "-m", "services.standalone.first_keys"]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "GRADUS_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_secret_the_command_says_so(tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": str(ROOT),
        "GRADUS_HOME": str(tmp_path),
        "GRADUS_DATABASE_URL": "postgresql+psycopg://nobody@/nowhere",
    }
    command = [sys.executable, "-m", "services.standalone.first_keys"]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "GRADUS_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr
