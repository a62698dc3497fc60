"""LR requests and events as rows: appended, taken up once, superseded when their attempt is lost."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from shared.db.engine import Connection, Database
from shared.db.events import list_events
from shared.db.job_leases import Claim
from shared.db.job_writes import Progress, begin_events, commit_progress
from shared.db.jobs import JobRow, get_job, request_cancel, request_pause
from shared.db.lr_events import (
    LrEvents,
    NewLrEvent,
    append_events,
    list_lr_events,
    list_lr_requests,
    live_events,
    write_fork_event,
)
from shared.db.lr_requests import MAX_REQUESTS, NewLrRequest, add_lr_request
from shared.errors import Conflict, Fenced, NotFound, Refused
from shared.lifecycle import JobKind
from shared.schedules import multiplier_at
from shared.specs.ids import new_uuid
from tests.support.rows import LEASE_SECONDS, add_job, claim_one


def a_request(job: JobRow, scale: float = 0.5, **changes: object) -> NewLrRequest:
    values = {
        "id": new_uuid(),
        "job_id": job.id,
        "scale": scale,
        "reason": "too fast",
        "actor": "kid",
        "request_sha256": b"one body",
    }
    return NewLrRequest(**{**values, **changes})  # type: ignore[arg-type]


def cut(seq: int, *, step: int, before: float, after: float, cause: str = "plateau") -> NewLrEvent:
    return NewLrEvent(
        seq=seq,
        step=step,
        cause=cause,
        m_before=before,
        m_after=after,
        reason="val_loss is 0.5, best 0.4",
        controller={"best": 0.4, "bad": 0, "cooling": 0},
    )


def write(cx: Connection, claim: Claim, step: int, **changes: object) -> LrEvents | None:
    values = {"step": step, "epoch": 0, "takes_requests": True, **changes}
    return commit_progress(
        cx,
        job_id=claim.job_id,
        fence=claim.fence,
        lease_seconds=LEASE_SECONDS,
        progress=Progress(**values),  # type: ignore[arg-type]
    )


@pytest.fixture
def job(database: Database) -> JobRow:
    with database.begin() as cx:
        return add_job(cx)


@pytest.fixture
def claim(database: Database, job: JobRow) -> Claim:
    with database.begin() as cx:
        return claim_one(cx)


def shown(cx: Connection, job: JobRow) -> list[tuple[int, int, str, float, float]]:
    rows = list_lr_events(cx, job_id=job.id)
    return [(e.seq, e.step, e.cause, e.m_before, e.m_after) for e in rows]


def test_a_request_takes_effect_at_the_next_write_and_once(database: Database, job: JobRow, claim: Claim):
    with database.begin() as cx:
        request = add_lr_request(cx, new=a_request(job))
    with database.begin() as cx:
        found = write(cx, claim, 12)
    assert found is not None
    (event,) = found.live
    assert (event.step, event.cause, event.actor, event.reason) == (12, "manual", "kid", "too fast")
    assert (event.m_before, event.m_after, event.request_id) == (1.0, 0.5, request.id)
    with database.begin() as cx:
        assert write(cx, claim, 13, known_seq=1) is None
        assert shown(cx, job) == [(1, 12, "manual", 1.0, 0.5)]


def test_requests_multiply_in_the_order_they_were_asked(database: Database, job: JobRow, claim: Claim):
    with database.begin() as cx:
        for scale in (0.5, 3.0, 0.1):
            add_lr_request(cx, new=a_request(job, scale))
        write(cx, claim, 4)
        assert [event[3:] for event in shown(cx, job)] == [(1.0, 0.5), (0.5, 1.5), (1.5, 1.5 * 0.1)]


def test_a_write_before_an_evaluation_that_is_due_leaves_requests_waiting(
    database: Database, job: JobRow, claim: Claim
) -> None:
    with database.begin() as cx:
        add_lr_request(cx, new=a_request(job))
        assert write(cx, claim, 4, takes_requests=False) is None
        evaluated = cut(1, step=4, before=1.0, after=0.1)
        write(cx, claim, 4, lr_events=[evaluated], known_seq=1)
        assert shown(cx, job) == [(1, 4, "plateau", 1.0, 0.1), (2, 4, "manual", 0.1, 0.05)]


def test_a_write_repeated_after_a_lost_answer_changes_nothing_and_tells_all(
    database: Database, job: JobRow, claim: Claim
) -> None:
    with database.begin() as cx:
        add_lr_request(cx, new=a_request(job))
    for _ in range(3):
        with database.begin() as cx:
            told = write(cx, claim, 8, lr_events=[cut(1, step=8, before=1.0, after=0.5)], known_seq=1)
        assert told is not None
        assert (len(told.live), told.newest_seq) == (2, 2)
    with database.begin() as cx:
        # The first COMMIT's answer was lost with the news of a request; the next write brings it.
        assert write(cx, claim, 9, known_seq=1) == told


def test_a_lost_attempts_controller_is_superseded_and_people_are_not(
    database: Database, job: JobRow, claim: Claim
) -> None:
    with database.begin() as cx:
        write(cx, claim, 4, lr_events=[cut(1, step=4, before=1.0, after=0.5)], known_seq=1)
        add_lr_request(cx, new=a_request(job, 0.8))
        write(cx, claim, 6, known_seq=1)
        write(cx, claim, 8, lr_events=[cut(3, step=8, before=0.4, after=0.2)], known_seq=3)
    for _ in range(2):  # a second time, since its answer may be lost too
        with database.begin() as cx:
            begun = begin_events(cx, job_id=job.id, fence=claim.fence, step=2, after_seq=0)
    assert [(e.seq, e.step, e.m_after) for e in begun.live] == [(2, 6, 0.5 * 0.8)]
    assert begun.newest_seq == 5
    with database.begin() as cx:
        assert shown(cx, job)[3:] == [(4, 4, "superseded", 0.5, 1.0), (5, 8, "superseded", 0.2, 0.4)]
        assert [e.supersedes for e in list_lr_events(cx, job_id=job.id)] == [None, None, None, 1, 3]
        again = cut(6, step=4, before=1.0, after=0.5)
        told = write(cx, claim, 4, lr_events=[again], known_seq=6)
    assert told is not None
    assert [multiplier_at(told.live, step) for step in (3, 4, 5, 6, 99)] == [1.0, 0.5, 0.5, 0.4, 0.4]


def test_events_up_to_the_checkpoints_stay_live(database: Database, job: JobRow, claim: Claim):
    with database.begin() as cx:
        events = [cut(1, step=4, before=1.0, after=0.5), cut(2, step=8, before=0.5, after=0.25)]
        write(cx, claim, 8, lr_events=events, known_seq=2)
        begun = begin_events(cx, job_id=job.id, fence=claim.fence, step=5, after_seq=1)
    assert [e.seq for e in begun.live] == [1]


def test_only_the_fence_holder_settles_events(database: Database, job: JobRow, claim: Claim):
    with pytest.raises(Fenced), database.begin() as cx:
        begin_events(cx, job_id=job.id, fence=claim.fence - 1, step=0, after_seq=0)


def test_a_fork_begins_with_its_parents_multiplier(database: Database, job: JobRow, claim: Claim):
    with database.begin() as cx:
        write_fork_event(cx, job_id=job.id, step=40, multiplier=0.25, actor="kid")
        begun = begin_events(cx, job_id=job.id, fence=claim.fence, step=40, after_seq=0)
        assert [(e.seq, e.step, e.cause, e.m_after) for e in begun.live] == [(0, 40, "fork", 0.25)]
        told = write(cx, claim, 44, lr_events=[cut(1, step=44, before=0.25, after=0.1)], known_seq=1)
    assert told is not None
    assert [multiplier_at(told.live, step) for step in (40, 43, 44)] == [0.25, 0.25, 0.1]


def test_the_state_of_a_controller_is_on_record(database: Database, job: JobRow, claim: Claim):
    with database.begin() as cx:
        append_events(cx, job_id=job.id, fence=claim.fence, events=[cut(1, step=4, before=1.0, after=0.5)])
        stored = cx.execute(text("SELECT controller::text FROM lr_event")).scalar_one()
    assert json.loads(stored) == {"best": 0.4, "bad": 0, "cooling": 0}


def test_the_same_key_and_body_give_the_first_request_again(database: Database, job: JobRow):
    with database.begin() as cx:
        first = add_lr_request(cx, new=a_request(job, idempotency_key="k"))
        assert add_lr_request(cx, new=a_request(job, idempotency_key="k")) == first
        with pytest.raises(Refused) as caught:
            add_lr_request(cx, new=a_request(job, idempotency_key="k", request_sha256=b"other"))
        assert caught.value.code == "idempotency_key_reused"
        add_lr_request(cx, new=a_request(job, idempotency_key="k", actor="another"))
        assert len(list_lr_requests(cx, job_id=job.id)) == 2


def test_a_request_stands_in_the_history_of_its_job(database: Database, job: JobRow):
    with database.begin() as cx:
        request = add_lr_request(cx, new=a_request(job, idempotency_key="k"))
        add_lr_request(cx, new=a_request(job, idempotency_key="k"))
        newest = list_events(cx, job_id=job.id, after=1, limit=5)
    assert [(e.from_status, e.to_status, e.cause) for e in newest] == [
        ("queued", "queued", "lr_event_requested")
    ]
    assert newest[0].detail == {"scale": 0.5, "actor": "kid", "request": str(request.id)}


def test_the_same_key_is_answered_after_the_job_has_ended(database: Database, job: JobRow):
    with database.begin() as cx:
        first = add_lr_request(cx, new=a_request(job, idempotency_key="k"))
        request_cancel(cx, job_id=job.id)
        assert add_lr_request(cx, new=a_request(job, idempotency_key="k")) == first


def test_only_a_training_that_has_not_ended_has_a_rate_to_scale(database: Database):
    with database.begin() as cx:
        paused = add_job(cx)
        request_pause(cx, job_id=paused.id)
        add_lr_request(cx, new=a_request(get_job(cx, job_id=paused.id)))
        ended, reading = add_job(cx), add_job(cx, kind=JobKind.INGEST)
        request_cancel(cx, job_id=ended.id)
        for job in (ended, reading):
            with pytest.raises(Conflict, match="wanted a training that has not ended"):
                add_lr_request(cx, new=a_request(job))
        with pytest.raises(Conflict, match="the job's kind is recommend, its status cancelled; wanted"):
            add_lr_request(cx, new=a_request(ended))
        with pytest.raises(NotFound):
            add_lr_request(cx, new=a_request(paused, job_id=new_uuid()))


def test_the_rate_stays_within_a_billion_times_its_plan(database: Database, job: JobRow, claim: Claim):
    with database.begin() as cx:
        add_lr_request(cx, new=a_request(job, 1000.0))
        write(cx, claim, 3)
        add_lr_request(cx, new=a_request(job, 1000.0))
        add_lr_request(cx, new=a_request(job, 999.0))
        with pytest.raises(Refused) as caught:
            add_lr_request(cx, new=a_request(job, 1.1))
        assert caught.value.findings[0].loc == ("scale",)


def test_a_job_takes_a_bounded_number_of_requests(database: Database, job: JobRow):
    with database.begin() as cx:
        cx.execute(
            text(
                "INSERT INTO lr_request (id, job_id, scale, reason, actor, request_sha256)"
                " SELECT gen_random_uuid(), :job_id, 1.0, 'r', 'a', '\\x00' FROM generate_series(1, :n)"
            ),
            {"job_id": job.id, "n": MAX_REQUESTS},
        )
        with pytest.raises(Conflict, match="the most there are"):
            add_lr_request(cx, new=a_request(job))


def test_at_one_step_a_controller_comes_before_people(database: Database, job: JobRow, claim: Claim):
    """An attempt that makes an evaluation again numbers its event behind what people had asked there."""
    with database.begin() as cx:
        manual = cut(1, step=6, before=0.5, after=0.4, cause="manual")
        plateau = cut(2, step=6, before=1.0, after=0.5)
        append_events(cx, job_id=job.id, fence=claim.fence, events=[manual, plateau])
        live = live_events(list_lr_events(cx, job_id=job.id))
    assert [e.seq for e in live] == [2, 1]
    assert multiplier_at(live, 6) == 0.4
