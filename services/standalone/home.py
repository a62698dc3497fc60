"""The folder of an installation: where everything embedded lives, and who may use it."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from services.standalone.errors import CannotStart, InUse
from services.standalone.process import take_folder

HOME_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Home:
    """The places inside `GRADUS_HOME`."""

    folder: Path

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.folder / "logs"

    @property
    def storage(self) -> Path:
        """Uploaded files and their columnar form."""
        return self.folder / "storage"

    @property
    def admin_key(self) -> Path:
        """The first API key, readable by its owner alone."""
        return self.folder / "admin.key"

    @property
    def secret_key(self) -> Path:
        """What keys the digests of API keys; without it no key is valid any more."""
        return self.folder / "secret.key"


def open_home(folder: Path) -> tuple[Home, IO[bytes]]:
    """Return the home and the open file that holds its lock. Raises `CannotStart` or `InUse`."""
    home = Home(folder.absolute())
    try:
        lock = take_folder(home.folder, patience_seconds=HOME_PATIENCE_SECONDS)
        home.logs.mkdir(exist_ok=True)
        home.storage.mkdir(exist_ok=True)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown error")
        raise CannotStart(
            f"cannot write in {home.folder} ({name}); choose a folder of yours in GRADUS_HOME"
        ) from error
    return home, lock


def check_port(host: str, port: int, *, purpose: str, setting: str) -> None:
    """Raise `InUse` when another program listens on a port that we are about to use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "unknown error")
            raise InUse(
                f"port {port} on {host}, for the {purpose}, is taken ({name}); set {setting}"
            ) from error
