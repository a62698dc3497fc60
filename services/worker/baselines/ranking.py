"""What every ranking baseline answers to.

Shapes: N training pairs, U users, I items, B users asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats32 = npt.NDArray[np.float32]

Scores = Callable[[Longs], Floats32]
"""Users int64[B] → scores of every item float32[B, I]."""
Judge = Callable[[Scores], float]
"""How good scores are on the validation part; higher is better."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distinct training interactions [N]; numbers of users and items count also those without one."""

    users: Ints
    items: Ints
    n_users: int
    n_items: int


@dataclass(frozen=True, slots=True)
class Ranker:
    """A fitted baseline: its scores, and the settings it was fitted with."""

    scores: Scores
    settings: Mapping[str, float] = field(default_factory=dict)


class RankingBaseline(Protocol):
    """A way to rank items that needs no gradient."""

    def fit(self, pairs: Pairs, *, judge: Judge) -> Ranker:
        """Fit on training pairs; `judge` chooses among settings. Raises `Refused` beyond a stated limit."""
        ...
