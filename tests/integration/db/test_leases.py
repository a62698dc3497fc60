from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared.db.blobs import write_chunks
from shared.db.engine import Connection, Database
from shared.db.job_leases import (
    Ended,
    cancel_waiting,
    fail,
    list_unpublished,
    reap_expired,
    renew,
    requeue,
    yield_up,
)
from shared.db.job_writes import Progress, commit_progress
from shared.db.jobs import (
    JobRow,
    get_job,
    list_events,
    mark_published,
    request_cancel,
    request_pause,
    resume,
)
from shared.errors import Conflict, Fenced, NotFound
from shared.specs.ids import new_uuid
from tests.support.rows import LEASE_SECONDS, a_checkpoint, add_dataset, add_job, claim_one, progress_to

Ask = Callable[..., JobRow]


def expire(cx: Connection) -> None:
    cx.execute(
        text("UPDATE job SET lease_until = clock_timestamp() - interval '1 s' WHERE status = 'running'")
    )


def test_renewing_extends_the_lease_and_brings_requests_along(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx, lease_seconds=1.0)
        before = get_job(cx, job_id=job.id).lease_until
        request_pause(cx, job_id=job.id)
        renewal = renew(cx, job_id=job.id, fence=won.fence, lease_seconds=60.0)
        after = get_job(cx, job_id=job.id).lease_until
    assert before is not None
    assert after is not None
    assert after - before > timedelta(seconds=50)
    assert renewal.pause_requested_at is not None
    assert renewal.cancel_requested_at is None


