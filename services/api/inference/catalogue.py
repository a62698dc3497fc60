"""What a recommender's package knows besides its net: ids, titles, what was seen, neighbours, popularity.

Shapes: U users, I items, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from shared.errors import Refused
from shared.features.archive import Package

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Catalogue:
    """Users and items of one version; the number of an item is its place in `item_ids`."""

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    titles: tuple[str | None, ...] | None
    seen_starts: Numbers
    seen_items: NDArray[np.int32]
    neighbours_IK: NDArray[np.int32]
    cosines_IK: NDArray[np.float32]
    counts_I: Numbers

    @cached_property
    def user_numbers(self) -> dict[str, int]:
        """Number of each user id."""
        return {outside: number for number, outside in enumerate(self.user_ids)}

    @cached_property
    def item_numbers(self) -> dict[str, int]:
        """Number of each item id."""
        return {outside: number for number, outside in enumerate(self.item_ids)}

    @cached_property
    def all_items(self) -> Numbers:
        """Every item's number [I]."""
        return np.arange(len(self.item_ids), dtype=np.int64)

    def seen(self, user: int) -> NDArray[np.int32]:
        """Return the items a user has met, ascending."""
        return self.seen_items[self.seen_starts[user] : self.seen_starts[user + 1]]

    def known(self, ids: Iterable[str | int]) -> tuple[list[int], int]:
        """Return the numbers of the known items, in order, and how many ids name no item."""
        found = [self.item_numbers.get(str(outside)) for outside in ids]
        known = [number for number in found if number is not None]
        return known, len(found) - len(known)

    def shown(self, item: int, score: float) -> dict[str, Any]:
        """Return an item as an answer writes it."""
        written: dict[str, Any] = {"item": self.item_ids[item], "score": score}
        if self.titles is not None:
            written["title"] = self.titles[item]
        return written


def read_catalogue(package: Package) -> Catalogue:
    """Read and cross-check a package's tables; raises `Refused` when they do not fit together."""
    users, items = package.json("users.json"), package.json("items.json")
    seen = load(package.file("seen.safetensors"))
    nearest = load(package.file("neighbours.safetensors"))
    titles = items["columns"].get("title")
    found = Catalogue(
        user_ids=tuple(users["ids"]),
        item_ids=tuple(items["ids"]),
        titles=None if titles is None else tuple(None if t is None else str(t) for t in titles),
        seen_starts=seen["starts"],
        seen_items=seen["items"],
        neighbours_IK=nearest["items"],
        cosines_IK=nearest["cosines"],
        counts_I=load(package.file("popularity.safetensors"))["counts"],
    )
    _require_fit(found)
    return found


def _require_fit(catalogue: Catalogue) -> None:
    n_users, n_items = len(catalogue.user_ids), len(catalogue.item_ids)
    starts, neighbours = catalogue.seen_starts, catalogue.neighbours_IK
    fits = (
        n_users > 0
        and n_items > 0
        and starts.shape == (n_users + 1,)
        and int(starts[-1]) == len(catalogue.seen_items)
        and bool((np.diff(starts) >= 0).all())
        and _within(catalogue.seen_items, 0, n_items)
        and neighbours.shape == catalogue.cosines_IK.shape
        and len(neighbours) == n_items
        and _within(neighbours, -1, n_items)
        and catalogue.counts_I.shape == (n_items,)
        and (catalogue.titles is None or len(catalogue.titles) == n_items)
    )
    if not fits:
        raise Refused("the package's tables do not fit together", code="package_corrupt")


def _within(values: NDArray[np.int32], low: int, end: int) -> bool:
    return values.size == 0 or (int(values.min()) >= low and int(values.max()) < end)
