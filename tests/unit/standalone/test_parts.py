from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from services.standalone import parts
from services.standalone.errors import CannotStart
from services.standalone.parts import Household, Kept


@dataclass
class Clock:
    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class FakePart:
    """A part whose life the test decides."""

    journal: list[str]
    name: str = "part"
    alive: bool = False
    status: int | None = None
    fails_to_start: bool = False

    def start(self) -> None:
        if self.fails_to_start:
            raise CannotStart("no room")
        self.alive = True
        self.journal.append(f"start {self.name}")

    def stop(self) -> None:
        self.alive = False
        self.journal.append(f"stop {self.name}")

    def running(self) -> bool:
        return self.alive


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(parts, "time", clock)
    return clock


def kept(part: FakePart) -> Kept:
    return Kept(part.name, part, Path("/no/such/log"))


def test_a_part_that_ends_is_announced_and_started_again_after_its_pause(clock: Clock) -> None:
    journal: list[str] = []
    part = FakePart(journal)
    one = kept(part)
    one.start()
    part.alive, part.status = False, -9
    one.tend(journal.append)
    clock.now += 0.4
    one.tend(journal.append)
    assert journal == [
        "start part",
        "part ended (signal 9); starting it again in 0.5 s, its log is /no/such/log",
    ]
    clock.now += 0.2
    one.tend(journal.append)
    assert journal[-1] == "start part"


def test_pauses_double_up_to_half_a_minute_and_shrink_after_a_settled_minute(clock: Clock) -> None:
    said: list[str] = []
    part = FakePart([], status=1)
    one = kept(part)
    pauses = []
    for _ in range(8):
        one.start()
        part.alive = False
        one.tend(said.append)
        pauses.append((one.restart_at or 0.0) - clock.now)
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])
    one.start()
    clock.now += 61
    part.alive = False
    one.tend(said.append)
    assert said[-1].startswith("part ended (exit 1); starting it again in 0.5 s")


def test_a_part_that_cannot_start_is_tried_again(clock: Clock) -> None:
    said: list[str] = []
    part = FakePart([], fails_to_start=True)
    one = kept(part)
    one.tend(said.append)
    clock.now += 1
    one.tend(said.append)
    assert said[1].startswith("no room; starting it again in 1 s")
    part.fails_to_start = False
    clock.now += 1
    one.tend(said.append)
    assert part.alive


def test_parts_stop_in_the_opposite_order_of_their_start() -> None:
    journal: list[str] = []
    household = Household(journal.append)
    for name in ("database", "worker", "gateway"):
        household.add(kept(FakePart(journal, name)))
    household.stop()
    assert journal[3:] == ["stop gateway", "stop worker", "stop database"]
