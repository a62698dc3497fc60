"""EASE: a linear item-item model in closed form (Steck 2019, arXiv 1905.03375).

Shapes: U users, I items, B users asked about. With X the 0/1 matrix of interactions and P = (XᵀX + λ)⁻¹,
the weights are B = I − P / diag(P) by column, with a zero diagonal; the scores of a user are x·B.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from services.worker.baselines.ranking import Floats32, Judge, Longs, Pairs, Ranker, Scores
from shared.errors import Refused

Floats = npt.NDArray[np.float64]

SIDE_LIMIT = 12_500
"""Largest smaller side, users or items: its square matrix takes 1.25 GB, and inverting it a minute or two."""
SEARCH_LIMIT = 4_000
"""Above it one inversion takes a minute and more, so λ is not searched."""
DEFAULT_L2 = 500.0
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Ease:
    """`l2` lists the λ to choose from by validation; one value is taken as it is."""

    l2: tuple[float, ...] = (100.0, 300.0, 600.0, 1000.0)

    def fit(self, pairs: Pairs, *, judge: Judge) -> Ranker:
        """Invert the Gram matrix of the smaller side in float64. Raises `Refused` above `SIDE_LIMIT`."""
        side = min(pairs.n_users, pairs.n_items)
        if side > SIDE_LIMIT:
            raise Refused(
                f"EASE inverts a matrix of the smaller of users and items; wanted at most {SIDE_LIMIT:,}, "
                f"came {side:,}; popularity stands alone",
                code="baseline_too_large",
            )
        X = _matrix(pairs)
        fit = _from_items if pairs.n_items <= pairs.n_users else _from_users
        if len(self.l2) == 1 or side > SEARCH_LIMIT:
            l2 = self.l2[0] if len(self.l2) == 1 else DEFAULT_L2
            return Ranker(fit(X, l2), {"l2": l2})
        return _best(X, self.l2, fit=fit, judge=judge)


def _best(
    X: scipy.sparse.csr_array,
    choices: tuple[float, ...],
    *,
    fit: Callable[[scipy.sparse.csr_array, float], Scores],
    judge: Judge,
) -> Ranker:
    """Return the ranker of the best λ, the first on ties; at most two are in memory."""
    best = Ranker(fit(X, choices[0]), {"l2": choices[0]})
    best_value = judge(best.scores)
    for l2 in choices[1:]:
        ranker = Ranker(fit(X, l2), {"l2": l2})
        value = judge(ranker.scores)
        if value > best_value:
            best, best_value = ranker, value
    return best


def _matrix(pairs: Pairs) -> scipy.sparse.csr_array:
    ones = np.ones(len(pairs.users))
    return scipy.sparse.csr_array((ones, (pairs.users, pairs.items)), shape=(pairs.n_users, pairs.n_items))


def _from_items(X: scipy.sparse.csr_array, l2: float) -> Scores:
    B_II = _ridge_inverse(_gram(X.T.tocsr()), l2)
    B_II /= -np.diag(B_II).copy()
    np.fill_diagonal(B_II, 0.0)

    def scores(users_B: Longs) -> Floats32:
        return np.asarray(X[users_B] @ B_II, np.float32)

    return scores


def _from_users(X: scipy.sparse.csr_array, l2: float) -> Scores:
    """Score through the users' Gram matrix, where users are fewer: λP = I − Xᵀ(XXᵀ + λ)⁻¹X (Woodbury)."""
    K_UU = _ridge_inverse(_gram(X), l2)
    columns = X.tocsc()
    blocks = range(0, X.shape[1], ROWS_AT_ONCE)
    explained_I = np.concatenate(
        [_explained(columns[:, start : start + ROWS_AT_ONCE], K_UU) for start in blocks]
    )

    def scores(users_B: Longs) -> Floats32:
        x_BI = X[users_B].toarray()
        projected_BI = ((X[users_B] @ X.T) @ K_UU) @ X
        return np.asarray(x_BI - (x_BI - projected_BI) / (1.0 - explained_I), np.float32)

    return scores


def _explained(columns_UJ: scipy.sparse.csc_array, K_UU: Floats) -> Floats:
    """Return x_jᵀ K x_j for some items."""
    block_UJ = columns_UJ.toarray()
    explained_J: Floats = np.einsum("uj,uj->j", block_UJ, K_UU @ block_UJ)
    return explained_J


def _gram(rows: scipy.sparse.csr_array) -> Floats:
    """Return the products of all rows, dense; some rows at a time, since a sparse result would be larger."""
    gram = np.empty((rows.shape[0], rows.shape[0]))
    for start in range(0, len(gram), ROWS_AT_ONCE):
        gram[start : start + ROWS_AT_ONCE] = (rows[start : start + ROWS_AT_ONCE] @ rows.T).toarray()
    return gram


def _ridge_inverse(gram: Floats, l2: float) -> Floats:
    gram[np.diag_indices_from(gram)] += l2
    inverse: Floats = scipy.linalg.inv(gram, assume_a="pos", overwrite_a=True, check_finite=False)
    return inverse
