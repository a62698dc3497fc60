"""Interactions in memory: who met what, when, and how they rated it.

Shapes: N rows, U users, I items. A user's or item's number is its row in `user_ids` or `item_ids`,
which stand in the order in which the files first name them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, cast
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shared.storage import Storage, dataset_folder

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Interactions:
    """Rows of (user, item), oldest first; rows of one time stand as in the files."""

    users: Ints
    """[N] number of each row's user."""
    items: Ints
    """[N] number of each row's item."""
    ratings: Floats | None
    """[N] rating of each row, if the files have any."""
    times: Longs | None
    """[N] milliseconds since 1970, UTC, if the files have any."""
    user_ids: list[str]
    """[U] outside id of each user."""
    item_ids: list[str]
    """[I] outside id of each item."""
    item_columns: dict[str, list[object]]
    """Side columns, [I] each: text, numbers, lists of text, or None where nothing is known."""
    user_columns: dict[str, list[object]]
    """Side columns, [U] each."""

    def __len__(self) -> int:
        return len(self.users)

    def distinct(self) -> Self:
        """Keep the first row of every (user, item), in the same order."""
        rows = first_rows(self.users, self.items, len(self.item_ids))
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            ratings=None if self.ratings is None else self.ratings[rows],
            times=None if self.times is None else self.times[rows],
        )


def first_rows(users: Ints, items: Ints, n_items: int) -> Longs:
    """Return the row numbers, ascending, at which each (user, item) first stands."""
    pairs = users.astype(np.int64) * max(n_items, 1) + items
    order = np.argsort(pairs, kind="stable")
    ordered = pairs[order]
    is_first = np.ones(len(pairs), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return np.sort(order[is_first])


def load_interactions(storage: Storage, dataset_id: UUID, version: int) -> Interactions:
    """Return the interactions of a data set that was read. Raises `NotFound` when there are none."""
    folder = dataset_folder(dataset_id, version)
    rows = _table(storage, f"{folder}/interactions.parquet")
    users, items = _table(storage, f"{folder}/users.parquet"), _table(storage, f"{folder}/items.parquet")
    return Interactions(
        users=_numpy(rows, "user"),
        items=_numpy(rows, "item"),
        ratings=_numpy(rows, "rating") if "rating" in rows.column_names else None,
        times=_numpy(rows, "timestamp").astype(np.int64) if "timestamp" in rows.column_names else None,
        user_ids=cast("list[str]", users.column("user").to_pylist()),
        item_ids=cast("list[str]", items.column("item").to_pylist()),
        item_columns=_side_columns(items, besides="item"),
        user_columns=_side_columns(users, besides="user"),
    )


def _table(storage: Storage, path: str) -> pa.Table:
    with storage.reader(path) as stream:
        return pq.read_table(stream, use_threads=False)


def _numpy(table: pa.Table, name: str) -> npt.NDArray[Any]:
    return cast("npt.NDArray[Any]", table.column(name).combine_chunks().to_numpy(zero_copy_only=False))


def _side_columns(table: pa.Table, *, besides: str) -> dict[str, list[object]]:
    return {name: table.column(name).to_pylist() for name in table.column_names if name != besides}
