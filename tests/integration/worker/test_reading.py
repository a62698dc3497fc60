"""Reading an uploaded data set under a fence: what is on record, and what stays in storage until it is."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from services.worker.trainings.ingest import read_dataset
from services.worker.trainings.session import Session, StopFlag
from shared.db.datasets import get_dataset
from shared.db.engine import Database
from shared.db.jobs import get_job
from shared.errors import Fenced
from shared.lifecycle import JobKind
from shared.settings import Settings
from shared.storage import Storage, upload_folder
from tests.support.rows import add_dataset, add_job, claim_one

WRONG = b"user,item\n1,2\n,3\n"


class Reading:
    """One uploaded data set with its reading job."""

    def __init__(self, database: Database, folder: Path, content: bytes) -> None:
        self.database, self.storage = database, Storage(folder.as_uri())
        with database.begin() as cx:
            self.dataset_id = add_dataset(cx)
            spec = {"name": "films", "kind": "interactions"}
            self.job_id = add_job(cx, kind=JobKind.INGEST, spec=spec, dataset_id=self.dataset_id).id
        self.storage.save(f"{upload_folder(self.dataset_id)}/ratings.csv", [content])

    def claimed(self) -> int:
        with self.database.begin() as cx:
            return claim_one(cx).fence

    def run(self, *, fence: int) -> None:
        with self.database.begin() as cx:
            row = get_job(cx, job_id=self.job_id)
        read_dataset(Session(row, fence, self.database, self.storage, Settings(lease_seconds=3), StopFlag()))

    def uploads(self) -> list[str]:
        return [path.rsplit("/", 1)[-1] for path in self.storage.list(upload_folder(self.dataset_id))]


def errors_of(database: Database, dataset_id: UUID) -> list[tuple[str, int]]:
    with database.begin() as cx:
        row = get_dataset(cx, dataset_id=dataset_id)
    assert row.status == "refused"
    return [(error["file"], error["row"]) for error in row.errors or ()]


def test_a_refusal_that_was_not_recorded_is_found_again(database: Database, tmp_path: Path):
    reading = Reading(database, tmp_path, WRONG)
    fence = reading.claimed()
    with pytest.raises(Fenced):
        reading.run(fence=fence - 1)  # as good as a process that dies before its commit
    assert reading.uploads() == ["ratings.csv"]
    reading.run(fence=fence)
    assert errors_of(database, reading.dataset_id) == [("ratings.csv", 2)]
    assert reading.storage.list("uploads") == reading.storage.list("datasets") == []
