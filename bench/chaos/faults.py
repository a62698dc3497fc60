"""The faults: what may go wrong, how often, and doing it."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable

from bench.chaos.stack import LEASE_SECONDS, WORKERS, Part, Stack

WEIGHTS = {
    "trainer killed": 34,
    "trainer stopped beyond the lease": 6,
    "worker killed": 15,
    "worker and trainer stopped beyond the lease": 12,
    "worker terminated": 6,
    "sweeper killed": 7,
    "gateway killed": 8,
    "valkey flushed and restarted": 7,
    "postgres crashed": 5,
}


class Faults:
    """Does one random fault after another to a stack, and keeps count."""

    def __init__(self, stack: Stack, dice: random.Random) -> None:
        self._stack, self._dice = stack, dice
        self.done: Counter[str] = Counter()
        self._waking: list[threading.Timer] = []
        self._deeds: dict[str, Callable[[], bool]] = {
            "trainer killed": lambda: self._to_trainer(signal.SIGKILL),
            "trainer stopped beyond the lease": self._stop_trainer,
            "worker killed": lambda: self._to_part(self._worker(), signal.SIGKILL),
            "worker and trainer stopped beyond the lease": self._stop_worker,
            "worker terminated": lambda: self._to_part(self._worker(), signal.SIGTERM),
            "sweeper killed": lambda: self._to_part(self._stack.parts["sweeper"], signal.SIGKILL),
            "gateway killed": lambda: self._to_part(self._stack.parts["gateway"], signal.SIGKILL),
            "valkey flushed and restarted": lambda: self._whole(self._stack.lose_valkey),
            "postgres crashed": lambda: self._whole(self._stack.crash_postgres),
        }

    def strike(self) -> str:
        """Do one fault that can be done now, and return its name."""
        while True:
            (name,) = self._dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
            if self._deeds[name]():
                self.done[name] += 1
                return name

    def calm_down(self) -> None:
        """Wake everything that is still stopped."""
        for timer in self._waking:
            timer.join()

    def _worker(self) -> Part:
        return self._stack.parts[self._dice.choice(WORKERS)]

    def _to_part(self, part: Part, number: int) -> bool:
        if not part.running():
            return False
        part.send(number)
        return True

    def _to_trainer(self, number: int) -> bool:
        children = self._worker().children()
        if not children:
            return False
        return _send(self._dice.choice(children), number)

    def _stop_trainer(self) -> bool:
        children = self._worker().children()
        return bool(children) and self._stop([self._dice.choice(children)])

    def _stop_worker(self) -> bool:
        worker = self._worker()
        return worker.running() and self._stop([worker.pid, *worker.children()])

    def _stop(self, pids: list[int]) -> bool:
        """Stop processes for longer than a lease, then let them go on as if nothing had been."""
        stopped = [pid for pid in pids if _send(pid, signal.SIGSTOP)]
        if not stopped:
            return False
        asleep_seconds = LEASE_SECONDS * self._dice.uniform(1.2, 2.0)
        waking = threading.Timer(asleep_seconds, lambda: [_send(pid, signal.SIGCONT) for pid in stopped])
        waking.start()
        self._waking.append(waking)
        return True

    def _whole(self, deed: Callable[[], None]) -> bool:
        deed()
        return True


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
