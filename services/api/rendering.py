"""One resource in the form the client asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import Response

from services.api.drawing import Chart, png, svg
from services.api.negotiation import BINARY, DOT, JSON, MERMAID, PNG, SVG, choose
from shared.graphs.dot import dot
from shared.graphs.drawing import Drawing
from shared.graphs.mermaid import mermaid
from shared.graphs.svg import svg as graph_svg


def render(
    accept: str | None,
    *,
    json: Callable[[], str],
    chart: Callable[[], Chart],
) -> Response:
    """Return the form that Accept likes best, made only then; answers 406 when there is none."""
    forms: Mapping[str, Callable[[], str | bytes]] = {
        JSON: json,
        SVG: lambda: svg(chart()),
        PNG: lambda: png(svg(chart())),
    }
    form = choose(accept, tuple(forms))
    return Response(forms[form](), media_type=form, headers={"Vary": "Accept"})


def render_graph(accept: str | None, *, json: Callable[[], str], drawing: Callable[[], Drawing]) -> Response:
    """Return a graph in the form that Accept likes best, made only then; answers 406 when there is none."""
    forms: Mapping[str, Callable[[], str | bytes]] = {
        JSON: json,
        SVG: lambda: graph_svg(drawing()),
        PNG: lambda: png(graph_svg(drawing())),
        DOT: lambda: dot(drawing()),
        MERMAID: lambda: mermaid(drawing()),
    }
    form = choose(accept, tuple(forms))
    return Response(forms[form](), media_type=form, headers={"Vary": "Accept"})


def documented_forms(*forms: str) -> dict[str, dict[str, dict[str, str]]]:
    """Return the OpenAPI content of an answer that comes in other forms than JSON too."""
    binary = {"type": "string", "format": "binary"}
    return {form: {"schema": binary if form in BINARY else {"type": "string"}} for form in forms}
