"""The operations on whole vectors and matrices: products, sums, softmax; their vector-Jacobian products."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from shared.graphs.rules import Array, Arrays, Use, Whole, Written, words


def _matmul_back(use: Use, upstream: Array) -> Array:
    """Return upstream·rᵀ and lᵀ·upstream, with vectors as rows on the left and columns on the right."""
    left, right = use.xs
    left = left.reshape(1, -1) if left.ndim == 1 else left
    right = right.reshape(-1, 1) if right.ndim == 1 else right
    gradient = upstream.reshape(left.shape[0], right.shape[1])
    return (gradient @ right.T if use.i == 0 else left.T @ gradient).reshape(use.x.shape)


_MATMUL_SAYS = {
    (1, 1): ("{r}", "{l}"),
    (1, 2): ("{r} @ upstream", "{l} ⊗ upstream"),
    (2, 1): ("upstream ⊗ {r}", "{l}ᵀ @ upstream"),
    (2, 2): ("upstream @ {r}ᵀ", "{l}ᵀ @ upstream"),
}


def _matmul_says(at: Written) -> str:
    left, right = at.operands
    return _MATMUL_SAYS[len(left.shape), len(right.shape)][at.i].format(l=left.name, r=right.name)


def _dot(left: Array, right: Array) -> Array:
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError("dot wants two vectors of one length")
    return np.asarray(left @ right)


def _transpose(x: Array) -> Array:
    if x.ndim != 2:
        raise ValueError("transpose wants a matrix")
    return x.T


def _spread(use: Use, upstream: Array) -> Array:
    return np.broadcast_to(upstream, use.x.shape)


def _mean_says(at: Written) -> str:
    return f"1/{math.prod(at.operands[0].shape)} for every element"


def _norm(x: Array) -> Array:
    """Return the Euclidean (of a matrix: Frobenius) norm, without overflow on the way."""
    largest = np.abs(x).max()
    return np.asarray(largest * np.sqrt(np.square(x / largest).sum()) if largest > 0 else 0.0)


def _norm_back(use: Use, upstream: Array) -> Array:
    """Return upstream·x/‖x‖, 0 at the origin as in torch."""
    return np.asarray(upstream * use.x / use.v if use.v > 0 else np.zeros_like(use.x))


def _rows(x: Array) -> Array:
    if x.ndim == 0:
        raise ValueError("wants a vector, or a matrix whose rows are taken one by one")
    return x


def _softmax(x: Array) -> Array:
    shifted = np.exp(_rows(x) - x.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _softmax_back(use: Use, upstream: Array) -> Array:
    return np.asarray(use.v * (upstream - (upstream * use.v).sum(axis=-1, keepdims=True)))


def _log_softmax(x: Array) -> Array:
    return np.asarray(x - np.expand_dims(_logsumexp(x), -1))


def _log_softmax_back(use: Use, upstream: Array) -> Array:
    return np.asarray(upstream - np.exp(use.v) * upstream.sum(axis=-1, keepdims=True))


def _logsumexp(x: Array) -> Array:
    largest = _rows(x).max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(x - largest).sum(axis=-1)) + largest[..., 0])


def _logsumexp_back(use: Use, upstream: Array) -> Array:
    return np.asarray(np.expand_dims(upstream, -1) * _softmax(use.x))


def _best_back(use: Use, upstream: Array) -> Array:
    wins = use.x == use.v
    return np.asarray(upstream * wins / wins.sum())


def _reducing(best: Callable[[Array], Array], word: str) -> Whole:
    """Return the rule of the largest or smallest element; a tie shares the gradient equally."""

    def side(xs: Arrays) -> Array:
        wins = xs[0] == best(xs[0])
        return np.asarray(np.nan if wins.sum() > 1 else wins.argmax())

    return Whole(best, _best_back, words(f"1 at the {word} element, else 0; a tie is shared"), side=side)


WHOLES: dict[str, Whole] = {
    "matmul": Whole(np.matmul, _matmul_back, _matmul_says, (2, 2)),
    "dot": Whole(_dot, lambda use, upstream: upstream * use.other, words("{r}", "{l}"), (2, 2)),
    "transpose": Whole(_transpose, lambda _, upstream: upstream.T, words("upstreamᵀ")),
    "sum": Whole(np.sum, _spread, words("1 for every element")),
    "mean": Whole(np.mean, lambda use, upstream: _spread(use, upstream / use.x.size), _mean_says),
    "norm": Whole(_norm, _norm_back, words("{x}/{v}"), side=lambda xs: np.where(xs[0].any(), 1.0, np.nan)),
    "softmax": Whole(_softmax, _softmax_back, words("diag({v}) − {v}·{v}ᵀ")),
    "log_softmax": Whole(_log_softmax, _log_softmax_back, words("I − 1·exp({v})ᵀ")),
    "logsumexp": Whole(_logsumexp, _logsumexp_back, words("softmax({x})")),
    "reduce_max": _reducing(np.max, "largest"),
    "reduce_min": _reducing(np.min, "smallest"),
}
