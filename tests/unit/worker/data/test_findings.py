"""Findings name a place and describe a value; records' values are never shown."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from services.worker.data.findings import Findings, Place, UnreadableFiles


def test_a_value_of_a_record_is_described_never_quoted():
    findings = Findings("records")
    assert findings.described("Mrs. X") == "text of 6 characters"
    assert findings.described("1") == "a number of 1 character"
    assert findings.described(3.5) == "a value of type float"
    assert findings.described(None) == findings.described("") == "nothing"


@pytest.mark.parametrize("value", ["1e308", " -1e101", "1e999", 1e101, float("-inf"), "1" * 102])
def test_a_number_of_a_record_that_is_too_large_is_called_one(value: object):
    length = f" of {len(value)} characters" if isinstance(value, str) else ""
    assert Findings("records").described(value) == f"a number beyond ±1e100{length}"


def test_digits_that_no_number_column_takes_are_text():
    assert Findings("records").described("١٢٣") == "text of 3 characters"


@pytest.mark.parametrize("value", ["1e100", "-1e100", "1e50"])
def test_a_number_of_a_record_that_is_wrong_for_another_reason_is_not_called_too_large(value: str):
    assert Findings("records").described(value) == f"a number of {len(value)} characters"


def test_of_an_interaction_the_first_40_characters_are_shown_without_control_characters():
    findings = Findings("interactions")
    assert findings.described("x" * 100) == "x" * 40
    assert findings.described("a\nb") == "a\\nb"
    assert findings.described(2.5) == "2.5"


def test_rows_count_on_from_the_first_of_the_batch():
    findings = Findings("interactions")
    wrong = np.array([False, True, False, True])
    findings.add_values(
        Place("a.csv", "age", 11), wanted="a number", wrong=wrong, values=pa.array(["1", "x", "2", "y"])
    )
    with pytest.raises(UnreadableFiles) as caught:
        findings.raise_any()
    assert [(e.row, e.column, e.came) for e in caught.value.errors] == [(12, "age", "x"), (14, "age", "y")]
    assert caught.value.findings[0].loc == ("files", "a.csv", 12, "age")
    assert caught.value.findings[0].message == "wanted a number; came x"


def test_the_twentieth_finding_is_the_last():
    findings = Findings("records")
    values = pa.array(["x"] * 50)
    with pytest.raises(UnreadableFiles) as caught:
        findings.add_values(
            Place("a.csv", "age", 1), wanted="a number", wrong=np.ones(50, bool), values=values
        )
    assert [error.row for error in caught.value.errors] == list(range(1, 21))


def test_nothing_noted_raises_nothing():
    Findings("records").raise_any()
