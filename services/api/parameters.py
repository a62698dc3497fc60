"""Query parameters that a call does not have, and those that came more than once; both are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Request

from services.api.errors import WHERE, shown_name
from shared.errors import Finding, Refused, did_you_mean

Known = Mapping[str, bool]
"""The query parameters of a call by name, and whether each may come several times."""


def check_parameters(request: Request, template: str) -> None:
    """Raise `Refused` when a request has a query parameter that the document does not name, or one twice."""
    if not request.scope["query_string"]:
        return
    operation = request.app.openapi()["paths"][template][request.method.lower()]
    came = Counter(name for name, _ in request.query_params.multi_items())
    findings = list(_findings(came, known_parameters(operation)))
    if findings:
        raise Refused(WHERE, code="invalid_request", findings=findings[:50])


def known_parameters(operation: Mapping[str, Any]) -> Known:
    """Return the query parameters of an operation of the OpenAPI document."""
    asked = (one for one in operation.get("parameters", ()) if one["in"] == "query")
    return {one["name"]: _is_list(one["schema"]) for one in asked}


def _is_list(schema: Mapping[str, Any]) -> bool:
    return any(form.get("type") == "array" for form in (schema, *schema.get("anyOf", ())))


def _findings(came: Counter[str], known: Known) -> Iterator[Finding]:
    for name, times in came.items():
        if name not in known:
            there_are = f"wanted one of {', '.join(known)}" if known else "this call has none"
            message = f"no such query parameter; {there_are}{did_you_mean(name, list(known))}"
            yield Finding((shown_name(name),), message)
        elif times > 1 and not known[name]:
            yield Finding((name,), f"wanted this query parameter once; came {times} times")
