"""What the gateway answers, as the OpenAPI document shows it; every time is RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

T = TypeVar("T")
Time = Annotated[datetime, AfterValidator(lambda at: at.astimezone(UTC))]
ShownStatus = Literal[
    "queued", "running", "pausing", "paused", "cancelling", "succeeded", "failed", "cancelled"
]


class Answer(BaseModel):
    """Anything the gateway answers with."""

    model_config = ConfigDict(frozen=True)


class Page(Answer, Generic[T]):
    """A part of a list, newest first; ask again with `after` = the id of its last entry."""

    data: list[T]
    has_more: bool


class ReadingErrorAnswer(Answer):
    """One place in an uploaded file that could not be read."""

    file: str
    row: int | None = None
    column: str | None = None
    wanted: str
    came: str


class ColumnAnswer(Answer):
    """One column as it was read."""

    name: str
    type: str
    missing: int
    distinct: int | None = None
    levels: list[str] | None = None


class FileAnswer(Answer):
    """One uploaded file."""

    name: str
    size_bytes: int
    sha256: str


class DatasetAnswer(Answer):
    """A data set; the counts stand when it is ready, `errors` when it was refused."""

    id: str
    name: str
    kind: str
    status: Literal["reading", "ready", "refused"]
    version: int
    files: list[FileAnswer]
    size_bytes: int
    sha256: str
    rows: int | None = None
    columns: list[ColumnAnswer] | None = None
    users: int | None = None
    items: int | None = None
    duplicates: int | None = None
    has_ratings: bool | None = None
    has_timestamps: bool | None = None
    warnings: list[str] = []
    errors: list[ReadingErrorAnswer] | None = None
    created_at: Time
    read_at: Time | None
    spec: dict[str, Any]


class SampleAnswer(Answer):
    """The first rows of a data set as they were read."""

    data: list[dict[str, Any]]


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
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    cancel_requested_at: Time | None
    pause_requested_at: Time | None
    spec: dict[str, Any]


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


class CurveAnswer(Answer):
    """A curve by columns of one length; point t is the update after t completed ones; null is no number."""

    job: str
    steps: list[int]
    lr: list[float]
    loss: list[float | None]
    grad_norm: list[float | None]
    momentum: list[float | None]
    planned_lr: list[float | None]
    plan: PlanAnswer
    evaluations: list[EvaluationAnswer]


class ModelAnswer(Answer):
    """A model: a name with versions and aliases."""

    name: str
    task: str
    versions: int
    newest_version: int
    created_at: Time
    aliases: dict[str, int] = {}


class VersionAnswer(Answer):
    """One version of a model, the job that made it, and how it was judged."""

    model: str
    version: int
    task: str
    job: str | None
    dataset: str | None
    dataset_version: int | None
    metric: str
    metric_value: float
    metrics: dict[str, Any]
    split_sha256: str
    card: dict[str, Any]
    package_sha256: str
    package_bytes: int
    aliases: list[str]
    created_at: Time


class AliasRequest(BaseModel):
    """Where an alias should point."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    version: Annotated[int, Field(ge=1, lt=2**31)]


class AliasAnswer(Answer):
    """Where an alias points; its ETag is the revision."""

    model: str
    alias: str
    version: int
    revision: int
    changed_by: str
    changed_at: Time


class AliasChangeAnswer(Answer):
    """One change of an alias."""

    alias: str
    revision: int
    version: int
    previous_version: int | None
    changed_by: str
    cause: str
    changed_at: Time


class KeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[\w .()+:@-]+$")]
    scopes: Annotated[
        list[Literal["data", "train", "predict", "read", "metrics", "admin"]],
        Field(min_length=1, max_length=6),
    ]


class KeyAnswer(Answer):
    """One key; its text is shown once, when it is made."""

    id: str
    kid: str
    name: str
    scopes: list[str]
    created_at: Time
    revoked_at: Time | None


class NewKeyAnswer(KeyAnswer):
    """A new key with its text, which is stored nowhere."""

    key: str


class WorkerAnswer(Answer):
    """One worker as it was last heard."""

    worker: str
    hostname: str
    device: str
    slots: int
    busy: int
    started_at: Time
    seen_at: Time


class Listing(Answer, Generic[T]):
    """A whole list."""

    data: list[T]


class ReadyAnswer(Answer):
    """What this gateway can do now."""

    ready: bool
    database: bool
    migrated: bool
    keys: bool
    aliases: bool


class LiveAnswer(Answer):
    """The process answers."""

    live: bool = True


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
