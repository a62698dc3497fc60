"""Sweeps: one training under several schedules, each with several seeds, compared in one table."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import After, AskedBy, Limit, Parts, cursor
from services.api.negotiation import CSV, PNG, SVG, choose
from services.api.rendering import documented_forms, render
from services.api.schemas import Page
from services.api.schemas.sweeps import SweepAnswer, SweepCurvesAnswer, SweepSummary
from services.api.sweeps.answers import list_summaries, read_answer, table_csv
from services.api.sweeps.curves import Drawn, read_curves, sweep_chart
from services.api.sweeps.submitting import submit_sweep
from shared.db.sweeps import cancel_sweep
from shared.specs.ids import parse_id
from shared.specs.sweep import MetricName, SweepSpec

router = APIRouter(prefix="/v1/sweeps", tags=["sweeps"], route_class=GuardedRoute)
FORMS = ("application/json", CSV, SVG, PNG)
Accept = Annotated[str | None, Header(include_in_schema=False)]
Metric = Annotated[MetricName | None, Query(description="One of `metrics`; the task's main one by default.")]
Points = Annotated[int, Query(ge=10, le=20_000, description="About so many points a line.")]
SWEEP: dict[int | str, dict[str, Any]] = {
    200: {"model": SweepAnswer, "content": documented_forms(CSV, SVG, PNG)}
}


@router.post("", status_code=202, dependencies=[needs("train")])
def create_sweep(spec: SweepSpec, parts: Parts, asked: AskedBy, response: Response) -> SweepAnswer:
    """Ask for a sweep; when any of its trainings cannot be run, none is created."""
    row = submit_sweep(parts.submission, spec, asked)
    answer = read_answer(parts.database, sweep_id=row.id)
    response.headers["Location"] = f"{router.prefix}/{answer.id}"
    response.headers["Retry-After"] = "1"
    return answer


@router.get("", dependencies=[needs("read", "train")])
def list_all(parts: Parts, limit: Limit = 20, after: After = None) -> Page[SweepSummary]:
    """List sweeps, newest first, each with how far it is."""
    rows = list_summaries(parts.database, limit=limit + 1, after=cursor("swp", after))
    return Page(data=rows[:limit], has_more=len(rows) > limit)


@router.get("/{sweep_id}", dependencies=[needs("read", "train")], responses=SWEEP)
def read_sweep(sweep_id: str, parts: Parts, metric: Metric = None, accept: Accept = None) -> Response:
    """Return a sweep's table, ties and sentence as JSON, its table as CSV, its curves as SVG or PNG."""
    found = partial(read_answer, parts.database, sweep_id=parse_id("swp", sweep_id), metric=metric)
    if choose(accept, FORMS) == CSV:
        return Response(table_csv(found()), media_type=CSV, headers={"Vary": "Accept"})
    return render(
        accept,
        json=lambda: found().model_dump_json(),
        chart=lambda: sweep_chart(parts.database, sweep_id=sweep_id, drawn=Drawn(metric=metric)),
    )


@router.get("/{sweep_id}/curves", dependencies=[needs("read", "train")])
def read_sweep_curves(
    sweep_id: str, parts: Parts, points: Points = 300, metric: Metric = None
) -> SweepCurvesAnswer:
    """Return every run's thinned points and evaluations, their means over seeds, and the planned rates."""
    return read_curves(parts.database, sweep_id=sweep_id, drawn=Drawn(points, metric))


@router.post("/{sweep_id}/cancel", status_code=202, dependencies=[needs("train")])
def cancel_trainings(sweep_id: str, parts: Parts) -> SweepAnswer:
    """Ask every training of a sweep that has not ended to end; finished ones keep their versions."""
    with parts.database.begin() as cx:
        row = cancel_sweep(cx, sweep_id=parse_id("swp", sweep_id))
    return read_answer(parts.database, sweep_id=row.id)
