"""What holds for any schedule that is admitted, whatever its phases and settings."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.previews import EvaluateRequest, PreviewRequest, evaluate, preview
from shared.schedules import PHASES, ResolvedSchedule, sample_steps, stats, warnings
from shared.schedules.stats import phase_sum
from tests.support.draws import times
from tests.support.schedules import DRAWS, SCHEDULE, Drawn, peak, resolved

STEPS = 200
EPOCHS = st.integers(1, 50)
drawn = times(1.5)


def test_every_phase_of_the_catalogue_is_drawn():
    assert list(DRAWS) == list(PHASES)


@drawn
@given(schedule=SCHEDULE, epoch=EPOCHS)
def test_it_stays_between_0_and_its_peak(schedule: Drawn, epoch: int):
    run = resolved(schedule, steps=STEPS, epoch=epoch)
    assert all(0.0 <= run.lr(t) <= peak(schedule) * (1 + 1e-12) for t in range(STEPS + 1))
    warnings(run)


class Event(NamedTuple):
    step: int
    m_after: float


@drawn
@given(
    schedule=SCHEDULE,
    events=st.lists(st.builds(Event, st.integers(0, STEPS + 9), st.floats(0.01, 10.0)), max_size=6),
    steps=st.sets(st.integers(0, STEPS + 9)),
)
def test_many_rates_together_are_those_of_the_steps_one_by_one_to_the_last_bit(
    schedule: Drawn, events: list[Event], steps: set[int]
):
    run, events, ascending = resolved(schedule, steps=STEPS, epoch=7), sorted(events), sorted(steps)
    assert run.charted_lrs(ascending, events) == [run.charted_lr(t, events) for t in ascending]


@drawn
@given(schedule=SCHEDULE, epoch=EPOCHS)
def test_between_two_breakpoints_it_goes_one_way(schedule: Drawn, epoch: int):
    """To a rounding error: the last digits of a cosine near its ends are not its course."""
    run = resolved(schedule, steps=STEPS, epoch=epoch)
    noise = 1e-15 * peak(schedule)
    for left, right in pairwise(point.step for point in run.breakpoints()):
        rates = [run.lr(t) for t in range(left, right)]
        ways = [after - before for before, after in pairwise(rates)]
        assert all(way <= noise for way in ways) or all(way >= -noise for way in ways)


@drawn
@given(schedule=SCHEDULE, epoch=EPOCHS)
def test_a_drawing_holds_the_true_extremes(schedule: Drawn, epoch: int):
    run = resolved(schedule, steps=STEPS, epoch=epoch)
    rates = [run.lr(t) for t in range(STEPS)]
    shown = [run.lr(t) for t in sample_steps(run, 20)]
    found = stats(run)
    assert max(shown) == pytest.approx(max(rates), rel=1e-14)
    assert min(shown) == pytest.approx(min(rates), rel=1e-14, abs=1e-15 * peak(schedule))
    assert (found.max, found.min) == (max(shown), min(shown))


@pytest.mark.parametrize("name", DRAWS)
@times(0.25)
@given(choice=st.data())
def test_its_sum_without_adding_up_every_step(name: str, choice: st.DataObject):
    """Phases too long to be added up are integrated, or summed in closed form."""
    phase = choice.draw(DRAWS[name])
    run = resolved({"base_lr": 1.0, "phases": [{**phase, "duration": "rest"}]}, steps=3000, epoch=7)
    exact = math.fsum(run.lr(t) for t in range(3000))
    assert phase_sum(run.phases[0]) == pytest.approx(exact, rel=1e-6)


@drawn
@given(schedule=SCHEDULE, epoch=EPOCHS)
def test_preview_and_evaluation_are_what_the_trainer_runs(schedule: Drawn, epoch: int):
    run = resolved(schedule, steps=STEPS, epoch=epoch)
    shared = {"total_steps": STEPS, "steps_per_epoch": epoch}
    asked = {**shared, "schedules": [{"label": "one", "schedule": schedule}], "points": 50}
    (curve,) = preview(PreviewRequest.model_validate(asked)).curves
    assert curve.lr == [run.lr(t) for t in curve.steps]
    exact = evaluate(
        EvaluateRequest.model_validate({**shared, "schedule": schedule, "steps": list(range(STEPS + 5))})
    )
    assert exact.lr == [run.lr(t) for t in range(STEPS + 5)]
    assert exact.momentum == ([run.momentum(t) for t in range(STEPS + 5)] if run.cycles_momentum else None)
    stored = ResolvedSchedule.model_validate(json.loads(json.dumps(run.model_dump(mode="json"))))
    assert [stored.lr(t) for t in range(STEPS + 1)] == exact.lr[: STEPS + 1]
