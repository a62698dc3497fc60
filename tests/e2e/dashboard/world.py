"""What the page is shown: jobs, curves, reports and models as a trainer would have left them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from services.worker.evaluation.report import Candidate, classification_report
from services.worker.evaluation.splits import split_records
from shared.db.curves import NewEvaluation, PointColumns
from shared.db.engine import Database
from shared.db.job_leases import Claim, fail
from shared.db.job_writes import Progress, Result, commit_progress, finish
from shared.db.jobs import JobRow
from shared.db.registry import NewVersion, Score
from shared.lifecycle import JobKind
from shared.schedules import ResolvedSchedule, ScheduleSpec, resolve
from shared.schedules.phase import ANY_OPTIMIZER
from shared.specs.ids import new_uuid, public_id
from shared.specs.job import Publish, RecordSplit
from tests.support import packages, rows

TOTAL, EPOCH = 200, 20
SCHEDULE = {
    "base_lr": 0.01,
    "phases": [
        {"name": "linear", "duration": "20st", "start_factor": 0.1},
        {"name": "cosine", "duration": "rest"},
    ],
}
SPEC = {
    "model": "films",
    "task": {"name": "recommend"},
    "net": {"name": "mf"},
    "optimizer": {"name": "adamw"},
    "schedule": SCHEDULE,
    "batch_size": 64,
    "epochs": 10,
    "seed": 7,
}


def planned() -> ResolvedSchedule:
    """Return the schedule of every job here in whole steps."""
    spec = ScheduleSpec.model_validate(SCHEDULE)
    return resolve(spec, total_steps=TOTAL, steps_per_epoch=EPOCH, optimizer=ANY_OPTIMIZER)


def loss_of(step: int) -> float:
    """Return a falling loss whose values are easy to tell apart."""
    return round(math.exp(-step / 60) + 0.1, 4)


def curve_points(first: int, last: int) -> PointColumns:
    """Return the points of the steps `first` to `last`, both included, at the planned rate."""
    schedule, steps = planned(), list(range(first, last + 1))
    return PointColumns(
        steps=steps,
        lr=[schedule.lr(t) for t in steps],
        loss=[loss_of(t) for t in steps],
        grad_norm=[1.0] * len(steps),
    )


@dataclass
class Trainer:
    """Writes what a trainer writes, in the test's own time."""

    database: Database
    job: JobRow
    held: Claim
    step: int = 0
    evaluations: list[NewEvaluation] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The job's public id."""
        return public_id("job", self.job.id)

    def train_to(self, step: int) -> None:
        """Write the points up to `step` updates, and an evaluation for every epoch that ended."""
        found = tuple(
            NewEvaluation(step=s, epoch=s // EPOCH, metrics={"ndcg@10": s / 1000})
            for s in range(self.step + 1, step + 1)
            if s % EPOCH == 0
        )
        progress = Progress(
            step=step,
            epoch=step // EPOCH,
            points=curve_points(self.step, step - 1),
            evaluations=found,
            samples_per_second=1234.0,
        )
        with self.database.begin() as cx:
            commit_progress(
                cx, job_id=self.job.id, fence=self.held.fence, lease_seconds=60.0, progress=progress
            )
        self.step = step

    def fail(self, *, code: str, message: str) -> None:
        """End the job as failed."""
        with self.database.begin() as cx:
            fail(cx, job_id=self.job.id, fence=self.held.fence, code=code, message=message)

    def finish(self, result: Result) -> None:
        """End the job with its report and its model."""
        progress = Progress(step=self.step, epoch=self.step // EPOCH)
        with self.database.begin() as cx:
            finish(cx, job_id=self.job.id, fence=self.held.fence, progress=progress, result=result)


def start_job(database: Database, **changes: object) -> Trainer:
    """Create a job and claim it, as a worker does."""
    values: dict[str, Any] = {
        "spec": SPEC | {"model": changes.get("model", "films")},
        "resolved_schedule": planned().model_dump(mode="json"),
        "total_steps": TOTAL,
        "steps_per_epoch": EPOCH,
    }
    with database.begin() as cx:
        job = rows.add_job(cx, **{**values, **changes})
        return Trainer(database, job, rows.claim_one(cx, lease_seconds=60.0))


def _version(trainer: Trainer, *, task: str, package: bytes, card: dict[str, Any]) -> NewVersion:
    metric = "auroc" if task == "diagnose" else "ndcg@10"
    return NewVersion(
        model=trainer.job.model or "films",
        task=task,
        job_id=trainer.job.id,
        dataset_id=None,
        dataset_version=None,
        score=Score(metric=metric, value=0.75, higher_is_better=True, split_sha256="5" * 64),
        metrics={metric: 0.75},
        card=card,
        package_id=new_uuid(),
        package=package,
    )


def _result(trainer: Trainer, version: NewVersion, report: dict[str, Any]) -> Result:
    return Result(
        report=report,
        metrics=version.metrics,
        version=version,
        publish=Publish(when="always"),
        owner="tester",
    )


def ranking_report() -> dict[str, Any]:
    """Return a report in which the net won and one baseline was refused."""
    metrics = {"ndcg@10": {"value": 0.4310, "low": 0.4205, "high": 0.4409}}
    behind = {"ndcg@10": {"value": 0.2410, "low": 0.2301, "high": 0.2520}}
    return {
        "task": "recommend",
        "protocol": {"name": "leave_one_out", "split_hash": "9f31ab22cd0012", "seed": 7},
        "main_metric": "ndcg@10",
        "winner": "mf",
        "sentence": "The net mf won: NDCG@10 0.4310 against 0.2410 of popularity, the next best.",
        "candidates": [
            {"name": "mf", "role": "net", "refused": None, "metrics": metrics},
            {"name": "popularity", "role": "baseline", "refused": None, "metrics": behind},
            {"name": "ease", "role": "baseline", "refused": "too many items", "metrics": {}},
        ],
        "differences": [],
        "intervals": {"method": "percentile bootstrap", "level": 0.95, "resamples": 1000, "unit": "user"},
        "caveats": ["Every item is ranked."],
    }


def diagnosis_report() -> dict[str, Any]:
    """Return what the judges say of a net that knows the outcome and a baseline that guesses."""
    draw = np.random.default_rng(3)
    truth = draw.random(600)
    labels = (draw.random(600) < truth).astype(np.int8)
    split = RecordSplit(test=0.5, validation=0.1)
    parts = split_records(labels, split=split, groups_N=None, seed=0)
    candidates = [
        Candidate("mlp", "net", truth[parts.test]),
        Candidate("logistic_regression", "baseline", draw.random(len(parts.test))),
    ]
    return classification_report(candidates, labels_N=labels, parts=parts, split=split, seed=0)


def publish_films(database: Database, *, steps: int = TOTAL) -> Trainer:
    """Leave a finished recommender over the checkerboard: users `u0…`, items `i0…` called `Film 0…`."""
    trainer = start_job(database)
    trainer.train_to(steps)
    version = _version(trainer, task="recommend", package=packages.tiny_recommender(), card={"inputs": []})
    trainer.finish(_result(trainer, version, ranking_report()))
    return trainer


def publish_ward(database: Database) -> Trainer:
    """Leave a finished diagnosis model over the columns `n0`, `n1` and `c0`."""
    spec = SPEC | {"model": "ward", "task": {"name": "diagnose"}, "net": {"name": "mlp"}}
    trainer = start_job(database, model="ward", kind=JobKind.DIAGNOSE, spec=spec)
    trainer.train_to(TOTAL)
    card = {"inputs": packages.fitted_encoder().describe_inputs()}
    version = _version(trainer, task="diagnose", package=packages.tiny_diagnosis(), card=card)
    trainer.finish(_result(trainer, version, diagnosis_report()))
    return trainer


def status_of(database: Database, job_id: UUID) -> JobRow:
    """Return a job's row as it is now."""
    from shared.db.jobs import get_job

    with database.begin() as cx:
        return get_job(cx, job_id=job_id)
