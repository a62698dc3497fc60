"""What a sweep is called, and how far it is, from its jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.api.sweeps.record import seconds_worked
from services.api.sweeps.standing import state, status
from shared.db.sweeps import Move, SweepRow, Tally
from shared.specs.ids import new_uuid

START = datetime(2026, 1, 1, tzinfo=UTC)
JOB = new_uuid()
ROW = SweepRow(
    id=new_uuid(),
    owner="tester",
    model="films",
    spec={"job": {"batch_size": 8, "net": {"negatives": 4}, "task": {"feedback": "implicit"}}},
    created_at=START,
)


def tally(
    status: str, jobs: int, *, steps: int = 0, speed: float = 0.0, cancelling: int = 0, **clock: float
) -> Tally:
    return Tally(
        **clock,
        sweep_id=ROW.id,
        status=status,
        jobs=jobs,
        steps=steps,
        total_steps=100 * jobs,
        samples_per_second=speed,
        cancelling=cancelling,
    )


@pytest.mark.parametrize(
    ("counts", "called"),
    [
        ({"queued": 4}, "queued"),
        ({"queued": 3, "succeeded": 1}, "running"),
        ({"queued": 3, "running": 1}, "running"),
        ({"paused": 1, "succeeded": 3}, "paused"),
        ({"succeeded": 4}, "succeeded"),
        ({"succeeded": 3, "failed": 1}, "partly_failed"),
        ({"succeeded": 2, "failed": 1, "cancelled": 1}, "partly_failed"),
        ({"succeeded": 3, "cancelled": 1}, "cancelled"),
        ({"failed": 3, "cancelled": 1}, "failed"),
        ({"failed": 4}, "failed"),
        ({"cancelled": 4}, "cancelled"),
    ],
)
def test_a_sweep_is_called_after_its_jobs(counts: dict[str, int], called: str) -> None:
    assert status(counts, cancelling=False) == called


def test_a_sweep_whose_running_jobs_were_all_asked_to_end_is_cancelling() -> None:
    assert status({"running": 1, "cancelled": 3}, cancelling=True) == "cancelling"
    found = state(ROW, [tally("running", 2, cancelling=1), tally("cancelled", 2, cancelling=2)])
    assert found.status == "running"


def test_progress_counts_the_steps_that_are_made_or_never_will_be() -> None:
    tallies = [tally("failed", 1, steps=10), tally("queued", 2), tally("running", 1, steps=60)]
    assert state(ROW, tallies).progress == pytest.approx((100 + 0 + 60) / 400)


def test_the_time_left_is_that_of_all_waiting_steps_at_the_speed_of_those_running() -> None:
    tallies = [tally("queued", 2), tally("running", 2, steps=100, speed=800.0)]
    # 300 steps of 8 positives with 4 negatives each: 12,000 samples at 800 a second.
    assert state(ROW, tallies).eta_seconds == 15.0
    assert state(ROW, [tally("queued", 2)]).eta_seconds is None


def test_the_time_left_is_by_the_clock_once_a_job_has_ended_well() -> None:
    done = tally("succeeded", 2, steps=200, seconds=80.0, oldest=110.0)
    running = tally("running", 1, steps=100, speed=800.0, seconds=20.0, oldest=20.0)
    # 40 s each with its judgement; 20 s of this one and 3 more are left, and 110 s saw 100 s of work.
    assert state(ROW, [done, running, tally("queued", 3)]).eta_seconds == 154.0
    late = tally("running", 1, steps=100, seconds=60.0, oldest=60.0)
    assert state(ROW, [done, late]).eta_seconds == 0.0


def test_the_time_left_is_shared_by_the_jobs_that_run_at_once() -> None:
    done = tally("succeeded", 4, seconds=160.0, oldest=90.0)
    running = tally("running", 2, seconds=20.0, oldest=10.0)
    # 60 s of the two and 80 s of two more; 180 s of work in 90.
    assert state(ROW, [done, running, tally("queued", 2)]).eta_seconds == 70.0
    alone = tally("running", 1, seconds=20.0, oldest=20.0)
    assert state(ROW, [done, alone, tally("queued", 2)]).eta_seconds == 100.0


def moves(*found: tuple[str, float]) -> list[Move]:
    return [Move(JOB, to, START + timedelta(seconds=at)) for to, at in found]


def test_seconds_count_only_while_a_worker_has_the_job() -> None:
    history = moves(("queued", 0), ("running", 10), ("paused", 15), ("queued", 100), ("running", 110))
    assert seconds_worked(history, until=START + timedelta(seconds=130)) == 25
    assert seconds_worked(history, until=START + timedelta(seconds=12)) == 2
    assert seconds_worked(history, until=START + timedelta(seconds=50)) == 5
    assert seconds_worked(history[:1], until=START + timedelta(seconds=50)) == 0
