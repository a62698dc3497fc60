"""Query parameters that a call does not have, and those that came more than once; both are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from fastapi import Request

from services.api.errors import MOST_FINDINGS, WHERE, shown_name
from shared.errors import Finding, Refused, did_you_mean

SCRAPED = "/metrics"
Known = Mapping[str, bool]
"""The query parameters of a call by name, and whether each may come several times."""


def check_parameters(request: Request, template: str) -> None:
    """Raise `Refused` when a request has a query parameter that the document does not name, or one twice.

    A scraper may be set to send some, and a target that refuses reads as one that is down.
    """
    if not request.scope["query_string"] or template == SCRAPED:
        return
    operation = request.app.openapi()["paths"][template][request.method.lower()]
    came = Counter(name for name, _ in request.query_params.multi_items())
    findings = list(islice(_findings(came, known_parameters(operation)), MOST_FINDINGS))
    if findings:
        raise Refused(WHERE, code="invalid_request", findings=findings)


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
