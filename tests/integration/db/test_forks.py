"""A fork's row, its parent's checkpoints, and retention that leaves alone what is still needed."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from shared.db.blobs import hold_checkpoint, list_checkpoints, prune_checkpoints
from shared.db.curves import read_curve
from shared.db.engine import Connection, Database
from shared.db.job_leases import Claim, requeue
from shared.db.job_writes import commit_progress
from shared.db.jobs import get_job
from shared.errors import NotFound
from shared.lifecycle import JobKind
from tests.support.rows import LEASE_SECONDS, a_checkpoint, add_job, claim_one, points, progress_to


@pytest.fixture
def parent(database: Database) -> Claim:
    """A running job with checkpoints after 10 and 20 updates; the second is its last."""
    with database.begin() as cx:
        add_job(cx)
        claim = claim_one(cx)
        for step in (10, 20):
            save(cx, claim, step)
    return claim


def save(cx: Connection, claim: Claim, step: int, *, kept: bool = False) -> None:
    new = replace(a_checkpoint(step), kept=kept)
    progress = progress_to(step, checkpoint=new)
    commit_progress(
        cx, job_id=claim.job_id, fence=claim.fence, lease_seconds=LEASE_SECONDS, progress=progress
    )


def checkpoint_at(cx: Connection, job_id: UUID, step: int) -> UUID:
    return next(c.id for c in list_checkpoints(cx, job_id=job_id) if c.step == step)


def steps_left(database: Database, job_id: UUID) -> list[int]:
    with database.begin() as cx:
        prune_checkpoints(cx)
        return [c.step for c in list_checkpoints(cx, job_id=job_id)]


def fork(database: Database, parent: Claim, *, kind: JobKind = JobKind.RECOMMEND) -> UUID:
    with database.begin() as cx:
        held = checkpoint_at(cx, parent.job_id, 10)
        start = 0 if kind == JobKind.LR_RANGE_TEST else 10
        changes = {"start_step": start, "step": start, "epoch": start // 10}
        return add_job(cx, kind=kind, parent_id=parent.job_id, parent_checkpoint=held, **changes).id


def test_a_fork_counts_on_from_its_parents_step(database: Database, parent: Claim):
    child = fork(database, parent)
    with database.begin() as cx:
        row = get_job(cx, job_id=child)
    assert (row.step, row.epoch, row.start_step, row.parent_id) == (10, 1, 10, parent.job_id)


def test_a_checkpoint_is_kept_until_the_fork_has_one_of_its_own(database: Database, parent: Claim):
    fork(database, parent)
    assert steps_left(database, parent.job_id) == [20, 10]
    with database.begin() as cx:
        save(cx, claim_one(cx), 12)
    assert steps_left(database, parent.job_id) == [20]


@pytest.mark.parametrize(
    ("kind", "status", "left"),
    [
        (JobKind.RECOMMEND, "paused", [20, 10]),
        (JobKind.RECOMMEND, "failed", [20, 10]),
        (JobKind.RECOMMEND, "cancelled", [20]),
        (JobKind.LR_RANGE_TEST, "queued", [20, 10]),
        (JobKind.LR_RANGE_TEST, "failed", [20]),
        (JobKind.LR_RANGE_TEST, "succeeded", [20]),
    ],
)
def test_a_checkpoint_is_kept_for_as_long_as_a_fork_may_begin(
    database: Database, parent: Claim, kind: JobKind, status: str, left: list[int]
):
    """A failed training can be resumed; a cancelled one, and a range test that ended, cannot."""
    child = fork(database, parent, kind=kind)
    with database.begin() as cx:
        cx.execute(text("UPDATE job SET status = :status WHERE id = :id"), {"status": status, "id": child})
    assert steps_left(database, parent.job_id) == left


def test_checkpoints_asked_to_be_kept_stay(database: Database):
    with database.begin() as cx:
        add_job(cx)
        claim = claim_one(cx)
        for step, kept in ((5, True), (10, False), (20, False)):
            save(cx, claim, step, kept=kept)
        assert [c.kept for c in list_checkpoints(cx, job_id=claim.job_id)] == [False, False, True]
    assert steps_left(database, claim.job_id) == [20, 5]


def test_retention_passes_over_a_checkpoint_that_is_being_forked(database: Database, parent: Claim):
    with database.begin() as forking:
        held = hold_checkpoint(forking, checkpoint_id=checkpoint_at(forking, parent.job_id, 10))
        assert steps_left(database, parent.job_id) == [20, 10]
        add_job(forking, parent_id=parent.job_id, parent_checkpoint=held.id, start_step=10)
    assert steps_left(database, parent.job_id) == [20, 10]


def test_a_checkpoint_that_retention_has_removed_cannot_be_held(database: Database, parent: Claim):
    with database.begin() as cx:
        gone = checkpoint_at(cx, parent.job_id, 10)
    assert steps_left(database, parent.job_id) == [20]
    with database.begin() as cx, pytest.raises(NotFound):
        hold_checkpoint(cx, checkpoint_id=gone)


def test_a_fork_killed_before_its_first_checkpoint_goes_back_to_its_parents_step(
    database: Database, parent: Claim
):
    child = fork(database, parent)
    with database.begin() as cx:
        first = claim_one(cx)
        progress = progress_to(13, points=points(10, 12))
        commit_progress(cx, job_id=child, fence=first.fence, lease_seconds=LEASE_SECONDS, progress=progress)
        requeue(cx, job_id=child, fence=first.fence, cause="died")
    with database.begin() as cx:
        claim_one(cx)
        assert get_job(cx, job_id=child).step == 10
        assert read_curve(cx, job_id=child).steps == ()
