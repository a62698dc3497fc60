"""A job's gradient flow: norms and update ratios of every layer over the steps, and what they show."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Parts
from services.api.gradients import flow_chart, gradients_answer, load_flow
from services.api.negotiation import PNG, SVG
from services.api.rendering import documented_forms, render
from services.api.schemas import GradientsAnswer

router = APIRouter(prefix="/v1/training_jobs", tags=["curves"], route_class=GuardedRoute)
POINTS = (
    "About so many samples, the highest and lowest of each stretch, fewer of a net of hundreds of layers; "
    "findings see all, up to 50,000."
)
Accept = Annotated[str | None, Header(include_in_schema=False)]
GRADIENTS: dict[int | str, dict[str, Any]] = {
    200: {"model": GradientsAnswer, "content": documented_forms(SVG, PNG)}
}


@router.get("/{job_id}/gradients", dependencies=[needs("read", "train")], responses=GRADIENTS)
def read_job_gradients(
    job_id: str,
    parts: Parts,
    points: Annotated[int, Query(ge=10, le=20_000, description=POINTS)] = 1000,
    accept: Accept = None,
) -> Response:
    """Return norms before clipping, update ratios, zero shares and findings; as JSON, SVG or PNG."""
    flow = load_flow(parts.database, job_id=job_id, points=points)
    return render(
        accept,
        json=lambda: gradients_answer(flow).model_dump_json(by_alias=True),
        chart=lambda: flow_chart(flow),
    )
