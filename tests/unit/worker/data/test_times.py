"""Times into milliseconds: units by size, dates by ISO 8601."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from services.worker.data.canonical import rfc3339
from services.worker.data.times import calendar, in_milliseconds, is_calendar, ticks, unit_of

NOON = 1_606_737_600_000  # 2020-11-30T12:00:00Z


@pytest.mark.parametrize(
    ("tick", "unit"),
    [
        (0, "seconds"),
        (978_300_760, "seconds"),
        (99_999_999_999, "seconds"),
        (100_000_000_000, "milliseconds"),
        (1_606_737_600_000, "milliseconds"),
        (1_606_737_600_000_000, "microseconds"),
        (1_606_737_600_000_000_000, "nanoseconds"),
        (-978_300_760, "seconds"),
    ],
)
def test_the_unit_of_a_time_is_told_from_its_size(tick: int, unit: str):
    assert unit_of(np.array([tick]))[0] == unit


def test_one_odd_time_does_not_change_the_unit_of_the_others():
    assert unit_of(np.array([978_300_760, 978_300_761, 1_606_737_600_000_000]))[0] == "seconds"


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3, 1e6])
def test_every_unit_gives_the_same_milliseconds(scale: float):
    values = np.array([int(NOON * scale)])
    assert in_milliseconds(values, unit_of(values)[1]).values.tolist() == [NOON]


def test_fractions_of_a_second_survive_and_smaller_ones_are_cut():
    assert in_milliseconds(np.array([1.5, 1606737600.123]), 1e3).values.tolist() == [1500, 1606737600123]
    assert in_milliseconds(np.array([1_606_737_600_123_999]), 1e-3).values.tolist() == [1606737600123]


def test_a_time_beyond_year_9999_is_wrong():
    assert in_milliseconds(np.array([253_402_300_799, 253_402_300_800]), 1e3).wrong.tolist() == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        "2020-11-30T12:00:00Z",
        "2020-11-30 12:00:00",
        "2020-11-30T12:00",
        "2020-11-30T13:00:00+01:00",
        "2020-11-30T12:00:00.000000Z",
        "2020-11-30T07:00:00-0500",
    ],
)
def test_dates_of_iso_8601_are_read_as_utc_unless_they_say_otherwise(text: str):
    found = calendar(pa.array([text]))
    assert (found.values.tolist(), found.wrong.tolist()) == ([NOON], [False])


def test_ways_of_writing_may_mix_and_only_the_wrong_is_marked():
    found = calendar(pa.array(["2020-11-30", "2020-11-30T12:00:00Z", "2020-13-01", "soon", None]))
    assert found.values.tolist() == [NOON - 43_200_000, NOON, 0, 0, 0]
    assert found.wrong.tolist() == [False, False, True, True, False]
    assert found.missing.tolist() == [False, False, False, False, True]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_arrow_timestamps_keep_their_instant(unit: str):
    column = pa.array([datetime.datetime(2020, 11, 30, 12, tzinfo=datetime.UTC)], pa.timestamp(unit))
    assert calendar(column).values.tolist() == [NOON]


def test_arrow_timestamps_of_another_zone_are_the_same_instant():
    column = pa.array(
        [datetime.datetime(2020, 11, 30, 12, tzinfo=datetime.UTC)], pa.timestamp("ms", "Asia/Tokyo")
    )
    assert calendar(column).values.tolist() == [NOON]


def test_numbers_and_dates_are_told_apart():
    assert is_calendar(pa.array(["978300760", "978300761"])) is False
    assert is_calendar(pa.array(["2020-11-30", "2020-12-01"])) is True
    assert is_calendar(pa.array([1, 2])) is False
    assert is_calendar(pa.array([None, None], pa.string())) is None


def test_whole_ticks_are_exact_and_others_are_floats():
    assert ticks(pa.array(["1606737600123456789"])).values.tolist() == [1606737600123456789]
    mixed = ticks(pa.array(["1.5", None, "x"]))
    assert (mixed.values.tolist(), mixed.missing.tolist()) == ([1.5, 0.0, 0.0], [False, True, False])
    assert mixed.wrong.tolist() == [False, False, True]


def test_instants_are_shown_as_rfc_3339():
    assert rfc3339(NOON) == "2020-11-30T12:00:00Z"
    assert rfc3339(NOON + 5) == "2020-11-30T12:00:00.005Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"
    assert rfc3339(None) is None
