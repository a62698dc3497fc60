"""Learning-rate schedules: the catalogue, previews, exact values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Wanted
from services.api.negotiation import PNG, SVG
from services.api.previews import (
    EvaluateAnswer,
    EvaluateRequest,
    PreviewAnswer,
    PreviewRequest,
    evaluate,
    preview,
    preview_chart,
)
from services.api.rendering import documented_forms, render
from services.api.schemas import Page, ScheduleEntry
from shared.schedules import CATALOG

SEES = [needs("read", "train")]
router = APIRouter(prefix="/v1/lr_schedules", tags=["schedules"], route_class=GuardedRoute, dependencies=SEES)
PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {"model": PreviewAnswer, "content": documented_forms(SVG, PNG)}
}


@router.get("")
async def list_all(wanted: Wanted) -> Page[ScheduleEntry]:
    """List every schedule: what it is for, its formula, the JSON Schema of its phase, and an example."""
    entries = [ScheduleEntry.model_validate(e, from_attributes=True) for e in CATALOG.values()]
    return wanted.page(entries, known_by=lambda entry: entry.name)


@router.post("/preview", responses=PREVIEW)
def preview_schedules(
    body: PreviewRequest,
    axis: Annotated[Literal["linear", "log"], Query()] = "linear",
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Lay schedules over their steps, as JSON, SVG or PNG, by the code that the trainer runs."""
    answer = preview(body)
    return render(accept, json=answer.model_dump_json, chart=lambda: preview_chart(answer, axis))


@router.post("/evaluate")
def evaluate_schedule(body: EvaluateRequest) -> EvaluateAnswer:
    """Return the exact rate, momentum, phase and epoch at given steps."""
    return evaluate(body)
