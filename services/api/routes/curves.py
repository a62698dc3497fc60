"""A job's curve: to read, to draw, and to follow while it trains."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response, StreamingResponse

from services.api.auth import GuardedRoute, needs
from services.api.curves import curve_answer, curve_chart, curve_csv, load_curve
from services.api.dependencies import Parts
from services.api.negotiation import CSV, JSON, PNG, SVG, choose
from services.api.rendering import documented_forms, render
from services.api.schemas import CurveAnswer
from services.api.thinning import CurveQuery
from shared.specs.ids import parse_id

router = APIRouter(prefix="/v1/training_jobs", tags=["curves"], route_class=GuardedRoute)
FORMS = (JSON, CSV, SVG, PNG)
POINTS = (
    "At most so many points (1,000 if not given), chosen by `method`; a CSV has all when neither is given."
)
METHOD = (
    "`minmax` thins and keeps the lowest and highest of every stretch; `raw` keeps every step (at most "
    "100,000 in one answer that is not CSV) and takes no heed of `points`."
)
Accept = Annotated[str | None, Header(include_in_schema=False)]
Responses = dict[int | str, dict[str, Any]]
CURVE: Responses = {200: {"model": CurveAnswer, "content": documented_forms(CSV, SVG, PNG)}}
EVENTS: Responses = {200: {"content": documented_forms("text/event-stream")}}


def curve_query(
    points: Annotated[int | None, Query(ge=10, le=20_000, description=POINTS)] = None,
    method: Annotated[Literal["minmax", "raw"] | None, Query(description=METHOD)] = None,
    from_step: Annotated[int, Query(alias="from", ge=0, lt=2**53, description="The first step.")] = 0,
    to_step: Annotated[
        int | None, Query(alias="to", ge=0, lt=2**53, description="The step before which to end.")
    ] = None,
    accept: Accept = None,
) -> CurveQuery:
    """Return which part of a curve is wanted, how thinned: CSV only when the caller says so."""
    whole = points is None and method is None and choose(accept, FORMS) == CSV
    return CurveQuery(points or 1000, method or ("raw" if whole else "minmax"), from_step, to_step)


@router.get("/{job_id}/curve", dependencies=[needs("read", "train")], responses=CURVE)
def read_job_curve(
    job_id: str,
    parts: Parts,
    query: Annotated[CurveQuery, Depends(curve_query)],
    accept: Accept = None,
) -> Response:
    """Return steps, losses, rates beside the planned ones, and evaluations; as JSON, CSV, SVG or PNG."""
    if choose(accept, FORMS) == CSV:
        lines = curve_csv(parts.database, job_id=job_id, query=query)
        return StreamingResponse(lines, media_type=CSV, headers={"Vary": "Accept"})
    curve = load_curve(parts.database, job_id=job_id, query=query)
    return render(
        accept, json=lambda: curve_answer(curve).model_dump_json(), chart=lambda: curve_chart(curve)
    )


@router.get("/{job_id}/curve/stream", dependencies=[needs("read", "train")], responses=EVENTS)
async def follow_job_curve(
    job_id: str,
    parts: Parts,
    last_event_id: Annotated[int, Header(alias="Last-Event-ID", ge=-1, lt=2**53)] = -1,
) -> StreamingResponse:
    """Stream events `point`, `evaluation` and `status`; with Last-Event-ID, from right behind that point."""
    events = await parts.streams.open(parse_id("job", job_id), after=last_event_id)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
