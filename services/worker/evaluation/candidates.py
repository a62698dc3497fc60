"""Negatives beside one positive a user: drawn, or given by a benchmark's files.

Shapes: B users with one target, N negatives each. Sampled figures do not agree with full-rank ones
(Krichene & Rendle 2020, 10.1145/3394486.3403226) and are labelled wherever they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.worker.evaluation.seen import Seen
from services.worker.evaluation.splits import Holdout
from shared.errors import Refused

Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Candidates:
    """One positive [B] and its negatives [B, N] for each user [B]; one that does not count is not `valid`."""

    users: Longs
    positives: Longs
    negatives: Longs
    valid: Flags


def given_candidates(
    users_B: npt.ArrayLike, positives_B: npt.ArrayLike, negatives_BN: npt.ArrayLike
) -> Candidates:
    """Take negatives from a file; one that equals the positive, or stands twice in its row, is not counted.

    In 156 of the 6,040 rows of the NCF files for MovieLens 1M the negatives contain the positive.
    """
    positives, negatives = (
        np.asarray(positives_B, np.int64),
        np.sort(np.asarray(negatives_BN, np.int64), axis=1),
    )
    valid = negatives != positives[:, None]
    valid[:, 1:] &= negatives[:, 1:] != negatives[:, :-1]
    return Candidates(np.asarray(users_B, np.int64), positives, negatives, valid)


def draw_candidates(holdout: Holdout, *, seen: Seen, negatives: int, seed: int) -> Candidates:
    """Draw distinct items that a user never met, uniformly; a user with fewer left gets all of them."""
    users, positives = holdout.users.astype(np.int64), holdout.items.astype(np.int64)
    if len(np.unique(users)) != len(users):
        raise Refused("sampled negatives need one target a user; wanted leave_one_out, came several targets")
    met_row, met_item = _met(users, positives, seen)
    free_B = seen.n_items - np.bincount(met_row, minlength=len(users))
    ranks_BN = _distinct_ranks(free_B, negatives, np.random.default_rng(seed))
    valid_BN = np.arange(negatives) < free_B[:, None]
    drawn_BN = _unseen(ranks_BN, met_row, met_item, seen.n_items)
    return Candidates(users, positives, np.where(valid_BN, drawn_BN, 0), valid_BN)


def _met(users_B: Longs, positives_B: Longs, seen: Seen) -> tuple[Longs, Longs]:
    """Return (row, item), ascending, of everything met including the positive."""
    row, item = seen.cells(users_B)
    stride = max(seen.n_items, 1)
    keys = np.unique(np.concatenate([row * stride + item, np.arange(len(users_B)) * stride + positives_B]))
    return keys // stride, keys % stride


def _distinct_ranks(free_B: Longs, negatives: int, rng: np.random.Generator) -> Longs:
    """Return `negatives` distinct numbers below `free` in each row; surplus columns of short rows hold 0.

    Repeats are drawn again until there are none. That treats all numbers alike, so every set is equally
    likely; rows that need more than half of what is free take a shuffled prefix instead.
    """
    ranks_BN = rng.integers(0, np.maximum(free_B, 1)[:, None], (len(free_B), negatives))
    tight = 2 * negatives > free_B
    for short in np.flatnonzero(tight):
        chosen = rng.permutation(free_B[short])[:negatives]
        ranks_BN[short] = np.pad(chosen, (0, negatives - len(chosen)))
    todo = np.flatnonzero(~tight)
    while len(todo):
        part = np.sort(ranks_BN[todo], axis=1)
        repeat = np.zeros(part.shape, bool)
        repeat[:, 1:] = part[:, 1:] == part[:, :-1]
        row, _ = np.nonzero(repeat)
        part[repeat] = rng.integers(0, free_B[todo[row]])
        ranks_BN[todo] = part
        todo = todo[repeat.any(axis=1)]
    return ranks_BN


def _unseen(ranks_BN: Longs, met_row: Longs, met_item: Longs, n_items: int) -> Longs:
    """Return the item with `rank` unmet items before it.

    The j-th met item (from 0) has item − j unmet ones before it, so the item sought lies as many places
    past its rank as there are met items with at most `rank` unmet ones before them.
    """
    start_B = np.searchsorted(met_row, np.arange(len(ranks_BN)))
    unmet_before = met_item - (np.arange(len(met_item)) - start_B[met_row])
    stride = n_items + 1
    keys = met_row * stride + unmet_before
    wanted = np.arange(len(ranks_BN))[:, None] * stride + ranks_BN
    skipped: Longs = np.searchsorted(keys, wanted, side="right") - start_B[:, None]
    return ranks_BN + skipped
