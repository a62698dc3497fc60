"""Which rows train a model, which choose it and which judge it.

Shapes: N rows, U users, I items. Sizes are those of `shared/specs/budget.py`: a schedule is resolved to
whole steps before the data set has been opened, so a split has no freedom in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from shared.errors import Refused
from shared.specs.budget import holdout_sizes, record_sizes
from shared.specs.job import RecordSplit

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

Order = Literal["timestamp", "file order", "random"]


class Interactions(Protocol):
    """What a split needs to know about interactions: rows of (user, item), oldest first."""

    @property
    def users(self) -> Ints:
        """Number of the user of each row."""
        ...

    @property
    def items(self) -> Ints:
        """Number of the item of each row."""
        ...

    @property
    def ratings(self) -> Floats32 | None:
        """Rating of each row, if the set has any."""
        ...

    @property
    def times(self) -> Longs | None:
        """Unix milliseconds of each row, if the set has any."""
        ...

    @property
    def user_ids(self) -> Sequence[str]:
        """Outside id of each user number."""
        ...

    @property
    def item_ids(self) -> Sequence[str]:
        """Outside id of each item number."""
        ...

    def distinct(self) -> Self:
        """Keep the first row of every (user, item)."""
        ...


@dataclass(frozen=True, slots=True)
class Holdout:
    """Rows held out of training, sorted by user; a user may have several targets or none."""

    users: Ints
    items: Ints
    ratings: Floats32 | None = None


@dataclass(frozen=True, slots=True)
class InteractionSplit:
    """Distinct interactions in three parts, with what a reader needs to judge the cut."""

    train_users: Ints
    train_items: Ints
    train_ratings: Floats32 | None
    validation: Holdout
    test: Holdout
    n_users: int
    n_items: int
    ordered_by: Order
    hash: str
    """sha256 over the sorted row numbers of each part."""
    later_share: float | None
    """Mean over test events of the share of training events that happened later (arXiv 2010.11060)."""


@dataclass(frozen=True, slots=True)
class RecordParts:
    """Row numbers of three disjoint parts, each ascending; rows without a label are in none."""

    train: Longs
    validation: Longs
    test: Longs
    hash: str
    unlabelled: int
    groups: int | None = None


def split_interactions(
    interactions: Interactions, *, protocol: Literal["leave_one_out", "random_per_user"], seed: int
) -> InteractionSplit:
    """Hold out each user's last items (`leave_one_out`) or a random tenth twice (`random_per_user`).

    `leave_one_out` takes the last item for the test and the one before for validation, by time and then
    by the order of the file; `random_per_user` is RecBole's 8:1:1 (arXiv 2011.01731). Repeated rows of
    one (user, item) count once, the first.
    """
    rows = interactions.distinct()
    order, ordered_by = _order(rows, protocol=protocol, seed=seed)
    part_N = _parts_by_user(rows.users[order], protocol=protocol)
    train, validation, test = (np.sort(order[part_N == part]) for part in range(3))
    return InteractionSplit(
        train_users=rows.users[train],
        train_items=rows.items[train],
        train_ratings=None if rows.ratings is None else rows.ratings[train],
        validation=_holdout(rows, validation),
        test=_holdout(rows, test),
        n_users=len(rows.user_ids),
        n_items=len(rows.item_ids),
        ordered_by=ordered_by,
        hash=split_hash([train, validation, test]),
        later_share=_later_share(rows.times, train, test),
    )


def split_records(
    labels_N: npt.NDArray[np.generic],
    *,
    split: RecordSplit,
    groups_N: Sequence[str | None] | None = None,
    seed: int,
) -> RecordParts:
    """Cut records into train, validation and test, each with the labels' proportions.

    Floating labels may be NaN: such rows are left out. With groups no group stands in two parts and each
    size is the nominal one up to the largest group; a missing group is a group of its own. Raises
    `Refused` when a part that was asked for stays empty or only one label is left to learn.
    """
    labelled = _labelled(labels_N)
    _, validation_size, test_size = record_sizes(len(labelled), split)
    rng = np.random.default_rng(seed)
    _, codes = np.unique(labels_N[labelled], return_inverse=True)
    if groups_N is None:
        place_N, weight_N = _stratified_places(codes, rng), np.ones(len(codes), np.int64)
        unit_N = np.arange(len(codes))
    else:
        unit_N = factorise(groups_N[int(row)] for row in labelled)
        weight_N = np.bincount(unit_N)
        place_N = _stratified_places(_majority(unit_N, codes), rng)
    part_N = _fill(place_N, weight_N, test_size, validation_size)[unit_N]
    test, validation, train = (labelled[part_N == part] for part in range(3))
    _refuse_empty(train=train, validation=validation, test=test, wanted=(validation_size, test_size))
    if len(np.unique(labels_N[train])) < 2:
        raise Refused("the training part holds one value of the target; wanted 2, came 1", code="one_class")
    return RecordParts(
        train=train,
        validation=validation,
        test=test,
        hash=split_hash([train, validation, test]),
        unlabelled=len(labels_N) - len(labelled),
        groups=None if groups_N is None else len(weight_N),
    )


def split_hash(parts: Iterable[Longs]) -> str:
    """Return the sha256 of the sorted row numbers of each part, as little-endian int64 behind their count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.array([len(part)], "<i8").tobytes())
        digest.update(np.sort(part).astype("<i8").tobytes())
    return digest.hexdigest()


