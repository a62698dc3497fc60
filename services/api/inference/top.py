"""The k best of many scores, in an order that never depends on chance: by score, then by item number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]


def best(scores_I: Scores, k: int) -> NDArray[np.intp]:
    """Return at most k item numbers, best first; items at minus infinity are never among them."""
    allowed = np.flatnonzero(scores_I > -np.inf)
    if k > 0 and len(allowed) > k:
        values = scores_I[allowed]
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        allowed = allowed[values >= threshold]
    order = np.argsort(-scores_I[allowed], kind="stable")[: max(k, 0)]
    return allowed[order]
