"""What an Accept header asks for."""

import pytest
from starlette.exceptions import HTTPException

from services.api.negotiation import CSV, JSON, PNG, SVG, choose

FORMS = (JSON, CSV, SVG, PNG)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("image/png", PNG),
        ("image/*", SVG),
        ("IMAGE/PNG", PNG),
        ("text/html, image/svg+xml", SVG),
        ("text/csv;q=0.5, application/json;q=0.1", CSV),
        ("image/svg+xml;q=0.2, image/*;q=0.9", PNG),
        ("*/*;q=0.1, text/csv", CSV),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", JSON),
        ("application/json;q=0, */*", CSV),
    ],
)
def test_the_best_liked_form_is_chosen(accept: str | None, form: str) -> None:
    assert choose(accept, FORMS) == form


@pytest.mark.parametrize(
    "accept", ["text/html", "image/gif", "application/json;q=0", "application/json;q=x", ";"]
)
def test_a_client_that_likes_none_is_told_so(accept: str) -> None:
    with pytest.raises(HTTPException) as caught:
        choose(accept, (JSON,))
    assert caught.value.status_code == 406
