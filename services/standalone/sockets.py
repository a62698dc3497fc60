"""Where an embedded server's Unix socket stands: beside its files, or shorter when the path is too long."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from services.standalone.errors import CannotStart

SOCKET_PATH_MAX_BYTES = 107
"""`sun_path` holds 108 bytes with its closing zero (unix(7))."""


def socket_folder(wanted: Path, *, socket_name: str) -> Path:
    """Return a folder of ours, mode 0700, in which `socket_name` fits the kernel's limit.

    That is `wanted`, or a folder under the system's temporary one whose name is derived from `wanted`.
    Raises `CannotStart` when someone else made that folder first.
    """
    folder = wanted.absolute()
    if len(os.fsencode(folder / socket_name)) > SOCKET_PATH_MAX_BYTES:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir(), f"gradus-{os.geteuid()}-{digest}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.lstat()
    private = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
    if not private:
        raise CannotStart(f"{folder} belongs to another user; remove it or choose a shorter GRADUS_HOME")
    folder.chmod(0o700)
    return folder
