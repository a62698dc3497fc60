import math
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import func, select

from shared.db.blobs import last_checkpoint, list_checkpoints, prune_checkpoints, read_blob
from shared.db.curves import NewEvaluation, read_curve, read_evaluations, read_points
from shared.db.datasets import get_dataset
from shared.db.engine import Connection, Database
from shared.db.job_leases import renew, requeue
from shared.db.job_writes import (
    Finished,
    Progress,
    commit_progress,
    finish,
    finish_reading,
    refuse_reading,
)
from shared.db.jobs import JobRow, get_job, get_report, list_events
from shared.db.registry import get_version, read_package
from shared.db.tables import metadata
from shared.errors import Fenced
from tests.support.rows import (
    LEASE_SECONDS,
    a_checkpoint,
    a_result,
    add_dataset,
    add_job,
    claim_one,
    points,
    progress_to,
)


def commit(cx: Connection, job_id: UUID, fence: int, progress: Progress) -> None:
    commit_progress(cx, job_id=job_id, fence=fence, lease_seconds=LEASE_SECONDS, progress=progress)


def rows_in(cx: Connection, table: str) -> int:
    return int(cx.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one())


def test_progress_writes_points_evaluations_and_the_row_together(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        evaluated = NewEvaluation(step=10, epoch=1, metrics={"ndcg@10": 0.3})
        best = {"step": 10, "metrics": {"ndcg@10": 0.3}}
        progress = progress_to(10, evaluations=[evaluated], samples_per_second=1234.5, best=best)
        commit(cx, job.id, won.fence, progress)
        row = get_job(cx, job_id=job.id)
        assert (row.step, row.epoch, row.samples_per_second) == (10, 1, 1234.5)
        assert (row.metrics, row.best) == ({"ndcg@10": 0.3}, best)
        assert read_curve(cx, job_id=job.id).steps == tuple(range(10))
        assert [(e.step, e.metrics) for e in read_evaluations(cx, job_id=job.id)] == [(10, {"ndcg@10": 0.3})]


def test_a_fenced_trainer_writes_nothing_at_all(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        requeue(cx, job_id=job.id, fence=won.fence, cause="lost")
        claim_one(cx, worker_id="worker-2")
    with pytest.raises(Fenced), database.begin() as cx:
        commit(cx, job.id, won.fence, progress_to(10, checkpoint=a_checkpoint(10)))
    with database.begin() as cx:
        assert [rows_in(cx, t) for t in ("curve_point", "checkpoint", "checkpoint_chunk")] == [0, 0, 0]
        assert get_job(cx, job_id=job.id).step == 0


def test_a_fenced_trainer_cannot_finish(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        requeue(cx, job_id=job.id, fence=won.fence, cause="lost")
        claim_one(cx, worker_id="worker-2")
    with pytest.raises(Fenced), database.begin() as cx:
        finish(cx, job_id=job.id, fence=won.fence, progress=progress_to(10), result=a_result(job))
    with database.begin() as cx:
        assert [rows_in(cx, t) for t in ("model_version", "package_chunk", "curve_point")] == [0, 0, 0]


def test_repeating_a_commit_whose_outcome_was_unknown_changes_nothing(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
    progress = progress_to(10, checkpoint=a_checkpoint(10, payload=b"state after ten"))
    for _ in range(2):
        with database.begin() as cx:
            commit(cx, job.id, won.fence, progress)
    with database.begin() as cx:
        assert [rows_in(cx, t) for t in ("curve_point", "checkpoint", "checkpoint_chunk")] == [10, 1, 1]
        last = last_checkpoint(cx, job_id=job.id)
        assert last is not None
        assert read_blob(cx, blob=last.blob()) == b"state after ten"


def test_repeating_the_finish_returns_the_first_ones_version(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
    result, progress = a_result(job), progress_to(10)
    done = []
    for _ in range(2):
        with database.begin() as cx:
            done.append(
                finish(cx, job_id=job.id, fence=won.fence, progress=progress, result=result).model_version
            )
    with database.begin() as cx:
        assert done == [1, 1]
        assert [rows_in(cx, t) for t in ("model_version", "package_chunk", "alias_history")] == [1, 1, 1]


def test_a_finish_that_meets_its_own_first_commit_on_the_way_returns_what_it_wrote(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as first:
            finish(first, job_id=job.id, fence=won.fence, progress=progress_to(10), result=a_result(job))
            second = pool.submit(_finish_again, database, job, won.fence)
            time.sleep(0.3)  # the second waits at the guard for the first one's row lock
            assert not second.done()
        assert second.result(timeout=5).model_version == 1
    with database.begin() as cx:
        assert [rows_in(cx, t) for t in ("model_version", "package_chunk")] == [1, 1]


def _finish_again(database: Database, job: JobRow, fence: int) -> Finished:
    with database.begin() as cx:
        return finish(cx, job_id=job.id, fence=fence, progress=progress_to(10), result=a_result(job))


def test_finishing_writes_version_report_metrics_and_history(database: Database):
    with database.begin() as cx:
        job = add_job(cx, dataset_id=add_dataset(cx), dataset_version=1)
        won = claim_one(cx)
        done = finish(
            cx, job_id=job.id, fence=won.fence, progress=progress_to(100), result=a_result(job, ndcg=0.41)
        )
        row = get_job(cx, job_id=job.id)
        version = get_version(cx, name="films", version=1)
        assert done.publication == "alias production points at version 1"
        assert (row.status, row.model_version, row.step) == ("succeeded", 1, 100)
        assert (row.lease_until, row.worker_id) == (None, None)
        assert row.metrics == {"ndcg@10": 0.41}
        assert get_report(cx, job_id=job.id) == {"winner": "mf"}
        assert (version.job_id, version.dataset_id) == (job.id, job.dataset_id)
        assert read_package(cx, name="films", version=1) == b"package"
        last = list_events(cx, job_id=job.id)[-1]
        assert (last.to_status, last.detail["publication"]) == ("succeeded", done.publication)


def test_a_long_checkpoint_does_not_keep_the_lease_from_being_renewed(database: Database):
    """Chunks first, guard last: the row is locked only for the moment after the COPY."""
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
    payload = bytes(64 * 1024 * 1024)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_commit_checkpoint, database, job.id, won.fence, payload)
        slowest = 0.0
        while not writing.done():
            began = time.monotonic()
            with database.begin() as cx:
                renew(cx, job_id=job.id, fence=won.fence, lease_seconds=LEASE_SECONDS)
            slowest = max(slowest, time.monotonic() - began)
        took = writing.result()
    assert slowest < max(0.5, took / 2)


def _commit_checkpoint(database: Database, job_id: UUID, fence: int, payload: bytes) -> float:
    began = time.monotonic()
    with database.begin() as cx:
        commit(cx, job_id, fence, Progress(step=1, epoch=0, checkpoint=a_checkpoint(1, payload=payload)))
    return time.monotonic() - began


def test_points_written_again_replace_the_old_ones(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        commit(cx, job.id, won.fence, Progress(step=5, epoch=0, points=points(0, 4, loss=0.9)))
        commit(cx, job.id, won.fence, Progress(step=8, epoch=0, points=points(3, 7, loss=0.1)))
        assert read_curve(cx, job_id=job.id).loss == (0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1)


def test_points_are_read_on_from_a_step_and_between_steps(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        commit(cx, job.id, won.fence, progress_to(30))
        assert read_points(cx, job_id=job.id, after=26).steps == (27, 28, 29)
        assert read_points(cx, job_id=job.id, limit=2).steps == (0, 1)
        assert read_curve(cx, job_id=job.id, from_step=10, to_step=13).steps == (10, 11, 12)
        assert read_points(cx, job_id=job.id, after=29).steps == ()


def test_a_loss_that_is_not_a_number_is_kept_as_one(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        commit(cx, job.id, won.fence, Progress(step=1, epoch=0, points=points(0, 0, loss=float("nan"))))
        (loss,) = read_curve(cx, job_id=job.id).loss
        assert math.isnan(loss)


def test_a_new_attempt_drops_what_was_written_after_the_checkpoint(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        commit(cx, job.id, won.fence, progress_to(10, checkpoint=a_checkpoint(10)))
        later = NewEvaluation(step=15, epoch=1, metrics={"ndcg@10": 0.2})
        commit(cx, job.id, won.fence, Progress(step=15, epoch=1, points=points(10, 14), evaluations=[later]))
        requeue(cx, job_id=job.id, fence=won.fence, cause="killed_SIGKILL")
        assert claim_one(cx).step == 0 + 15  # what the row said when it was claimed
        assert get_job(cx, job_id=job.id).step == 10
        assert read_curve(cx, job_id=job.id).steps == tuple(range(10))
        assert read_evaluations(cx, job_id=job.id) == []


def test_retention_keeps_the_last_and_the_best_checkpoint(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        for step, best in ((10, False), (20, True), (30, False), (40, False)):
            new = a_checkpoint(step, payload=b"x" * step, best=best)
            commit(cx, job.id, won.fence, Progress(step=step, epoch=0, checkpoint=new))
        assert prune_checkpoints(cx) == 2
        assert prune_checkpoints(cx) == 0
        assert [row.step for row in list_checkpoints(cx, job_id=job.id)] == [40, 20]
        assert rows_in(cx, "checkpoint_chunk") == 2


def test_metrics_that_are_not_numbers_become_null_in_json(database: Database):
    with database.begin() as cx:
        job = add_job(cx)
        won = claim_one(cx)
        odd = NewEvaluation(step=1, epoch=0, metrics={"auroc": float("nan"), "brier": 0.2})
        commit(cx, job.id, won.fence, Progress(step=1, epoch=0, evaluations=[odd]))
        assert get_job(cx, job_id=job.id).metrics == {"auroc": None, "brier": 0.2}


class TestReading:
    def test_a_read_data_set_is_ready_together_with_its_job(self, database: Database):
        with database.begin() as cx:
            dataset_id = add_dataset(cx)
            job = add_job(cx, kind="ingest", dataset_id=dataset_id)
            won = claim_one(cx)
            for _ in range(2):  # the second is the repeat of an unknown COMMIT
                finish_reading(cx, job_id=job.id, fence=won.fence, summary={"rows": 7, "columns": []})
            row = get_dataset(cx, dataset_id=dataset_id)
            assert (row.status, row.summary) == ("ready", {"rows": 7, "columns": []})
            assert get_job(cx, job_id=job.id).status == "succeeded"

    def test_a_refused_data_set_says_where(self, database: Database):
        with database.begin() as cx:
            dataset_id = add_dataset(cx)
            job = add_job(cx, kind="ingest", dataset_id=dataset_id)
            won = claim_one(cx)
            error = {
                "file": "ratings.csv",
                "row": 3,
                "column": "rating",
                "wanted": "a number",
                "came": "text",
            }
            refuse_reading(cx, job_id=job.id, fence=won.fence, errors=[error])
            row = get_dataset(cx, dataset_id=dataset_id)
            assert (row.status, row.errors) == ("refused", [error])
            assert get_job(cx, job_id=job.id).error_code == "unreadable_files"

    def test_a_fenced_reader_changes_no_data_set(self, database: Database):
        with database.begin() as cx:
            dataset_id = add_dataset(cx)
            job = add_job(cx, kind="ingest", dataset_id=dataset_id)
            won = claim_one(cx)
        with pytest.raises(Fenced), database.begin() as cx:
            finish_reading(cx, job_id=job.id, fence=won.fence + 1, summary={"rows": 7})
        with database.begin() as cx:
            assert get_dataset(cx, dataset_id=dataset_id).status == "reading"
