"""The two ways work enters Gradus: an uploaded data set, and a training job.

The row is written and committed first; the message follows, and losing it delays the work by one sweep.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.api import metrics
from services.api.admission import Admission, admit
from services.api.uploads import Upload
from shared.db import datasets, jobs, readings, registry
from shared.db.engine import Connection, Database
from shared.errors import Conflict, Finding, NotFound, Refused, Unavailable
from shared.lifecycle import DatasetStatus, JobKind, JobStatus
from shared.logs import logger
from shared.schedules import AS_WRITTEN
from shared.specs.dataset import DatasetSummary
from shared.specs.ids import new_uuid, parse_id
from shared.specs.job import JobSpec
from shared.storage import Storage, dataset_folder, upload_folder

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks: the key's id, the request's id, and the client's idempotency key if it sent one."""

    owner: str
    request_id: str
    idempotency_key: str | None


def canonical(spec: BaseModel) -> dict[str, object]:
    """Return a spec as plain JSON values, defaults written out, a schedule in the form in which it came.

    Raises `Refused` for the character U+0000.
    """
    plain: dict[str, object] = spec.model_dump(mode="json", context=AS_WRITTEN)
    if "\\u0000" in json.dumps(plain):
        raise Refused(
            "no text may hold the character U+0000, which PostgreSQL cannot store", code="nul_character"
        )
    return plain


def request_digest(spec: BaseModel, *more: str) -> bytes:
    """Return a digest that equal requests share, today and with a later version.

    Defaults are left out: written or not they are the same request, and later versions add some.
    """
    return _digest(spec.model_dump(mode="json", exclude_defaults=True), *more)


def _digest(*values: object) -> bytes:
    """Return the sha256 of values written as JSON with sorted keys."""
    written = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).digest()


