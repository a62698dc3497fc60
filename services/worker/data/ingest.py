"""One uploaded data set from its files to its canonical form."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from uuid import UUID

from services.worker.data.findings import Findings, UnreadableFiles
from services.worker.data.limits import Limits, Meter
from services.worker.data.movielens import NOT_READ
from services.worker.data.read_interactions import read_interactions, write_interactions
from services.worker.data.read_records import read_records
from services.worker.data.readers import open_source
from shared.specs.dataset import DatasetSpec, DatasetSummary
from shared.storage import Storage, dataset_folder, upload_folder

__all__ = ["Limits", "UnreadableFiles", "forget_files", "ingest"]


def ingest(
    storage: Storage,
    *,
    dataset_id: UUID,
    version: int,
    spec: DatasetSpec,
    limits: Limits,
    leave_if_asked: Callable[[], None] = lambda: None,
) -> DatasetSummary:
    """Read the uploaded files of a data set, write its canonical files and return what stands in them.

    Running it again does the same again. Raises `UnreadableFiles` with up to 20 places, and between two
    batches what `leave_if_asked` raises; then all files are left, since another attempt may be at work on
    them: see `forget_files`.
    """
    folder = dataset_folder(dataset_id, version)
    storage.delete_tree(folder)  # what an attempt that was killed left half written
    return _read(storage, dataset_id, folder, spec, limits, leave_if_asked)


def forget_files(storage: Storage, *, dataset_id: UUID, version: int) -> None:
    """Delete the uploaded files of a data set that was refused or cancelled, and what was made of them.

    Only once that is on record: a process that dies before must find them, and what is wrong, again.
    """
    storage.delete_tree(upload_folder(dataset_id))
    storage.delete_tree(dataset_folder(dataset_id, version))


def _read(
    storage: Storage,
    dataset_id: UUID,
    folder: str,
    spec: DatasetSpec,
    limits: Limits,
    leave_if_asked: Callable[[], None],
) -> DatasetSummary:
    findings = Findings(spec.kind)
    paths = storage.list(upload_folder(dataset_id))
    if not paths:
        findings.refuse("files", wanted="at least one uploaded file", came="none; upload them again")
    uploaded_bytes = sum(storage.size(path) for path in paths)
    meter = Meter(limits, uploaded_bytes=uploaded_bytes, findings=findings, leave_if_asked=leave_if_asked)
    read, left_out = _split(paths, spec)
    sources = [open_source(storage, path, spec=spec, meter=meter, findings=findings) for path in read]
    if spec.kind == "records":
        return read_records(storage, folder, sources, spec=spec, meter=meter, findings=findings)
    summary = write_interactions(storage, folder, read_interactions(sources, spec, findings))
    warnings = (*(f"{path.rsplit('/', 1)[-1]} is not read" for path in left_out), *summary.warnings)
    return summary.model_copy(update={"warnings": warnings})


def _split(paths: Sequence[str], spec: DatasetSpec) -> tuple[list[str], list[str]]:
    """Return which files are read and which are left out: MovieLens' files that name no interaction."""
    if spec.kind == "records":
        return list(paths), []
    left_out = [path for path in paths if re.fullmatch(NOT_READ, path.rsplit("/", 1)[-1])]
    if len(left_out) == len(paths):
        return list(paths), []
    return [path for path in paths if path not in left_out], left_out
