"""A training that goes on from a checkpoint of another, under a schedule of its own for what is left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.api.admission import groups_of, planned
from services.api.submission import Asked, Submission, canonical, request_digest
from shared.db import blobs, datasets, jobs, lr_events, registry
from shared.db.engine import Connection
from shared.errors import Conflict, Finding, NotFound, Refused
from shared.lifecycle import TERMINAL, JobKind, JobStatus
from shared.schedules import ResolvedSchedule, Start, multiplier_at
from shared.schedules.lengths import round_half_up
from shared.specs.dataset import DatasetSummary
from shared.specs.fork import ForkSpec
from shared.specs.ids import new_uuid, parse_id
from shared.specs.job import JobSpec

MAX_EPOCHS = 100_000


@dataclass(frozen=True, slots=True)
class Branch:
    """What a fork trains: its spec, and the plan of its steps, which count on from its parent's."""

    spec: JobSpec
    schedule: ResolvedSchedule


@dataclass(frozen=True, slots=True)
class Terms:
    """What is written of every job: the digest of its request, and how often it may be tried."""

    request_sha256: bytes
    max_attempts: int


def fork_job(submission: Submission, *, parent_id: UUID, asked_for: ForkSpec, asked: Asked) -> jobs.JobRow:
    """Admit a fork, commit its row with the parent's multiplier, and send its message.

    Raises `NotFound`, `Conflict` and `Refused`. When the same request came before, its job is returned.
    """
    terms = Terms(request_digest(asked_for, str(parent_id)), submission.max_attempts)
    with submission.database.begin() as cx:
        earlier = jobs.earlier_job(
            cx,
            owner=asked.owner,
            idempotency_key=asked.idempotency_key,
            request_sha256=terms.request_sha256,
        )
        if earlier is not None:
            return earlier
        parent = jobs.get_training(cx, job_id=parent_id)
        held = _held(cx, parent, asked_for.checkpoint)
        branch = branch_of(parent, step=held.step, asked_for=asked_for, summary=_summary(cx, parent))
        registry.require_task(cx, name=branch.spec.model, task=branch.spec.task.name)
        inserted = jobs.insert_job(cx, job=_child(parent, held, branch=branch, asked=asked, terms=terms))
        if inserted.created:
            _copy_multiplier(cx, parent, inserted.row)
    if inserted.created:
        submission.announce_created(inserted.row)
    return inserted.row


