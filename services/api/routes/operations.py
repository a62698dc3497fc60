"""Is it alive, is it ready, how does it fare, and who works for it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Parts, Wanted
from services.api.presenting import worker_answer
from services.api.readiness import readiness
from services.api.schemas import LiveAnswer, Page, ReadyAnswer, WorkerAnswer
from shared.db.heartbeats import list_workers

METRICS_FORM = "text/plain; version=0.0.4; charset=utf-8"
METRICS_CONTENT = {"text/plain": {"schema": {"type": "string"}}}
probes = APIRouter(tags=["operations"])
router = APIRouter(tags=["operations"], route_class=GuardedRoute)


@probes.get("/livez")
async def live() -> LiveAnswer:
    """Answer while the process lives."""
    return LiveAnswer()


@probes.get("/readyz", responses={503: {"model": ReadyAnswer}})
def ready(parts: Parts, response: Response) -> ReadyAnswer:
    """Tell whether the database answers with the schema this code wants, and keys and aliases are read."""
    answer = readiness(parts.database, keys=parts.keyring.ready, aliases=parts.inference.ready)
    response.status_code = 200 if answer.ready else 503
    return answer


@router.get("/metrics", dependencies=[needs("metrics")], responses={200: {"content": METRICS_CONTENT}})
def read_metrics(parts: Parts) -> Response:
    """Return the metrics of this process as Prometheus reads them."""
    return Response(parts.exposition(), media_type=METRICS_FORM)


@router.get("/v1/workers", dependencies=[needs("read", "train")])
def list_all_workers(parts: Parts, wanted: Wanted) -> Page[WorkerAnswer]:
    """List the workers on record by name, and when each was last heard."""
    with parts.database.snapshot() as cx:
        workers = [worker_answer(row) for row in list_workers(cx)]
    return wanted.page(workers, known_by=lambda worker: worker.worker)
