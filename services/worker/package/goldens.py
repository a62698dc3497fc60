"""Golden inputs: what a package is run on before it is published, and again before it is served.

They are made up from what the encoder learned, never taken from a patient's row.
Shapes: G records, F number inputs, C categories, B users, N items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.features.records import RecordEncoder

RECORDS = 24
USERS, ITEMS = 16, 64
FAR = 1e30
NEVER_SEEN = "\u241fnever seen in training\u241f"
SEED = 20_100_101

Record = dict[str, float | str | None]


def golden_records(encoder: RecordEncoder) -> list[Record]:
    """Return made-up records: typical, empty, extreme, with unseen levels, and random mixtures."""
    numbers, levels = encoder.fitted.numbers, {c.name: c.levels for c in encoder.fitted.categories}
    typical: Record = {c.name: c.median for c in numbers} | {
        n: found[0] if found else None for n, found in levels.items()
    }
    special: list[Record] = [
        typical,
        {},
        dict.fromkeys(typical),
        typical | {c.name: c.low for c in numbers},
        typical | {c.name: c.high for c in numbers},
        typical | {c.name: -FAR for c in numbers},
        typical | {c.name: FAR for c in numbers},
        typical | dict.fromkeys(levels, NEVER_SEEN),
    ]
    draw = np.random.default_rng(SEED)
    return special + [_mixture(encoder, draw) for _ in range(RECORDS - len(special))]


def _mixture(encoder: RecordEncoder, draw: np.random.Generator) -> Record:
    """Return a record with numbers drawn from their training ranges and levels from their lists."""
    record: Record = {}
    for column in encoder.fitted.numbers:
        value = float(draw.uniform(column.low, column.high))
        record[column.name] = None if draw.random() < 0.2 else value
    for category in encoder.fitted.categories:
        choices: Sequence[str | None] = (*category.levels, None, NEVER_SEEN)
        record[category.name] = choices[int(draw.integers(len(choices)))]
    return record


def golden_pairs(n_users: int, n_items: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return users [B] and items [N] spread over all of them, first and last included."""
    return _spread(n_users, USERS), _spread(n_items, ITEMS)


def _spread(total: int, count: int) -> NDArray[np.int64]:
    """Return `count` numbers from 0 to total − 1, evenly spaced; repeated where there are fewer."""
    return np.linspace(0, total - 1, count).round().astype(np.int64)