def test_a_lost_lease_cannot_be_renewed(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        first = claim_one(cx)
        expire(cx)
        reap_expired(cx)
        claim_one(cx, worker_id="worker-2")
        with pytest.raises(Fenced):
            renew(cx, job_id=job.id, fence=first.fence, lease_seconds=LEASE_SECONDS)


def test_a_live_lease_is_not_reaped(database: Database):
    with database.begin() as cx:
        add_job(cx)
        claim_one(cx)
        assert reap_expired(cx) == []


def test_an_expired_lease_requeues_the_job_without_a_worker(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        claim_one(cx)
        expire(cx)
        assert [(e.job_id, e.status) for e in reap_expired(cx)] == [(job.id, "queued")]
        row = get_job(cx, job_id=job.id)
        assert (row.status, row.worker_id, row.lease_until) == ("queued", None, None)
        assert list_events(cx, job_id=job.id)[-1].cause == "lease_expired"


def test_reaping_twice_reaps_once(database: Database):
    with database.begin() as cx:
        add_job(cx)
        claim_one(cx)
        expire(cx)
        assert len(reap_expired(cx)) == 1
        assert reap_expired(cx) == []


def test_a_job_that_keeps_losing_its_worker_fails_after_its_attempts(database: Database):
    with database.begin() as cx:
        job = add_job(cx, max_attempts=3)
        became = []
        for _ in range(3):
            claim_one(cx)
            expire(cx)
            became += [e.status for e in reap_expired(cx)]
        row = get_job(cx, job_id=job.id)
    assert became == ["queued", "queued", "failed"]
    assert row.error_code == "worker_lost"
    assert row.error_message == "the job ended its worker 3 times without reaching a new checkpoint"
    assert row.finished_at is not None


def test_a_checkpoint_starts_the_count_of_attempts_anew(database: Database):
    with database.begin() as cx:
        job = add_job(cx, max_attempts=2)
        for step in (10, 20, 30, 40):
            won = claim_one(cx)
            commit_progress(
                cx,
                job_id=job.id,
                fence=won.fence,
                lease_seconds=LEASE_SECONDS,
                progress=progress_to(step, checkpoint=a_checkpoint(step)),
            )
            requeue(cx, job_id=job.id, fence=won.fence, cause="killed_SIGKILL")
        assert get_job(cx, job_id=job.id).status == "queued"
        assert get_job(cx, job_id=job.id).attempt == 4


def test_a_process_that_dies_is_a_strike_and_the_cause_is_on_record(database: Database):
    with database.begin() as cx:
        job = add_job(cx, max_attempts=1)
        won = claim_one(cx)
        ended = requeue(cx, job_id=job.id, fence=won.fence, cause="killed_SIGSEGV")
        assert (ended.status, ended.error_code) == ("failed", "worker_lost")
        assert list_events(cx, job_id=job.id)[-1].cause == "killed_SIGSEGV"


def test_giving_back_in_good_order_is_no_strike(database: Database):
    with database.begin() as cx:
        job = add_job(cx, max_attempts=1)
        for _ in range(4):
            won = claim_one(cx)
            assert yield_up(cx, job_id=job.id, fence=won.fence).status == "queued"


def test_only_the_holder_may_give_back_fail_or_requeue(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        fence = claim_one(cx).fence
        with pytest.raises(Fenced):
            yield_up(cx, job_id=job.id, fence=fence + 1)
        with pytest.raises(Fenced):
            requeue(cx, job_id=job.id, fence=fence - 1, cause="x")
        with pytest.raises(Fenced):
            fail(cx, job_id=job.id, fence=fence + 1, code="diverged", message="m")
        assert get_job(cx, job_id=job.id).status == "running"


def test_a_failed_reading_refuses_its_data_set(database: Database):
    with database.begin() as cx:
        dataset_id = add_dataset(cx)
        job = add_job(cx, kind="ingest", dataset_id=dataset_id, max_attempts=1)
        won = claim_one(cx)
        requeue(cx, job_id=job.id, fence=won.fence, cause="killed_SIGKILL")
        row = cx.execute(text("SELECT status, errors FROM dataset")).one()
    assert row.status == "refused"
    assert row.errors[0]["came"] == "the reading ended: worker_lost"


class TestRequests:
    def test_cancelling_a_queued_job_ends_it_at_once(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            assert request_cancel(cx, job_id=job.id).status == "cancelled"
            assert get_job(cx, job_id=job.id).finished_at is not None

    def test_cancelling_twice_changes_nothing(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            first = request_cancel(cx, job_id=job.id)
            assert request_cancel(cx, job_id=job.id) == first
            assert len(list_events(cx, job_id=job.id)) == 2

    def test_cancelling_a_running_job_waits_for_its_trainer(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            won = claim_one(cx)
            row = request_cancel(cx, job_id=job.id)
            assert (row.status, row.cancel_requested_at is not None) == ("running", True)
            assert yield_up(cx, job_id=job.id, fence=won.fence).status == "cancelled"

    def test_a_trainer_may_still_write_its_last_checkpoint_while_cancelling(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            won = claim_one(cx)
            request_cancel(cx, job_id=job.id)
            commit_progress(
                cx,
                job_id=job.id,
                fence=won.fence,
                lease_seconds=LEASE_SECONDS,
                progress=progress_to(7, checkpoint=a_checkpoint(7)),
            )
            yield_up(cx, job_id=job.id, fence=won.fence)
            row = get_job(cx, job_id=job.id)
        assert (row.status, row.step, row.last_checkpoint is not None) == ("cancelled", 7, True)

    def test_a_worker_lost_while_cancelling_still_cancels(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            claim_one(cx)
            request_cancel(cx, job_id=job.id)
            expire(cx)
            assert [e.status for e in reap_expired(cx)] == ["cancelled"]
            assert get_job(cx, job_id=job.id).error_code is None

    def test_pausing_and_resuming_a_running_job(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            won = claim_one(cx)
            assert request_pause(cx, job_id=job.id).status == "running"
            assert yield_up(cx, job_id=job.id, fence=won.fence).status == "paused"
            dataset_id = add_dataset(cx)
            cx.execute(text("UPDATE job SET dataset_id = :d"), {"d": dataset_id})
            row = resume(cx, job_id=job.id)
            assert (row.status, row.pause_requested_at) == ("queued", None)
            assert claim_one(cx).fence == 2

    def test_pausing_a_queued_job_keeps_it_from_being_claimed(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            assert request_pause(cx, job_id=job.id).status == "paused"
            assert list_unpublished(cx, older_than_seconds=0) == []

    def test_a_job_being_stopped_cannot_be_resumed_yet(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            claim_one(cx)
            request_pause(cx, job_id=job.id)
            with pytest.raises(Conflict) as raised:
                resume(cx, job_id=job.id)
            assert raised.value.code == "job_stopping"

    def test_resuming_a_failed_job_gives_it_all_its_attempts_again(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx, max_attempts=1, dataset_id=add_dataset(cx))
            won = claim_one(cx)
            fail(cx, job_id=job.id, fence=won.fence, code="diverged", message="the loss became NaN")
            row = resume(cx, job_id=job.id)
            assert (row.status, row.error_code, row.finished_at) == ("queued", None, None)
            won = claim_one(cx)
            assert requeue(cx, job_id=job.id, fence=won.fence, cause="x").status == "failed"

    def test_a_job_whose_data_set_is_gone_cannot_be_resumed(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            request_pause(cx, job_id=job.id)
            with pytest.raises(Conflict) as raised:
                resume(cx, job_id=job.id)
            assert raised.value.code == "dataset_gone"

    @pytest.mark.parametrize("ask", [request_cancel, request_pause, resume])
    def test_a_finished_job_stays_finished(self, database: Database, ask: Ask):
        with database.begin() as cx:
            job = add_job(cx)
            cx.execute(text("UPDATE job SET status = 'succeeded'"))
            with pytest.raises(Conflict):
                ask(cx, job_id=job.id)

    @pytest.mark.parametrize("ask", [request_cancel, request_pause, resume])
    def test_a_job_that_does_not_exist_is_not_found(self, database: Database, ask: Ask):
        with database.begin() as cx, pytest.raises(NotFound):
            ask(cx, job_id=new_uuid())

    def test_a_cancel_that_met_the_job_between_workers_is_settled_by_the_sweeper(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            cx.execute(text("UPDATE job SET cancel_requested_at = clock_timestamp()"))
            assert [e.job_id for e in cancel_waiting(cx)] == [job.id]
            assert cancel_waiting(cx) == []


class TestOutbox:
    def test_a_new_job_is_unpublished_until_it_is_marked(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            assert list_unpublished(cx, older_than_seconds=60) == [job.id]
            mark_published(cx, job_ids=[job.id])
            assert list_unpublished(cx, older_than_seconds=60) == []

    def test_an_old_message_no_longer_counts(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            cx.execute(text("UPDATE job SET published_at = clock_timestamp() - interval '61 s'"))
            assert list_unpublished(cx, older_than_seconds=60) == [job.id]

    def test_a_requeued_job_is_unpublished_again(self, database: Database):
        with database.begin() as cx:
            job = add_job(cx)
            mark_published(cx, job_ids=[job.id])
            won = claim_one(cx)
            requeue(cx, job_id=job.id, fence=won.fence, cause="x")
            assert list_unpublished(cx, older_than_seconds=60) == [job.id]


def test_a_checkpoint_being_written_hides_no_dead_job_from_the_sweeper(database: Database):
    """The trainer's COPY comes before its guard, so a stalled one locks nothing that SKIP LOCKED skips."""
    with database.begin() as cx:
        job = add_job(cx)
        claim_one(cx)
    with database.begin() as stalled:
        write_chunks(stalled, table="checkpoint_chunk", owner_id=new_uuid(), payload=b"half")
        with database.begin() as cx:
            expire(cx)
            assert [e.job_id for e in reap_expired(cx)] == [job.id]
        stalled.rollback()


def test_a_job_locked_by_a_live_writer_is_not_dead(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        expire(cx)
    with database.begin() as writer:
        progress = Progress(step=1, epoch=0)
        commit_progress(
            writer, job_id=job.id, fence=won.fence, lease_seconds=LEASE_SECONDS, progress=progress
        )
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_reap, database).result(timeout=2) == []
    assert _reap(database) == []  # and its write has extended the lease


def _reap(database: Database) -> list[Ended]:
    with database.begin() as cx:
        return reap_expired(cx)
