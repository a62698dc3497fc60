"""Columns of interactions files by name or as mapped."""

from __future__ import annotations

import pytest

from services.worker.data.roles import Roles, roles_of
from services.worker.data.sources import Source


def roles(names: str, **mapping: str) -> Roles:
    return roles_of(Source("a.csv", tuple(names.split(",")), lambda _: iter(())), mapping)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("userId,movieId,rating,timestamp", Roles("userId", "movieId", "rating", "timestamp")),
        ("USER_ID,ITEM_ID,TIMESTAMP", Roles("USER_ID", "ITEM_ID", None, "TIMESTAMP")),
        ("user_id,parent_asin,rating,timestamp", Roles("user_id", "parent_asin", "rating", "timestamp")),
        ("reviewerID,asin,overall,unixReviewTime", Roles("reviewerID", "asin", "overall", "unixReviewTime")),
        ("movieId,title,genres", Roles(None, "movieId", None, None)),
        ("user,gender,age", Roles("user", None, None, None)),
        ("colour,size", Roles(None, None, None, None)),
    ],
)
def test_usual_names_are_recognised(names: str, expected: Roles):
    assert roles(names) == expected


def test_a_mapping_outweighs_a_name():
    assert roles("user,who,item", user="who") == Roles("who", "item", None, None)


def test_a_column_mapped_to_one_role_is_not_taken_for_another():
    assert roles("who,item,rating", user="who", item="rating") == Roles("who", "rating", None, None)


def test_a_mapped_column_that_a_file_lacks_leaves_it_without_the_role():
    assert roles("item,title", user="who") == Roles(None, "item", None, None)
