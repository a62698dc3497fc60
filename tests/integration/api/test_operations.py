"""Probes, metrics and the way in."""

from __future__ import annotations

import httpx

from tests.support.gateway import Gateway


def test_a_live_process_says_so_without_a_key(gateway: Gateway) -> None:
    assert httpx.get(f"{gateway.url}/livez").json() == {"live": True}


def test_a_gateway_with_database_keys_and_aliases_is_ready(gateway: Gateway) -> None:
    answer = httpx.get(f"{gateway.url}/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": True, "migrated": True, "keys": True, "aliases": True}
