"""Remembering the keys used last."""

from __future__ import annotations

from shared.recent import Recent


def test_what_was_used_least_recently_leaves_first() -> None:
    held: Recent[str, int] = Recent(2)
    held.keep("a", 1)
    held.keep("b", 2)
    assert held.get("a") == 1  # from now on b is the older one
    held.keep("c", 3)
    assert (len(held), held.get("a"), held.get("b"), held.get("c")) == (2, 1, None, 3)


def test_a_later_value_takes_the_place_of_the_earlier_one() -> None:
    held: Recent[str, int] = Recent(2)
    assert held.keep("a", 1) is None
    assert held.keep("a", 2) == 1
    assert (len(held), held.get("a")) == (1, 2)
