"""What became of the jobs, held against the undisturbed run of the same spec."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from shared.db.blobs import list_checkpoints
from shared.db.curves import read_curve, read_evaluations
from shared.db.engine import Connection, Database
from shared.db.jobs import get_job, list_events
from shared.db.registry import list_versions, read_package
from shared.errors import NotFound
from shared.features.archive import unpack


@dataclass(frozen=True, slots=True)
class Remains:
    """Everything of a job that faults must not change, as digests."""

    points: int
    curve: str
    evaluations: str
    last_checkpoint: str
    net: str


@dataclass(slots=True)
class Verdict:
    """Counts of what went wrong; all of them zero is the claim."""

    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    finished_twice: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    points: int = 0
    attempts: list[int] = field(default_factory=list)
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.stuck or self.finished_twice or self.different)


def remains_of(cx: Connection, job_id: UUID) -> Remains:
    """Return what is left of a finished job."""
    row = get_job(cx, job_id=job_id)
    curve = read_curve(cx, job_id=job_id)
    columns = (curve.steps, curve.lr, curve.loss, curve.grad_norm, curve.momentum)
    evaluations = [(one.step, one.epoch, one.metrics) for one in read_evaluations(cx, job_id=job_id)]
    newest = list_checkpoints(cx, job_id=job_id)[0]
    package = unpack(read_package(cx, name=str(row.model), version=int(row.model_version or 0)))
    return Remains(
        points=len(curve.steps),
        curve=_digest(columns),
        evaluations=_digest(evaluations),
        last_checkpoint=newest.sha256,
        net=hashlib.sha256(package.files["model.onnx"]).hexdigest(),
    )


def judge(database: Database, wanted: dict[str, Remains], jobs: dict[str, list[str]]) -> Verdict:
    """Compare every job (public id, by model) with the undisturbed one of its model."""
    verdict = Verdict()
    with database.begin() as cx:
        for model, ids in jobs.items():
            for public in ids:
                verdict.jobs += 1
                _judge_one(cx, verdict, public, wanted[model])
            _count_versions(cx, verdict, model, wanted=1 + len(ids))
    return verdict


def _judge_one(cx: Connection, verdict: Verdict, public: str, wanted: Remains) -> None:
    job_id = UUID(public.removeprefix("job_"))
    try:
        row = get_job(cx, job_id=job_id)
    except NotFound:
        verdict.lost.append(public)
        return
    events = list_events(cx, job_id=job_id, limit=10_000)
    verdict.attempts.append(row.attempt)
    verdict.causes.update(event.cause for event in events)
    if row.status != "succeeded":
        verdict.stuck.append(f"{public} is {row.status} at step {row.step} ({row.error_code})")
        return
    if sum(event.to_status == "succeeded" for event in events) != 1:
        verdict.finished_twice.append(public)
    found = remains_of(cx, job_id)
    verdict.points += found.points
    if found != wanted:
        names = [name for name in Remains.__slots__ if getattr(found, name) != getattr(wanted, name)]
        verdict.different.append(f"{public}: {', '.join(names)}")


def _count_versions(cx: Connection, verdict: Verdict, model: str, *, wanted: int) -> None:
    made = len(list_versions(cx, name=model, limit=10_000))
    if made != wanted:
        verdict.finished_twice.append(f"model {model} has {made} versions of {wanted} jobs")


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
