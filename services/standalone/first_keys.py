"""The first API keys: made once, written where their owner alone can read them.

`python -m services.standalone.first_keys` does that for the database that `GRADUS_DATABASE_URL` names.
It writes `admin.key` into `GRADUS_HOME`, and `metrics.key` into its folder `metrics`, which Prometheus can
be handed alone.
"""

from __future__ import annotations

import hmac
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from services.standalone.home import Home
from shared.db import keys
from shared.db.engine import Database
from shared.errors import GradusError
from shared.settings import server_secret, settings
from shared.specs.ids import new_uuid

ADMIN_SCOPES = ("data", "train", "predict", "read", "metrics", "admin")
OTHERS = 0o077
"""Permissions of group and others."""


def ensure_key(database: Database, path: Path, *, secret: bytes, scopes: Sequence[str]) -> None:
    """Write a key with `scopes` into `path`, unless one that this database accepts stands there.

    A file whose key belongs to another database is kept as `<name>.old`. Raises `Unavailable`.
    """
    if path.exists():
        if _accepted(database, path.read_text().strip(), secret):
            path.chmod(path.stat().st_mode & ~OTHERS)
            return
        path.replace(path.with_name(path.name + ".old"))
    name = f"first {path.stem} key"
    text = _new_key(database, name=name, secret=secret, scopes=scopes)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def ensure_admin_key(home: Home, *, database_url: str, secret: bytes) -> None:
    """Write `admin.key`, a key with every scope. Raises `Unavailable`."""
    database = Database(database_url, application_name="gradus-keys", pool_size=1)
    try:
        ensure_key(database, home.admin_key, secret=secret, scopes=ADMIN_SCOPES)
    finally:
        database.dispose()


def _accepted(database: Database, token: str, secret: bytes) -> bool:
    digest = keys.token_digest(token, secret=secret)
    with database.begin() as cx:
        return any(hmac.compare_digest(digest, key.digest) for key in keys.live_keys(cx))


def _new_key(database: Database, *, name: str, secret: bytes, scopes: Sequence[str]) -> str:
    token = keys.new_token()
    digest = keys.token_digest(token.text, secret=secret)
    new = keys.NewKey(id=new_uuid(), kid=token.kid, name=name, scopes=scopes, digest=digest)
    with database.begin() as cx:
        keys.create_key(cx, new=new)
    return token.text


def main() -> int:
    """Write both keys; return the exit status."""
    own = settings()
    own.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    metrics_key = own.home / "metrics" / "metrics.key"
    metrics_key.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        database = Database(own.database_url, application_name="gradus-keys", pool_size=1)
        secret = server_secret(own)
        ensure_key(database, own.home / "admin.key", secret=secret, scopes=ADMIN_SCOPES)
        ensure_key(database, metrics_key, secret=secret, scopes=("metrics",))
    except GradusError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    except FileNotFoundError:
        sys.stderr.write("no secret: set GRADUS_SECRET_KEY to that of the gateway\n")
        return 1
    sys.stdout.write(f"admin.key and metrics/metrics.key stand in {own.home}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
