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


@pytest.mark.parametrize(("value", "rounded"), [("0.5", 1), ("1.4999", 1), ("1.5", 2), ("2.5", 3), ("0", 0)])
def test_halves_round_up(value: str, rounded: int):
    assert round_half_up(Fraction(value)) == rounded


def test_a_length_has_no_steps_before_it_is_resolved():
    with pytest.raises(ValueError, match="before it is resolved"):
        _ = Length.parse("2ep").steps
