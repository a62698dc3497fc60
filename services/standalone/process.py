"""A server as a direct child of ours: its pid, exit status, signals and log belong to us."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
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
    """Open a log for appending; a long one is set aside as `<name>.1` first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def last_lines(path: Path, count: int = 5) -> str:
    """Return the end of a log, for a message to a person."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])


def take_folder(folder: Path) -> IO[bytes]:
    """Return an open file that holds the exclusive lock of `folder`.

    A server inherits it, so that the lock lives as long as any process of that server, even when its
    owner was killed. Raises `InUse` when another still holds it after `LOCK_WAIT_SECONDS`.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = (folder / "lock").open("ab")
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                handle.close()
                raise InUse(
                    f"{folder} is in use by another Gradus; stop that one or choose another GRADUS_HOME"
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return handle


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a program: by which way to an ordinary user, and which signal when we die."""

    command: tuple[str, ...]
    way: str = "as_is"
    stop_signal: int = signal.SIGTERM

    def argv(self) -> list[str]:
        """Return the whole command line, through `ordinary.py`."""
        shim = [sys.executable, "-I", "-S", ordinary.__file__]
        return [*shim, self.way, str(int(self.stop_signal)), str(os.getpid()), *self.command]


def run_once(launch: Launch) -> subprocess.CompletedProcess[str]:
    """Run a short program the way a server would be run, and return what it said."""
    return subprocess.run(
        launch.argv(), env={}, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def choose_way(program: str) -> str:
    """Return how this user may run a program that refuses root. Raises `CannotStart` when there is no way."""
    if os.geteuid() != 0:
        return "as_is"
    reasons = []
    for way in ("namespace", "nobody"):
        trial = run_once(Launch((program, "--version"), way=way))
        if trial.returncode == 0:
            return way
        code = trial.stderr.strip()
        name = errno.errorcode.get(int(code), code) if code.isdigit() else f"exit {trial.returncode}"
        reasons.append(f"{'a user namespace' if way == 'namespace' else 'the user nobody'}: {name}")
    raise CannotStart(
        f"Postgres does not run as root, and neither way around worked ({'; '.join(reasons)}). "
        "Run as another user, or set GRADUS_DATABASE_URL to a server of your own."
    )


@dataclass(slots=True)
class ServerProcess:
    """One running server. `start` returns when it answers, `stop` when it is gone."""

    launch: Launch
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """Process id of the server; raises `CannotStart` when it was never started."""
        if self._process is None:
            raise CannotStart(f"{Path(self.launch.command[0]).name} is not running")
        return self._process.pid

    def running(self) -> bool:
        """Tell whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, lock: IO[bytes], ready: Callable[[], bool], within_seconds: float) -> None:
        """Start, hand `lock` to the server, wait until `ready()`. Raises `CannotStart` with the log's end."""
        with open_log(self.log) as log:
            self._process = subprocess.Popen(
                self.launch.argv(),
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal must not reach it
                pass_fds=[lock.fileno()],
            )
        deadline = time.monotonic() + within_seconds
        while not ready():
            if not self.running() or time.monotonic() > deadline:
                self.stop()
                name = Path(self.launch.command[0]).name
                raise CannotStart(f"{name} did not start; the end of {self.log}:\n{last_lines(self.log)}")
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
