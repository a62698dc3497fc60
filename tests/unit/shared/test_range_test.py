"""The range test's rates, its end, and what hand-made curves tell."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from shared.range_test import Reading, Watch, rates, read, ready_schedules, smoothed, suggestions
from shared.schedules import ANY_OPTIMIZER, ScheduleSpec, resolve

RATES = rates(1e-5, 10.0, steps=100)


def curve(loss_of: Callable[[float], float], lr: list[float] = RATES) -> Reading:
    """Read a curve whose loss is a function of log10 of the rate, without any average."""
    return read(lr, [loss_of(math.log10(rate)) for rate in lr], smoothing=0.0, stop_at=4.0)


def valley(x: float) -> float:
    """Fall from 2 to 1 between 1e-4 and 1e-2, stay there up to 1e-1, and rise by 10 a decade from there."""
    if x < -4:
        return 2.0
    if x < -2:
        return 2.0 - (x + 4) / 2
    return 1.0 if x < -1 else 1.0 + 10.0 * (x + 1)


def test_exponential_rates_stand_in_equal_ratios():
    assert rates(0.001, 10.0, steps=5) == pytest.approx([0.001, 0.01, 0.1, 1.0, 10.0], rel=1e-12)
    assert (RATES[0], RATES[-1]) == (1e-5, 10.0)


def test_linear_rates_stand_in_equal_steps():
    assert rates(1.0, 2.0, steps=5, spacing="linear") == [1.0, 1.25, 1.5, 1.75, 2.0]


def test_the_average_is_corrected_for_its_beginning():
    """β = ½: .5·8/.5 = 8; (.25·8+.5·4)/.75 = 16/3; (1+1+.5·2)/.875 = 24/7."""
    assert smoothed([8.0, 4.0, 2.0], 0.5) == pytest.approx([8.0, 16 / 3, 24 / 7])
    assert smoothed([3.0] * 50, 0.9) == pytest.approx([3.0] * 50)


def test_a_test_ends_at_so_many_times_the_lowest_average():
    watch = Watch(smoothing=0.0, stop_at=4.0)
    assert [watch.diverged(loss) for loss in (2.0, 1.0, 4.0, 4.1)] == [False, False, False, True]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_a_test(loss: float):
    watch = Watch(smoothing=0.9, stop_at=4.0)
    assert [watch.diverged(value) for value in (2.0, loss)] == [False, True]


def test_the_bottom_is_the_middle_of_where_the_loss_is_low():
    """Rims of 1.05, 1.1, 1.2, 1.3: reached at 10^-2.1, -2.2, -2.4, -2.6, left at 10^-.995, -.99, -.98, -.97.

    The mean of the four middles is 10^-1.654.
    """
    found = curve(valley)
    assert found.landmarks is not None
    assert found.advice is None
    assert math.log10(found.landmarks.bottom) == pytest.approx(-1.654, abs=0.06)
    assert found.diverged_at == pytest.approx(10 ** (-1 + 0.3), rel=0.15)


@pytest.mark.parametrize(("steps", "within"), [(100, 1.6), (400, 1.15)])
def test_the_bottom_is_corrected_for_the_lag_of_the_average(steps: int, within: float):
    """At β = .9 the average is 9 steps late: over half a decade of 100 steps, an eighth of one of 400.

    Uncorrected, the middle of the bottom, 10^-1.654, would come 2.3 and 1.3 times too high.
    """
    tried = rates(1e-5, 10.0, steps=steps)
    found = read(tried, [valley(math.log10(r)) for r in tried], smoothing=0.9, stop_at=4.0).landmarks
    assert found is not None
    assert 1 / within < found.bottom / 10**-1.654 < within


def test_steepest_is_the_minimum_of_the_slope_and_not_its_maximum():
    """The fall is steepest between 1e-3 and 1e-2; the rise behind the bottom is steeper still."""

    def fall(x: float) -> float:
        if x < -3:
            return 2.0 - 0.05 * (x + 5)
        return 1.9 - 0.9 * (x + 3) if x < -2 else 1.0 + 20.0 * max(0.0, x + 1)

    found = curve(fall).landmarks
    assert found is not None
    assert -3.05 < math.log10(found.steep) < -1.95


def test_the_first_points_are_left_out_of_the_slope():
    losses = [3.0, 1.2, *(valley(math.log10(rate)) for rate in RATES[2:])]
    found = read(RATES, losses, smoothing=0.0, stop_at=4.0).landmarks
    assert found is not None
    assert math.log10(found.steep) > -4.1


def test_a_lowest_point_among_the_first_five_is_no_crash():
    """The loss is lowest at the third point and climbs from there: it never fell by more than chance."""
    losses = [1.0 + 0.01 * abs(i - 2) for i in range(100)]
    found = read(RATES, losses, smoothing=0.9, stop_at=4.0)
    assert found.landmarks is None
    assert found.advice is not None
    assert suggestions(found) == []


def test_a_curve_that_never_fell_suggests_nothing():
    draw = random.Random(1)
    noise = [0.69 + 0.02 * draw.gauss(0.0, 1.0) for _ in RATES]
    found = read(RATES, noise, smoothing=0.9, stop_at=4.0)
    assert (found.landmarks, found.diverged_at, suggestions(found)) == (None, None, [])
    assert found.advice is not None
    assert "raise hi" in found.advice


def test_a_curve_that_only_climbed_asks_for_a_lower_start():
    losses = [0.69 * 1.05**i for i in range(100)]
    found = read(RATES, losses, smoothing=0.9, stop_at=4.0)
    assert found.diverged_at is not None
    assert found.landmarks is None
    assert found.advice is not None
    assert "lower lo" in found.advice


def test_a_curve_that_still_fell_at_the_end_asks_for_higher_rates():
    found = read(RATES, [2.0 - 0.01 * i for i in range(100)], smoothing=0.9, stop_at=4.0)
    assert (found.landmarks, suggestions(found), found.advice) == (
        None,
        [],
        "the loss still fell at the highest rate: raise hi",
    )


def test_a_curve_that_came_to_rest_without_diverging_still_tells():
    """Dropout and a bounded loss may keep a net from ever reaching four times its lowest loss."""
    found = curve(lambda x: min(valley(x), 3.0))
    assert found.diverged_at is None
    assert len(suggestions(found)) == 6


def test_a_bottom_that_ends_in_an_explosion_reaches_up_to_it():
    """The loss falls from 2 to 1 between 1e-4 and 1e-2; the update at 1e-1 leaves no number."""
    tried = [rate for rate in RATES if rate < 0.1]
    losses = [valley(math.log10(rate)) for rate in tried]
    found = read(RATES, [*losses, math.inf], smoothing=0.0, stop_at=4.0)
    assert found.diverged_at == RATES[len(tried)]
    assert found.landmarks is not None
    assert math.log10(found.landmarks.bottom) == pytest.approx((-2.325 - 1.0) / 2, abs=0.06)


def test_a_loss_that_fell_to_almost_nothing_before_it_diverged_still_tells():
    """From 100 to 1, and the end at 4.1: four times the lowest is far below a tenth of the fall."""
    losses = [100.0] * 10 + [100.0 - 4.95 * i for i in range(21)] + [1.0] * 10 + [2.0, 4.1]
    found = read(RATES[: len(losses)], losses, smoothing=0.0, stop_at=4.0)
    assert found.diverged_at is not None
    assert found.landmarks is not None
    assert found.advice is None


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_few_points_tell_nothing_yet(count: int):
    found = read(RATES[:count], [1.0] * count, smoothing=0.9, stop_at=4.0)
    assert (found.landmarks, found.advice) == (None, "too few steps to tell")
    assert len(found.smoothed) == count


def test_divergence_within_the_first_steps_asks_for_a_lower_start():
    found = read(RATES[:3], [1.0, 2.0, math.nan], smoothing=0.9, stop_at=4.0)
    assert (found.diverged_at, len(found.smoothed)) == (RATES[2], 2)
    assert found.advice == "the loss diverged within the first steps: lower lo"


def test_roles_stand_in_their_order_and_are_round_numbers():
    by_role = {one.role: one.lr for one in suggestions(curve(valley))}
    assert by_role["cautious"] < by_role["constant"] < by_role["peak"]
    assert by_role["one_cycle_max"] == by_role["cyclic_max"] == by_role["peak"]
    assert by_role["cyclic_base"] == pytest.approx(by_role["peak"] / 4, rel=0.05)
    assert all(rate == float(f"{rate:.2g}") for rate in by_role.values())


def test_every_role_says_its_rate_in_a_sentence():
    for one in suggestions(curve(valley)):
        assert f"{one.lr:g}" in one.say
        assert one.say.endswith(".")


def test_every_ready_schedule_can_be_run():
    found = suggestions(curve(valley))
    ready = ready_schedules(found)
    assert [one.role for one in ready] == ["peak", "one_cycle_max", "cyclic_max", "constant", "cautious"]
    for one in ready:
        spec = ScheduleSpec.parse(one.schedule)
        plan = resolve(spec, total_steps=200, steps_per_epoch=25, optimizer=ANY_OPTIMIZER)
        highest = max(plan.lr(step) for step in range(200))
        assert highest == pytest.approx(next(s.lr for s in found if s.role == one.role))
    assert ready_schedules([]) == []
