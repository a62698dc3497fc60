"""A range test on a real net: what it leaves, what it leaves alone, and what it survives."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from services.worker.child import try_rates
from services.worker.training.checkpoint import from_bytes
from services.worker.trainings.driver import Preempted
from services.worker.trainings.session import Session, StopFlag
from shared.db.blobs import last_checkpoint, list_checkpoints, read_blob
from shared.db.curves import PointColumns, read_curve
from shared.db.engine import Database
from shared.db.job_leases import requeue
from shared.db.job_writes import Progress
from shared.db.jobs import get_job, insert_job, request_cancel
from shared.db.registry import list_models
from shared.lifecycle import JobKind
from shared.range_test import rates
from shared.settings import Settings
from shared.specs.range_test import RangeTestSpec
from shared.storage import Storage
from tests.support.rows import a_job, claim_one
from tests.support.school import Death, Died, School, StopAt

STEPS = 40


class MortalTest(Session):
    """Dies at its n-th write, just before or just after its commit."""

    def commit(self, progress: Progress) -> None:
        with cast("Death", self.stop).at_a_write():
            super().commit(progress)

    def finish_range_test(self, progress: Progress) -> None:
        with cast("Death", self.stop).at_a_write():
            super().finish_range_test(progress)


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return School(database, Storage(tmp_path.as_uri())).enrol()


def ask(school: School, *, checkpoint: UUID | None = None, **changes: object) -> UUID:
    """Add a range test of the school's training."""
    job = school.spec.model_dump(mode="json", exclude={"schedule"})
    spec = RangeTestSpec.model_validate({"job": job, "steps": STEPS, "hi": 1000.0, **changes})
    row = a_job(
        kind=JobKind.LR_RANGE_TEST,
        spec=spec.model_dump(mode="json"),
        dataset_id=school.dataset_id,
        dataset_version=1,
        total_steps=spec.steps,
        steps_per_epoch=school.budget.steps_per_epoch,
        parent_checkpoint=checkpoint,
        max_attempts=1000,
    )
    with school.database.begin() as cx:
        return insert_job(cx, job=row).row.id


def attempt(school: School, job_id: UUID, stop: object, kind: type[Session] = Session) -> None:
    with school.database.begin() as cx:
        fence = claim_one(cx).fence
        row = get_job(cx, job_id=job_id)
    settings = Settings(flush_seconds=1e-9, device="cpu")
    try_rates(kind(row, fence, school.database, school.storage, settings, cast("StopFlag", stop)))


def curve(school: School, job_id: UUID) -> PointColumns:
    with school.database.begin() as cx:
        return read_curve(cx, job_id=job_id)


def finished(school: School, *, checkpoint: UUID | None = None, **changes: object) -> PointColumns:
    job_id = ask(school, checkpoint=checkpoint, **changes)
    attempt(school, job_id, StopFlag())
    return curve(school, job_id)


def test_it_tries_every_rate_until_the_loss_diverges(school: School):
    points = finished(school)
    assert 10 < len(points.steps) < STEPS
    assert list(points.lr) == rates(1e-5, 1000.0, steps=STEPS)[: len(points.lr)]
    assert points.loss[-1] > 2 * points.loss[0]


def test_without_divergence_it_ends_with_the_highest_rate(school: School):
    points = finished(school, hi=0.001)
    assert (points.steps[-1], points.lr[-1]) == (STEPS - 1, 0.001)


def test_rates_may_rise_in_equal_steps(school: School):
    points = finished(school, lo=0.001, hi=0.04, spacing="linear")
    assert points.lr[1] - points.lr[0] == pytest.approx(0.001)


def test_the_same_test_draws_the_same_curve_and_another_seed_another(school: School):
    other = school.spec.model_copy(update={"seed": 4}).model_dump(mode="json", exclude={"schedule"})
    assert finished(school) == finished(school)
    assert finished(school, job=other).loss != finished(school).loss


def test_it_publishes_nothing_and_keeps_no_checkpoint(school: School):
    job_id = ask(school)
    attempt(school, job_id, StopFlag())
    with school.database.begin() as cx:
        row = get_job(cx, job_id=job_id)
        assert (row.status, row.model_version, row.error_code) == ("succeeded", None, None)
        assert list_checkpoints(cx, job_id=job_id) == []
        assert list_models(cx) == []


def test_weights_of_a_checkpoint_may_begin_it_and_stay_as_they_are(school: School):
    school.add()
    school.attempt(StopFlag())
    with school.database.begin() as cx:
        held = last_checkpoint(cx, job_id=school.job_id)
        assert held is not None
        before = read_blob(cx, blob=held.blob())
    points = finished(school, checkpoint=held.id)
    with school.database.begin() as cx:
        assert read_blob(cx, blob=held.blob()) == before
    assert from_bytes(before).step == held.step
    assert points.loss[0] < finished(school).loss[0]


@pytest.mark.parametrize("committed", [False, True], ids=["before a commit", "after a commit"])
def test_it_may_be_killed_at_any_write(school: School, *, committed: bool):
    undisturbed = finished(school)
    for write in count(1, step=3):
        job_id = ask(school)
        try:
            attempt(school, job_id, Death(write, committed), MortalTest)
        except Died:
            with school.database.begin() as cx:
                row = get_job(cx, job_id=job_id)
                if row.status == "running":
                    requeue(cx, job_id=job_id, fence=row.fence, cause="died")
            if row.status == "running":
                attempt(school, job_id, StopFlag())
        else:
            break
        assert curve(school, job_id) == undisturbed, write
    assert write > len(undisturbed.steps)


def test_a_worker_that_leaves_gives_it_back(school: School):
    undisturbed = finished(school)
    job_id = ask(school)
    with pytest.raises(Preempted):
        attempt(school, job_id, StopAt(5))
    with school.database.begin() as cx:
        assert get_job(cx, job_id=job_id).status == "queued"
    attempt(school, job_id, StopFlag())
    assert curve(school, job_id) == undisturbed


def test_it_can_be_cancelled_while_it_runs(school: School):
    job_id = ask(school)

    class Cancelled(StopAt):
        """Asks for the cancel when it is first looked at."""

        @property
        def requested(self) -> bool:
            if not self.looks:
                with school.database.begin() as cx:
                    request_cancel(cx, job_id=job_id)
            return super().requested

    with pytest.raises(Preempted):
        attempt(school, job_id, Cancelled(3))
    with school.database.begin() as cx:
        assert get_job(cx, job_id=job_id).status == "cancelled"
    assert len(curve(school, job_id).steps) == 3
