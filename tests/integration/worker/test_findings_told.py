"""A finding of gradient flow is counted once, however often its training is cut and goes on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.worker.measures import parse
from services.worker.metrics import TrainerMetrics
from services.worker.trainings.driver import Preempted
from services.worker.trainings.session import StopFlag
from shared.db.engine import Database
from shared.db.gradients import read_layers, read_samples
from shared.db.job_leases import requeue
from shared.db.jobs import get_job
from shared.errors import Diverged
from shared.gradients import find
from shared.schedules.bounds import MAX_RATE
from shared.storage import Storage
from tests.support.school import Death, Died, Mortal, School, StopAt

DEEP: dict[str, Any] = {
    "net": {"name": "neumf", "embedding_dim": 4, "hidden": [4] * 8, "activation": "sigmoid"},
    "schedule": {"name": "constant", "base_lr": 0.01},
    "batch_size": 8,
    "epochs": 2,
}
"""Eight sigmoids one behind the other: the gradient vanishes, and five samples in a row say so."""


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return School(database, Storage(tmp_path.as_uri())).enrol(**DEEP)


def counted(printed: str) -> dict[str, float]:
    """Return what a worker counts of what its children printed."""
    registry = CollectorRegistry()
    metrics = TrainerMetrics(registry)
    for measured in filter(None, map(parse, printed.splitlines())):
        metrics.take(measured)
    name = "gradus_trainer_gradient_findings_total"
    kinds = ("vanishing", "exploding", "dead", "non_finite")
    return {kind: value for kind in kinds if (value := registry.get_sample_value(name, {"kind": kind}))}


def on_record(school: School) -> dict[str, float]:
    """Return how many findings of each kind the stored samples show, as the API tells them."""
    with school.database.begin() as cx:
        found = find(read_layers(cx, job_id=school.job_id), read_samples(cx, job_id=school.job_id))
    return dict(Counter(finding.kind.value for finding in found))


def test_it_is_counted_once_where_nothing_is_cut(school: School, capsys: pytest.CaptureFixture[str]):
    school.add()
    school.attempt(StopFlag())
    assert counted(capsys.readouterr().out) == on_record(school) == {"vanishing": 1.0}


@pytest.mark.parametrize("saves", [False, True], ids=["checkpoints are rare", "a checkpoint at every step"])
def test_it_is_counted_once_wherever_the_trainer_is_killed(
    school: School, capsys: pytest.CaptureFixture[str], *, saves: bool
):
    for write in range(1, 100, 2):
        school.add()
        died = killed(school, Death(write, committed=False), saves=saves)
        if died:
            school.attempt(StopFlag(), saves=saves)
        assert counted(capsys.readouterr().out) == on_record(school) == {"vanishing": 1.0}, write
        if not died:
            break
    assert write > 10, "it was killed on both sides of the fifth sample, which makes the finding"


def killed(school: School, death: Death, *, saves: bool) -> bool:
    """Attempt the job; tell whether it died, and then put it back into the queue."""
    try:
        school.attempt(death, kind=Mortal, saves=saves)
    except Died:
        with school.database.begin() as cx:
            requeue(cx, job_id=school.job_id, fence=get_job(cx, job_id=school.job_id).fence, cause="died")
        return True
    return False


def test_it_is_counted_once_where_every_attempt_makes_one_update(
    school: School, capsys: pytest.CaptureFixture[str]
):
    """No attempt sees the five samples in a row that make the finding; all of them together do."""
    school.add()
    assert school.budget.total_steps >= 8
    for _ in range(school.budget.total_steps):
        with pytest.raises(Preempted):
            school.attempt(StopAt(1))
    school.attempt(StopFlag())
    assert counted(capsys.readouterr().out) == on_record(school) == {"vanishing": 1.0}


def test_it_is_counted_where_the_next_evaluation_ends_the_training(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The last update throws the weights out of the numbers, so no checkpoint ever stands behind it."""
    phases = [
        {"name": "constant", "duration": "rest"},
        {"name": "constant", "duration": "1st", "lr": MAX_RATE},
    ]
    changes = {"optimizer": {"name": "sgd"}, "schedule": {"base_lr": 0.01, "phases": phases}, "epochs": 1}
    school = School(database, Storage(tmp_path.as_uri())).enrol(**{**DEEP, **changes, "batch_size": 2})
    school.add()
    with pytest.raises(Diverged, match="not all finite numbers; it began"):
        school.attempt(StopFlag())
    assert counted(capsys.readouterr().out) == on_record(school) == {"vanishing": 1.0}
