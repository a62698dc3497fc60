"""The judge of the fault runs must itself be able to find each kind of fault."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from bench.chaos.verdict import Remains, Verdict, judge, remains_of
from shared.db.engine import Database
from shared.db.job_writes import finish
from shared.features.archive import pack
from shared.specs.ids import new_uuid, public_id
from tests.support.rows import a_checkpoint, a_result, add_job, claim_one, progress_to


def train(database: Database, *, loss: float = 0.5, weights: bytes = b"weights", net: bytes = b"net") -> UUID:
    with database.begin() as cx:
        job = add_job(cx)
        fence = claim_one(cx).fence
        result = a_result(job)
        packed = pack({"model.onnx": net}, {"task": "recommend"})
        result = replace(result, version=replace(result.version, package=packed))
        points = progress_to(10).points
        assert points is not None
        progress = progress_to(
            10, points=replace(points, loss=[loss] * 10), checkpoint=a_checkpoint(10, payload=weights)
        )
        finish(cx, job_id=job.id, fence=fence, progress=progress, result=result)
        return job.id


@pytest.fixture
def calm(database: Database) -> dict[str, Remains]:
    job_id = train(database)
    with database.begin() as cx:
        return {"films": remains_of(cx, job_id)}


def verdict_on(database: Database, calm: dict[str, Remains], *jobs: UUID) -> Verdict:
    return judge(database, calm, {"films": [public_id("job", job) for job in jobs]})


def test_equal_jobs_are_clean(database: Database, calm: dict[str, Remains]):
    verdict = verdict_on(database, calm, train(database), train(database))
    assert verdict.clean
    assert (verdict.jobs, verdict.points, verdict.attempts) == (2, 20, [1, 1])


def test_another_loss_is_a_difference(database: Database, calm: dict[str, Remains]):
    verdict = verdict_on(database, calm, train(database, loss=0.5000001))
    assert [one.split(": ")[1] for one in verdict.different] == ["curve"]


def test_other_weights_are_a_difference(database: Database, calm: dict[str, Remains]):
    verdict = verdict_on(database, calm, train(database, weights=b"Weights", net=b"Net"))
    assert [one.split(": ")[1] for one in verdict.different] == ["last_checkpoint, net"]


def test_a_missing_point_is_a_difference(database: Database, calm: dict[str, Remains]):
    job_id = train(database)
    with database.begin() as cx:
        cx.execute(text("DELETE FROM curve_point WHERE job_id = :id AND step = 4"), {"id": job_id})
    assert [one.split(": ")[1] for one in verdict_on(database, calm, job_id).different] == ["points, curve"]


def test_a_job_without_a_row_is_lost(database: Database, calm: dict[str, Remains]):
    verdict = verdict_on(database, calm, new_uuid())
    assert len(verdict.lost) == 1
    assert not verdict.clean


def test_a_job_that_did_not_end_is_stuck(database: Database, calm: dict[str, Remains]):
    with database.begin() as cx:
        job_id = add_job(cx).id
    assert len(verdict_on(database, calm, job_id).stuck) == 1


def test_two_ends_or_two_versions_of_one_job_are_found(database: Database, calm: dict[str, Remains]):
    job_id = train(database)
    with database.begin() as cx:
        cx.execute(
            text(
                "INSERT INTO job_event (job_id, seq, from_status, to_status, cause) "
                "VALUES (:id, 9, 'running', 'succeeded', 'finished')"
            ),
            {"id": job_id},
        )
    train(database)  # a version nobody asked for
    assert len(verdict_on(database, calm, job_id).finished_twice) == 2
