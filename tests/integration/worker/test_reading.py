"""Reading an uploaded data set under a fence: what is on record, and what stays in storage until it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from services.worker.trainings.driver import Preempted
from services.worker.trainings.ingest import read_dataset
from services.worker.trainings.session import Session, StopFlag
from shared.db.datasets import get_dataset
from shared.db.engine import Database
from shared.db.job_leases import requeue
from shared.db.jobs import get_job
from shared.db.readings import cancel_reading
from shared.errors import Conflict, Fenced
from shared.lifecycle import JobKind
from shared.settings import Settings
from shared.storage import Storage, dataset_folder, upload_folder
from tests.support.rows import add_dataset, add_job, claim_one

RIGHT = b"user,item\n1,2\n2,3\n"
WRONG = b"user,item\n1,2\n,3\n"


class Reading:
    """One uploaded data set with its reading job."""

    def __init__(self, database: Database, folder: Path, content: bytes) -> None:
        self.database, self.storage = database, Storage(folder.as_uri())
        with database.begin() as cx:
            self.dataset_id = add_dataset(cx)
            spec = {"name": "films", "kind": "interactions"}
            of = {"dataset_id": self.dataset_id, "dataset_version": 1}
            self.job_id = add_job(cx, kind=JobKind.INGEST, spec=spec, **of).id
        self.storage.save(f"{upload_folder(self.dataset_id)}/ratings.csv", [content])

    def claimed(self) -> int:
        with self.database.begin() as cx:
            return claim_one(cx).fence

    def run(self, *, fence: int, stop: StopFlag | Late | None = None) -> None:
        with self.database.begin() as cx:
            row = get_job(cx, job_id=self.job_id)
        settings = Settings(lease_seconds=3)
        flag = cast("StopFlag", stop or StopFlag())
        read_dataset(Session(row, fence, self.database, self.storage, settings, flag))

    def taken_over(self) -> int:
        """Let another attempt claim the job and write a file; return its fence."""
        with self.database.begin() as cx:
            fence = get_job(cx, job_id=self.job_id).fence
            requeue(cx, job_id=self.job_id, fence=fence, cause="lease_expired")
        self.storage.save(self.of_the_other, [b"PAR1"])
        return self.claimed()

    @property
    def of_the_other(self) -> str:
        return f"{dataset_folder(self.dataset_id, 1)}/of_the_other.parquet"

    def cancel(self) -> str:
        with self.database.begin() as cx:
            return cancel_reading(cx, dataset_id=self.dataset_id).status

    def states(self) -> tuple[str, str]:
        """Return those of the data set and of the job."""
        with self.database.begin() as cx:
            dataset = get_dataset(cx, dataset_id=self.dataset_id)
            return dataset.status, get_job(cx, job_id=self.job_id).status

    def uploads(self) -> list[str]:
        return [path.rsplit("/", 1)[-1] for path in self.storage.list(upload_folder(self.dataset_id))]


@dataclass
class Late:
    """Looked at for the first time, it lets another attempt take the job over; then it may ask to stop."""

    reading: Reading
    asks: bool = False
    fence: int | None = None

    @property
    def requested(self) -> bool:
        if self.fence is None:
            self.fence = self.reading.taken_over()
        return self.asks


def errors_of(database: Database, dataset_id: UUID) -> list[tuple[str, int]]:
    with database.begin() as cx:
        row = get_dataset(cx, dataset_id=dataset_id)
    assert row.status == "refused"
    return [(error["file"], error["row"]) for error in row.errors or ()]


def test_a_refusal_that_was_not_recorded_is_found_again(database: Database, tmp_path: Path):
    reading = Reading(database, tmp_path, WRONG)
    late = Late(reading)
    with pytest.raises(Fenced):  # as good as a process that dies before its commit
        reading.run(fence=reading.claimed(), stop=late)
    assert (reading.storage.list("datasets"), reading.uploads()) == ([reading.of_the_other], ["ratings.csv"])
    assert late.fence is not None
    reading.run(fence=late.fence)
    assert errors_of(database, reading.dataset_id) == [("ratings.csv", 2)]
    assert reading.storage.list("uploads") == reading.storage.list("datasets") == []


@pytest.fixture
def reading(database: Database, tmp_path: Path) -> Reading:
    """Files that can be read; of an attempt that was killed something half-written is left."""
    made = Reading(database, tmp_path, RIGHT)
    made.storage.save(f"{dataset_folder(made.dataset_id, 1)}/interactions.parquet", [b"PAR1"])
    return made


def test_a_reading_that_waits_is_cancelled_at_once_and_again_without_a_change(reading: Reading):
    assert reading.cancel() == "refused"
    assert reading.states() == ("refused", "cancelled")
    assert reading.cancel() == "refused"


def test_a_running_reading_leaves_no_file_when_it_is_cancelled(reading: Reading):
    stop = StopFlag()
    stop.requested = True  # as SIGTERM does
    fence = reading.claimed()
    assert reading.cancel() == reading.cancel() == "reading"
    with pytest.raises(Preempted):
        reading.run(fence=fence, stop=stop)
    assert reading.states() == ("refused", "cancelled")
    assert reading.storage.list("uploads") == reading.storage.list("datasets") == []


def test_a_reading_whose_worker_stops_begins_again_with_all_its_files(reading: Reading):
    stop = StopFlag()
    stop.requested = True
    with pytest.raises(Preempted):
        reading.run(fence=reading.claimed(), stop=stop)
    assert (reading.states(), reading.uploads()) == (("reading", "queued"), ["ratings.csv"])
    reading.run(fence=reading.claimed())
    assert reading.states() == ("ready", "succeeded")


def test_a_reading_that_lost_its_lease_before_it_began_touches_no_file(reading: Reading):
    late = reading.claimed()
    reading.taken_over()
    before = [*reading.storage.list("datasets"), *reading.uploads()]
    assert reading.of_the_other in before
    with pytest.raises(Fenced):
        reading.run(fence=late)
    assert [*reading.storage.list("datasets"), *reading.uploads()] == before


@pytest.mark.parametrize("asks", [False, True], ids=["read to its end", "asked to stop"])
def test_a_reading_that_loses_its_lease_deletes_nothing_of_the_one_that_has_it(
    reading: Reading, *, asks: bool
):
    with pytest.raises(Fenced):
        reading.run(fence=reading.claimed(), stop=Late(reading, asks))
    assert reading.of_the_other in reading.storage.list("datasets")
    assert (reading.uploads(), reading.states()) == (["ratings.csv"], ("reading", "running"))


def test_a_reading_that_ended_before_the_cancel_was_heard_stays_read(reading: Reading):
    fence = reading.claimed()
    assert reading.cancel() == "reading"
    reading.run(fence=fence)
    assert reading.states() == ("ready", "succeeded")
    with pytest.raises(Conflict, match="the data set is ready; wanted one that is still being read"):
        reading.cancel()
