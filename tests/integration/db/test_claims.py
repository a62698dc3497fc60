from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from shared.db.engine import Database
from shared.db.job_leases import Claim, claim
from shared.db.jobs import list_events, request_cancel
from tests.support.rows import LEASE_SECONDS, add_job, claim_one


def try_claim(database: Database, number: int) -> Claim | None:
    with database.begin() as cx:
        return claim(cx, worker_id=f"worker-{number}", lease_seconds=LEASE_SECONDS)


def test_of_twenty_concurrent_claims_exactly_one_wins(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
    with ThreadPoolExecutor(20) as pool:
        claims = list(pool.map(lambda n: try_claim(database, n), range(20)))
    won = [one for one in claims if one is not None]
    assert [(one.job_id, one.fence, one.attempt) for one in won] == [(job.id, 1, 1)]


def test_twenty_workers_take_twenty_different_jobs(database: Database):
    with database.begin() as cx:
        wanted = {add_job(cx).id for _ in range(20)}
    with ThreadPoolExecutor(20) as pool:
        claims = list(pool.map(lambda n: try_claim(database, n), range(20)))
    assert {one.job_id for one in claims if one is not None} == wanted


def test_the_best_job_is_claimed_first_then_the_oldest(database: Database):
    with database.begin() as cx:
        old, new, urgent = add_job(cx).id, add_job(cx).id, add_job(cx, priority=5).id
        assert [claim_one(cx).job_id for _ in range(3)] == [urgent, old, new]


def test_nothing_queued_is_no_claim(database: Database):
    assert try_claim(database, 1) is None


def test_a_cancelled_job_is_not_claimed(database: Database):
    with database.begin() as cx:
        request_cancel(cx, job_id=add_job(cx).id)
    assert try_claim(database, 1) is None


def test_a_claim_is_on_record_with_worker_and_fence(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        claim_one(cx, worker_id="worker-7")
        events = list_events(cx, job_id=job.id)
    assert [(e.seq, e.from_status, e.to_status, e.cause) for e in events] == [
        (1, None, "queued", "created"),
        (2, "queued", "running", "claimed"),
    ]
    assert events[1].detail == {"worker": "worker-7", "fence": 1, "attempt": 1}


def test_claiming_uses_the_index_of_queued_jobs(database: Database):
    with database.begin() as cx:
        cx.execute(
            text(
                "INSERT INTO job (id, owner, kind, spec, status, request_sha256) "
                "SELECT gen_random_uuid(), 'x', 'recommend', '{}', 'succeeded', '' "
                "FROM generate_series(1, 5000)"
            )
        )
        add_job(cx)
    with database.begin() as cx:
        cx.execute(text("ANALYZE job"))
        plan = cx.execute(
            text(
                "EXPLAIN SELECT id FROM job WHERE status = 'queued' AND cancel_requested_at IS NULL "
                "ORDER BY priority DESC, created_at, id LIMIT 1"
            )
        ).scalars()
        assert "ix_job_queued" in "\n".join(plan)
