"""Batches are a function of the step; negatives are uniform over what a user did not meet."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from services.worker.data import batches as module
from services.worker.data import met
from services.worker.data.batches import Batch, EncodedRecords, EpochPlan, PairBatches, Pairs, RecordBatches
from shared.errors import Conflict, Refused


def some_pairs(*, users: int = 20, items: int = 15, rows: int = 120, seed: int = 0) -> Pairs:
    chosen = np.random.default_rng(seed).choice(users * items, rows, replace=False)
    return Pairs(chosen // items, chosen % items, None, users, items)


def pair_batches(pairs: Pairs, *, batch_size: int = 32, negatives: int = 3, seed: int = 1) -> PairBatches:
    plan = EpochPlan(rows=len(pairs.users), batch_size=batch_size, seed=seed)
    return PairBatches(pairs, plan=plan, negatives=negatives, device="cpu")


def epoch_of(batches: PairBatches, steps: range) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return (positives, negatives) as pairs, in order."""
    positives: list[tuple[int, int]] = []
    negatives: list[tuple[int, int]] = []
    for step in steps:
        users, items = batches.take(step).inputs
        for user, row in zip(users.tolist(), items.tolist(), strict=True):
            positives.append((user, row[0]))
            negatives.extend((user, item) for item in row[1:])
    return positives, negatives


def test_an_epoch_meets_every_row_once_in_an_order_of_its_own():
    pairs = some_pairs()
    batches = pair_batches(pairs)
    first, _ = epoch_of(batches, range(4))
    second, _ = epoch_of(batches, range(4, 8))
    rows = sorted(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True))
    assert sorted(first) == sorted(second) == rows
    assert first != second


def test_the_last_batch_of_an_epoch_holds_what_is_left():
    batches = pair_batches(some_pairs(rows=70))
    assert [batches.take(step).rows for step in range(6)] == [32, 32, 6, 32, 32, 6]


def test_no_negative_is_a_training_pair():
    pairs = some_pairs()
    known = set(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True))
    _, negatives = epoch_of(pair_batches(pairs), range(40))
    assert len(negatives) == 10 * 120 * 3
    assert not known & set(negatives)


def test_where_one_item_is_left_it_is_every_negative():
    users, items = np.divmod(np.arange(20 * 15), 15)
    kept = items != users % 15
    _, negatives = epoch_of(pair_batches(Pairs(users[kept], items[kept], None, 20, 15)), range(9))
    assert all(item == user % 15 for user, item in negatives)


def test_negatives_are_uniform_over_the_items_not_met():
    """A user who met 4 of 10 items: each of the other 6 has a sixth of 60,000 draws, ± 5 deviations."""
    pairs = Pairs(np.zeros(4, dtype=np.int32), np.array([0, 3, 4, 9]), None, 1, 10)
    batches = pair_batches(pairs, batch_size=4, negatives=100)
    _, negatives = epoch_of(batches, range(150))
    counts = Counter(item for _, item in negatives)
    assert sorted(counts) == [1, 2, 5, 6, 7, 8]
    assert all(abs(count - 10_000) < 5 * (60_000 * 5 / 36) ** 0.5 for count in counts.values())


def test_sorted_pairs_find_what_the_bitmap_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    by_bits = epoch_of(pair_batches(some_pairs()), range(8))
    monkeypatch.setattr(met, "BITMAP_CELLS", 0)
    assert epoch_of(pair_batches(some_pairs()), range(8)) == by_bits


def test_a_user_with_one_item_left_is_drawn_from_the_complement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUNDS", 1)
    others = np.array([i for i in range(1000) if i != 421])
    batches = pair_batches(Pairs(np.zeros(999, dtype=np.int32), others, None, 1, 1000))
    _, negatives = epoch_of(batches, range(2))
    assert {item for _, item in negatives} == {421}


def test_a_user_who_met_everything_has_no_negative_and_is_refused():
    pairs = Pairs(np.array([0, 0, 1]), np.array([0, 1, 0]), None, 2, 2)
    with pytest.raises(Refused, match="1 users met every one of the 2 items") as caught:
        pair_batches(pairs)
    assert caught.value.code == "no_negatives"


