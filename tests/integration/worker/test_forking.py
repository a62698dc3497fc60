"""A fork goes on from its parent's checkpoint to the last bit, whatever happens to it."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from torch import Tensor

from services.worker.training.checkpoint import from_bytes
from services.worker.trainings.driver import Preempted
from services.worker.trainings.session import StopFlag
from shared.db.blobs import last_checkpoint, list_checkpoints, prune_checkpoints, read_blob
from shared.db.curves import read_curve, read_evaluations
from shared.db.engine import Database
from shared.db.job_leases import requeue
from shared.db.jobs import get_job
from shared.db.lr_events import list_lr_events
from shared.errors import NotFound
from shared.schedules import OptimizerTraits, ResolvedSchedule, ScheduleSpec, Start, resolve
from shared.storage import Storage
from tests.support.school import Death, Died, Mortal, School, StopAt

PHASES: dict[str, Any] = {
    "base_lr": 0.05,
    "phases": [
        {"name": "linear", "duration": "2st", "start_factor": 0.1},
        {"name": "constant", "duration": "5st"},
        {"name": "cosine", "duration": "rest"},
    ],
}
CUTS = (1, 3, 5, 7)


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    """A parent that has ended, with a checkpoint kept after each of `CUTS` updates."""
    school = School(database, Storage(tmp_path.as_uri()))
    school.enrol(schedule=PHASES, batch_size=8, keep_checkpoints=[f"{cut}st" for cut in CUTS])
    school.add()
    school.attempt(StopFlag())
    return school


def traces(school: School, job_id: UUID, *, after: int) -> dict[str, Any]:
    """Return all that training leaves from a step on: points, evaluations, and the last state."""
    with school.database.begin() as cx:
        evaluations = read_evaluations(cx, job_id=job_id, after=after)
        return {
            "curve": read_curve(cx, job_id=job_id, from_step=after),
            "evaluations": [(e.step, e.epoch, e.metrics) for e in evaluations],
            "state": last_state(school, job_id),
        }


def last_state(school: School, job_id: UUID) -> dict[str, list[float]]:
    with school.database.begin() as cx:
        row = last_checkpoint(cx, job_id=job_id)
        assert row is not None
        tensors: dict[str, Tensor] = from_bytes(read_blob(cx, blob=row.blob())).tensors
    return {name: tensor.flatten().tolist() for name, tensor in tensors.items()}


def parents_own(school: School) -> ResolvedSchedule:
    with school.database.begin() as cx:
        return ResolvedSchedule.model_validate(get_job(cx, job_id=school.job_id).resolved_schedule)


def left_of(school: School, schedule: dict[str, Any], start: Start, *, total: int) -> ResolvedSchedule:
    return resolve(
        ScheduleSpec.parse(schedule),
        total_steps=total,
        steps_per_epoch=school.budget.steps_per_epoch,
        optimizer=OptimizerTraits.of(school.spec.optimizer),
        start=start,
    )


@pytest.mark.parametrize("cut", CUTS)
def test_with_the_parents_own_schedule_it_draws_the_parents_curve(school: School, cut: int):
    parent = school.job_id
    school.add_fork(parent=parent, step=cut, spec=school.spec, schedule=parents_own(school))
    school.attempt(StopFlag())
    assert traces(school, school.job_id, after=cut) == traces(school, parent, after=cut)
    assert school.left()["curve"].steps[0] == cut


def test_with_the_rest_of_the_parents_phases_written_anew_it_draws_the_same_curve(school: School):
    """Two steps of warm-up and one of the plateau are done: four of the plateau and the cosine are left."""
    parent, total = school.job_id, school.budget.total_steps
    rest = [{"name": "constant", "duration": "4st"}, {"name": "cosine", "duration": "rest"}]
    schedule = left_of(school, {**PHASES, "phases": rest}, Start(3), total=total)
    school.add_fork(parent=parent, step=3, spec=school.spec, schedule=schedule)
    school.attempt(StopFlag())
    assert traces(school, school.job_id, after=3) == traces(school, parent, after=3)


def test_another_schedule_branches_off_at_the_checkpoint(school: School):
    parent, total = school.job_id, school.budget.total_steps
    cooldown = {
        "base_lr": 1.0,
        "phases": [
            {"name": "linear", "duration": "rest", "lr": "previous", "start_factor": 1.0, "end_factor": 0.0}
        ],
    }
    start = Start(5, previous=parents_own(school).lr(5))
    school.add_fork(
        parent=parent, step=5, spec=school.spec, schedule=left_of(school, cooldown, start, total=total)
    )
    school.attempt(StopFlag())
    mine, theirs = (traces(school, j, after=5)["curve"] for j in (school.job_id, parent))
    assert mine.steps == theirs.steps
    assert list(mine.lr) == pytest.approx([0.05 * (1 - t / (total - 5)) for t in range(total - 5)])
    assert mine.loss[0] == theirs.loss[0]
    assert mine.loss[-1] != theirs.loss[-1]


def test_a_run_that_ends_inside_an_epoch_is_judged_at_its_end(school: School):
    parent, total = school.job_id, school.budget.total_steps + 1
    longer = left_of(school, {"name": "constant", "base_lr": 0.01}, Start(7), total=total)
    school.add_fork(parent=parent, step=7, spec=school.spec, schedule=longer)
    school.attempt(StopFlag())
    left = school.left()
    assert (left["step"], left["evaluations"][-1][0]) == (total, total)
    assert left["curve"].steps == tuple(range(7, total))


@pytest.mark.parametrize("committed", [False, True], ids=["before a commit", "after a commit"])
def test_it_may_be_killed_at_any_write(school: School, *, committed: bool):
    """Before it has a checkpoint of its own it begins again with its parent's, which retention has left."""
    parent, own = school.job_id, parents_own(school)
    wanted = traces(school, parent, after=3)
    for write in count(1):
        school.add_fork(parent=parent, step=3, spec=school.spec, schedule=own)
        death = Death(write, committed)
        try:
            school.attempt(death, kind=Mortal)
        except Died:
            with school.database.begin() as cx:
                row = get_job(cx, job_id=school.job_id)
                if row.status == "running":
                    requeue(cx, job_id=school.job_id, fence=row.fence, cause="died")
                prune_checkpoints(cx)
            if row.status == "running":
                school.attempt(StopFlag())
        else:
            break
        assert traces(school, school.job_id, after=3) == wanted, write
    assert write > school.budget.total_steps - 3


