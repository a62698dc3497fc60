"""Models: their versions, and the aliases that say which version serves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Caller, Limit, Parts, Wanted
from services.api.negotiation import DOT, MERMAID, ONNX, PNG, SVG
from services.api.net_graphs import NetGraphAnswer, NetGraphQuery, net_graph_response
from services.api.presenting import alias_answer, model_answer, version_answer
from services.api.promotion import AliasPlace, Promotion, present_alias, promote
from services.api.rendering import documented_forms
from services.api.schemas import (
    AliasAnswer,
    AliasChangeAnswer,
    AliasRequest,
    ModelAnswer,
    Page,
    VersionAnswer,
)
from shared.db.aliases import aliases_by_model, list_alias_changes, list_aliases
from shared.db.registry import get_model, get_version, list_models, list_versions
from shared.graphs.netgraph_levels import Level
from shared.graphs.netgraph_picture import HeatName
from shared.specs.job import ModelName

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=GuardedRoute)
SEES = [needs("read", "train", "predict")]
Name = Annotated[ModelName, Path()]
Alias = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Version = Annotated[int, Path(ge=1, lt=2**31)]


LEVEL = (
    "`layer` shows every layer, `module` one node for each tower, perceptron or head, `op` every operation "
    "of torch that the layers run. Packages made by earlier releases have no operations. An ONNX file has no "
    "levels, and is refused with one."
)
HEAT = (
    "What the boxes of a picture are coloured by; each also says its number. JSON and ONNX, which have no "
    "colours, are refused with one."
)
GRAPH: dict[int | str, dict[str, Any]] = {
    200: {"model": NetGraphAnswer, "content": documented_forms(SVG, PNG, DOT, MERMAID, ONNX)},
    206: {"description": "The range of the ONNX file asked for"},
    304: {"description": "The client has it"},
    416: {"description": "The range lies outside the ONNX file"},
}


async def graph_query(
    name: Name,
    version: Version,
    request: Request,
    level: Annotated[Level, Query(description=LEVEL)] = "layer",
    heat: Annotated[HeatName, Query(description=HEAT)] = "none",
) -> NetGraphQuery:
    """Return which graph is wanted, and how."""
    return NetGraphQuery(name, version, level, heat, frozenset(request.query_params))


async def alias_place(name: Name, alias: Alias) -> AliasPlace:
    """Return the alias that the address names."""
    return AliasPlace(name, alias)


Place = Annotated[AliasPlace, Depends(alias_place)]


@router.get("", dependencies=SEES)
def list_all(parts: Parts, wanted: Wanted) -> Page[ModelAnswer]:
    """List every model that has a version, by name."""
    with parts.database.snapshot() as cx:
        models, aliases = list_models(cx), aliases_by_model(cx)
    answers = [model_answer(one, aliases.get(one.name, ())) for one in models]
    return wanted.page(answers, known_by=lambda one: one.name)


@router.get("/{name}", dependencies=SEES)
def read_model(name: Name, parts: Parts) -> ModelAnswer:
    """Return a model, and where its aliases point."""
    with parts.database.snapshot() as cx:
        return model_answer(get_model(cx, name=name), list_aliases(cx, model=name))


@router.get("/{name}/versions", dependencies=SEES)
def list_model_versions(
    name: Name, parts: Parts, limit: Limit = 20, after: Annotated[int | None, Query(ge=1, lt=2**31)] = None
) -> Page[VersionAnswer]:
    """List a model's versions, newest first, below version `after`."""
    with parts.database.snapshot() as cx:
        rows = list_versions(cx, name=name, limit=limit + 1, after=after)
        aliases = list_aliases(cx, model=name)
    return Page(data=[version_answer(v, aliases) for v in rows[:limit]], has_more=len(rows) > limit)


@router.get("/{name}/versions/{version}", dependencies=SEES)
def read_version(name: Name, version: Version, parts: Parts) -> VersionAnswer:
    """Return one version: the job that made it, its metrics and its card."""
    with parts.database.snapshot() as cx:
        return version_answer(get_version(cx, name=name, version=version), list_aliases(cx, model=name))


@router.get("/{name}/versions/{version}/graph", dependencies=SEES, responses=GRAPH)
def read_version_graph(
    query: Annotated[NetGraphQuery, Depends(graph_query)],
    request: Request,
    parts: Parts,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Return the graph of a version's net: layers, shapes, parameters, FLOPs of a row, and how it behaves.

    As JSON, SVG, PNG, DOT, Mermaid, or the ONNX file that predictions run, by Accept.
    """
    return net_graph_response(parts.database, query, accept=accept, headers=request.headers)


@router.put("/{name}/aliases/{alias}", dependencies=[needs("train")])
def put_alias(
    place: Place,
    body: AliasRequest,
    parts: Parts,
    caller: Caller,
    response: Response,
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> AliasAnswer:
    """Point an alias at a version: promote or roll back. With If-Match, only if nobody changed it since.

    This gateway answers with the version from here on (unless loading it takes above 2 s); others follow at
    their next look at the aliases, by default within a second.
    """
    change = Promotion(place, version=body.version, changed_by=caller.kid)
    row = promote(parts.database, change, if_match=if_match)
    parts.inference.follow()
    response.headers["ETag"] = f'"{row.revision}"'
    return alias_answer(row)


@router.get("/{name}/aliases/{alias}", dependencies=SEES)
def read_alias(place: Place, parts: Parts, response: Response) -> AliasAnswer:
    """Return where an alias points; the ETag is what If-Match wants."""
    row = present_alias(parts.database, place)
    response.headers["ETag"] = f'"{row.revision}"'
    return alias_answer(row)


@router.get("/{name}/aliases/{alias}/history", dependencies=SEES)
def list_alias_history(
    place: Place, parts: Parts, limit: Limit = 100, after: Annotated[int | None, Query(ge=1, lt=2**31)] = None
) -> Page[AliasChangeAnswer]:
    """List the changes of an alias, newest first, before revision `after`."""
    with parts.database.snapshot() as cx:
        get_model(cx, name=place.model)
        found = list_alias_changes(cx, model=place.model, alias=place.alias, limit=limit + 1, before=after)
    shown = [AliasChangeAnswer.model_validate(c, from_attributes=True) for c in found[:limit]]
    return Page(data=shown, has_more=len(found) > limit)
