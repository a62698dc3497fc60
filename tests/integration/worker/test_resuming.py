"""A real training, stopped and killed wherever it can be, ends as the undisturbed one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.worker.trainings.driver import Preempted
from services.worker.trainings.session import StopFlag
from shared.db.engine import Database
from shared.db.job_leases import requeue
from shared.db.jobs import get_job
from shared.errors import Conflict
from shared.storage import Storage
from tests.support.school import Death, Died, Mortal, School, StopAt

TWICE = {"monitor": "ndcg@10", "patience": 1, "min_delta": 10.0}
"""No gain is ever large enough: stopped after the second evaluation."""


@pytest.fixture(params=[None, TWICE], ids=["whole", "stopped early"])
def school(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> School:
    return School(database, Storage(tmp_path.as_uri())).enrol(early_stopping=request.param)


@pytest.fixture
def undisturbed(school: School) -> dict[str, Any]:
    school.add()
    school.attempt(StopFlag())
    return school.left()


def test_it_may_be_stopped_after_any_step_and_anywhere_in_judging(
    school: School, undisturbed: dict[str, Any]
):
    """Judging looks before and after, before a score of the net and of popularity, before each baseline is
    fitted, before EASE's four settings and the best of them are scored, and before the intervals: 12 times.
    """
    watched = StopAt(1_000)
    school.add()
    school.attempt(watched)
    assert watched.looks == undisturbed["step"] - 1 + 12
    for look in range(1, watched.looks + 1):
        school.add()
        with pytest.raises(Preempted):
            school.attempt(StopAt(look))
        school.attempt(StopFlag())
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