def test_it_may_be_stopped_before_its_first_update(school: School):
    parent = school.job_id
    school.add_fork(parent=parent, step=3, spec=school.spec, schedule=parents_own(school))
    with pytest.raises(Preempted):
        school.attempt(StopAt(1))
    school.attempt(StopFlag())
    assert traces(school, school.job_id, after=3) == traces(school, parent, after=3)


def test_checkpoints_asked_for_are_kept_beside_the_last_and_the_best(school: School):
    with school.database.begin() as cx:
        prune_checkpoints(cx, limit=100)
        row = get_job(cx, job_id=school.job_id)
        kept = {c.step: c.kept for c in list_checkpoints(cx, job_id=row.id)}
    assert {step for step, asked in kept.items() if asked} == set(CUTS)
    assert {row.step, row.best["step"] if row.best else 0} <= kept.keys()
    assert len(kept) <= len(CUTS) + 2


def test_a_fork_whose_parents_checkpoint_is_gone_says_so(school: School):
    parent = school.job_id
    school.add_fork(parent=parent, step=3, spec=school.spec, schedule=parents_own(school))
    with school.database.begin() as cx:
        cx.execute(text("DELETE FROM checkpoint WHERE job_id = :job AND step = 3"), {"job": parent})
    with pytest.raises(NotFound, match="no such checkpoint"):
        school.attempt(StopFlag())


def test_what_listens_to_the_loss_goes_on_with_the_parents_own_plan(database: Database, tmp_path: Path):
    """No gain is large enough, so plateau halves the rate after the second, third … evaluation.

    The fork begins after the first, whose count it must know; what it does then it writes as its own events.
    """
    school = School(database, Storage(tmp_path.as_uri()))
    feedback = {
        "name": "plateau",
        "monitor": "ndcg@10",
        "mode": "max",
        "factor": 0.5,
        "patience": 0,
        "threshold": 10.0,
    }
    schedule = {"name": "constant", "base_lr": 0.05, "feedback": feedback}
    school.enrol(schedule=schedule, batch_size=8, keep_checkpoints=["1ep"])
    school.add()
    school.attempt(StopFlag())
    parent, cut = school.job_id, school.budget.steps_per_epoch
    school.add_fork(parent=parent, step=cut, spec=school.spec, schedule=parents_own(school))
    school.attempt(StopFlag())
    assert traces(school, school.job_id, after=cut) == traces(school, parent, after=cut)
    assert events(school, school.job_id) == [e for e in events(school, parent) if e[0] > cut] != []


def events(school: School, job_id: UUID) -> list[tuple[int, float]]:
    with school.database.begin() as cx:
        return [(row.step, row.m_after) for row in list_lr_events(cx, job_id=job_id)]
