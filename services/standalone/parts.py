"""The parts of an installation that must keep running, and how one that ends is started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.standalone.errors import CannotStart
from services.standalone.process import ServerProcess, trim_log

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""A part that lived this long starts again after the first pause, whatever came before."""


class Part(Protocol):
    """Anything that can be started, stopped and asked whether it runs."""

    def start(self) -> None: ...  # noqa: D102
    def stop(self) -> object: ...  # noqa: D102
    def running(self) -> bool: ...  # noqa: D102
    @property
    def status(self) -> int | None: ...  # noqa: D102


@dataclass(slots=True)
class Program:
    """A program of ours as a part."""

    server: ServerProcess
    grace_seconds: float = 30.0

    def start(self) -> None:
        """Start it; whether it works is seen by asking it."""
        self.server.spawn()

    def stop(self) -> int | None:
        """Ask it to end; kill it when it has not within the grace."""
        return self.server.stop(grace_seconds=self.grace_seconds)

    def running(self) -> bool:
        """Tell whether it lives."""
        return self.server.running()

    @property
    def status(self) -> int | None:
        """Exit status of a program that ended."""
        return self.server.status


@dataclass(slots=True)
class Kept:
    """A part that is started again whenever it ends, after pauses that double."""

    name: str
    part: Part
    log: Path
    started: float = 0.0
    restart_at: float | None = None
    pause_seconds: float = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Start the part."""
        self.started = time.monotonic()
        self.restart_at = None
        self.part.start()

    def tend(self, say: Callable[[str], None]) -> None:
        """Look after the part: notice its end, say it, start it again when its pause is over."""
        trim_log(self.log)
        if self.part.running():
            return
        now = time.monotonic()
        if self.restart_at is None:
            self._plan_restart(now, say, f"{self.name} ended ({_reason(self.part.status)})")
        elif now >= self.restart_at:
            try:
                self.start()
            except CannotStart as error:
                self._plan_restart(now, say, error.detail)

    def _plan_restart(self, now: float, say: Callable[[str], None], why: str) -> None:
        if now - self.started > SETTLED_SECONDS:
            self.pause_seconds = FIRST_PAUSE_SECONDS
        self.restart_at = now + self.pause_seconds
        say(f"{why}; starting it again in {self.pause_seconds:g} s, its log is {self.log}")
        self.pause_seconds = min(2 * self.pause_seconds, LONGEST_PAUSE_SECONDS)


def _reason(status: int | None) -> str:
    if status is None:
        return "never started"
    return f"signal {-status}" if status < 0 else f"exit {status}"


@dataclass(slots=True)
class Household:
    """All kept parts: started in order, tended together, stopped in the opposite order."""

    say: Callable[[str], None]
    kept: list[Kept] = field(default_factory=list)

    def add(self, kept: Kept) -> None:
        """Start one more part."""
        self.kept.append(kept)
        kept.start()

    def tend(self) -> None:
        """Look after every part once."""
        for kept in self.kept:
            kept.tend(self.say)

    def stop(self) -> None:
        """Stop every part; what was started last ends first."""
        for kept in reversed(self.kept):
            kept.part.stop()

    def without_life(self) -> Iterable[Kept]:
        """Return the parts that do not run."""
        return [kept for kept in self.kept if not kept.part.running()]
