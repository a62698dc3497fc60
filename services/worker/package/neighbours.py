"""Item-item neighbours: the cosine of two items' sets of users (Sarwar 2001; Deshpande & Karypis 2004).

Every recommender's package carries them, whatever its net: they serve unknown users who bring a history,
similar items, and reasons. Shapes: N interactions, I items, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

TOP = 200
BLOCK_ROWS = 512
"""Items whose similarities are held at once; bounds the memory to BLOCK_ROWS × I numbers."""
ABSENT = -1


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The K nearest items of each item by falling cosine, then by number; where fewer, `ABSENT` and 0."""

    items_IK: NDArray[np.int32]
    cosines_IK: NDArray[np.float32]


def cosine_neighbours(
    users_N: NDArray[np.integer], items_N: NDArray[np.integer], *, n_items: int, top: int = TOP
) -> Neighbours:
    """Return each item's `top` neighbours with a cosine above 0; a pair met twice counts once."""
    width = max(min(top, n_items - 1), 0)
    found = Neighbours(
        np.full((n_items, width), ABSENT, dtype=np.int32), np.zeros((n_items, width), dtype=np.float32)
    )
    unit_IU = _unit_rows(users_N, items_N, n_items)
    for start in range(0, n_items if width else 0, BLOCK_ROWS):
        block = (unit_IU[start : start + BLOCK_ROWS] @ unit_IU.T).tocsr()
        for row in range(block.shape[0]):
            _keep_nearest(found, block, row, item=start + row)
    return found


def _unit_rows(users_N: NDArray[np.integer], items_N: NDArray[np.integer], n_items: int) -> sparse.csr_array:
    """Return items × users with rows of length 1 (or 0 for an item nobody met)."""
    n_users = int(users_N.max()) + 1 if len(users_N) else 1
    met = sparse.csr_array(
        (np.ones(len(users_N), dtype=np.float32), (items_N, users_N)), shape=(n_items, n_users)
    )
    met.sum_duplicates()
    lengths_I = np.maximum(np.diff(met.indptr), 1)
    met.data = np.repeat(1.0 / np.sqrt(lengths_I), np.diff(met.indptr)).astype(np.float32)
    return met


def _keep_nearest(found: Neighbours, block: sparse.csr_array, row: int, *, item: int) -> None:
    """Write the largest entries of one row of similarities, without the item itself."""
    part = slice(block.indptr[row], block.indptr[row + 1])
    others, cosines = block.indices[part], block.data[part]
    others, cosines = others[others != item], cosines[others != item]
    order = np.lexsort((others, -cosines))[: found.items_IK.shape[1]]
    found.items_IK[item, : len(order)] = others[order]
    found.cosines_IK[item, : len(order)] = np.minimum(cosines[order], 1.0)
