"""Models: their versions, and the aliases that say which version serves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Caller, Limit, Parts
from services.api.presenting import alias_answer, model_answer, version_answer
from services.api.promotion import AliasPlace, Promotion, present_alias, promote
from services.api.schemas import (
    AliasAnswer,
    AliasChangeAnswer,
    AliasRequest,
    Listing,
    ModelAnswer,
    Page,
    VersionAnswer,
)
from shared.db.aliases import list_alias_changes, list_aliases
from shared.db.registry import get_model, get_version, list_models, list_versions
from shared.specs.job import ModelName

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=GuardedRoute)
SEES = [needs("read", "train", "predict")]
Name = Annotated[ModelName, Path()]
Alias = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Version = Annotated[int, Path(ge=1, lt=2**31)]


async def alias_place(name: Name, alias: Alias) -> AliasPlace:
    """Return the alias that the address names."""
    return AliasPlace(name, alias)


Place = Annotated[AliasPlace, Depends(alias_place)]


@router.get("", dependencies=SEES)
def list_all(parts: Parts) -> Listing[ModelAnswer]:
    """List every model that has a version, by name."""
    with parts.database.begin() as cx:
        return Listing(data=[model_answer(m, list_aliases(cx, model=m.name)) for m in list_models(cx)])


@router.get("/{name}", dependencies=SEES)
def read_model(name: Name, parts: Parts) -> ModelAnswer:
    """Return a model, and where its aliases point."""
    with parts.database.begin() as cx:
        return model_answer(get_model(cx, name=name), list_aliases(cx, model=name))


@router.get("/{name}/versions", dependencies=SEES)
def list_model_versions(
    name: Name, parts: Parts, limit: Limit = 20, after: Annotated[int | None, Query(ge=1, lt=2**31)] = None
) -> Page[VersionAnswer]:
    """List a model's versions, newest first, below version `after`."""
    with parts.database.begin() as cx:
        rows = list_versions(cx, name=name, limit=limit + 1, after=after)
        aliases = list_aliases(cx, model=name)
    return Page(data=[version_answer(v, aliases) for v in rows[:limit]], has_more=len(rows) > limit)


@router.get("/{name}/versions/{version}", dependencies=SEES)
def read_version(name: Name, version: Version, parts: Parts) -> VersionAnswer:
    """Return one version: the job that made it, its metrics and its card."""
    with parts.database.begin() as cx:
        return version_answer(get_version(cx, name=name, version=version), list_aliases(cx, model=name))


@router.put("/{name}/aliases/{alias}", dependencies=[needs("train")])
def put_alias(
    place: Place,
    body: AliasRequest,
    parts: Parts,
    caller: Caller,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
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
def list_alias_history(place: Place, parts: Parts) -> Listing[AliasChangeAnswer]:
    """List the changes of an alias, newest first."""
    with parts.database.begin() as cx:
        get_model(cx, name=place.model)
        changes = list_alias_changes(cx, model=place.model, alias=place.alias)
    return Listing(data=[AliasChangeAnswer.model_validate(c, from_attributes=True) for c in changes])
