"""Batches cut from tensors that stay on the device, with negatives drawn and checked whole blocks at a time.

Everything is a function of (seed, step): an epoch's order comes from (seed, epoch), a block's negatives from
(seed, epoch, block). A resumed job needs no replay, and numbers are drawn on the CPU so that a GPU sees the
same batches.

Shapes: R rows, B rows of a batch, N = 1 + negatives, F numbers, C categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from services.worker.data.met import Met
from shared.errors import Conflict, Refused

BLOCK_SAMPLES = 1 << 18
"""Samples drawn at once: enough to make a call's fixed cost vanish, few enough to stay in the cache."""
ROUNDS = 64
"""Redraws before the few stubborn rows are drawn from their complement instead."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a net is called with, and what its scores are held against."""

    inputs: tuple[Tensor, ...]
    targets: Tensor | None
    rows: int


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """How steps divide into epochs: `rows` nominal training rows each, in batches of `batch_size`."""

    rows: int
    batch_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch; the last may hold fewer rows."""
        return -(-self.rows // self.batch_size)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Training interactions; `ratings` only for explicit feedback."""

    users: npt.NDArray[np.integer[Any]]
    items: npt.NDArray[np.integer[Any]]
    ratings: npt.NDArray[np.floating[Any]] | None
    n_users: int
    n_items: int


def generator_of(seed: int, *path: str | int) -> torch.Generator:
    """Return a CPU generator that `seed` and a path of names and counters decide."""
    text = "/".join(map(str, (seed, *path))).encode()
    return torch.Generator().manual_seed(int.from_bytes(blake2b(text, digest_size=4).digest(), "big"))


