"""The rate of a real training, moved by a controller and by people, survives kills and repeated writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import torch

from services.worker.training.checkpoint import from_bytes, restore_weights
from services.worker.trainings.recommend import plan_recommend
from services.worker.trainings.session import Session, StopFlag
from shared.db.blobs import last_checkpoint, read_blob
from shared.db.curves import read_curve, read_evaluations
from shared.db.engine import Database
from shared.db.job_leases import requeue
from shared.db.job_writes import Progress
from shared.db.jobs import get_job
from shared.db.lr_events import LrEvents, list_lr_events, list_lr_requests, live_events
from shared.db.lr_requests import NewLrRequest, add_lr_request
from shared.db.registry import read_package
from shared.features.archive import unpack
from shared.schedules import ResolvedSchedule
from shared.settings import Settings
from shared.specs.ids import new_uuid
from shared.storage import Storage
from tests.support.school import Death, Died, Mortal, School

GREEDY: dict[str, Any] = {
    "name": "greedy",
    "monitor": "val_loss",
    "factor": 0.5,
    "patience": 0,
    "max_factor": 4.0,
}
PLATEAU: dict[str, Any] = {
    "name": "plateau",
    "monitor": "ndcg@10",
    "factor": 0.5,
    "patience": 0,
    "threshold": 10.0,
}
"""No gain is ever large enough: cut after every evaluation but the first."""
ASKED = {2: 0.7, 6: 1.5, 9: 0.9}
"""Scales that a person asks for just before the write that takes them up after so many updates."""


class Asked(Session):
    """A session in whose job people meddle; what a killed attempt did not take up would come elsewhere."""

    def commit(self, progress: Progress) -> LrEvents | None:
        if progress.step in ASKED and progress.takes_requests:
            with self.database.begin() as cx:
                reason = f"asked after {progress.step}"
                if all(r.reason != reason for r in list_lr_requests(cx, job_id=self.job.id)):
                    add_lr_request(cx, new=a_request(self.job.id, ASKED[progress.step], reason))
        return super().commit(progress)


class MortalAsked(Mortal, Asked):
    """The same, and it dies at its n-th write."""


class Unsure(Asked):
    """A session whose every COMMIT seems lost and is repeated."""

    def commit(self, progress: Progress) -> LrEvents | None:
        super().commit(progress)
        return super().commit(progress)


def a_request(job_id: UUID, scale: float, reason: str) -> NewLrRequest:
    return NewLrRequest(
        id=new_uuid(), job_id=job_id, scale=scale, reason=reason, actor="kid", request_sha256=b"one"
    )


def new_school(database: Database, folder: Path, feedback: dict[str, Any]) -> School:
    schedule = {"name": "cosine", "base_lr": 0.05, "eta_min": 0.01, "feedback": feedback}
    return School(database, Storage(folder.as_uri())).enrol(schedule=schedule, batch_size=10, epochs=4)


@pytest.fixture(params=[GREEDY, PLATEAU], ids=["greedy", "plateau"])
def school(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> School:
    return new_school(database, tmp_path, request.param)


def trained(school: School, kind: type[Session] = Asked) -> dict[str, Any]:
    school.add()
    school.attempt(StopFlag(), kind=kind)
    return traces(school)


def traces(school: School) -> dict[str, Any]:
    with school.database.begin() as cx:
        row = last_checkpoint(cx, job_id=school.job_id)
        assert row is not None
        kept = from_bytes(read_blob(cx, blob=row.blob()))
        rows = list_lr_events(cx, job_id=school.job_id)
        assert [e.seq for e in rows] == list(range(1, len(rows) + 1))
        found = read_evaluations(cx, job_id=school.job_id)
        return {
            "curve": read_curve(cx, job_id=school.job_id),
            "evaluations": [(e.step, e.metrics) for e in found],
            "state": {name: tensor.tolist() for name, tensor in kept.tensors.items()},
            "controller": kept.extra["feedback"],
            "events": [
                (e.step, e.cause, e.m_before, e.m_after, e.actor, e.reason) for e in live_events(rows)
            ],
        }


def test_what_is_logged_is_what_is_planned_with_the_events(school: School):
    assert school.budget.steps_per_epoch == 3
    left = trained(school)
    with school.database.begin() as cx:
        row = get_job(cx, job_id=school.job_id)
        events = live_events(list_lr_events(cx, job_id=school.job_id))
    plan = ResolvedSchedule.model_validate(row.resolved_schedule)
    curve = left["curve"]
    assert list(curve.lr) == [plan.charted_lr(step, events) for step in curve.steps]
    assert {e.cause for e in events} == {"manual", row.spec["schedule"]["feedback"]["name"]}
    for event in events:
        if event.step < plan.total_steps:
            after = next(e.m_after for e in reversed(events) if e.step == event.step)
            assert curve.lr[event.step] == after * plan.lr(event.step), "not from the very next update on"
    assert [e.step for e in events if e.cause == "manual"] == list(ASKED)
    with school.database.begin() as cx:
        package = unpack(read_package(cx, name="board", version=row.model_version or 0))
    card = json.loads(package.files["card.json"])["lr_events"]
    assert card == [  # without actor and reason, which a package must not carry to whoever predicts
        {"step": e.step, "cause": e.cause, "m_before": e.m_before, "m_after": e.m_after} for e in events
    ]


def test_a_controller_answers_each_evaluation_before_people_do(database: Database, tmp_path: Path):
    school = new_school(database, tmp_path, PLATEAU)
    events = [(step, cause) for step, cause, *_ in trained(school)["events"]]
    assert events == [
        (2, "manual"),
        (6, "plateau"),
        (6, "manual"),
        (9, "plateau"),
        (9, "manual"),
        (12, "plateau"),
    ]


@pytest.mark.parametrize(
    ("feedback", "committed", "saves", "every"),
    [
        pytest.param(GREEDY, False, False, 3, id="greedy, before a commit"),
        pytest.param(GREEDY, True, False, 2, id="greedy, after a commit"),
        pytest.param(PLATEAU, True, False, 3, id="plateau, after a commit"),
        pytest.param(PLATEAU, True, True, 4, id="plateau, after a commit, each with a checkpoint"),
    ],
)
def test_it_may_be_killed_at_any_write(
    *, database: Database, tmp_path: Path, feedback: dict[str, Any], committed: bool, saves: bool, every: int
):
    school = new_school(database, tmp_path, feedback)
    undisturbed = trained(school)
    superseded = 0
    for write in range(1, 100, every):
        school.add()
        death = Death(write, committed)
        try:
            school.attempt(death, kind=MortalAsked, saves=saves)
        except Died:
            with school.database.begin() as cx:
                row = get_job(cx, job_id=school.job_id)
                if row.status == "running":
                    requeue(cx, job_id=school.job_id, fence=row.fence, cause="died")
            if row.status == "running":
                school.attempt(StopFlag(), kind=Asked, saves=saves)
        else:
            break
        assert traces(school) == undisturbed, write
        with school.database.begin() as cx:
            superseded += sum(e.cause == "superseded" for e in list_lr_events(cx, job_id=school.job_id))
    assert write > school.budget.total_steps
    assert saves or superseded > 0, "no attempt was lost with an event in it"


def test_repeating_every_write_changes_nothing(school: School):
    undisturbed = trained(school)
    assert trained(school, Unsure) == undisturbed


def test_what_was_asked_while_nobody_trained_holds_from_the_first_update(school: School):
    school.add()
    with school.database.begin() as cx:
        add_lr_request(cx, new=a_request(school.job_id, 0.25, "too fast"))
    school.attempt(StopFlag())
    left = traces(school)
    assert left["events"][0] == (0, "manual", 1.0, 0.25, "kid", "too fast")
    assert left["curve"].lr[0] == 0.25 * 0.05


def test_what_is_asked_after_a_kill_follows_what_was_asked_before_it(school: School):
    """The second attempt makes the first one's steps again; the new scale comes behind them."""
    school.add()
    with pytest.raises(Died):
        school.attempt(Death(4, committed=True), kind=MortalAsked)
    with school.database.begin() as cx:
        row = get_job(cx, job_id=school.job_id)
        requeue(cx, job_id=school.job_id, fence=row.fence, cause="died")
        add_lr_request(cx, new=a_request(school.job_id, 0.1, "still too fast"))
    school.attempt(StopFlag())
    manual = [event for event in traces(school)["events"] if event[1] == "manual"]
    assert manual == [
        (2, "manual", 1.0, 0.7, "kid", "asked after 2"),
        (2, "manual", 0.7, 0.7 * 0.1, "kid", "still too fast"),
    ]


