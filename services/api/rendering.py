"""One resource in the form the client asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import Response

from services.api.drawing import Chart, png, svg
from services.api.negotiation import JSON, PNG, SVG, choose


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


def documented_forms(*forms: str) -> dict[str, dict[str, dict[str, str]]]:
    """Return the OpenAPI content of an answer that comes in other forms than JSON too."""
    binary = {"type": "string", "format": "binary"}
    return {form: {"schema": binary if form == PNG else {"type": "string"}} for form in forms}