def test_nothing_to_train_on_is_refused():
    empty = np.array([], dtype=np.int32)
    with pytest.raises(Refused, match="at least 1 row"):
        PairBatches(Pairs(empty, empty, None, 1, 1), plan=EpochPlan(1, 1, 0), negatives=1, device="cpu")


@pytest.mark.parametrize("block", [1, 200, 1 << 18])
def test_a_step_means_the_same_batch_however_it_is_reached(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(module, "BLOCK_SAMPLES", block)
    in_order = [pair_batches(some_pairs()).take(step) for step in range(12)]
    backwards = pair_batches(some_pairs())
    for step in reversed(range(12)):
        assert_same(backwards.take(step), in_order[step])


def assert_same(first: Batch, second: Batch) -> None:
    assert all(torch.equal(a, b) for a, b in zip(first.inputs, second.inputs, strict=True))


def test_another_seed_means_other_batches():
    first, second = (pair_batches(some_pairs(), seed=s).take(0) for s in (1, 2))
    assert not torch.equal(first.inputs[0], second.inputs[0])


def test_drawing_leaves_the_process_generator_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    pair_batches(some_pairs()).take(0)
    assert torch.equal(torch.rand(1), wanted)


def test_ratings_come_as_targets_and_without_negatives():
    pairs = some_pairs()
    ratings = np.arange(120, dtype=np.float32)
    explicit = Pairs(pairs.users, pairs.items, ratings, 20, 15)
    batch = pair_batches(explicit).take(0)
    users, items = batch.inputs
    assert items.shape == (32, 1)
    assert batch.targets is not None
    rows = batch.targets.squeeze(1).long()
    assert torch.equal(users, torch.as_tensor(pairs.users)[rows])
    assert torch.equal(items.squeeze(1), torch.as_tensor(pairs.items)[rows])


def test_an_epoch_longer_than_its_rows_begins_them_again():
    """Grouped splits may leave fewer rows than were planned: 10 planned, 7 there, so 3 come twice."""
    records = EncodedRecords(
        np.arange(7, dtype=np.float32)[:, None],
        np.zeros((7, 0), dtype=np.int64),
        np.zeros(7, dtype=np.float32),
    )
    batches = RecordBatches(records, plan=EpochPlan(rows=10, batch_size=4, seed=3), device="cpu")
    taken = [int(x) for step in range(3) for x in batches.take(step).inputs[0].squeeze(1)]
    assert len(taken) == 10
    assert taken[:3] == taken[7:]
    assert sorted(taken[:7]) == list(range(7))


def test_an_epoch_shorter_than_its_rows_leaves_some_for_another():
    records = EncodedRecords(
        np.arange(12, dtype=np.float32)[:, None],
        np.zeros((12, 0), dtype=np.int64),
        np.zeros(12, dtype=np.float32),
    )
    batches = RecordBatches(records, plan=EpochPlan(rows=10, batch_size=5, seed=3), device="cpu")
    epochs = [
        frozenset(int(x) for step in (2 * e, 2 * e + 1) for x in batches.take(step).inputs[0].squeeze(1))
        for e in range(20)
    ]
    assert {len(epoch) for epoch in epochs} == {10}
    assert frozenset().union(*epochs) == frozenset(range(12))


def test_records_keep_their_labels_and_codes():
    numbers = np.arange(20, dtype=np.float32).reshape(10, 2)
    codes = np.arange(10)[:, None]
    records = EncodedRecords(numbers, codes, (np.arange(10) % 2).astype(np.float32))
    batch = RecordBatches(records, plan=EpochPlan(10, 4, 0), device="cpu").take(1)
    numbers_BF, codes_BC = batch.inputs
    assert batch.targets is not None
    assert torch.equal(numbers_BF[:, 0], 2.0 * codes_BC[:, 0])
    assert torch.equal(batch.targets, (codes_BC[:, 0] % 2).float())


def test_a_checkpoint_of_other_batches_is_refused_by_what_differs():
    state = pair_batches(some_pairs()).state()
    pair_batches(some_pairs()).restore(state)
    with pytest.raises(Conflict, match="actual_rows, rows differ"):
        pair_batches(some_pairs(rows=121)).restore(state)
    with pytest.raises(Conflict, match="seed differ"):
        pair_batches(some_pairs(), seed=9).restore(state)
