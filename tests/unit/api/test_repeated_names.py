"""Names that came twice in one object of a body."""

from __future__ import annotations

import json

import pytest

from services.api.errors import MOST_FINDINGS
from services.api.repeated_names import DEEPEST, repeated_names

CANARY = "Jane Doe 1970-01-01"


def places(body: str) -> list[tuple[str | int, ...]]:
    return [one.loc for one in repeated_names(body.encode())]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"epochs": 1, "epochs": 2}', [("epochs",)]),
        ('{"a": {"seed": 1, "x": 0, "seed": 1}}', [("a", "seed")]),
        ('{"phases": [{}, {"name": "x", "name": "y"}]}', [("phases", 1, "name")]),
        ('[{"a": 1, "a": 1}]', [(0, "a")]),
        ('{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 2}], "c2": 1}', [("a", "b"), ("c", 0, "d")]),
        ('{"a": {"b": 1, "b": 2}, "a": 3}', [("a",)]),
        ('{"a": 1, "a": {"b": 1, "b": 2}}', [("a",), ("a", "b")]),
        ('{"a": 1, "\\u0061": 2}', [("a",)]),
    ],
)
def test_a_name_that_came_twice_is_found_in_its_place(
    body: str, expected: list[tuple[str | int, ...]]
) -> None:
    assert places(body) == expected


def test_it_is_told_how_often_it_came_and_never_with_what() -> None:
    (finding,) = repeated_names(f'{{"a": "{CANARY}", "a": 1, "a": 2}}'.encode())
    assert finding.message == "wanted this name once; came 3 times"
    (hidden,) = repeated_names(json.dumps({CANARY: {"a": 1}}).replace('"a": 1', '"a": 1, "a": 2').encode())
    assert hidden.loc == ("*", "a")


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1, "b": {"a": 1}}',
        '[{"a": 1}, {"a": 1}]',
        *("", "7", "{", '{"a": 1, "a"', '{"a": 1, "a": 2', "\ud83d", "[" * 100_000, "9" * 5_000),
    ],
)
def test_anything_else_passes_and_is_left_to_the_parser_behind(body: str) -> None:
    assert list(repeated_names(body.encode("utf-8", "surrogatepass"))) == []


def test_behind_very_many_values_it_is_told_without_its_place() -> None:
    body = '{"x": [' + "[]," * 100_000 + '[]], "b": {"a": 1, "a": 2}}'
    (finding,) = repeated_names(body.encode())
    assert finding.loc == ()
    assert "a name came twice in one object" in finding.message


def test_of_names_very_deep_inside_the_outermost_parts_of_the_place_are_told() -> None:
    body = '{"top": ' + '{"a": ' * 300 + '{"b": 1, "b": 2}' + "}" * 301
    assert places(body) == [("top", *["a"] * (DEEPEST - 1), "b")]


def test_of_very_many_the_first_are_told_and_no_more_are_made() -> None:
    """As many as an answer shows, even of one object; each costs its place."""
    many = "{" + ", ".join(f'"n{n}": 1, "n{n}": 2' for n in range(10_000)) + "}"
    assert places(many) == [(f"n{n}",) for n in range(MOST_FINDINGS)]
