"""Training jobs: create, look, cancel, pause, resume, and their history."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import After, AskedBy, Limit, Parts, Wanted, cursor
from services.api.forks import fork_job
from services.api.presenting import checkpoint_answer, job_answer, job_summary
from services.api.schemas import CheckpointAnswer, EventAnswer, JobAnswer, JobSummary, Page
from shared.db.blobs import list_checkpoints
from shared.db.jobs import (
    JobFilter,
    get_report,
    get_training,
    list_events,
    list_jobs,
    request_cancel,
    request_pause,
)
from shared.errors import NotFound
from shared.lifecycle import JobStatus
from shared.specs.fork import ForkSpec
from shared.specs.ids import parse_id
from shared.specs.job import JobSpec, ModelName

router = APIRouter(prefix="/v1/training_jobs", tags=["training jobs"], route_class=GuardedRoute)


@router.post("", status_code=202, dependencies=[needs("train")])
def create_job(spec: JobSpec, parts: Parts, asked: AskedBy, response: Response) -> JobAnswer:
    """Ask for a training; whatever cannot be run is refused here, with its place in the spec."""
    answer = job_answer(parts.submission.submit_job(spec, asked))
    response.headers["Location"] = f"{router.prefix}/{answer.id}"
    response.headers["Retry-After"] = "1"
    return answer


async def wanted_jobs(
    status: Annotated[list[JobStatus] | None, Query()] = None,
    model: Annotated[ModelName | None, Query()] = None,
    sweep: Annotated[str | None, Query(description="The sweep whose trainings are wanted.")] = None,
    parent: Annotated[str | None, Query(description="The job whose forks are wanted.")] = None,
) -> JobFilter:
    """Return which training jobs a list is asked for."""
    swept, forked = cursor("swp", sweep), cursor("job", parent)
    return JobFilter(statuses=status or (), model=model, sweep_id=swept, parent_id=forked)


@router.get("", dependencies=[needs("read", "train")])
def list_all(
    parts: Parts,
    only: Annotated[JobFilter, Depends(wanted_jobs)],
    limit: Limit = 20,
    after: After = None,
) -> Page[JobSummary]:
    """List training jobs, newest first; `status=running` holds those that are pausing or cancelling too."""
    following = cursor("job", after)
    with parts.database.snapshot() as cx:
        rows = list_jobs(cx, limit=limit + 1, after=following, only=only)
    return Page(data=[job_summary(row) for row in rows[:limit]], has_more=len(rows) > limit)


@router.get("/{job_id}", dependencies=[needs("read", "train")])
def read_job(job_id: str, parts: Parts) -> JobAnswer:
    """Return one job: how far it is, what it was asked, and its schedule in whole steps."""
    with parts.database.snapshot() as cx:
        return job_answer(get_training(cx, job_id=parse_id("job", job_id)))


@router.post("/{job_id}/fork", status_code=202, dependencies=[needs("train")])
def fork_training_job(
    job_id: str, body: ForkSpec, parts: Parts, asked: AskedBy, response: Response
) -> JobAnswer:
    """Train on from a checkpoint of a job, under another schedule for the steps after it."""
    parent = parse_id("job", job_id)
    answer = job_answer(fork_job(parts.submission, parent_id=parent, asked_for=body, asked=asked))
    response.headers["Location"] = f"{router.prefix}/{answer.id}"
    response.headers["Retry-After"] = "1"
    return answer


@router.post("/{job_id}/cancel", status_code=202, dependencies=[needs("train")])
def cancel_job(job_id: str, parts: Parts) -> JobAnswer:
    """Ask a job to end; its newest checkpoint is kept."""
    with parts.database.begin() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        return job_answer(request_cancel(cx, job_id=row.id))


@router.post("/{job_id}/pause", status_code=202, dependencies=[needs("train")])
def pause_job(job_id: str, parts: Parts) -> JobAnswer:
    """Ask a job to rest; its newest checkpoint is kept."""
    with parts.database.begin() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        return job_answer(request_pause(cx, job_id=row.id))


@router.post("/{job_id}/resume", status_code=202, dependencies=[needs("train")])
def resume_paused_job(job_id: str, parts: Parts) -> JobAnswer:
    """Queue a paused or failed job again, from its newest checkpoint."""
    return job_answer(parts.submission.resume_job(parse_id("job", job_id)))


@router.get("/{job_id}/events", dependencies=[needs("read", "train")])
def list_job_events(
    job_id: str, parts: Parts, limit: Limit = 100, after: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Page[EventAnswer]:
    """List a job's transitions with their causes, oldest first, behind `seq` = `after`."""
    with parts.database.snapshot() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        events = list_events(cx, job_id=row.id, after=after, limit=limit + 1)
    shown = [EventAnswer.model_validate(e, from_attributes=True) for e in events[:limit]]
    return Page(data=shown, has_more=len(events) > limit)


@router.get("/{job_id}/report", dependencies=[needs("read", "train")])
def read_job_report(job_id: str, parts: Parts) -> dict[str, Any]:
    """Return the evaluation beside its baselines on the same split, and who won."""
    with parts.database.snapshot() as cx:
        report = get_report(cx, job_id=get_training(cx, job_id=parse_id("job", job_id)).id)
    if report is None:
        raise NotFound("the job has no report yet; it is written when the job succeeds", code="no_report")
    return report


@router.get("/{job_id}/checkpoints", dependencies=[needs("read", "train")])
def list_job_checkpoints(job_id: str, parts: Parts, wanted: Wanted) -> Page[CheckpointAnswer]:
    """List the checkpoints kept of a job: its last, its best, and those that its spec asks to keep."""
    with parts.database.snapshot() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        found = list_checkpoints(cx, job_id=row.id)
    return wanted.page([checkpoint_answer(c, row) for c in found], known_by=lambda one: one.id)
