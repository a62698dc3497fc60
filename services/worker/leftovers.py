"""Files that nobody needs any more: uploads that were read, and data sets that were refused or deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from uuid import UUID

from shared.storage import Storage

GRACE_SECONDS = 24 * 3600.0
"""An upload is written before its row, over a slow line for hours; this old without one, it was given up."""


def age_seconds(dataset_id: UUID, *, now: float) -> float:
    """Return how long ago an id was made: a UUIDv7 begins with its milliseconds (RFC 9562)."""
    return now - (dataset_id.int >> 80) / 1000


def delete_leftovers(storage: Storage, *, known: Mapping[UUID, str], now: float | None = None) -> list[str]:
    """Delete folders whose data set is gone or needs them no more; return them.

    `known` are all data sets with their status, read after the files were listed would be too early:
    a row appears after its files, so ids younger than a day are left alone. Of a refused set nothing is
    kept, however young: a worker that was killed while its reading was cancelled could not delete it.
    """
    now = time.time() if now is None else now
    doomed = [
        f"{kind}/{dataset_id}"
        for kind, dataset_id in sorted(_folders(storage), key=str)
        if _unneeded(kind, known.get(dataset_id), age=age_seconds(dataset_id, now=now))
    ]
    for folder in doomed:
        storage.delete_tree(folder)
    return doomed


def _unneeded(kind: str, status: str | None, *, age: float) -> bool:
    if status == "refused":
        return True
    return age > GRACE_SECONDS and (status is None or (kind == "uploads" and status != "reading"))


def _folders(storage: Storage) -> set[tuple[str, UUID]]:
    found = set()
    for kind in ("uploads", "datasets"):
        for name in storage.folders(kind):
            try:
                found.add((kind, UUID(name)))
            except ValueError:
                continue  # not a folder of ours
    return found
