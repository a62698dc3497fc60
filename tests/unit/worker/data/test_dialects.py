"""Delimiters and headers, from the first bytes of a text."""

from __future__ import annotations

import pytest

from services.worker.data.dialects import Dialect, sniff
from services.worker.data.findings import Findings, UnreadableFiles


def dialect(text: str | bytes) -> Dialect:
    return sniff("a.csv", text if isinstance(text, bytes) else text.encode(), Findings("records"))


def refusal(text: str | bytes) -> str:
    with pytest.raises(UnreadableFiles) as caught:
        dialect(text)
    return caught.value.errors[0].came


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_is_recognised(delimiter: str):
    text = f"age{delimiter}sex\n63{delimiter}male\n"
    assert (dialect(text).delimiter, dialect(text).names) == (delimiter, ("age", "sex"))


def test_a_delimiter_within_quotes_does_not_count():
    assert dialect('a;"b,c,d";e\n1;"x,y,z";2\n').delimiter == ";"


def test_rows_that_agree_outweigh_more_columns():
    assert dialect("item|title, year, and more\n1|One, Two\n2|Three\n").delimiter == "|"


def test_one_column_needs_no_delimiter():
    assert dialect("age\n63\n").names == ("age",)


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert dialect(b"\xef\xbb\xbfage,sex\r\n63,male\r\n").names == ("age", "sex")


def test_names_keep_their_dots_and_capitals_and_lose_blanks_around():
    assert dialect("d.time, Num.Co ,age (y)\n1,2,x\n").names == ("d.time", "Num.Co", "age (y)")


def test_a_column_without_a_name_is_called_by_its_place():
    assert dialect(",age\n1,63\n").names == ("unnamed_1", "age")


def test_quoted_names_may_hold_the_delimiter():
    assert dialect('"a,b",c\nx,y\n').names == ("a,b", "c")


def test_a_first_row_of_values_is_refused_without_showing_it():
    assert refusal("63,male,120\n41,female,110\n") == "a first row of values"


def test_years_as_names_pass_when_values_differ_in_kind():
    assert dialect("country,2015\nFrance,high\n").names == ("country", "2015")


def test_two_columns_of_one_name_are_told_by_their_places():
    assert refusal("age,sex,age\n1,m,2\n") == "one name for columns 1 and 3"


def test_a_header_without_an_end_is_refused():
    assert refusal(b"a" * 1_100_000) == "a longer first line"


def test_bytes_that_are_no_utf8_are_named_with_their_row():
    with pytest.raises(UnreadableFiles) as caught:
        dialect(b"age,city\n1,Bonn\n2,K\xf6ln\n")
    assert (caught.value.errors[0].row, caught.value.errors[0].came) == (2, "bytes that are not UTF-8")
