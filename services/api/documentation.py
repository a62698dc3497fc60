"""The OpenAPI document: every answer that can come is declared, problems in one shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from services.api.errors import OF_HTTP_STATUS, PROBLEM_JSON, Problem
from services.api.inference import bodies

_REFERENCE = "#/components/schemas/{model}"
_PROBLEM = {PROBLEM_JSON: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
_MORE = {
    409: "conflict",
    412: "stale revision",
    422: "refused input",
    429: "overloaded",
    500: "unexpected",
    503: "unavailable",
}
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": f"Problem: {name.replace('_', ' ')}", "content": _PROBLEM}
    for status, name in sorted(
        {**{s: n for s, (n, _) in OF_HTTP_STATUS.items() if s != 416}, **_MORE}.items()
    )
}
READ_BY_THE_ENGINE = (
    bodies.RecommendRequest,
    bodies.RecommendBatch,
    bodies.SimilarRequest,
    bodies.SimilarBatch,
    bodies.DiagnoseRequest,
)
"""Bodies that no route parses, so that FastAPI does not know them."""


SUMMARY_CHARACTERS = 80


def first_sentence(docstring: str) -> str:
    """Return what a docstring says first, without its full stop.

    Of a long sentence only the part before `;` or `:` is kept, and of a long part what stands before commas.
    """
    said = re.split(r"\.(?:\s|$)", " ".join(docstring.split()), maxsplit=1)[0]
    if len(said) > SUMMARY_CHARACTERS:
        said = re.split("[;:] ", said, maxsplit=1)[0]
    while len(said) > SUMMARY_CHARACTERS and ", " in said:
        said = said.rpartition(", ")[0]
    return said


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the app's OpenAPI document."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags
    )
    for operation in _operations(document):
        operation["summary"] = first_sentence(operation["description"])
    modes: list[Any] = [(model, "validation") for model in (*READ_BY_THE_ENGINE, Problem)]
    _, definitions = models_json_schema(modes, ref_template=_REFERENCE)
    document.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    return document


def describe(app: FastAPI) -> None:
    """Make the app answer with this document, made once."""
    held: dict[str, Any] = {}

    def cached() -> dict[str, Any]:
        if not held:
            held.update(openapi(app))
        return held

    app.openapi = cached  # type: ignore[method-assign]
