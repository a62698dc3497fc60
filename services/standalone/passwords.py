"""A password of an embedded server, made once and readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def password_in(path: Path) -> str:
    """Return the password kept in `path`, making it (mode 0600) the first time.

    It appears whole or not at all: an empty one, left by a crash, would be taken for the password.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        fresh.replace(path)
    return path.read_text()
