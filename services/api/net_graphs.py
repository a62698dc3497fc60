"""The graph of a version's net, read from its package alone, in the form a client asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from starlette.responses import Response

from services.api.downloads import Content, content_response, known_to
from services.api.negotiation import DOT, JSON, MERMAID, ONNX, PNG, SVG, choose
from services.api.rendering import render_graph
from shared.db.blob_file import open_blob
from shared.db.engine import Database
from shared.db.registry import VersionRow, get_version
from shared.errors import Conflict, Finding, NotFound, Refused, Unavailable
from shared.features.archive import Span, find_member, read_member
from shared.graphs.netgraph import NetGraph
from shared.graphs.netgraph_levels import Level, at_level
from shared.graphs.netgraph_picture import HeatName, net_drawing

FORMS = (JSON, SVG, PNG, DOT, MERMAID, ONNX)
ONNX_IS_HERE = "Its ONNX form is here all the same: Accept application/onnx"
NO_GRAPH = (
    "this version was packaged without a graph of its net; train or fork its job again to get a version with "
    f"one. {ONNX_IS_HERE}"
)
NO_OPERATIONS = (
    "this version was packaged without the operations of its net; train or fork its job again to get a "
    f"version with them, or ask for level=layer. {ONNX_IS_HERE}"
)
MEMBERS: dict[Level, tuple[str, str]] = {
    "op": ("operations.json", NO_OPERATIONS),
    "layer": ("graph.json", NO_GRAPH),
    "module": ("graph.json", NO_GRAPH),
}
"""Of each level, the member of a package that holds it, and what to say of a package without that."""

LACKING: dict[str, tuple[str, ...]] = {ONNX: ("level", "heat"), JSON: ("heat",)}
"""Of each form, what cannot be asked of it: an ONNX file is one whole, and JSON has no colour."""


class NetGraphAnswer(NetGraph):
    """The graph of a version's net: nodes in the order of the forward pass, edges with shapes, totals.

    In shapes, `B` stands for users or records and `N` for the items of each.
    """

    model: str
    version: int
    level: Level


@dataclass(frozen=True, slots=True)
class NetGraphQuery:
    """Which version's graph, how closely seen, what the boxes of its picture are coloured by.

    `asked` names the two that the client stated, which an answer must not leave out of account.
    """

    model: str
    version: int
    level: Level = "layer"
    heat: HeatName = "none"
    asked: frozenset[str] = frozenset()


def net_graph_response(
    database: Database, query: NetGraphQuery, *, accept: str | None, headers: Mapping[str, str]
) -> Response:
    """Return a net's graph as `accept` likes it best.

    Raises `Refused`, `NotFound`, `Conflict` and `Unavailable`.
    """
    form = choose(accept, FORMS)
    refuse_lacking(query, form)
    if form == ONNX:
        response = content_response(database, content=onnx_content(database, query), headers=headers)
        response.headers["Vary"] = "Accept"  # it is kept for a year, and must not answer for another form
        return response
    graph = stored_graph(database, query)
    shown = render_graph(
        accept,
        json=lambda: answer(graph, query).to_json(),
        drawing=lambda: net_drawing(
            graph, title=f"{query.model} version {query.version}", level=query.level, heat=query.heat
        ),
    )
    return revalidated(shown, headers)


def refuse_lacking(query: NetGraphQuery, form: str) -> None:
    """Raise `Refused` when something is asked that this form of a graph does not have."""
    asked = query.asked - {"heat"} if query.heat == "none" else query.asked
    findings = [
        Finding(
            (name,), f"wanted no {name}, or Accept of a form with one: {_forms_with(name)}; this is {form}"
        )
        for name in LACKING.get(form, ())
        if name in asked
    ]
    if findings:
        detail = "this form of the graph does not have what is asked of it; errors says what"
        raise Refused(detail, code="invalid_request", findings=findings)


def _forms_with(name: str) -> str:
    return ", ".join(form for form in FORMS if name not in LACKING.get(form, ()))


def answer(graph: NetGraph, query: NetGraphQuery) -> NetGraphAnswer:
    """Return a graph as JSON shows it."""
    seen = at_level(graph, query.level)
    parts = {name: getattr(seen, name) for name in NetGraph.model_fields}
    return NetGraphAnswer(**parts, model=query.model, version=query.version, level=query.level)


def stored_graph(database: Database, query: NetGraphQuery) -> NetGraph:
    """Read the graph of a version's package alone. Raises `NotFound` where the package holds none."""
    member, missing = MEMBERS[query.level]
    with database.snapshot() as cx:
        row = get_version(cx, name=query.model, version=query.version)
        try:
            text = read_member(open_blob(cx, blob=row.blob()), member)
        except Refused as error:
            raise _damaged() from error
    if text is None:
        raise NotFound(missing, code="graph_not_found")
    try:
        return NetGraph.model_validate_json(text)
    except ValidationError:
        message = "the graph of this version is of a form that this server does not know; wanted format 1"
        raise Conflict(message, code="graph_unknown") from None


def onnx_content(database: Database, query: NetGraphQuery) -> Content:
    """Return where the ONNX file of a version lies in its package."""
    row, span = _span(database, query)
    if span is None:
        raise _damaged()
    name = f"{query.model}-{query.version}.onnx"
    return Content(row.blob(), span.start, span.stop, f"{row.package_sha256}-onnx", name, ONNX)


def _span(database: Database, query: NetGraphQuery) -> tuple[VersionRow, Span | None]:
    with database.snapshot() as cx:
        row = get_version(cx, name=query.model, version=query.version)
        try:
            return row, find_member(open_blob(cx, blob=row.blob()), "model.onnx")
        except Refused as error:
            raise _damaged() from error


def _damaged() -> Unavailable:
    return Unavailable("stored bytes differ from what was written", code="blob_damaged")


def revalidated(response: Response, headers: Mapping[str, str]) -> Response:
    """Return an answer under the ETag of its bytes; 304 without them when the client has them.

    A version never changes, but what draws it may with the next release, so clients ask again.
    """
    body = bytes(response.body)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    cached = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if known_to(headers, etag):
        return Response(status_code=304, headers=cached)
    response.headers.update(cached)
    return response