def branch_of(parent: jobs.JobRow, *, step: int, asked_for: ForkSpec, summary: DatasetSummary) -> Branch:
    """Return what a fork of `parent` after `step` updates trains. Raises `Refused` where it cannot be."""
    spec, schedule = JobSpec.model_validate(parent.spec), parent_schedule(parent)
    total = step + _steps(parent, step=step, asked_for=asked_for)
    spec = spec.model_copy(update=_changes(spec, asked_for, epochs=-(-total // schedule.steps_per_epoch)))
    if asked_for.schedule is not None:
        start = Start(step, previous=schedule.lr(step))
        per_epoch = schedule.steps_per_epoch
        groups = groups_of(spec, summary)
        schedule = planned(spec, total_steps=total, steps_per_epoch=per_epoch, start=start, groups=groups)
    elif total != schedule.total_steps:
        message = (
            f"the parent's own has {schedule.total_steps - step} steps left; write one for more or fewer"
        )
        raise refused(Finding(("schedule",), message))
    return Branch(spec, schedule)


def parent_schedule(parent: jobs.JobRow) -> ResolvedSchedule:
    """Return the schedule of a training. Raises `Conflict` when the job is none."""
    if parent.resolved_schedule is None:
        raise Conflict("only a training can be forked", code="not_a_training")
    return ResolvedSchedule.model_validate(parent.resolved_schedule)


def _summary(cx: Connection, parent: jobs.JobRow) -> DatasetSummary:
    """Return what is known of the parent's data set. Raises `Conflict` when it was deleted."""
    if parent.dataset_id is None:
        raise Conflict("the data set of the job was deleted", code="dataset_gone")
    return DatasetSummary.model_validate(datasets.get_dataset(cx, dataset_id=parent.dataset_id).summary)


def _changes(spec: JobSpec, asked_for: ForkSpec, *, epochs: int) -> dict[str, Any]:
    """Return what a fork's spec has otherwise than its parent's; it has no checkpoints to keep."""
    publish = spec.publish if asked_for.publish is None else asked_for.publish
    return {
        "schedule": asked_for.schedule or spec.schedule,
        "epochs": epochs,
        "model": asked_for.model or spec.model,
        "publish": None if publish == "never" else publish,
        "keep_checkpoints": (),
    }


def _steps(parent: jobs.JobRow, *, step: int, asked_for: ForkSpec) -> int:
    """Return how many updates a fork makes."""
    if asked_for.steps is None:
        left = parent.total_steps - step
        if left < 1:
            raise refused(Finding(("steps",), 'the parent has no step left here; say how many, like "10ep"'))
        return left
    more = round_half_up(asked_for.steps.exact_steps(whole=0, steps_per_epoch=parent.steps_per_epoch))
    most = MAX_EPOCHS * parent.steps_per_epoch - step
    if not 1 <= more <= most:
        message = f"wanted at least 1st and at most {most}st; {asked_for.steps} of this parent is {more}st"
        raise refused(Finding(("steps",), message))
    return more


def _held(cx: Connection, parent: jobs.JobRow, wanted: str) -> blobs.CheckpointRow:
    """Return the checkpoint that a fork begins with; from now on retention leaves it to the fork."""
    if wanted.startswith("ckpt_"):
        return _held_by_id(cx, parent, wanted)
    newest = parent.last_checkpoint if wanted == "last" else parent.best_checkpoint
    if newest is None:
        raise Conflict(f"the job {_without_checkpoint(parent, wanted)}", code="no_checkpoint")
    try:
        return blobs.hold_checkpoint(cx, checkpoint_id=newest)
    except NotFound:
        raise Conflict("a newer checkpoint has just replaced it; ask again", code="blob_gone") from None


def _without_checkpoint(parent: jobs.JobRow, wanted: str) -> str:
    """Return whether a job that lacks a checkpoint may still come to have it."""
    if parent.status not in TERMINAL:
        return f"has no {wanted} checkpoint yet; fork it when it has"
    ended = f"has ended: it has no {wanted} checkpoint and will have none"
    return f"{ended} unless it is resumed" if parent.status == JobStatus.FAILED else ended


def _held_by_id(cx: Connection, parent: jobs.JobRow, wanted: str) -> blobs.CheckpointRow:
    with suppress(NotFound):
        held = blobs.hold_checkpoint(cx, checkpoint_id=parse_id("ckpt", wanted))
        if held.job_id == parent.id:
            return held
    message = "no such checkpoint of this job; GET …/checkpoints lists those that are kept"
    raise refused(Finding(("checkpoint",), message))


def _child(
    parent: jobs.JobRow, held: blobs.CheckpointRow, *, branch: Branch, asked: Asked, terms: Terms
) -> jobs.NewJob:
    spec, schedule = branch.spec, branch.schedule
    return jobs.NewJob(
        id=new_uuid(),
        owner=asked.owner,
        kind=JobKind(spec.task.name),
        spec=canonical(spec),
        request_sha256=terms.request_sha256,
        max_attempts=terms.max_attempts,
        model=spec.model,
        dataset_id=parent.dataset_id,
        dataset_version=parent.dataset_version,
        resolved_schedule=canonical(schedule),
        total_steps=schedule.total_steps,
        steps_per_epoch=schedule.steps_per_epoch,
        parent_id=parent.id,
        parent_checkpoint=held.id,
        start_step=held.step,
        step=held.step,
        epoch=held.step // schedule.steps_per_epoch,
        request_id=asked.request_id,
        idempotency_key=asked.idempotency_key,
    )


def _copy_multiplier(cx: Connection, parent: jobs.JobRow, child: jobs.JobRow) -> None:
    """Begin under M as the parent's events had made it by then; where there were none it is 1 anyway."""
    events = lr_events.live_events(lr_events.list_lr_events(cx, job_id=parent.id))
    if events and events[0].step <= child.start_step:
        multiplier = multiplier_at(events, child.start_step)
        lr_events.write_fork_event(
            cx, job_id=child.id, step=child.start_step, multiplier=multiplier, actor=child.owner
        )


def refused(finding: Finding) -> Refused:
    """Return the refusal of a fork for one reason."""
    return Refused("the fork cannot be run as written; errors says where", findings=[finding])