@dataclass(frozen=True, slots=True)
class Submission:
    """The use cases that create, queue or remove work."""

    database: Database
    storage: Storage
    max_attempts: int

    def submit_job(self, spec: JobSpec, asked: Asked) -> jobs.JobRow:
        """Admit a training job, commit its row, and send its message. Raises `Refused` and `Conflict`.

        When the same request came before, its job is returned, whatever became of the data set since.
        """
        with self.database.begin() as cx:
            earlier = jobs.earlier_job(
                cx,
                owner=asked.owner,
                idempotency_key=asked.idempotency_key,
                request_sha256=request_digest(spec),
            )
            if earlier is not None:
                return earlier
            inserted = jobs.insert_job(cx, job=self.new_training(cx, spec, asked))
        if inserted.created:
            self.announce_created(inserted.row)
        return inserted.row

    def new_training(self, cx: Connection, spec: JobSpec, asked: Asked) -> jobs.NewJob:
        """Return an admitted training as a row about to be written. Raises `Refused` and `Conflict`."""
        with _unknown_dataset_refused():
            row = datasets.get_dataset(cx, dataset_id=parse_id("ds", spec.dataset))
        summary = DatasetSummary.model_validate(row.summary) if row.summary else None
        admission = admit(spec, kind=row.kind, status=row.status, summary=summary)
        registry.require_task(cx, name=spec.model, task=spec.task.name)
        return self._training(spec, admission, row, asked)

    def submit_dataset(self, dataset_id: UUID, asked: Asked, upload: Upload) -> datasets.DatasetRow:
        """Commit an uploaded data set with the job that reads it, and send its message.

        When the same request came before, its data set is returned and the files just uploaded are deleted.
        """
        with self.database.begin() as cx:
            inserted = datasets.insert_dataset(cx, dataset=_dataset(dataset_id, upload, asked))
            reading = self._reading(inserted.row, asked)
            if inserted.created:
                jobs.insert_job(cx, job=reading)
        if inserted.created:
            self.announce_created(reading)
        else:
            self.storage.delete_tree(upload_folder(dataset_id))
        return inserted.row

    def remove_dataset(self, dataset_id: UUID) -> None:
        """Delete a data set's row, then its files. Raises `NotFound`, and `Conflict` while a job needs it."""
        with self.database.begin() as cx:
            datasets.delete_dataset(cx, dataset_id=dataset_id)
        self._delete_files(dataset_id)

    def cancel_reading(self, dataset_id: UUID) -> datasets.DatasetRow:
        """Ask for the end of a reading; of one that has ended so no file is left.

        Raises `NotFound`, and `Conflict` when the data set was read or refused before.
        """
        with self.database.begin() as cx:
            row = readings.cancel_reading(cx, dataset_id=dataset_id)
        if row.status == DatasetStatus.REFUSED:
            self._delete_files(dataset_id)
        return row

    def resume_job(self, job_id: UUID) -> jobs.JobRow:
        """Queue a paused or failed training again, and send its message. Raises `NotFound` and `Conflict`."""
        with self.database.begin() as cx:
            row = jobs.resume(cx, job_id=jobs.get_training(cx, job_id=job_id).id)
        if row.status == JobStatus.QUEUED:
            self._send(row.id)
        return row

    def sample(self, dataset_id: UUID) -> list[dict[str, Any]]:
        """Return the first rows of a ready data set as they were read. Raises `NotFound` and `Conflict`."""
        with self.database.snapshot() as cx:
            row = datasets.get_dataset(cx, dataset_id=dataset_id)
        if row.status != DatasetStatus.READY:
            raise Conflict(
                f"the data set is {row.status}; wanted one that is ready", code="dataset_not_ready"
            )
        with self.storage.reader(f"{dataset_folder(row.id, row.version)}/sample.json") as stream:
            rows: list[dict[str, Any]] = json.load(stream)
        return rows

    def announce_created(self, *created: jobs.JobRow | jobs.NewJob) -> None:
        """Count jobs whose rows are committed, and send their messages."""
        for job in created:
            metrics.jobs_created.labels(job.kind).inc()
            _log.info("job_created", job_id=str(job.id), kind=str(job.kind))
        self._send(*(job.id for job in created))

    def _send(self, *job_ids: UUID) -> None:
        """Send queued jobs' messages; from the first that cannot be sent on, the sweeper will send them."""
        from shared.queue import (
            publish,
        )  # Celery costs memory that a gateway which only predicts need not pay

        self._note(jobs.mark_published, job_ids)
        sent = len(list(takewhile(publish, job_ids)))
        if sent < len(job_ids):
            _log.warning("publish_failed", job_id=str(job_ids[sent]))
            self._note(jobs.unmark_published, job_ids[sent:])

    def _note(self, note: Callable[..., None], job_ids: Sequence[UUID]) -> None:
        try:
            with self.database.begin() as cx:
                note(cx, job_ids=job_ids)
        except Unavailable:
            _log.warning("publication_not_noted", job_id=str(job_ids[0]))

    def _delete_files(self, dataset_id: UUID) -> None:
        self.storage.delete_tree(upload_folder(dataset_id))
        self.storage.delete_tree(dataset_folder(dataset_id))

    def _training(
        self, spec: JobSpec, admission: Admission, row: datasets.DatasetRow, asked: Asked
    ) -> jobs.NewJob:
        return jobs.NewJob(
            id=new_uuid(),
            owner=asked.owner,
            kind=JobKind(spec.task.name),
            spec=canonical(spec),
            request_sha256=request_digest(spec),
            max_attempts=self.max_attempts,
            model=spec.model,
            dataset_id=row.id,
            dataset_version=row.version,
            resolved_schedule=canonical(admission.schedule),
            total_steps=admission.budget.total_steps,
            steps_per_epoch=admission.budget.steps_per_epoch,
            request_id=asked.request_id,
            idempotency_key=asked.idempotency_key,
        )

    def _reading(self, row: datasets.DatasetRow, asked: Asked) -> jobs.NewJob:
        return jobs.NewJob(
            id=new_uuid(),
            owner=asked.owner,
            kind=JobKind.INGEST,
            spec=row.spec,
            request_sha256=_digest(row.spec),
            max_attempts=self.max_attempts,
            dataset_id=row.id,
            dataset_version=row.version,
            request_id=asked.request_id,
        )


@contextmanager
def _unknown_dataset_refused() -> Iterator[None]:
    try:
        yield
    except NotFound:
        finding = Finding(("dataset",), "no such data set")
        raise Refused("the data set does not exist", code="dataset_not_found", findings=[finding]) from None


def _dataset(dataset_id: UUID, upload: Upload, asked: Asked) -> datasets.NewDataset:
    return datasets.NewDataset(
        id=dataset_id,
        owner=asked.owner,
        name=upload.spec.name,
        kind=upload.spec.kind,
        spec=canonical(upload.spec),
        files=[asdict(f) for f in upload.files],
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        request_sha256=request_digest(upload.spec, upload.sha256),
        idempotency_key=asked.idempotency_key,
    )