def _order(rows: Interactions, *, protocol: str, seed: int) -> tuple[Longs, Order]:
    if protocol == "random_per_user":
        keys = np.random.default_rng(seed).permutation(len(rows.users))
        return np.lexsort((keys, rows.users)), "random"
    if rows.times is None:
        return np.argsort(rows.users, kind="stable"), "file order"
    return np.lexsort((rows.times, rows.users)), "timestamp"


def _parts_by_user(users_N: Ints, *, protocol: str) -> npt.NDArray[np.int8]:
    """Return 0 train, 1 validation, 2 test for rows that stand together by user, in the user's order."""
    _, start_U, length_U = np.unique(users_N, return_index=True, return_counts=True)
    position_N = np.arange(len(users_N)) - np.repeat(start_U, length_U)
    lengths, inverse_U = np.unique(length_U, return_inverse=True)
    sizes = np.array([holdout_sizes(int(n), protocol=protocol) for n in lengths], np.int64).reshape(-1, 3)
    train_N, validation_N = (np.repeat(sizes[inverse_U, part], length_U) for part in (0, 1))
    past_train, past_validation = position_N >= train_N, position_N >= train_N + validation_N
    part_N: npt.NDArray[np.int8] = past_train.astype(np.int8) + past_validation
    return part_N


def _holdout(rows: Interactions, chosen: Longs) -> Holdout:
    chosen = chosen[np.argsort(rows.users[chosen], kind="stable")]
    return Holdout(
        rows.users[chosen], rows.items[chosen], None if rows.ratings is None else rows.ratings[chosen]
    )


def _later_share(times_N: Longs | None, train: Longs, test: Longs) -> float | None:
    if times_N is None or not len(train) or not len(test):
        return None
    earlier = np.searchsorted(np.sort(times_N[train]), times_N[test], side="right")
    return float(1.0 - earlier.mean() / len(train))


def _labelled(labels_N: npt.NDArray[np.generic]) -> Longs:
    if labels_N.dtype.kind == "f":
        return np.flatnonzero(~np.isnan(labels_N.astype(np.float64)))
    return np.arange(len(labels_N))


def _stratified_places(codes_N: Longs, rng: np.random.Generator) -> Floats:
    """Return a place in (0, 1) for each row such that every stretch of places holds each label's share."""
    shuffled = rng.permutation(len(codes_N))
    order = shuffled[np.argsort(codes_N[shuffled], kind="stable")]
    count_C = np.bincount(codes_N)
    start_C = np.cumsum(count_C) - count_C
    sorted_codes = codes_N[order]
    places = np.empty(len(codes_N))
    places[order] = (np.arange(len(order)) - start_C[sorted_codes] + rng.random(len(order))) / count_C[
        sorted_codes
    ]
    return places


def _fill(place_G: Floats, weight_G: Longs, test_size: int, validation_size: int) -> npt.NDArray[np.int8]:
    """Return 0 test, 1 validation, 2 train: parts are filled in order, a unit goes where its middle falls."""
    order = np.argsort(place_G, kind="stable")
    middle = np.cumsum(weight_G[order]) - weight_G[order] / 2
    part_G = np.empty(len(order), np.int8)
    part_G[order] = (middle > test_size).astype(np.int8) + (middle > test_size + validation_size)
    return part_G


def factorise(groups: Iterable[str | None]) -> Longs:
    """Return a number for each group, in order of appearance; a missing one is a group of its own."""
    seen: dict[object, int] = {}
    return np.array(
        [seen.setdefault(row if group is None else (group,), len(seen)) for row, group in enumerate(groups)],
        np.int64,
    )


def _majority(unit_N: Longs, codes_N: Longs) -> Longs:
    """Return each group's most frequent label, the smaller code on ties."""
    counts = np.zeros((unit_N.max(initial=-1) + 1, codes_N.max(initial=-1) + 1), np.int64)
    np.add.at(counts, (unit_N, codes_N), 1)
    majority_G: Longs = counts.argmax(axis=1)
    return majority_G


def _refuse_empty(*, train: Longs, validation: Longs, test: Longs, wanted: tuple[int, int]) -> None:
    for name, part, size in (
        ("training", train, 1),
        ("validation", validation, wanted[0]),
        ("test", test, wanted[1]),
    ):
        if size and not len(part):
            raise Refused(
                f"the {name} part stays empty; wanted about {size} rows in whole groups, came 0",
                code="empty_part",
            )
