"""Child processes: started by exec from one thread that stays, kept warm, ended as a whole group.

The kernel kills a child when the *thread* that started it ends (PR_SET_PDEATHSIG), so every child is
started by the nursery's own thread, which lives as long as the worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from shared.errors import Unavailable
from shared.logs import logger

ROOT = Path(__file__).resolve().parent.parent.parent
TRAINER = ROOT / "services" / "worker" / "run.py"
READY_LINE = "ready"
POLL_SECONDS = 0.2
REFILL_SECONDS = 1.0
"""A fresh standby imports torch for a second; it lets the job that took the last one start first."""
FAILURE_PAUSE_SECONDS = 5.0
"""Between standby children that die before they were ready."""
CLOSE_SECONDS = 5.0
PARENT = "GRADUS_SUPERVISOR_PID"
"""Names the process that a child must not outlive, which may have died before the kernel could be asked."""
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is told: which job, under which fence, and the how-manieth attempt it is."""

    job_id: UUID
    kind: str
    fence: int
    attempt: int

    def line(self) -> bytes:
        """Return the order as one line of JSON."""
        values = {"job_id": str(self.job_id), "kind": self.kind, "fence": self.fence, "attempt": self.attempt}
        return json.dumps(values).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a child is started: its script, the threads it may use, and what takes its lines of output."""

    script: Path = TRAINER
    threads: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    take_line: Callable[[str], object] = sys.stdout.write

    def start(self) -> subprocess.Popen[bytes]:
        """Start a child as the leader of its own process group."""
        number = str(max(1, self.threads))
        paths = {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": number,
            "OMP_WAIT_POLICY": "PASSIVE",  # spinning for a thread that lost its core costs up to 40 times
            "PYTHONUNBUFFERED": "1",
            PARENT: str(os.getpid()),
        }
        return subprocess.Popen(
            [sys.executable, str(self.script)],
            cwd=ROOT,
            env={**os.environ, **paths, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )


class Child:
    """One child process, from its start to its exit status."""

    def __init__(self, process: subprocess.Popen[bytes], take_line: Callable[[str], object]) -> None:
        self._process, self._take_line = process, take_line
        self.ready = False
        self._pump = threading.Thread(target=self._copy_lines, name=f"child-{process.pid}", daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its process group."""
        return self._process.pid

    def hand(self, order: Order) -> bool:
        """Give the child its job; tell whether it could be given. It need not be ready yet."""
        try:
            if self._process.stdin is None:
                return False
            self._process.stdin.write(order.line())
            self._process.stdin.close()
        except OSError:
            return False
        return True

    def wait(self, seconds: float) -> int | None:
        """Return the exit status (negative for a signal), none while the child lives on."""
        try:
            status = self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        self._kill_group()  # what it may have started and left behind
        self._pump.join(timeout=1.0)
        return status

    def terminate(self) -> None:
        """Ask the child to checkpoint and leave."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the child and everything it started, at once."""
        if self._process.poll() is None:
            self._kill_group()

    def dismiss(self) -> None:
        """Tell a child without a job that none will come."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _copy_lines(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as lines:
            for raw in lines:
                line = raw.decode(errors="replace")
                if not self.ready and line.strip() == READY_LINE:
                    self.ready = True
                else:
                    self._take_line(line)


class Nursery:
    """Keeps `standby` children warm and hands out one at a time."""

    def __init__(
        self, recipe: Recipe, *, standby: int, on_count: Callable[[int], object] | None = None
    ) -> None:
        self._recipe, self._wanted = recipe, standby
        self._on_count = on_count or (lambda _count: None)
        self._idle: list[Child] = []
        self._orders = 0
        self._refill_at = 0.0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._tend, name="nursery", daemon=True)

    def start(self) -> None:
        """Begin to keep children warm."""
        self._thread.start()

    def take(self, *, patience_seconds: float = 30.0) -> Child:
        """Return a child that lives, a warm one if there is one. Raises `Unavailable` when none starts."""
        give_up = time.monotonic() + patience_seconds
        with self._changed:
            self._orders += 1
            self._changed.notify_all()
            try:
                while not (child := self._pop()):
                    if self._closing or not self._changed.wait(max(0.0, give_up - time.monotonic())):
                        raise Unavailable("no child process could be started")
            finally:
                self._orders -= 1
            self._refill_at = time.monotonic() + REFILL_SECONDS
            self._on_count(len(self._idle))
        return child

    def close(self) -> None:
        """Dismiss the children that have no job, and end those that do not go."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=CLOSE_SECONDS)
        for child in self._idle:
            child.dismiss()
        for child in self._idle:
            if child.wait(CLOSE_SECONDS) is None:
                child.kill()
                child.wait(CLOSE_SECONDS)
        self._idle.clear()

    def _pop(self) -> Child | None:
        """Return the child that has been warming longest, dropping dead ones."""
        while self._idle:
            child = self._idle.pop(0)
            if child.wait(0) is None:
                return child
        return None

    def _tend(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(POLL_SECONDS)
                if self._closing:
                    return
                self._drop_dead()
                missing = self._missing()
            if missing:
                self._spawn()

    def _missing(self) -> bool:
        if self._orders > len(self._idle):
            return True
        return len(self._idle) < self._wanted and time.monotonic() >= self._refill_at

    def _drop_dead(self) -> None:
        for child in list(self._idle):
            status = child.wait(0)
            if status is not None:
                self._idle.remove(child)
                _log.warning("standby_child_died", pid=child.pid, status=status, ready=child.ready)
                if not child.ready:
                    self._refill_at = time.monotonic() + FAILURE_PAUSE_SECONDS
        self._on_count(len(self._idle))

    def _spawn(self) -> None:
        try:
            child = Child(self._recipe.start(), self._recipe.take_line)
        except OSError as error:
            _log.error("child_not_started", error=type(error).__name__, errno=error.errno)
            self._refill_at = time.monotonic() + FAILURE_PAUSE_SECONDS
            time.sleep(POLL_SECONDS)
            return
        with self._changed:
            self._idle.append(child)
            self._changed.notify_all()