class _Blocks:
    """The order of each epoch, cut into blocks of whole steps that are loaded one at a time."""

    def __init__(
        self, *, actual_rows: int, plan: EpochPlan, samples_per_row: int, device: torch.device
    ) -> None:
        if actual_rows < 1:
            raise Refused(
                "there is nothing to train on; wanted at least 1 row, came 0", code="empty_training_part"
            )
        self._actual_rows = actual_rows
        self._plan = plan
        self._device = device
        self._block_steps = max(1, BLOCK_SAMPLES // (plan.batch_size * samples_per_row))
        self._loaded: tuple[int, int] | None = None
        self._order: tuple[int, Tensor] | None = None
        self._columns: tuple[Tensor, ...] = ()

    def _columns_of(self, rows_R: Tensor, epoch: int, block: int) -> tuple[Tensor, ...]:
        """Return the columns of these rows, in this order."""
        raise NotImplementedError

    def _cut(self, step: int) -> tuple[Tensor, ...]:
        """Return the step's slice of every column, loading its block if need be."""
        epoch, within = divmod(step, self._plan.steps_per_epoch)
        block, offset = divmod(within, self._block_steps)
        if self._loaded != (epoch, block):
            self._columns = self._columns_of(self._rows(epoch, block), epoch, block)
            self._loaded = (epoch, block)
        start = offset * self._plan.batch_size
        return tuple(column[start : start + self._plan.batch_size] for column in self._columns)

    def _rows(self, epoch: int, block: int) -> Tensor:
        """Return the row numbers of a block; an epoch longer than the rows begins them again."""
        if self._order is None or self._order[0] != epoch:
            order = torch.randperm(self._actual_rows, generator=generator_of(self._plan.seed, "order", epoch))
            self._order = (epoch, order.to(self._device))
        order = self._order[1]
        size = self._block_steps * self._plan.batch_size
        start, stop = block * size, min((block + 1) * size, self._plan.rows)
        if stop <= self._actual_rows:
            return order[start:stop]
        return order[torch.arange(start, stop, device=self._device) % self._actual_rows]

    def state(self) -> dict[str, int]:
        """Return what must be equal for a step to mean the same batch."""
        plan = self._plan
        return {
            "seed": plan.seed,
            "rows": plan.rows,
            "batch_size": plan.batch_size,
            "actual_rows": self._actual_rows,
            "block_steps": self._block_steps,
        }

    def restore(self, state: dict[str, int]) -> None:
        """Check that these batches are those of a checkpoint; the step alone says where they go on."""
        if state != self.state():
            wrong = ", ".join(sorted(key for key, value in self.state().items() if state.get(key) != value))
            raise Conflict(
                f"the checkpoint belongs to other batches; {wrong} differ", code="checkpoint_mismatch"
            )


class PairBatches(_Blocks):
    """Batches of users with items: each row's positive first, then its negatives (implicit feedback).

    With ratings there are no negatives and the targets are the ratings. A negative is drawn uniformly from
    the items that the user did not meet in training.
    """

    def __init__(
        self,
        pairs: Pairs,
        *,
        plan: EpochPlan,
        negatives: int,
        device: torch.device | str,
        met: Met | None = None,
    ) -> None:
        device = torch.device(device)
        self._negatives = negatives if pairs.ratings is None else 0
        super().__init__(
            actual_rows=len(pairs.users), plan=plan, samples_per_row=1 + self._negatives, device=device
        )
        self._users_R = torch.as_tensor(pairs.users, dtype=torch.int64).to(device)
        self._items_R = torch.as_tensor(pairs.items, dtype=torch.int64).to(device)
        self._ratings_R = None if pairs.ratings is None else torch.as_tensor(pairs.ratings).float().to(device)
        self._n_items = pairs.n_items
        known = self._users_R * pairs.n_items + self._items_R
        self._met = met or Met(known, n_users=pairs.n_users, n_items=pairs.n_items, device=device)
        if self._negatives:
            self._met.check_negatives_exist()

    def beside(self, pairs: Pairs, *, plan: EpochPlan) -> PairBatches:
        """Return batches of other pairs, whose negatives are drawn as these batches draw theirs."""
        return PairBatches(pairs, plan=plan, negatives=self._negatives, device=self._device, met=self._met)

    def take(self, step: int) -> Batch:
        """Return the batch of a step: inputs (users_B, items_BN), targets ratings_B1 or none."""
        users_B, items_BN, *ratings = self._cut(step)
        return Batch((users_B, items_BN), ratings[0] if ratings else None, len(users_B))

    def _columns_of(self, rows_R: Tensor, epoch: int, block: int) -> tuple[Tensor, ...]:
        users, positives = self._users_R.index_select(0, rows_R), self._items_R.index_select(0, rows_R)
        if self._ratings_R is not None:
            return users, positives.unsqueeze(1), self._ratings_R.index_select(0, rows_R).unsqueeze(1)
        generator = generator_of(self._plan.seed, "negatives", epoch, block)
        negatives = self._draw(users, generator).view(len(users), self._negatives)
        return users, torch.cat([positives.unsqueeze(1), negatives], dim=1)

    def _draw(self, users_R: Tensor, generator: torch.Generator) -> Tensor:
        """Return negatives, flat: drawn for every row at once, then again where the user met the item."""
        first_pair = (users_R * self._n_items).repeat_interleave(self._negatives)
        items = self._uniform(len(first_pair), generator)
        met = self._met.contains(first_pair + items).nonzero().squeeze(1)
        for _ in range(ROUNDS):
            if not len(met):
                return items
            again = self._uniform(len(met), generator)
            items[met] = again
            met = met[self._met.contains(first_pair[met] + again)]
        for at in met.tolist():
            user = int(first_pair[at]) // self._n_items
            items[at] = self._met.draw_from_complement(user, generator)
        return items

    def _uniform(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(0, self._n_items, (count,), generator=generator).to(self._device)


@dataclass(frozen=True, slots=True)
class EncodedRecords:
    """Records as the encoder gave them: numbers_RF float32, codes_RC int64, labels_R 0 or 1."""

    numbers: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int64]
    labels: npt.NDArray[np.floating[Any]]


class RecordBatches(_Blocks):
    """Batches of encoded records with their labels."""

    def __init__(self, records: EncodedRecords, *, plan: EpochPlan, device: torch.device | str) -> None:
        device = torch.device(device)
        width = max(1, records.numbers.shape[1] + records.codes.shape[1])
        super().__init__(actual_rows=len(records.labels), plan=plan, samples_per_row=width, device=device)
        self._numbers_RF = torch.as_tensor(records.numbers, dtype=torch.float32).to(device)
        self._codes_RC = torch.as_tensor(records.codes, dtype=torch.int64).to(device)
        self._labels_R = torch.as_tensor(records.labels).float().to(device)

    def take(self, step: int) -> Batch:
        """Return the batch of a step: inputs (numbers_BF, codes_BC), targets labels_B."""
        numbers_BF, codes_BC, labels_B = self._cut(step)
        return Batch((numbers_BF, codes_BC), labels_B, len(labels_B))

    def _columns_of(self, rows_R: Tensor, epoch: int, block: int) -> tuple[Tensor, ...]:
        del epoch, block
        columns = (self._numbers_RF, self._codes_RC, self._labels_R)
        return tuple(column.index_select(0, rows_R) for column in columns)
