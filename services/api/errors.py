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

from services.api.known_fields import fields_beside
from services.api.places import client_place, forms_as_one
from services.api.wording import broken_json, message_of, place_of
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
NO_JSON = "the body came as another content type; wanted Content-Type: application/json"
MOST_FINDINGS = 50
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


def shown_name(written: str) -> str:
    """Return a name that a client wrote, `*` unless it looks like a field's."""
    return written if _FIELD_NAME.fullmatch(written) else "*"


def findings_of(
    errors: Sequence[Mapping[str, Any]], body: object = None, *, form: object = None
) -> list[Finding]:
    """Return what pydantic found in a body, at most 50 places, without any value of the input.

    With the body itself places are as the client wrote them; with its `form`, a model, a name that is no
    field is answered with those it is near to.
    """
    return [_finding(one, body, form) for one in forms_as_one(errors[:MOST_FINDINGS], body)]


def _finding(error: Mapping[str, Any], body: object, form: object) -> Finding:
    """Return one thing that pydantic found as a client reads it."""
    if error["type"] == "json_invalid":
        return Finding((), broken_json(error, body))
    loc = error["loc"]
    place = client_place(place_of(error), body)
    fields = fields_beside(form, loc, short="phases" not in place)
    shown = tuple(p if isinstance(p, int) else shown_name(p) for p in place)
    return Finding(shown, message_of(error, fields))


def _of_parameter(error: Mapping[str, Any]) -> Finding:
    """Return what is wrong with a parameter of a request; the names of headers are the routes' own."""
    source, *place = error["loc"]
    named = source == "header"
    shown = tuple(p if named or isinstance(p, int) else shown_name(p) for p in place)
    return Finding(shown, message_of(error))


def _invalid(error: RequestValidationError, form: object) -> Response:
    """Return the answer to a request that does not fit its route; a body that was left bytes is no JSON."""
    if isinstance(error.body, bytes):
        return problem_response(415, code=OF_HTTP_STATUS[415][0], detail=NO_JSON)
    errors = error.errors()[:MOST_FINDINGS]
    found = [_of_parameter(one) for one in errors if one["loc"][0] != "body"]
    of_body = [{**one, "loc": tuple(one["loc"][1:])} for one in errors if one["loc"][0] == "body"]
    found += findings_of(of_body, error.body, form=form)
    return problem_response(422, code="invalid_request", detail=WHERE, findings=found)


def answer_error(error: Exception, *, form: object = None) -> Response:
    """Return the answer to an error of ours, of validation or of the framework; others are raised again.

    `form` is the model of the request's body.
    """
    if isinstance(error, GradusError):
        return answer_kind(error)
    if isinstance(error, RequestValidationError):
        return _invalid(error, form)
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
    body = getattr(request.scope.get("route"), "body_field", None)
    form = None if body is None else body.field_info.annotation
    response = answer_error(await _as_written(request, error), form=form)
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
