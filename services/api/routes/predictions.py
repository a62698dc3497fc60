"""Predictions: bodies go to the inference engine as bytes, and nothing here waits for a database."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Parts
from services.api.inference import DEFAULT_ALIAS, bodies
from services.api.negotiation import JSON
from shared.errors import Finding, Refused
from shared.specs.job import ModelName

router = APIRouter(
    prefix="/v1/models", tags=["predictions"], route_class=GuardedRoute, dependencies=[needs("predict")]
)
Name = Annotated[ModelName, Path()]


async def which_version(
    version: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    alias: Annotated[str | None, Query(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = None,
) -> dict[str, Any]:
    """Return which version is asked for: by number, or by alias. Raises `Refused` for both."""
    if version is not None and alias is not None:
        finding = Finding(("version",), "wanted either version or alias; both came")
        raise Refused("the version is named twice", code="invalid_request", findings=[finding])
    return {"version": version, "alias": alias or DEFAULT_ALIAS}


Which = Annotated[dict[str, Any], Depends(which_version)]


def described(*requests: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that the inference engine reads itself."""
    schemas = [{"$ref": f"#/components/schemas/{r.__name__}"} for r in requests]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


@router.post(
    "/{name}/recommend",
    openapi_extra=described(bodies.RecommendRequest, bodies.RecommendBatch),
    response_model=bodies.RecommendAnswer | bodies.RecommendAnswers,
)
async def recommend(name: Name, request: Request, parts: Parts, which: Which) -> Response:
    """Return the best items for a user: known by id, or unknown with a history, or nobody in particular."""
    answer = await parts.inference.recommend(name, await request.body(), **which)
    return Response(answer, media_type=JSON)


@router.post(
    "/{name}/similar",
    openapi_extra=described(bodies.SimilarRequest, bodies.SimilarBatch),
    response_model=bodies.SimilarAnswer | bodies.SimilarAnswers,
)
async def similar(name: Name, request: Request, parts: Parts, which: Which) -> Response:
    """Return items near an item."""
    answer = await parts.inference.similar(name, await request.body(), **which)
    return Response(answer, media_type=JSON)


@router.post(
    "/{name}/diagnose",
    openapi_extra=described(bodies.DiagnoseRequest),
    response_model=bodies.DiagnoseAnswer,
)
async def diagnose(name: Name, request: Request, parts: Parts, which: Which) -> Response:
    """Return a probability for each record, with its interval and flags; no medical device."""
    answer = await parts.inference.diagnose(name, await request.body(), **which)
    return Response(answer, media_type=JSON)
