"""A training job's learning-rate events: to ask for one, and to read what happened."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.api import lr_events
from services.api.auth import GuardedRoute, needs
from services.api.dependencies import AskedBy, Parts
from services.api.schemas import LrEventsAnswer, LrRequestAnswer
from shared.schedules import ManualParams

router = APIRouter(prefix="/v1/training_jobs", tags=["training jobs"], route_class=GuardedRoute)


@router.post("/{job_id}/lr_events", status_code=202, dependencies=[needs("train")])
def scale_rate(
    job_id: str, body: ManualParams, parts: Parts, asked: AskedBy, response: Response
) -> LrRequestAnswer:
    """Multiply a job's rate from its next update on; the key that asked and the reason stay on record."""
    answer = lr_events.ask(parts.database, job_id=job_id, body=body, asked=asked)
    response.headers["Location"] = f"{router.prefix}/{job_id}/lr_events"
    return answer


@router.get("/{job_id}/lr_events", dependencies=[needs("read", "train")])
def list_rate_events(job_id: str, parts: Parts) -> LrEventsAnswer:
    """List what was asked of a job's rate, and every event that changed it."""
    return lr_events.listed(parts.database, job_id=job_id)
