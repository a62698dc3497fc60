"""What surrounds every request: its id, size limit, metrics and log line, and a last net for crashes.

Pure ASGI, outermost of our own layers, so that refusals are counted too and streams are not buffered.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api import metrics
from services.api.errors import OF_HTTP_STATUS, problem_response
from shared.logs import logger

_log = logger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
DEFAULT_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
"""Sent where the route did not send its own."""


@dataclass(slots=True)
class Passage:
    """One request on its way through: what the first pass over its headers found, and what came of it."""

    request_id: bytes
    length: int | None
    chunked: bool
    started: float
    status: int = 0
    received: int = 0


def read_headers(scope: Scope) -> Passage:
    """Return what this layer needs of the headers; a request id of the client is kept if it is harmless."""
    request_id, length, chunked = b"", None, False
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value) if value.isdigit() and len(value) < 19 else 2**63
        elif name == b"transfer-encoding":
            chunked = True
        elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value
    return Passage(request_id or secrets.token_hex(8).encode(), length, chunked, time.perf_counter())


class Envelope:
    """The layer around every request."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_max_bytes: int,
        upload_max_bytes: int,
        upload_paths: frozenset[str],
        quiet_routes: frozenset[str],
    ) -> None:
        self.app = app
        self.body_max_bytes = body_max_bytes
        self.upload_max_bytes = upload_max_bytes
        self.upload_paths = upload_paths
        self.quiet_routes = quiet_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; anything that is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = read_headers(scope)
        scope["gradus.request_id"] = passage.request_id.decode()
        structlog.contextvars.bind_contextvars(request_id=scope["gradus.request_id"])
        metrics.http_in_flight.inc()
        try:
            await self._pass(scope, receive, _sealed(send, passage), passage)
        finally:
            metrics.http_in_flight.dec()
            self._count(scope, passage)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        limit = self.upload_max_bytes if scope["path"] in self.upload_paths else self.body_max_bytes
        if passage.length is not None and passage.length > limit:
            code, detail = OF_HTTP_STATUS[413]
            await problem_response(413, code=code, detail=detail)(scope, receive, send)
            return
        limited = _limited(receive, passage, limit) if passage.chunked else receive
        try:
            await self.app(scope, limited, send)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("request_failed", method=_method(scope), route=route_label(scope))
            if passage.status:
                raise  # the answer has begun: only a cut connection tells the client that it is not whole
            answer = problem_response(500, code="internal", request_id=scope["gradus.request_id"])
            await answer(scope, receive, send)

    def _count(self, scope: Scope, passage: Passage) -> None:
        method, route, seconds = _method(scope), route_label(scope), time.perf_counter() - passage.started
        metrics.http_requests.labels(method, route, str(passage.status or 499)).inc()
        metrics.http_seconds.labels(method, route).observe(seconds)
        if passage.length or passage.received:
            metrics.http_body_bytes.observe(passage.length or passage.received)
        if route not in self.quiet_routes or passage.status >= 500:
            _log.info("request", method=method, route=route, status=passage.status, seconds=round(seconds, 4))


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else "other"


def route_label(scope: Scope) -> str:
    """Return the template of the route that took the request, never the address asked for."""
    template: str | None = getattr(scope.get("route"), "path_format", None)
    return template or metrics.UNKNOWN_ROUTE


def _sealed(send: Send, passage: Passage) -> Send:
    """Return a `send` that notes the status and adds the headers every answer carries."""

    async def sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            passage.status = message["status"]
            headers = message.get("headers", [])
            names = {name for name, _ in headers}
            defaults = [pair for pair in DEFAULT_HEADERS if pair[0] not in names]
            own = (b"x-request-id", passage.request_id)
            message = {**message, "headers": [*headers, own, *SECURITY_HEADERS, *defaults]}
        await send(message)

    return sealed


def _limited(receive: Receive, passage: Passage, limit: int) -> Receive:
    """Return a `receive` that counts a body of unannounced length and stops at the limit."""

    async def limited() -> Message:
        message = await receive()
        passage.received += len(message.get("body", b""))
        if passage.received > limit:
            raise HTTPException(413)
        return message

    return limited
