"""Memory of a rule over many samples: for how long it has been broken, and the norms it is held against."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field

from shared.gradients.kinds import FindingKind
from shared.gradients.rules import Seen

RUNNING = 5
"""Samples in a row before a layer is called vanished or dead, and before a median is trusted."""
MEDIAN_SAMPLES = 50
NEEDED = {FindingKind.VANISHING: RUNNING, FindingKind.DEAD: RUNNING}


@dataclass(slots=True)
class Track:
    """How long a rule has been broken, and the worst number of the samples that count."""

    needed: int
    first_step: int = 0
    last_step: int = 0
    samples: int = 0
    worst: Seen | None = None
    _began: int = 0
    _run: int = 0
    _pending: list[Seen] = field(default_factory=list)

    def take(self, seen: Seen, step: int) -> bool:
        """Count a sample that breaks the rule; tell whether it makes a finding that there was not before."""
        self._began = self._began if self._run else step
        self._run += 1
        self._pending.append(seen)
        if self._run < self.needed:
            return False
        return self._count(step)

    def rest(self) -> None:
        """Take note of a sample that keeps the rule."""
        self._run, self._pending = 0, []

    def _count(self, step: int) -> bool:
        new = self.worst is None
        self.first_step = self._began if new else self.first_step
        self.last_step, self.samples = step, self.samples + len(self._pending)
        for one in self._pending:
            self.worst = one if self.worst is None or _worse(one, self.worst) else self.worst
        self._pending = []
        return new


def _worse(one: Seen, other: Seen) -> bool:
    return one.value < other.value if one.kind is FindingKind.VANISHING else one.value > other.value


class RunningMedian:
    """The median of the last numbers that were finite; none before there are enough to trust."""

    def __init__(self, length: int = MEDIAN_SAMPLES) -> None:
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []
        self._length = length

    @property
    def value(self) -> float | None:
        """The lower median, none from fewer than five numbers."""
        if len(self._sorted) < RUNNING:
            return None
        return self._sorted[(len(self._sorted) - 1) // 2]

    def add(self, number: float) -> None:
        """Take a number, and forget the oldest beyond the length."""
        if not math.isfinite(number):
            return
        insort(self._sorted, number)
        self._newest.append(number)
        if len(self._newest) > self._length:
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]
