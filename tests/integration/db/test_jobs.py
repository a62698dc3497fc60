from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.db.engine import Database
from shared.db.events import Transition, record_event
from shared.db.jobs import (
    Inserted,
    JobCount,
    JobFilter,
    count_jobs,
    get_job,
    get_report,
    insert_job,
    list_events,
    list_jobs,
    oldest_queued_seconds,
)
from shared.errors import NotFound, Refused
from shared.lifecycle import JobKind, JobStatus
from shared.specs.ids import new_uuid
from tests.support.rows import a_job, add_dataset, add_job, claim_one


def insert(database: Database, **changes: object) -> Inserted:
    with database.begin() as cx:
        return insert_job(cx, job=a_job(**changes))


def test_forty_concurrent_posts_of_one_key_make_one_job(database: Database):
    with ThreadPoolExecutor(40) as pool:
        done = list(pool.map(lambda _: insert(database, idempotency_key="again"), range(40)))
    assert [one.created for one in done].count(True) == 1
    assert len({one.row.id for one in done}) == 1
    with database.begin() as cx:
        assert count_jobs(cx) == [JobCount("queued", "recommend", 1)]
        assert len(list_events(cx, job_id=done[0].row.id)) == 1


def test_the_same_key_with_another_body_is_refused(database: Database):
    insert(database, idempotency_key="again")
    with pytest.raises(Refused) as raised:
        insert(database, idempotency_key="again", request_sha256=b"another body")
    assert raised.value.code == "idempotency_key_reused"


def test_the_same_key_of_another_owner_is_another_job(database: Database):
    first = insert(database, idempotency_key="again")
    second = insert(database, idempotency_key="again", owner="somebody else")
    assert second.created
    assert second.row.id != first.row.id


def test_without_a_key_every_request_is_a_job(database: Database):
    assert insert(database).row.id != insert(database).row.id


def test_a_job_of_a_deleted_data_set_is_not_created(database: Database):
    with pytest.raises(NotFound) as raised:
        insert(database, dataset_id=new_uuid())
    assert raised.value.code == "dataset_not_found"


def test_a_row_reads_back_what_was_inserted(database: Database):
    spec = {"model": "films", "net": {"name": "mf"}}
    with database.begin() as cx:
        dataset_id = add_dataset(cx)
        job = add_job(
            cx, spec=spec, resolved_schedule={"phases": []}, dataset_id=dataset_id, dataset_version=1
        )
        row = get_job(cx, job_id=job.id)
    assert (row.spec, row.resolved_schedule, row.dataset_id) == (spec, {"phases": []}, dataset_id)
    assert (row.status, row.fence, row.attempt, row.step, row.total_steps) == ("queued", 0, 0, 0, 100)


def test_what_does_not_exist_is_not_found(database: Database):
    with database.begin() as cx:
        with pytest.raises(NotFound):
            get_job(cx, job_id=new_uuid())
        with pytest.raises(NotFound):
            get_report(cx, job_id=new_uuid())


def test_a_job_that_has_not_finished_has_no_report(database: Database):
    with database.begin() as cx:
        assert get_report(cx, job_id=add_job(cx).id) is None


class TestLists:
    def test_pages_follow_each_other_newest_first_without_gap_or_repeat(self, database: Database):
        made = [insert(database).row.id for _ in range(7)]
        seen, after = [], None
        with database.begin() as cx:
            while page := list_jobs(cx, limit=3, after=after):
                seen += [row.id for row in page]
                after = page[-1].id
        assert seen == made[::-1]

    def test_filters_narrow_the_list(self, database: Database):
        with database.begin() as cx:
            films, books = add_job(cx).id, add_job(cx, model="books").id
            reading = add_job(cx, kind=JobKind.INGEST, model=None).id
            assert claim_one(cx).job_id == films
            assert [row.id for row in list_jobs(cx, limit=9)] == [books, films]
            assert [row.id for row in list_jobs(cx, limit=9, only=JobFilter(statuses=["running"]))] == [films]
            assert [row.id for row in list_jobs(cx, limit=9, only=JobFilter(model="books"))] == [books]
            assert [row.id for row in list_jobs(cx, limit=9, only=JobFilter(kinds=["ingest"]))] == [reading]

    def test_counts_are_by_status_and_kind(self, database: Database):
        with database.begin() as cx:
            for _ in range(3):
                add_job(cx)
            add_job(cx, kind=JobKind.INGEST)
            claim_one(cx)
            counted = {(one.status, one.kind): one.count for one in count_jobs(cx)}
        assert counted == {("running", "recommend"): 1, ("queued", "recommend"): 2, ("queued", "ingest"): 1}

    def test_the_age_of_the_oldest_queued_job_is_zero_without_one(self, database: Database):
        with database.begin() as cx:
            assert oldest_queued_seconds(cx) == 0
            add_job(cx)
        with database.begin() as cx:
            assert 0 < oldest_queued_seconds(cx) < 30


def test_a_transition_that_never_happens_is_our_own_bug(database: Database):
    revived = Transition(
        from_status=JobStatus.CANCELLED, to_status=JobStatus.RUNNING, cause="claimed", detail={}
    )
    with database.begin() as cx, pytest.raises(AssertionError, match="cancelled never becomes running"):
        record_event(cx, job_id=add_job(cx).id, transition=revived)
