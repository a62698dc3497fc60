"""The sizes that admission computes are the sizes that the worker's splits produce."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.evaluation.splits import InteractionSplit, RecordParts, split_interactions, split_records
from shared.specs.budget import holdout_sizes, record_sizes
from shared.specs.job import RecordSplit

PROTOCOLS = ("leave_one_out", "random_per_user")


@dataclass(frozen=True)
class Rows:
    users: np.ndarray
    items: np.ndarray
    user_ids: list[str]
    item_ids: list[str]
    ratings: np.ndarray | None = None
    times: np.ndarray | None = None

    def distinct(self) -> Rows:
        _, first = np.unique(self.users.astype(np.int64) << 32 | self.items, return_index=True)
        keep = np.sort(first)
        times = None if self.times is None else self.times[keep]
        return replace(self, users=self.users[keep], items=self.items[keep], times=times)


def rows_of(histories: list[int], *, repeats: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(len(histories)), histories)
    items = np.concatenate([rng.permutation(60)[:n] for n in histories] or [np.empty(0, int)])
    again = rng.integers(0, len(users), repeats) if len(users) else np.empty(0, int)
    order = rng.permutation(len(users) + len(again))
    pick = np.concatenate([np.arange(len(users)), again])[order]
    return Rows(
        users=users[pick].astype(np.int32),
        items=items[pick].astype(np.int32),
        user_ids=[str(n) for n in range(len(histories))],
        item_ids=[str(n) for n in range(60)],
        times=np.arange(len(pick)) * 1000,
    )


def part_sizes(split: InteractionSplit, user: int) -> tuple[int, int, int]:
    parts = (split.train_users, split.validation.users, split.test.users)
    train, validation, test = (int((users == user).sum()) for users in parts)
    return train, validation, test


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(
    histories=st.lists(st.integers(0, 45), max_size=30),
    repeats=st.integers(0, 40),
    seed=st.integers(0, 2**32),
)
def test_each_users_parts_have_the_sizes_admission_computed(
    protocol: Literal["leave_one_out", "random_per_user"], histories: list[int], repeats: int, seed: int
) -> None:
    split = split_interactions(rows_of(histories, repeats=repeats, seed=seed), protocol=protocol, seed=seed)
    assert [part_sizes(split, user) for user in range(len(histories))] == [
        holdout_sizes(n, protocol=protocol) for n in histories
    ]
    pairs = [
        {(int(u), int(i)) for u, i in zip(users, items, strict=True)}
        for users, items in (
            (split.train_users, split.train_items),
            (split.validation.users, split.validation.items),
            (split.test.users, split.test.items),
        )
    ]
    assert sum(map(len, pairs)) == len(set().union(*pairs)) == sum(histories)


def parts_of(parts: RecordParts) -> list[set[int]]:
    return [set(part.tolist()) for part in (parts.train, parts.validation, parts.test)]


fractions = st.tuples(st.floats(0.05, 0.6), st.floats(0.05, 0.3))


@given(n=st.integers(40, 400), fraction=fractions, missing=st.integers(0, 15), seed=st.integers(0, 2**32))
def test_ungrouped_records_have_the_sizes_admission_computed(
    n: int, fraction: tuple[float, float], missing: int, seed: int
) -> None:
    split = RecordSplit(test=fraction[0], validation=fraction[1])
    labels = np.random.default_rng(seed).permutation(
        np.repeat([0.0, 1.0, np.nan], [n - n // 3, n // 3, missing])
    )
    parts = split_records(labels, split=split, seed=seed)
    assert tuple(map(len, parts_of(parts))) == record_sizes(n, split)
    assert set.union(*parts_of(parts)) == set(np.flatnonzero(~np.isnan(labels)).tolist())
    assert parts.unlabelled == missing
    for part in (parts.train, parts.validation, parts.test):
        assert abs(labels[part].sum() - len(part) * (n // 3) / n) <= 2.0, "each part holds the labels' shares"


@given(
    groups=st.lists(st.integers(1, 12), min_size=60, max_size=90),
    fraction=st.tuples(st.floats(0.2, 0.6), st.floats(0.2, 0.3)),
    seed=st.integers(0, 2**32),
)
def test_grouped_records_share_no_group_and_are_within_the_largest_group(
    groups: list[int], fraction: tuple[float, float], seed: int
) -> None:
    split = RecordSplit(test=fraction[0], validation=fraction[1], group="patient")
    rng = np.random.default_rng(seed)
    group_of_row = rng.permutation(np.repeat(np.arange(len(groups)), groups))
    labels = (rng.random(len(group_of_row)) < 0.3).astype(np.int64)
    parts = split_records(labels, split=split, groups_N=[f"p{g}" for g in group_of_row], seed=seed)
    nominal = record_sizes(len(labels), split)
    sizes = tuple(map(len, parts_of(parts)))
    assert all(abs(size - wanted) <= max(groups) for size, wanted in zip(sizes, nominal, strict=True))
    seen = [{int(group_of_row[row]) for row in part} for part in parts_of(parts)]
    assert sum(map(len, seen)) == len(set().union(*seen)) == len(groups)