FREE: dict[str, Any] = {"name": "schedule_free_adamw"}
PRODIGY: dict[str, Any] = {"name": "prodigy", "d0": 1e-3}
WARM_UP: dict[str, Any] = {
    "base_lr": 0.05,
    "phases": [
        {"name": "linear", "duration": "4st", "start_factor": 0.25},
        {"name": "constant", "duration": "rest"},
    ],
}


@pytest.mark.parametrize("optimizer", [FREE, PRODIGY], ids=["schedule-free", "prodigy"])
def test_optimizers_with_a_pace_of_their_own_go_on_too(
    database: Database, tmp_path: Path, optimizer: dict[str, Any]
) -> None:
    schedule = {**WARM_UP, "base_lr": 1.0} if optimizer is PRODIGY else WARM_UP
    school = School(database, Storage(tmp_path.as_uri()))
    school.enrol(schedule=schedule, optimizer=optimizer, batch_size=10)
    school.add()
    school.attempt(StopFlag())
    undisturbed = school.left() | traces(school)
    for write in (2, 5, 8):
        school.add()
        with pytest.raises(Died):
            school.attempt(Death(write, committed=True), kind=Mortal, saves=write == 5)
        with database.begin() as cx:
            requeue(cx, job_id=school.job_id, fence=get_job(cx, job_id=school.job_id).fence, cause="died")
        school.attempt(StopFlag())
        assert school.left() | traces(school) == undisturbed, write
    used = undisturbed["curve"].effective_lr
    planned = list(undisturbed["curve"].lr)
    assert used == tuple(planned) if optimizer is FREE else used[0] == pytest.approx(1e-3 * planned[0])


