"""Keys over HTTP."""

from __future__ import annotations

import httpx
import pytest

from shared.db.engine import Database
from shared.db.keys import live_keys
from tests.support.gateway import SECRET, Gateway

KEYS = "/v1/keys"


def test_a_new_key_works_at_once_and_its_text_is_shown_once(gateway: Gateway, client: httpx.Client) -> None:
    made = client.post(KEYS, json={"name": "a reader", "scopes": ["read"]})
    assert made.status_code == 201
    key = made.json()
    bearer = {"Authorization": f"Bearer {key['key']}"}
    assert httpx.get(f"{gateway.url}/v1/models", headers=bearer).status_code == 200
    assert httpx.get(f"{gateway.url}/v1/keys", headers=bearer).status_code == 403
    listed = client.get(KEYS).text
    assert key["kid"] in listed
    assert key["key"] not in listed


def test_a_revoked_key_stops_working_at_once(gateway: Gateway, client: httpx.Client) -> None:
    key = client.post(KEYS, json={"name": "a reader", "scopes": ["read"]}).json()
    for _ in range(2):
        assert client.delete(f"{KEYS}/{key['id']}").status_code == 204
    bearer = {"Authorization": f"Bearer {key['key']}"}
    answer = httpx.get(f"{gateway.url}/v1/models", headers=bearer)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="gradus"')
    shown = {k["id"]: k for k in client.get(KEYS).json()["data"]}
    assert shown[key["id"]]["revoked_at"] is not None


def test_no_text_of_a_key_lies_in_the_database(client: httpx.Client, database: Database) -> None:
    key = client.post(KEYS, json={"name": "a reader", "scopes": ["read"]}).json()["key"]
    with database.begin() as cx:
        held = repr(live_keys(cx))
    assert key not in held
    assert SECRET not in held


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "", "scopes": ["read"]},
        {"name": "a\u0000b", "scopes": ["read"]},
        {"scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "key": "mine"},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    assert client.post(KEYS, json=body).status_code == 422


def test_a_key_that_is_not_there_is_not_found(client: httpx.Client) -> None:
    assert client.delete(f"{KEYS}/key_nothing").status_code == 404


def test_keys_are_read_in_parts(client: httpx.Client) -> None:
    for name in ("one", "two"):
        client.post(KEYS, json={"name": name, "scopes": ["read"]})
    whole = [key["id"] for key in client.get(KEYS).json()["data"]]
    first = client.get(KEYS, params={"limit": 1}).json()
    rest = client.get(KEYS, params={"after": whole[0]}).json()
    assert [key["id"] for key in first["data"] + rest["data"]] == whole
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert client.get(KEYS, params={"after": "key_of_nobody"}).status_code == 404
