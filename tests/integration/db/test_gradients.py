"""Samples of gradient flow on record."""

from __future__ import annotations

import math
from uuid import UUID

import pytest

from shared.db.engine import Connection, Database
from shared.db.gradients import FlowRows, count_samples, read_layers, read_samples
from shared.db.job_leases import requeue
from shared.db.job_writes import commit_progress
from shared.errors import Fenced
from shared.gradients import Layer, Sample
from tests.support.rows import LEASE_SECONDS, a_checkpoint, add_job, claim_one, progress_to

LAYERS = (Layer("body.0", "body", "matrix", 0, "relu"), Layer("head", "head", "matrix", 1))


def sample(step: int, norm: float = 1.0) -> Sample:
    return Sample(step, norm, [norm, 0.5], [2.0, 4.0], [None, 0.25], [0.75, None])


def write(cx: Connection, job_id: UUID, fence: int, step: int, *samples: Sample, **changes: object) -> None:
    progress = progress_to(step, flow=FlowRows(LAYERS, samples), **changes)
    commit_progress(cx, job_id=job_id, fence=fence, lease_seconds=LEASE_SECONDS, progress=progress)


def test_samples_come_back_in_order_with_their_layers(database: Database):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        write(cx, job.id, fence, 10, sample(0), sample(1))
        write(cx, job.id, fence, 60, sample(50))
        assert read_layers(cx, job_id=job.id) == LAYERS
        assert list(read_samples(cx, job_id=job.id)) == [sample(0), sample(1), sample(50)]
        assert count_samples(cx, job_id=job.id) == 3


def test_a_write_that_is_repeated_changes_nothing(database: Database):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        for _ in range(2):
            write(cx, job.id, fence, 10, sample(0), sample(1))
        assert [s.step for s in read_samples(cx, job_id=job.id)] == [0, 1]


def test_without_a_sample_there_is_no_layout(database: Database):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        write(cx, job.id, fence, 10)
        assert read_layers(cx, job_id=job.id) == ()
        assert list(read_samples(cx, job_id=job.id)) == []


@pytest.mark.parametrize(
    ("norm", "kept"), [(1e-50, 0.0), (1e300, math.inf), (-1e300, -math.inf), (math.inf, math.inf)]
)
def test_what_four_bytes_cannot_hold_is_zero_or_infinite(database: Database, norm: float, kept: float):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        write(cx, job.id, fence, 10, sample(0, norm))
        (found,) = read_samples(cx, job_id=job.id)
        assert found.total_norm == found.gradient_norms[0] == kept


def test_a_norm_that_is_no_number_stays_none(database: Database):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        write(cx, job.id, fence, 10, sample(0, math.nan))
        (found,) = read_samples(cx, job_id=job.id)
        assert math.isnan(found.total_norm)


def test_a_fenced_trainer_writes_no_sample(database: Database):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        requeue(cx, job_id=job.id, fence=fence, cause="lost")
        claim_one(cx, worker_id="worker-2")
    with pytest.raises(Fenced), database.begin() as cx:
        write(cx, job.id, fence, 10, sample(0))
    with database.begin() as cx:
        assert count_samples(cx, job_id=job.id) == 0


def test_a_next_attempt_drops_the_samples_after_the_checkpoint(database: Database):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        write(cx, job.id, fence, 20, sample(0), sample(19), checkpoint=a_checkpoint(20))
        write(cx, job.id, fence, 30, sample(20), sample(25))
        requeue(cx, job_id=job.id, fence=fence, cause="killed")
        claim_one(cx)
        assert [s.step for s in read_samples(cx, job_id=job.id)] == [0, 19]


def test_of_many_samples_every_so_many_are_read(database: Database):
    with database.begin() as cx:
        job, fence = add_job(cx), claim_one(cx).fence
        write(cx, job.id, fence, 100, *(sample(step) for step in range(0, 100, 5)))
        assert [s.step for s in read_samples(cx, job_id=job.id, stride=6)] == [25, 55, 85]
