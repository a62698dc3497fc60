"""The first API key: made once, written where its owner alone can read it."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from services.standalone.errors import CannotStart
from services.standalone.home import Home
from shared.db import keys
from shared.db.engine import Database
from shared.errors import Unavailable
from shared.specs.ids import new_uuid

SCOPES = ("data", "train", "predict", "read", "metrics", "admin")
MASK = 0o077
"""Group and others may do nothing."""


def ensure_admin_key(home: Home, *, database_url: str, secret_key: bytes) -> None:
    """Write a key with every scope into `admin.key`, unless one that this database accepts stands there.

    A file whose key belongs to another database is kept as `admin.key.old`. Raises `CannotStart`.
    """
    database = Database(database_url, application_name="gradus-standalone", pool_size=1)
    try:
        if home.admin_key.exists():
            if _accepted(database, home.admin_key.read_text().strip(), secret_key):
                home.admin_key.chmod(home.admin_key.stat().st_mode & ~MASK)
                return
            home.admin_key.replace(home.admin_key.with_name("admin.key.old"))
        _write(home.admin_key, _new_key(database, secret_key))
    except Unavailable as error:
        raise CannotStart(f"cannot make the admin key: {error.detail}") from error
    finally:
        database.dispose()


def _accepted(database: Database, token: str, secret_key: bytes) -> bool:
    digest = keys.token_digest(token, secret=secret_key)
    with database.begin() as cx:
        return any(hmac.compare_digest(digest, key.digest) for key in keys.live_keys(cx))


def _new_key(database: Database, secret_key: bytes) -> str:
    token = keys.new_token()
    digest = keys.token_digest(token.text, secret=secret_key)
    new = keys.NewKey(id=new_uuid(), kid=token.kid, name="first admin key", scopes=SCOPES, digest=digest)
    with database.begin() as cx:
        keys.create_key(cx, new=new)
    return token.text


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
