from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from services.worker.evaluation.splits import split_hash, split_interactions, split_records
from shared.errors import Refused
from shared.specs.job import RecordSplit
from tests.contracts.test_split_sizes import Rows


def world(times: list[int] | None) -> Rows:
    return Rows(
        users=np.array([0, 1, 0, 0, 1, 2], np.int32),
        items=np.array([5, 1, 3, 4, 2, 0], np.int32),
        user_ids=["a", "b", "c"],
        item_ids=list("012345"),
        times=None if times is None else np.array(times),
    )


def test_the_last_item_by_time_is_the_test_and_the_one_before_is_validation() -> None:
    split = split_interactions(world([30, 1, 10, 20, 2, 9]), protocol="leave_one_out", seed=0)
    assert (split.test.users.tolist(), split.test.items.tolist()) == ([0, 1], [5, 2])
    assert (split.validation.users.tolist(), split.validation.items.tolist()) == ([0], [4])
    assert (split.train_users.tolist(), split.train_items.tolist()) == ([1, 0, 2], [1, 3, 0])
    assert split.ordered_by == "timestamp"


def test_equal_times_keep_the_order_of_the_file() -> None:
    split = split_interactions(world([7, 7, 7, 7, 7, 7]), protocol="leave_one_out", seed=0)
    assert split.test.items.tolist() == [4, 2]
    assert split.validation.items.tolist() == [3]


def test_without_times_the_order_of_the_file_decides_and_the_split_says_so() -> None:
    split = split_interactions(world(None), protocol="leave_one_out", seed=0)
    assert split.test.items.tolist() == [4, 2]
    assert split.ordered_by == "file order"
    assert split.later_share is None


def test_the_share_of_training_events_later_than_a_test_event_is_counted() -> None:
    # train times 1, 10, 9; test times 30 (none later) and 2 (two of three later)
    split = split_interactions(world([30, 1, 10, 20, 2, 9]), protocol="leave_one_out", seed=0)
    assert split.later_share == pytest.approx(1 / 3)


def test_a_random_split_follows_its_seed() -> None:
    rows = Rows(
        users=np.zeros(50, np.int32),
        items=np.arange(50, dtype=np.int32),
        user_ids=["a"],
        item_ids=list("0" * 50),
    )
    first, again, other = (split_interactions(rows, protocol="random_per_user", seed=s) for s in (1, 1, 2))
    assert first.hash == again.hash
    assert first.hash != other.hash
    assert len(first.test.items) == len(first.validation.items) == 5


def test_the_hash_covers_every_part_and_no_order() -> None:
    layout = (2).to_bytes(8, "little") + b"".join(n.to_bytes(8, "little") for n in (1, 3)) + bytes(8)
    assert split_hash([np.array([3, 1]), np.array([], np.int64)]) == sha256(layout).hexdigest()
    assert split_hash([np.array([1, 3]), np.array([], np.int64)]) == sha256(layout).hexdigest()
    assert split_hash([np.array([1]), np.array([3])]) != sha256(layout).hexdigest()


def test_missing_groups_stand_alone() -> None:
    labels = np.array([0, 1] * 50)
    parts = split_records(labels, split=RecordSplit(group="g"), groups_N=[None] * 100, seed=3)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (70, 10, 20)
    assert parts.groups == 100


def test_one_group_of_everything_leaves_no_test_part_and_is_refused() -> None:
    with pytest.raises(
        Refused, match="validation part stays empty; wanted about 10 rows in whole groups, came 0"
    ):
        split_records(np.array([0, 1] * 50), split=RecordSplit(group="g"), groups_N=["x"] * 100, seed=0)


def test_one_value_of_the_target_is_refused() -> None:
    with pytest.raises(Refused, match="one value of the target"):
        split_records(np.ones(100), split=RecordSplit(), seed=0)
