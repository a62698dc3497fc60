"""When two requests are the same request."""

from __future__ import annotations

from pydantic import BaseModel

from services.api.submission import request_digest


class Ask(BaseModel):
    """A request of this version."""

    model: str
    epochs: int = 20


class LaterAsk(Ask):
    """The same request of a later version, which knows one field more."""

    colour: str = "none"


def test_a_default_written_out_is_the_same_request() -> None:
    assert request_digest(Ask(model="films", epochs=20)) == request_digest(Ask(model="films"))


def test_a_request_is_the_same_after_an_upgrade() -> None:
    assert request_digest(LaterAsk(model="films")) == request_digest(Ask(model="films"))


def test_another_value_or_other_files_are_another_request() -> None:
    digests = {
        request_digest(Ask(model="films")),
        request_digest(Ask(model="films", epochs=21)),
        request_digest(LaterAsk(model="films", colour="red")),
        request_digest(Ask(model="films"), "00"),
        request_digest(Ask(model="films"), "01"),
    }
    assert len(digests) == 5
