"""Errors as answers: the only table from our kinds of error to HTTP, as RFC 9457 problem documents.

A problem says where the input is wrong and what was wanted. It never repeats a value of the input: messages
that quote one are rewritten, and a key that does not look like a field's name is shown as `*`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.api.wording import message_of, place_of
from shared import errors as kinds
from shared.errors import Finding, GradusError

PROBLEM_JSON = "application/problem+json"
RETRY_SECONDS = {429: "1", 503: "5"}

STATUS_OF_KIND: dict[type[GradusError], int] = {
    kinds.NotFound: 404,
    kinds.Conflict: 409,
    kinds.StaleRevision: 412,
    kinds.Refused: 422,
    kinds.TooLarge: 413,
    kinds.Unauthenticated: 401,
    kinds.Forbidden: 403,
    kinds.Overloaded: 429,
    kinds.Unavailable: 503,
}

OF_HTTP_STATUS: dict[int, tuple[str, str]] = {
    400: (
        "bad_request",
        "the request could not be read; wanted well-formed JSON in UTF-8, not nested deeply",
    ),
    401: ("unauthenticated", "wanted Authorization: Bearer with a valid key"),
    403: ("forbidden", "the key lacks the scope for this"),
    404: ("not_found", "nothing is at this address"),
    405: ("method_not_allowed", "this address does not take this method; Allow names those it takes"),
    406: ("not_acceptable", "Accept names no form that this address can answer in"),
    413: ("too_large", "the request body is larger than this server allows"),
    415: ("unsupported_media_type", "the content type is not one that this address reads"),
    416: ("range_not_satisfiable", "the range asked for lies outside the content"),
}

WHERE = "the request does not fit this call; errors says where"
_SOURCES = ("body", "query", "path", "header")
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")


class ProblemItem(BaseModel):
    """One place in the input that is wrong."""

    loc: list[str | int]
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 writes it; `code` is stable and meant for programs."""

    type: str
    title: str
    status: int
    detail: str | None = None
    code: str
    errors: list[ProblemItem] | None = None
    request_id: str | None = None


def problem_response(
    status: int,
    *,
    code: str,
    detail: str | None = None,
    findings: Sequence[Finding] = (),
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> Response:
    """Return a problem document; 429 and 503 say when to try again."""
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
    }
    if detail is not None:
        document["detail"] = detail
    if findings:
        document["errors"] = [{"loc": list(f.loc), "message": f.message} for f in findings]
    if request_id is not None:
        document["request_id"] = request_id
    retry = {"Retry-After": RETRY_SECONDS[status]} if status in RETRY_SECONDS else {}
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, status, {**retry, **(headers or {})}, PROBLEM_JSON)


def _headers_of(error: GradusError) -> dict[str, str]:
    if isinstance(error, kinds.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="gradus"'}
    if isinstance(error, kinds.Forbidden):
        return {"WWW-Authenticate": 'Bearer realm="gradus", error="insufficient_scope"'}
    return {}


def answer_kind(error: GradusError) -> Response:
    """Return the answer to one of our own errors; a kind without a row here is our bug and answers 500."""
    status = next((STATUS_OF_KIND[k] for k in type(error).__mro__ if k in STATUS_OF_KIND), 500)
    if status == 500:
        return problem_response(500, code="internal")
    return problem_response(
        status, code=error.code, detail=error.detail, findings=error.findings, headers=_headers_of(error)
    )


def client_place(loc: Sequence[str | int], body: object) -> list[str | int]:
    """Return a place inside a body as the client wrote it: without the tags of unions.

    A schedule written as one phase has no phases: what is wrong with its phase is wrong with a field of its
    own, and phases that do not fill the run are a duration.
    """
    place: list[str | int] = []
    at, parts = body, iter(loc)
    for part in parts:
        named = at.get("name") if isinstance(at, dict) and part not in at else None
        if named is not None and part == "phases":
            place += ["duration"] if next(parts, None) is None else []
            continue
        if named == part and named is not None:
            continue
        place.append(part)
        at = _inside(at, part)
    return place


def _inside(value: object, part: str | int) -> object:
    """Return what stands at a key or an index of a JSON value, none when nothing does."""
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _shown_loc(loc: Sequence[str | int], body: object) -> tuple[str | int, ...]:
    places = client_place(loc[1:] if loc and loc[0] in _SOURCES else loc, body)
    return tuple(p if isinstance(p, int) else shown_name(p) for p in places)


def shown_name(written: str) -> str:
    """Return a name that a client wrote, `*` unless it looks like a field's."""
    return written if _FIELD_NAME.fullmatch(written) else "*"


def findings_of(errors: Sequence[Mapping[str, Any]], body: object = None) -> list[Finding]:
    """Return what pydantic found in a body, at most 50 places, without any value of the input."""
    return [Finding(_shown_loc(place_of(e), body), message_of(e)) for e in errors[:50]]


def answer_error(error: Exception) -> Response:
    """Return the answer to an error of ours, of validation or of the framework; others are raised again."""
    if isinstance(error, GradusError):
        return answer_kind(error)
    if isinstance(error, RequestValidationError):
        found = findings_of(error.errors(), error.body)
        return problem_response(422, code="invalid_request", detail=WHERE, findings=found)
    if isinstance(error, HTTPException):
        default = (f"http_{error.status_code}", HTTPStatus(error.status_code).phrase)
        code, detail = OF_HTTP_STATUS.get(error.status_code, default)
        return problem_response(error.status_code, code=code, detail=detail, headers=error.headers)
    raise error


async def _as_written(request: Request, error: Exception) -> Exception:
    """Return a refusal with the places of a schedule as the client wrote them."""
    if not isinstance(error, kinds.Refused) or not any("phases" in found.loc for found in error.findings):
        return error
    body = await request.json()  # read before, and kept by the request
    placed = [Finding(tuple(client_place(found.loc, body)), found.message) for found in error.findings]
    return kinds.Refused(error.detail, code=error.code, findings=placed)


async def _on_error(request: Request, error: Exception) -> Response:
    response = answer_error(await _as_written(request, error))
    if response.status_code == 405:
        # The router names the methods of the first route of this address only.
        template = getattr(request.scope.get("route"), "path_format", "")
        methods = request.app.openapi()["paths"].get(template, {"get": {}})
        response.headers["Allow"] = ", ".join(sorted(m.upper() for m in methods))
    return response


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of our own, of validation and of the framework a problem document."""
    for kind in (GradusError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _on_error)
