"""Lengths carry a unit and become whole steps."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic_core import PydanticCustomError

from shared.schedules.lengths import Length, round_half_up


@pytest.mark.parametrize(
    ("text", "steps"),
    [("500st", 500), ("2ep", 100), ("0.5ep", 25), ("5%", 50), ("12.5%", 125), ("0.1%", 1)],
)
def test_a_length_is_exact_in_steps(text: str, steps: int):
    assert Length.parse(text).exact_steps(whole=1000, steps_per_epoch=50) == steps


@pytest.mark.parametrize("text", ["500st", "2ep", "0.5ep", "12.5%", "33.333333333%", "rest"])
def test_a_length_is_written_as_it_was_read(text: str):
    assert str(Length.parse(text)) == text


@pytest.mark.parametrize(
    "wrong",
    [500, 500.0, "500", "-5st", "5 st", "1.5st", "ep", "5%%", "1e3st", "500st\n", "٥st", "", None, True],
)
def test_anything_else_is_refused_and_a_bare_number_is_told_how(wrong: object):
    with pytest.raises(PydanticCustomError, match=r"write 500st, 2ep or 5%|whole number"):
        Length.parse(wrong)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (500, "a length needs a unit"),
        (-2.5, "a length needs a unit"),
        ("500", "a length needs a unit"),
        ("1.5", "a length needs a unit"),
        ("-3ep", "a length cannot be negative"),
        ("-5%", "a length cannot be negative"),
        ("-5", "a length cannot be negative"),
        ("3 ep", "a length is written without spaces"),
        (" 3ep", "a length is written without spaces"),
        ("3ep\n", "a length is written without spaces"),
        ("3EP", "a unit is written in small letters"),
        ("3Ep", "a unit is written in small letters"),
        ("500ST", "a unit is written in small letters"),
        ("REST", "a unit is written in small letters"),
        ("ep", "a length needs a number before its unit"),
        ("%", "a length needs a number before its unit"),
        ("1234567890123st", "a length has at most 12 digits, and 9 after the point"),
        ("0.1234567890ep", "a length has at most 12 digits, and 9 after the point"),
        ("3epochs", "a length has no such unit"),
        ("10s", "a length has no such unit"),
        ("5%%", "a length has no such unit"),
        ("1e3st", "a length is a number and a unit"),
        ("3ep2", "a length is a number and a unit"),
        (".5ep", "a length is a number and a unit"),
        ("٥st", "a length is a number and a unit"),
        ("", "a length is a number and a unit"),
        (None, "wanted a length as text"),
        (True, "wanted a length as text"),
        ([], "wanted a length as text"),
    ],
)
def test_what_is_wrong_with_a_length_is_told_apart(wrong: object, what: str):
    with pytest.raises(PydanticCustomError) as caught:
        Length.parse(wrong)
    assert caught.value.message() == f"{what}: write 500st, 2ep or 5%"


def test_a_long_text_is_looked_at_in_time_that_grows_with_its_length():
    for text in ("9" * 200_000 + "x9", "1." * 100_000, "a" * 200_000 + " ", " " * 200_000):
        with pytest.raises(PydanticCustomError):
            Length.parse(text)


@pytest.mark.parametrize(("value", "rounded"), [("0.5", 1), ("1.4999", 1), ("1.5", 2), ("2.5", 3), ("0", 0)])
def test_halves_round_up(value: str, rounded: int):
    assert round_half_up(Fraction(value)) == rounded


def test_a_length_has_no_steps_before_it_is_resolved():
    with pytest.raises(ValueError, match="before it is resolved"):
        _ = Length.parse("2ep").steps
