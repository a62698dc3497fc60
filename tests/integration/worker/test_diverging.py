"""A training that diverges: what is left of it, and what it says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from services.worker.measures import parse
from services.worker.trainings.session import StopFlag
from shared.db.curves import read_curve
from shared.db.engine import Database
from shared.db.gradients import read_layers, read_samples
from shared.db.jobs import get_job
from shared.errors import Diverged
from shared.gradients import FindingKind, find
from shared.schedules.bounds import MAX_RATE
from shared.storage import Storage
from tests.support.school import School

STEEP: dict[str, Any] = {
    "net": {"name": "neumf", "embedding_dim": 4, "hidden": [8], "init_std": 0.5},
    "optimizer": {"name": "sgd", "momentum": 0.0},
    "schedule": {
        "base_lr": 500.0,
        "phases": [
            {"name": "linear", "duration": "50%", "start_factor": 0.0001},
            {"name": "constant", "duration": "rest"},
        ],
    },
    "batch_size": 2,
    "epochs": 1,
}


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return School(database, Storage(tmp_path.as_uri())).enrol(**STEEP)


def message_of(school: School) -> str:
    school.add()
    with pytest.raises(Diverged) as failure:
        school.attempt(StopFlag())
    return failure.value.detail


def test_the_curve_reaches_to_the_first_number_that_is_none(database: Database, school: School):
    bad = int(re.findall(r"of step (\d+) is not a finite number", message_of(school))[0])
    with database.begin() as cx:
        curve = read_curve(cx, job_id=school.job_id)
        assert curve.steps == tuple(range(bad + 1))
        pairs = list(zip(curve.loss, curve.grad_norm, strict=True))
        assert all(math.isfinite(loss) and math.isfinite(norm or 0.0) for loss, norm in pairs[:-1])
        assert not all(math.isfinite(value or 0.0) for value in pairs[-1])
        assert get_job(cx, job_id=school.job_id).step == bad + 1


def test_the_message_says_where_it_began_at_which_rate_and_what_helps(database: Database, school: School):
    message = message_of(school)
    assert re.search(r"; it began (at step \d+, where|in \w|with the update of step \d+)", message)
    assert re.search(r"at learning rate [\d.e+]+", message)
    with database.begin() as cx:
        assert any(layer.name in message for layer in read_layers(cx, job_id=school.job_id))
    assert message.endswith("lower the learning rate, add warm-up or clip the gradient")


def test_the_samples_before_it_are_kept_and_show_an_explosion(
    database: Database, school: School, capsys: pytest.CaptureFixture[str]
):
    message_of(school)
    measured = filter(None, map(parse, capsys.readouterr().out.splitlines()))
    with database.begin() as cx:
        layers = read_layers(cx, job_id=school.job_id)
        samples = list(read_samples(cx, job_id=school.job_id))
    assert [s.step for s in samples] == list(range(len(samples)))
    kinds = {finding.kind for finding in find(layers, samples)}
    told = {one.name.removeprefix("found_") for one in measured if one.name.startswith("found_")}
    assert told == {kind.value for kind in kinds}
    assert {FindingKind.EXPLODING, FindingKind.NON_FINITE} <= kinds


def test_without_samples_it_still_names_the_layer(database: Database, tmp_path: Path):
    school = School(database, Storage(tmp_path.as_uri())).enrol(**STEEP, gradient_flow=None)
    message = message_of(school)
    with database.begin() as cx:
        assert list(read_samples(cx, job_id=school.job_id)) == []
    assert re.search(r"(users|items|deep_users|deep_items|user_layer|item_layer|head)", message)


def test_an_evaluation_that_meets_no_number_says_where_it_began(database: Database, tmp_path: Path):
    """The last update before the evaluation, and no other, throws the weights out of the numbers."""
    phases = [
        {"name": "constant", "duration": "1st"},
        {"name": "constant", "duration": "rest", "lr": MAX_RATE},
    ]
    changes = {**STEEP, "schedule": {"base_lr": 0.001, "phases": phases}, "batch_size": 20}
    school = School(database, Storage(tmp_path.as_uri())).enrol(**changes)
    message = message_of(school)
    assert re.match(r"the scores of items are not all finite numbers; it began (at|with)", message)
    assert message.endswith("lower the learning rate, add warm-up or clip the gradient")
    with database.begin() as cx:
        curve = read_curve(cx, job_id=school.job_id)
        assert any(layer.name in message for layer in read_layers(cx, job_id=school.job_id))
    assert curve.steps == (0, 1)
    assert all(math.isfinite(loss) for loss in curve.loss)