def test_the_weights_judged_kept_and_published_are_the_average(database: Database, tmp_path: Path):
    """The newest evaluation is that of the weights in the checkpoint made with it, and not of the net's."""
    school = School(database, Storage(tmp_path.as_uri()))
    school.enrol(schedule=WARM_UP, optimizer=FREE, batch_size=10)
    school.add()
    school.attempt(StopFlag())
    with database.begin() as cx:
        job = get_job(cx, job_id=school.job_id)
        row = last_checkpoint(cx, job_id=school.job_id)
        assert row is not None
        kept = from_bytes(read_blob(cx, blob=row.blob()))
        newest = read_evaluations(cx, job_id=school.job_id)[-1]
    session = Session(job, job.fence, database, school.storage, Settings(device="cpu"), StopFlag())
    schedule = ResolvedSchedule.model_validate(job.resolved_schedule)
    plan = plan_recommend(session, spec=school.spec, schedule=schedule, device=torch.device("cpu"))
    restore_weights(kept, net=plan.course.net)
    assert plan.validate() == newest.metrics
    fast = {
        name.replace("optimizer/", "net/")[: -len("/z")]: z
        for name, z in kept.tensors.items()
        if name.endswith("/z")
    }
    assert fast
    assert not any(torch.equal(kept.tensors[name], z) for name, z in fast.items())
