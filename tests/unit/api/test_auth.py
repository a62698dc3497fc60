"""Keys in memory."""

from __future__ import annotations

import threading

import pytest

from services.api.auth import Keyring
from shared.db.keys import LiveKey
from shared.db.tokens import new_token, token_digest
from shared.errors import Unauthenticated, Unavailable
from shared.specs.ids import new_uuid

SECRET = b"the server's secret"


def live(kid: str, text: str, *, secret: bytes = SECRET) -> LiveKey:
    digest = token_digest(text, secret=secret)
    return LiveKey(id=new_uuid(), kid=kid, name="x", scopes=frozenset({"read"}), digest=digest)


def keyring(*keys: LiveKey) -> Keyring:
    made = Keyring(lambda: list(keys), secret=SECRET, poll_seconds=60)
    made.refresh()
    return made


def test_a_known_key_is_identified() -> None:
    token = new_token()
    key = live(token.kid, token.text)
    assert keyring(key).identify(f"Bearer {token.text}") is key


@pytest.mark.parametrize(
    "header", [None, "", "Basic abc", "Bearer", "Bearer ", "Bearer gradus_a_b", "gradus_a_b"]
)
def test_what_is_no_key_is_turned_away(header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        keyring().identify(header)


def test_a_key_nobody_made_is_turned_away() -> None:
    with pytest.raises(Unauthenticated):
        keyring().identify(f"Bearer {new_token().text}")


def test_another_secret_under_a_known_kid_is_turned_away() -> None:
    known, other = new_token(), new_token()
    forged = live(known.kid, other.text)
    with pytest.raises(Unauthenticated):
        keyring(forged).identify(f"Bearer {known.text}")


def test_a_key_of_another_server_is_turned_away() -> None:
    token = new_token()
    with pytest.raises(Unauthenticated):
        keyring(live(token.kid, token.text, secret=b"another")).identify(f"Bearer {token.text}")


def test_before_the_first_read_nobody_can_be_judged() -> None:
    def away() -> list[LiveKey]:
        raise Unavailable("no database")

    waiting = Keyring(away, secret=SECRET, poll_seconds=60)
    waiting.refresh()
    assert not waiting.ready
    assert not waiting.fresh()
    with pytest.raises(Unavailable):
        waiting.identify(f"Bearer {new_token().text}")


def test_while_the_database_is_away_the_last_keys_stay_valid() -> None:
    token = new_token()
    answers = [[live(token.kid, token.text)]]

    def load() -> list[LiveKey]:
        if not answers:
            raise Unavailable("gone")
        return answers.pop()

    made = Keyring(load, secret=SECRET, poll_seconds=60)
    made.refresh()
    made.refresh()
    assert made.identify(f"Bearer {token.text}").kid == token.kid


def test_a_slow_reading_does_not_bring_a_revoked_key_back() -> None:
    token = new_token()
    keys = [live(token.kid, token.text)]
    begun, released = threading.Event(), threading.Event()

    def load() -> list[LiveKey]:
        found = list(keys)
        if not begun.is_set():
            begun.set()
            released.wait(10)
        return found

    made = Keyring(load, secret=SECRET, poll_seconds=60)
    slow = threading.Thread(target=made.refresh)
    slow.start()
    begun.wait(10)
    keys.clear()
    threading.Timer(0.05, released.set).start()
    made.refresh()
    slow.join(10)
    with pytest.raises(Unauthenticated):
        made.identify(f"Bearer {token.text}")


def test_a_revoked_key_is_gone_after_the_next_read() -> None:
    token = new_token()
    keys = [live(token.kid, token.text)]
    made = Keyring(lambda: list(keys), secret=SECRET, poll_seconds=60)
    made.refresh()
    keys.clear()
    made.refresh()
    with pytest.raises(Unauthenticated):
        made.identify(f"Bearer {token.text}")
