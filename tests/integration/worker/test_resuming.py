"""A real training, stopped and killed wherever it can be, ends as the undisturbed one does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import text

from services.worker.child import train_job
from services.worker.data.ingest import ingest
from services.worker.data.limits import Limits
from services.worker.trainings.driver import Preempted
from services.worker.trainings.session import Session, StopFlag
from shared.db.curves import read_curve, read_evaluations
from shared.db.engine import Database
from shared.db.job_leases import requeue
from shared.db.job_writes import Progress, Result
from shared.db.jobs import get_job, get_report
from shared.db.registry import read_package
from shared.errors import Conflict
from shared.features.archive import unpack
from shared.lifecycle import JobKind
from shared.schedules import OptimizerTraits, resolve
from shared.settings import Settings
from shared.specs.budget import budget
from shared.specs.dataset import DatasetSpec
from shared.specs.job import JobSpec
from shared.storage import Storage, upload_folder
from tests.support.rows import add_dataset, add_job, claim_one

CHECKERBOARD = [f"u{u},i{i}" for u in range(16) for i in range(12) if (u + i) % 2 == 0 and (u * i) % 5]
TWICE = {"monitor": "ndcg@10", "patience": 1, "min_delta": 10.0}
"""No gain is ever large enough: stopped after the second evaluation."""


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

    def commit(self, progress: Progress) -> None:
        with cast("Death", self.stop).at_a_write():
            super().commit(progress)

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

    def enrol(
        self, *, early_stopping: dict[str, Any] | None = None, rows: Sequence[str] = CHECKERBOARD
    ) -> School:
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
                "early_stopping": early_stopping,
            }
        )
        self.budget = budget(self.spec, summary)
        return self

    def add(self) -> None:
        schedule = resolve(
            self.spec.schedule,
            total_steps=self.budget.total_steps,
            steps_per_epoch=self.budget.steps_per_epoch,
            optimizer=OptimizerTraits.of(self.spec.optimizer),
        )
        with self.database.begin() as cx:
            self.job_id = add_job(
                cx,
                kind=JobKind.RECOMMEND,
                spec=self.spec.model_dump(mode="json"),
                resolved_schedule=schedule.model_dump(mode="json"),
                dataset_id=self.dataset_id,
                dataset_version=1,
                model="board",
                total_steps=self.budget.total_steps,
                steps_per_epoch=self.budget.steps_per_epoch,
                max_attempts=1000,
            ).id

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
                "best": row.best,
                "step": row.step,
                "report": get_report(cx, job_id=self.job_id),
                "files": {n: content for n, content in package.files.items() if n != "card.json"},
            }


@pytest.fixture(params=[None, TWICE], ids=["whole", "stopped early"])
def school(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> School:
    return School(database, Storage(tmp_path.as_uri())).enrol(early_stopping=request.param)


@pytest.fixture
def undisturbed(school: School) -> dict[str, Any]:
    school.add()
    school.attempt(StopFlag())
    return school.left()


def test_it_may_be_stopped_after_any_step_and_around_judging(school: School, undisturbed: dict[str, Any]):
    for look in range(1, undisturbed["step"] + 3):
        school.add()
        first = StopAt(look)
        try:
            school.attempt(first)
        except Preempted:
            school.attempt(StopFlag())
        else:
            assert look > undisturbed["step"]
        assert school.left() == undisturbed, look


def test_it_may_be_stopped_after_every_step(school: School, undisturbed: dict[str, Any]):
    school.add()
    attempts = 0
    for look in (2, 1) * undisturbed["step"]:
        attempts += 1
        try:
            school.attempt(StopAt(look))
        except Preempted:
            continue
        break
    else:
        school.attempt(StopFlag())
    assert attempts > undisturbed["step"] / 2
    assert school.left() == undisturbed


@pytest.mark.parametrize(
    ("committed", "saves"),
    [(False, False), (True, True)],
    ids=["before a commit, checkpoints are rare", "after a commit, each with a checkpoint"],
)
def test_it_may_be_killed_at_any_write(
    school: School, undisturbed: dict[str, Any], *, committed: bool, saves: bool
):
    for write in range(1, 100):
        school.add()
        death = Death(write, committed)
        try:
            school.attempt(death, kind=Mortal, saves=saves)
        except Died:
            with school.database.begin() as cx:
                row = get_job(cx, job_id=school.job_id)
                if row.status == "running":
                    requeue(cx, job_id=school.job_id, fence=row.fence, cause="died")
            if row.status == "running":
                school.attempt(StopFlag(), saves=saves)
        else:
            assert death.writes < write
            break
        assert school.left() == undisturbed, write
    assert write > undisturbed["step"]


def test_without_a_metric_the_newest_net_is_the_best(database: Database, tmp_path: Path):
    """Users of one item each leave nothing to validate on, so no epoch is better than the last."""
    school = School(database, Storage(tmp_path.as_uri())).enrol(rows=[f"u{n},i{n % 4}" for n in range(40)])
    school.add()
    school.attempt(StopFlag())
    assert school.left()["best"] == {"step": school.budget.total_steps, "epoch": 3, "metrics": {}}


def test_a_damaged_checkpoint_ends_the_job_instead_of_being_tried_for_ever(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    school = School(database, Storage(tmp_path.as_uri())).enrol()
    school.add()
    with pytest.raises(Preempted):
        school.attempt(StopAt(2))
    with database.begin() as cx:
        cx.execute(text("UPDATE checkpoint_chunk SET data = set_byte(data, 1000, get_byte(data, 1000) # 1)"))
    with pytest.raises(Conflict, match="damaged"):
        school.attempt(StopFlag())
    assert 'measure ["checkpoint_verify_failures", 1]' in capsys.readouterr().out
