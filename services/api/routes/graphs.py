"""Computation graphs of formulas."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import Response

from services.api.auth import GuardedRoute, needs
from services.api.negotiation import DOT, MERMAID, PNG, SVG
from services.api.rendering import documented_forms, render_graph
from services.api.tracing import TraceAnswer, TraceRequest, trace_drawing, trace_json, traced

router = APIRouter(prefix="/v1/graphs", tags=["graphs"], route_class=GuardedRoute)
TRACE: dict[int | str, dict[str, Any]] = {
    200: {"model": TraceAnswer, "content": documented_forms(SVG, PNG, DOT, MERMAID)}
}


@router.post("/trace", responses=TRACE, dependencies=[needs("read", "train")])
def trace_expression(
    body: TraceRequest,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Trace a formula forward and backward, with the chain rule; as JSON, SVG, PNG, DOT or Mermaid."""
    found = traced(body)
    return render_graph(accept, json=lambda: trace_json(found), drawing=lambda: trace_drawing(body, found))
