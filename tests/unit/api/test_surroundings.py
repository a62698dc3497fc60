"""What surrounds every request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.deadline import Deadline
from services.api.middleware import Envelope

LIMIT = 100


def surrounded(inner: ASGIApp) -> Envelope:
    return Envelope(
        inner,
        body_max_bytes=LIMIT,
        upload_max_bytes=10 * LIMIT,
        upload_paths=frozenset({"/upload"}),
        quiet_routes=frozenset(),
    )


def ask(app: ASGIApp, method: str = "GET", path: str = "/", **more: object) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **more)  # type: ignore[arg-type]

    return asyncio.run(once())


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


async def echo_size(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a value of a patient")


def test_every_answer_has_an_id_and_is_not_sniffed_or_stored() -> None:
    headers = ask(surrounded(hello)).headers
    assert len(headers["x-request-id"]) == 16
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_a_harmless_id_of_the_client_is_kept() -> None:
    assert ask(surrounded(hello), headers={"X-Request-Id": "job-7.a"}).headers["x-request-id"] == "job-7.a"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "<script>", ""])
def test_any_other_id_is_replaced(given: str) -> None:
    assert ask(surrounded(hello), headers={"X-Request-Id": given}).headers["x-request-id"] != given


def test_a_route_may_say_how_it_is_stored() -> None:
    async def cached(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(headers={"Cache-Control": "max-age=9"})(scope, receive, send)

    assert ask(surrounded(cached)).headers.get_list("cache-control") == ["max-age=9"]


def test_a_crash_is_a_problem_with_the_id_and_nothing_else() -> None:
    answer = ask(surrounded(crash), headers={"X-Request-Id": "abc"})
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "/problems/internal",
        "title": "Internal Server Error",
        "status": 500,
        "code": "internal",
        "request_id": "abc",
    }


def test_a_crash_in_the_middle_of_an_answer_cuts_it() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        async def half() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError

        await StreamingResponse(half())(scope, receive, send)

    transport_sees = []

    async def once() -> None:
        transport = httpx.ASGITransport(surrounded(broken))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            try:
                await client.get("/")
            except Exception as error:  # noqa: BLE001 - starlette's task group wraps it
                transport_sees.append(error)

    asyncio.run(once())
    assert transport_sees


def test_an_announced_body_over_the_limit_is_refused_unread() -> None:
    answer = ask(surrounded(crash), "POST", content=b"x" * (LIMIT + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_at_the_limit_passes() -> None:
    assert ask(surrounded(echo_size), "POST", content=b"x" * LIMIT).text == str(LIMIT)


def test_uploads_have_a_limit_of_their_own() -> None:
    assert ask(surrounded(echo_size), "POST", "/upload", content=b"x" * 5 * LIMIT).text == str(5 * LIMIT)
    assert ask(surrounded(echo_size), "POST", "/upload", content=b"x" * 11 * LIMIT).status_code == 413


def test_what_has_no_route_is_counted_under_one_constant() -> None:
    labels = {"method": "GET", "route": "unmatched", "status": "200"}
    before = REGISTRY.get_sample_value("gradus_http_requests_total", labels) or 0.0
    ask(surrounded(hello), path="/some/secret/name")
    assert REGISTRY.get_sample_value("gradus_http_requests_total", labels) == before + 1


def test_a_method_nobody_knows_is_counted_under_one_constant() -> None:
    labels = {"method": "other", "route": "unmatched", "status": "200"}
    before = REGISTRY.get_sample_value("gradus_http_requests_total", labels) or 0.0
    ask(surrounded(hello), "BREW")
    assert REGISTRY.get_sample_value("gradus_http_requests_total", labels) == before + 1


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0.15)
    await PlainTextResponse("late")(scope, receive, send)


def deadline(answers: Callable[[], bool], *, applies: bool = True) -> Deadline:
    return Deadline(slow, applies=lambda _scope: applies, database_answers=answers, seconds=0.03)


def test_waiting_for_a_silent_database_ends_with_503() -> None:
    answer = ask(deadline(lambda: False))
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert json.loads(answer.text)["code"] == "unavailable"


def test_slow_work_may_take_its_time_while_the_database_answers() -> None:
    assert ask(deadline(lambda: True)).text == "late"


def test_what_needs_no_database_has_no_limit() -> None:
    assert ask(deadline(lambda: False, applies=False)).text == "late"


def test_waiting_for_the_client_has_no_limit() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.05)
            yield b"part"

    inner = Deadline(echo_size, applies=lambda _scope: True, database_answers=lambda: False, seconds=0.03)
    assert ask(inner, "POST", content=body()).text == "12"


def test_a_crash_behind_the_limit_is_still_a_crash() -> None:
    inner = Deadline(crash, applies=lambda _scope: True, database_answers=lambda: True)
    assert ask(surrounded(inner)).status_code == 500
