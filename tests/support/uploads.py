"""Uploaded files as a gateway leaves them in storage, and what reading them gives."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.data.findings import UnreadableFiles
from services.worker.data.ingest import forget_files, ingest
from services.worker.data.interactions import Interactions, load_interactions
from services.worker.data.limits import Limits
from services.worker.data.records import Records, load_records
from shared.specs.dataset import DatasetSpec, DatasetSummary, ReadingError
from shared.storage import Storage, dataset_folder, upload_folder

DATASET = UUID("01900000-0000-7000-8000-000000000001")
LIMITS = Limits(rows=1_000_000, columns=200, expansion=200.0)


class Upload:
    """One data set's files in a storage of its own."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage(folder.as_uri())
        self._folder = folder

    def put(self, files: Mapping[str, bytes | str | pa.Table]) -> Upload:
        """Lay down files as if they had been uploaded."""
        for name, content in files.items():
            self.storage.save(f"{upload_folder(DATASET)}/{name}", [as_bytes(content)])
        return self

    def read(self, kind: str, *, limits: Limits = LIMITS, **spec: object) -> DatasetSummary:
        """Read what was put; when it is refused, do as the job does once the refusal is on record."""
        asked = DatasetSpec.model_validate({"name": "a set", "kind": kind, **spec})
        before = self.storage.list(upload_folder(DATASET))
        try:
            return ingest(self.storage, dataset_id=DATASET, version=1, spec=asked, limits=limits)
        except UnreadableFiles:
            assert self.storage.list(upload_folder(DATASET)) == before, "a retry must find the files again"
            forget_files(self.storage, dataset_id=DATASET, version=1)
            raise

    def refused(self, kind: str, *, limits: Limits = LIMITS, **spec: object) -> tuple[ReadingError, ...]:
        """Read what must be refused, and return why."""
        try:
            self.read(kind, limits=limits, **spec)
        except UnreadableFiles as error:
            return error.errors
        raise AssertionError("the files were read; they should have been refused")

    def interactions(self) -> Interactions:
        """Return the interactions that were read."""
        return load_interactions(self.storage, DATASET, 1)

    def records(self) -> Records:
        """Return the records that were read."""
        return load_records(self.storage, DATASET, 1)

    def sample(self) -> list[dict[str, Any]]:
        """Return the sample that was written."""
        text = b"".join(self.storage.chunks(f"{dataset_folder(DATASET, 1)}/sample.json"))
        rows: list[dict[str, Any]] = json.loads(text)
        return rows

    def left(self) -> list[str]:
        """Return every file under the storage's folder, hidden ones too."""
        return sorted(str(p.relative_to(self._folder)) for p in self._folder.rglob("*") if p.is_file())


def as_bytes(content: bytes | str | pa.Table) -> bytes:
    """Return a file's bytes: text as UTF-8, a table as Parquet."""
    if isinstance(content, pa.Table):
        stream = io.BytesIO()
        pq.write_table(content, stream)
        return stream.getvalue()
    return content.encode() if isinstance(content, str) else content
