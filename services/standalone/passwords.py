"""A password of an embedded server, made once and readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def password_in(path: Path) -> str:
    """Return the password kept in `path`, making it (mode 0600) the first time."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(32))
    return path.read_text()
