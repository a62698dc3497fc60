"""Ranges of a download."""

import pytest
from starlette.exceptions import HTTPException

from services.api.downloads import parse_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-", (0, 10)),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=4-99", (4, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_one_range_is_understood_and_others_are_ignored(
    header: str | None, part: tuple[int, int] | None
) -> None:
    assert parse_range(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=11-12", "bytes=-0"])
def test_a_range_outside_the_content_is_refused_with_its_size(header: str) -> None:
    with pytest.raises(HTTPException) as caught:
        parse_range(header, 10)
    assert caught.value.status_code == 416
    assert (caught.value.headers or {})["Content-Range"] == "bytes */10"
