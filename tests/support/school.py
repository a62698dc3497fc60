"""A real training on a small data set, and ways to stop and to kill it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from services.worker.child import train_job
from services.worker.data.ingest import ingest
from services.worker.data.limits import Limits
from services.worker.trainings.session import Session, StopFlag
from shared.db.blobs import list_checkpoints
from shared.db.curves import read_curve, read_evaluations
from shared.db.engine import Database
from shared.db.gradients import read_samples
from shared.db.job_writes import Progress, Result
from shared.db.jobs import NewJob, get_job, get_report, insert_job
from shared.db.lr_events import LrEvents
from shared.db.registry import read_package
from shared.features.archive import unpack
from shared.lifecycle import JobKind
from shared.schedules import OptimizerTraits, ResolvedSchedule, resolve
from shared.settings import Settings
from shared.specs.budget import budget
from shared.specs.dataset import DatasetSpec
from shared.specs.job import JobSpec
from shared.storage import Storage, upload_folder
from tests.support.rows import a_job, add_dataset, claim_one

CHECKERBOARD = [f"u{u},i{i}" for u in range(16) for i in range(12) if (u + i) % 2 == 0 and (u * i) % 5]


class Died(Exception):
    """The process was killed."""


@dataclass
class StopAt:
    """Asks for the end when it is looked at for the n-th time."""

    look: int
    looks: int = 0

    @property
    def requested(self) -> bool:
        self.looks += 1
        return self.looks >= self.look


class Mortal(Session):
    """Dies at its n-th write, just before or just after its commit."""

    def commit(self, progress: Progress) -> LrEvents | None:
        with cast("Death", self.stop).at_a_write():
            return super().commit(progress)

    def finish(self, progress: Progress, result: Result) -> None:
        with cast("Death", self.stop).at_a_write():
            super().finish(progress, result)


@dataclass
class Death:
    """When to die."""

    write: int
    committed: bool
    requested: bool = False
    writes: int = 0

    @contextmanager
    def at_a_write(self) -> Iterator[None]:
        self.writes += 1
        if self.writes == self.write and not self.committed:
            raise Died
        yield
        if self.writes == self.write:
            raise Died


@dataclass
class School:
    """One data set in storage, and jobs that learn from it."""

    database: Database
    storage: Storage
    dataset_id: UUID = field(init=False)
    spec: JobSpec = field(init=False)
    job_id: UUID = field(init=False)

    def enrol(self, *, rows: Sequence[str] = CHECKERBOARD, **changes: object) -> School:
        """Read the rows as a data set, and settle what a job learns from it; `changes` are of its spec."""
        with self.database.begin() as cx:
            self.dataset_id = add_dataset(cx)
        content = "\n".join(["user,item", *rows]).encode()
        self.storage.save(f"{upload_folder(self.dataset_id)}/a.csv", [content])
        reading = DatasetSpec(name="a set", kind="interactions")
        limits = Limits(rows=10_000, columns=10, expansion=200.0)
        summary = ingest(self.storage, dataset_id=self.dataset_id, version=1, spec=reading, limits=limits)
        self.spec = JobSpec.model_validate(
            {
                "model": "board",
                "dataset": f"ds_{self.dataset_id}",
                "task": {"name": "recommend"},
                "net": {"name": "neumf", "embedding_dim": 4, "hidden": [8], "dropout": 0.3},
                "schedule": {"name": "cyclic", "base_lr": 0.01, "max_lr": 0.1, "step_size_up": "2st"},
                "batch_size": 20,
                "epochs": 3,
                "seed": 3,
                **changes,
            }
        )
        self.budget = budget(self.spec, summary)
        return self

    def add(self) -> None:
        """Add a job, which is the present one from now on."""
        schedule = resolve(
            self.spec.schedule,
            total_steps=self.budget.total_steps,
            steps_per_epoch=self.budget.steps_per_epoch,
            optimizer=OptimizerTraits.of(self.spec.optimizer),
        )
        self._enter(a_job(**self._row(self.spec, schedule)))

    def add_fork(self, *, parent: UUID, step: int, spec: JobSpec, schedule: ResolvedSchedule) -> None:
        """Add a fork of a job at one of its checkpoints, which is the present job from now on."""
        with self.database.begin() as cx:
            held = next(c.id for c in list_checkpoints(cx, job_id=parent) if c.step == step)
        begins = {
            "parent_id": parent,
            "parent_checkpoint": held,
            "start_step": step,
            "step": step,
            "epoch": step // self.budget.steps_per_epoch,
        }
        self._enter(a_job(**self._row(spec, schedule), **begins))

    def _row(self, spec: JobSpec, schedule: ResolvedSchedule) -> dict[str, Any]:
        return {
            "kind": JobKind.RECOMMEND,
            "spec": spec.model_dump(mode="json"),
            "resolved_schedule": schedule.model_dump(mode="json"),
            "dataset_id": self.dataset_id,
            "dataset_version": 1,
            "model": "board",
            "total_steps": schedule.total_steps,
            "steps_per_epoch": schedule.steps_per_epoch,
            "max_attempts": 1000,
        }

    def _enter(self, job: NewJob) -> None:
        with self.database.begin() as cx:
            self.job_id = insert_job(cx, job=job).row.id

    def attempt(self, stop: object, *, kind: type[Session] = Session, saves: bool = False) -> None:
        with self.database.begin() as cx:
            fence = claim_one(cx).fence
            row = get_job(cx, job_id=self.job_id)
        settings = Settings(flush_seconds=1e-9, checkpoint_seconds=1e-9 if saves else 1e9, device="cpu")
        train_job(kind(row, fence, self.database, self.storage, settings, cast("StopFlag", stop)))

    def left(self) -> dict[str, Any]:
        """Return all that a finished job leaves and a disturbance could change."""
        with self.database.begin() as cx:
            row = get_job(cx, job_id=self.job_id)
            assert row.status == "succeeded"
            package = unpack(read_package(cx, name="board", version=row.model_version or 0))
            evaluations = read_evaluations(cx, job_id=self.job_id)
            return {
                "curve": read_curve(cx, job_id=self.job_id),
                "evaluations": [(e.step, e.epoch, e.metrics) for e in evaluations],
                "flow": list(read_samples(cx, job_id=self.job_id)),
                "best": row.best,
                "step": row.step,
                "report": get_report(cx, job_id=self.job_id),
                "files": {n: content for n, content in package.files.items() if n != "card.json"},
            }
