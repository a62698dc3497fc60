"""A server as a direct child of ours: its pid, exit status, signals and log belong to us."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from services.standalone import ordinary
from services.standalone.errors import CannotStart, InUse

POLL_SECONDS = 0.01
LOCK_WAIT_SECONDS = 10.0
"""A server whose owner was killed needs a moment to shut down and let go of its folder."""
LOG_MAX_BYTES = 10 * 1024**2


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def trim_log(path: Path) -> None:
    """Set a long log aside as `<name>.1` and empty it; its writer appends, so that it need not notice."""
    if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)


def last_lines(path: Path, count: int = 5) -> str:
    """Return the end of a log, for a message to a person."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])


def take_folder(folder: Path, *, patience_seconds: float | None = None) -> IO[bytes]:
    """Return an open file that holds the exclusive lock of `folder`.

    A server inherits it, so that the lock lives as long as any process of that server, even when its
    owner was killed. Raises `InUse` when another still holds it after the patience (by default
    `LOCK_WAIT_SECONDS`).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = (folder / "lock").open("ab+")
    deadline = time.monotonic() + (LOCK_WAIT_SECONDS if patience_seconds is None else patience_seconds)
    while not _lock(handle):
        if time.monotonic() > deadline:
            handle.seek(0)
            holder = handle.read().decode() or "unknown"
            handle.close()
            raise InUse(
                f"{folder} is in use by another Gradus (process {holder}); "
                "stop that one or choose another GRADUS_HOME"
            )
        time.sleep(POLL_SECONDS)
    handle.truncate(0)
    handle.write(str(os.getpid()).encode())
    handle.flush()
    return handle


def _lock(handle: IO[bytes]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a program: as which user, with what around it, and which signal ends it cleanly."""

    command: tuple[str, ...]
    way: str = "as_is"
    stop_signal: int = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")

    def argv(self) -> list[str]:
        """Return the whole command line, through `ordinary.py`."""
        shim = [sys.executable, "-I", "-S", ordinary.__file__]
        return [*shim, self.way, str(int(self.stop_signal)), str(os.getpid()), *self.command]


def run_once(launch: Launch) -> subprocess.CompletedProcess[str]:
    """Run a short program the way a server would be run, and return what it said."""
    return subprocess.run(
        launch.argv(),
        env=launch.environment,
        cwd=launch.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def choose_way(program: str) -> str:
    """Return how this user may run a program that wants an ordinary user with a name.

    Root is refused by Postgres, and a user id without an entry in the password file, as containers hand
    them out, by its initdb. Raises `CannotStart` when there is no way around.
    """
    is_root = os.geteuid() == 0
    if not is_root and _has_name(os.geteuid()):
        return "as_is"
    reasons = []
    for way in ("namespace", "nobody") if is_root else ("namespace",):
        trial = run_once(Launch((program, "--version"), way=way))
        if trial.returncode == 0:
            return way
        code = trial.stderr.strip()
        name = errno.errorcode.get(int(code), code) if code.isdigit() else f"exit {trial.returncode}"
        reasons.append(f"{'a user namespace' if way == 'namespace' else 'the user nobody'}: {name}")
    whom = "as root" if is_root else "for a user id without a name"
    raise CannotStart(
        f"Postgres does not run {whom}, and no way around worked ({'; '.join(reasons)}). "
        "Run as another user, or set GRADUS_DATABASE_URL to a server of your own."
    )


def _has_name(uid: int) -> bool:
    """Tell whether a user id stands in the password file."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


@dataclass(slots=True)
class ServerProcess:
    """One running server: `spawn` it, wait until it is `ready`, `stop` it."""

    launch: Launch
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def program(self) -> str:
        """Name of the program, for messages."""
        return Path(self.launch.command[0]).name

    @property
    def pid(self) -> int:
        """Process id of the server; raises `CannotStart` when it was never started."""
        if self._process is None:
            raise CannotStart(f"{self.program} is not running")
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Exit status, negative for a signal; none while the server lives or before it was started."""
        return None if self._process is None else self._process.poll()

    def running(self) -> bool:
        """Tell whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def spawn(self, *, inherit: Sequence[IO[bytes]] = ()) -> None:
        """Start the process and hand it the open files `inherit`."""
        with open_log(self.log) as log:
            self._process = subprocess.Popen(
                self.launch.argv(),
                env=self.launch.environment,
                cwd=self.launch.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal must not reach it
                pass_fds=[file.fileno() for file in inherit],
            )

    def wait_until(self, ready: Callable[[], bool], *, within_seconds: float) -> None:
        """Wait until `ready()`. Raises `CannotStart` with the log's end when that does not come about."""
        deadline = time.monotonic() + within_seconds
        while not ready():
            if not self.running() or time.monotonic() > deadline:
                self.stop()
                raise CannotStart(
                    f"{self.program} did not start; the end of {self.log}:\n{last_lines(self.log)}"
                )
            time.sleep(POLL_SECONDS)

    def stop(self, *, harder: Sequence[int] = (signal.SIGKILL,), grace_seconds: float = 30.0) -> int | None:
        """Stop cleanly, then by the `harder` signals one after another; return the exit status."""
        if self._process is None:
            return None
        for number in (self.launch.stop_signal, *harder):
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                return self._process.wait(timeout=grace_seconds)
            except subprocess.TimeoutExpired:
                continue
        return None
