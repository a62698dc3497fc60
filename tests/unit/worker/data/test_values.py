"""Columns into numbers and ids, by hand-written examples."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from services.worker.data.values import expand, id_codes, numbers, without_missing


def read(values: Sequence[object], type_: pa.DataType | None = None) -> tuple[list[float | None], list[bool]]:
    found = numbers(pa.array(values, type_))
    return [None if np.isnan(v) else v for v in found.values.tolist()], found.wrong.tolist()


def test_numbers_are_read_from_decimal_and_scientific_notation():
    values = ["1", "-2.5", "+3", ".5", "1.", "1e3", "2.5E-1", " 7 "]
    assert read(values) == ([1.0, -2.5, 3.0, 0.5, 1.0, 1000.0, 0.25, 7.0], [False] * 8)


@pytest.mark.parametrize(
    "text", ["", "x", "1,5", "1 2", "inf", "-Infinity", "nan", "1e999", "0x10", "--1", "1_0", "१"]
)
def test_what_is_no_finite_number_is_marked_and_its_neighbour_is_read(text: str):
    assert read([text, "2"]) == ([None, 2.0], [True, False])


def test_a_missing_number_is_not_wrong():
    assert read([None, "1"]) == ([None, 1.0], [False, False])


def test_true_and_false_are_one_and_zero():
    assert read(["true", "FALSE", "x"]) == ([1.0, 0.0, None], [False, False, True])
    assert read([True, False, None]) == ([1.0, 0.0, None], [False, False, False])


def test_typed_numbers_keep_their_values():
    assert read([1, 2**40]) == ([1.0, 1099511627776.0], [False, False])
    assert read([Decimal("1.25"), None]) == ([1.25, None], [False, False])
    assert read([1.5, float("nan"), float("inf")]) == ([1.5, None, None], [False, False, True])


def test_a_date_is_no_number():
    assert read([datetime.date(2020, 1, 1), None]) == ([None, None], [True, False])


def test_coded_numbers_are_read_once_a_value_and_spread_over_the_rows():
    column = pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 1], pa.int32()), pa.array(["4", "x"]))
    found = numbers(column)
    assert found.wrong.tolist() == [True, False, False, True]
    assert np.isnan(found.values).tolist() == [True, False, True, True]


def test_expand_puts_the_missing_value_where_a_row_has_none():
    assert expand(np.array([10, 20]), pa.array([1, None, 0], pa.int32()), missing=-1).tolist() == [20, -1, 10]


def test_missing_is_empty_a_question_mark_or_na_with_blanks_around():
    column = without_missing(pa.array(["a", " a ", "", "?", " NA", "NaN", "na", "None", None]))
    assert column.to_pylist() == ["a", "a", None, None, None, None, "na", "None", None]


def ids(values: Sequence[object], type_: pa.DataType | None = None) -> tuple[list[str | None], list[bool]]:
    codes, wrong = id_codes(pa.array(values, type_))
    return codes.to_pylist(), wrong.tolist()


def test_ids_stay_as_they_are_written():
    values = ["007", "1e9", "A b", " x", "Ünïcode", "NA", "1.0"]
    assert ids(values) == (values, [False] * 7)


def test_whole_numbers_are_ids_without_a_decimal_point():
    assert ids([12, -3, 2**62]) == (["12", "-3", "4611686018427387904"], [False, False, False])
    assert ids([12.0, 3.0]) == (["12", "3"], [False, False])


@pytest.mark.parametrize("value", ["", "a\nb", "a\0b", "\x7f", "x" * 257])
def test_text_that_cannot_be_an_id_is_marked(value: str):
    assert ids([value, "x" * 256])[1] == [True, False]


@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), 2.0**60])
def test_a_number_that_is_not_surely_whole_is_no_id(value: float):
    assert ids([value, 1.0])[1] == [True, False]


def test_a_missing_id_is_marked():
    assert ids(["a", None])[1] == [False, True]


def test_equal_ids_of_an_odd_dictionary_get_one_code():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), pa.array(["a", "a", "b"]))
    assert id_codes(column)[0].indices.to_pylist() == [0, 0, 1]
