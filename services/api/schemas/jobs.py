"""What the gateway says of training jobs, their curves and their schedules."""

from __future__ import annotations

from typing import Any, Literal

from services.api.schemas.answer import Answer, Time
from services.api.schemas.lr_events import LrEventAnswer

ShownStatus = Literal[
    "queued", "running", "pausing", "paused", "cancelling", "succeeded", "failed", "cancelled"
]


class ErrorAnswer(Answer):
    """Why a job failed."""

    code: str
    message: str | None


class WarningAnswer(Answer):
    """Something allowed and probably not meant."""

    code: str
    message: str
    loc: list[str | int]


class JobState(Answer):
    """How far a job is."""

    status: ShownStatus
    step: int
    total_steps: int
    epoch: int
    progress: float
    eta_seconds: float | None
    samples_per_second: float | None
    attempt: int
    metrics: dict[str, Any] | None
    best: dict[str, Any] | None
    error: ErrorAnswer | None
    model_version: int | None


class JobSummary(JobState):
    """One training job."""

    id: str
    kind: str
    model: str | None
    dataset: str | None
    dataset_version: int | None
    steps_per_epoch: int
    sweep: str | None
    """The sweep that the job is one training of."""
    arm: str | None
    """The label of its schedule there."""
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    cancel_requested_at: Time | None
    pause_requested_at: Time | None
    spec: dict[str, Any]
    parent: str | None
    """The job that this one is a fork of."""
    parent_checkpoint: str | None
    start_step: int
    """Updates that its parents had done; steps count on from there."""


class JobAnswer(JobSummary):
    """One training job with its schedule in whole steps."""

    resolved_schedule: dict[str, Any] | None
    warnings: list[WarningAnswer]


class EventAnswer(Answer):
    """One transition of a job, and why it happened."""

    seq: int
    at: Time
    from_status: str | None
    to_status: str
    cause: str
    detail: dict[str, Any]


class CheckpointAnswer(Answer):
    """One checkpoint: everything needed to go on from its step."""

    id: str
    step: int
    metrics: dict[str, Any] | None
    size_bytes: int
    sha256: str
    last: bool
    best: bool
    kept: bool
    """Whether the job's spec asks to keep it; others go when a newer or a better one comes."""
    created_at: Time


class EvaluationAnswer(Answer):
    """The metrics of a net after `step` updates."""

    step: int
    epoch: int
    metrics: dict[str, Any]


class PlanAnswer(Answer):
    """The planned rate over the whole job, with every corner."""

    steps: list[int]
    lr: list[float]


class AncestorAnswer(Answer):
    """The stretch of an ancestor's curve that leads up to a fork at `until_step`, thinned as the curve is."""

    job: str
    until_step: int
    steps: list[int]
    lr: list[float]
    loss: list[float | None]
    grad_norm: list[float | None]
    evaluations: list[EvaluationAnswer]


class CurveAnswer(Answer):
    """A curve by columns of one length; point t is the update after t completed ones; null is no number."""

    job: str
    steps: list[int]
    lr: list[float]
    loss: list[float | None]
    grad_norm: list[float | None]
    momentum: list[float | None]
    planned_lr: list[float | None]
    effective_lr: list[float | None]
    """What the optimizer made of the rate, where it makes its own (Prodigy, schedule-free)."""
    plan: PlanAnswer
    evaluations: list[EvaluationAnswer]
    lr_events: list[LrEventAnswer]
    """Those that count, by step."""
    lr_drift: int | None
    """The first of these steps whose rate is not the planned one: a fault of ours, and null."""
    ancestors: list[AncestorAnswer]
    """What came before a fork, its first ancestor first; empty for a job that is none."""


class ScheduleEntry(Answer):
    """One schedule of the catalogue; `example` is a whole schedule, `json_schema` that of the phase."""

    name: str
    kind: str
    purpose: str
    formula: str
    latex: str
    symbols: dict[str, str]
    boundaries: list[tuple[str, str]]
    sources: list[str]
    example: dict[str, Any]
    json_schema: dict[str, Any]
