"""Contributions of a record's columns to its logit: Shapley values against a reference row.

Estimated over random orders in which columns change from the reference to the record (Castro et al. 2009),
each order with its reverse (antithetic pairs; Mitchell et al. 2022). In every order the steps telescope, so
the contributions sum to logit(record) − logit(reference) however few the orders.

Shapes: P columns that differ from the reference, M orders, S = P + 1 steps, F number inputs, C categories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PAIRS = 16
SEED = 1_953
METHOD = "shapley_permutation_sampling"

Logits = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Row:
    """One encoded record: `numbers` [F] and `codes` [C]."""

    numbers: NDArray[np.float32]
    codes: NDArray[np.int64]


class Explainer:
    """Explains the records of one model against its reference row."""

    def __init__(self, logits: Logits, *, reference: Row, owner_F: NDArray[np.intp], numbers: int) -> None:
        """Take the model, and for each number input its column; category c is column `numbers + c`."""
        self._logits = logits
        self._reference = reference
        self._owner_F = owner_F
        self._numbers = numbers
        self.reference_logit = float(logits(reference.numbers[None], reference.codes[None])[0])

    def contributions(self, row: Row, *, logit: float) -> dict[int, float]:
        """Return the contribution of every differing column, in logits; all others contribute exactly 0."""
        players_P = self._differing(row)
        if len(players_P) == 0:
            return {}
        ranks_MP = _ranks(len(players_P))
        values_MS = self._walk(row, players_P, ranks_MP)
        values_MS[:, 0], values_MS[:, -1] = self.reference_logit, logit
        steps_MP = np.take_along_axis(np.diff(values_MS, axis=1), ranks_MP, axis=1)
        return dict(zip(players_P.tolist(), steps_MP.mean(axis=0).tolist(), strict=True))

    def _differing(self, row: Row) -> NDArray[np.intp]:
        """Return the columns in which the record's inputs are not the reference's, ascending."""
        of_numbers = self._owner_F[row.numbers != self._reference.numbers]
        of_codes = self._numbers + np.flatnonzero(row.codes != self._reference.codes)
        return np.unique(np.concatenate([of_numbers, of_codes]))

    def _walk(self, row: Row, players_P: NDArray[np.intp], ranks_MP: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the logit after each step of each order [M, S]."""
        orders, steps = len(ranks_MP), len(players_P) + 1
        changed = np.zeros((orders, steps, self._numbers + len(row.codes)), dtype=bool)
        changed[:, :, players_P] = ranks_MP[:, None, :] < np.arange(steps)[None, :, None]
        flat = changed.reshape(orders * steps, -1)
        numbers = np.where(flat[:, self._owner_F], row.numbers, self._reference.numbers)
        codes = np.where(flat[:, self._numbers :], row.codes, self._reference.codes)
        return self._logits(numbers, codes).reshape(orders, steps)


@lru_cache(maxsize=256)
def _ranks(players: int) -> NDArray[np.intp]:
    """Return each column's place in M orders [M, P]: the second half of the orders reverses the first."""
    draw = np.random.default_rng(SEED)
    forward = np.array([draw.permutation(players) for _ in range(PAIRS)], dtype=np.intp)
    return np.concatenate([forward, players - 1 - forward])
