"""Recommendations: resolve whom to serve, score every item, hide what must not come, rank, explain.

Shapes: B users of all requests in a batch, I items, H items of a history, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from services.api.inference import metrics
from services.api.inference.bodies import RecommendRequest
from services.api.inference.catalogue import Catalogue
from services.api.inference.sessions import Net
from services.api.inference.top import best

MAX_PAIRS = 1 << 18
"""User-item pairs scored in one run: bounds the memory of a perceptron's hidden layers."""
MAX_HISTORY = 200
"""Items of a history that are used, the newest."""
MAX_REASONS = 3

Basis = Literal["net", "history", "popular"]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, resolved: who, what they met, and what must not come."""

    request: RecommendRequest
    user: int | None
    met: NDArray[np.int64]
    """Items seen in training and in the request's history."""
    history: list[int]
    hidden: NDArray[np.int64]
    skipped: int

    @property
    def basis(self) -> Basis:
        """What the scores come from: the net, the history's neighbours, or popularity."""
        if self.user is not None:
            return "net"
        return "history" if self.history else "popular"


class Recommender:
    """Ranks the items of one version."""

    def __init__(self, net: Net, catalogue: Catalogue) -> None:
        self._net, self._catalogue = net, catalogue
        self._popularity_I: Scores = catalogue.counts_I.astype(np.float64)

    def ranked(self, requests: Sequence[RecommendRequest]) -> Iterator[dict[str, Any]]:
        """Yield the answer to each request, in order."""
        asks = [self._resolve(request) for request in requests]
        scores = self._net_scores([ask.user for ask in asks if ask.user is not None])
        for ask in asks:
            yield self._answer(ask, next(scores) if ask.basis == "net" else None)

    def _resolve(self, request: RecommendRequest) -> Ask:
        known = self._catalogue
        user = None if request.user is None else known.user_numbers.get(str(request.user))
        history, lost_history = known.known(request.history)
        excluded, lost_excluded = known.known(request.exclude)
        seen = known.seen(user) if user is not None else np.empty(0, dtype=np.int64)
        met = np.concatenate([seen, np.array(history, dtype=np.int64)])
        hidden = np.array(excluded, dtype=np.int64)
        if request.exclude_seen:
            hidden = np.concatenate([hidden, met])
        newest = list(dict.fromkeys(reversed(history)))[:MAX_HISTORY]
        return Ask(request, user, met, newest, hidden, lost_history + lost_excluded)

    def _net_scores(self, users: Sequence[int]) -> Iterator[Scores]:
        """Yield the net's score of every item [I] for each user, computed in blocks."""
        items_I = self._catalogue.all_items
        block = max(1, MAX_PAIRS // len(items_I))
        for start in range(0, len(users), block):
            users_B = np.array(users[start : start + block], dtype=np.int64)
            parts = [
                self._net.run(user=users_B, item=items_I[first : first + MAX_PAIRS])
                for first in range(0, len(items_I), MAX_PAIRS)
            ]
            yield from np.concatenate(parts, axis=1).astype(np.float64)

    def _answer(self, ask: Ask, scores_I: Scores | None) -> dict[str, Any]:
        metrics.fallbacks.labels("none" if ask.basis == "net" else ask.basis).inc()
        if scores_I is None:
            scores_I = (
                self._neighbour_scores(ask.history) if ask.basis == "history" else self._popularity_I.copy()
            )
        scores_I[ask.hidden] = -np.inf
        items = best(scores_I, ask.request.k)
        values = scores_I[items]
        if ask.basis == "history":
            items, values = self._filled(ask, scores_I)
        found = [self._catalogue.shown(i, s) for i, s in zip(items.tolist(), values.tolist(), strict=True)]
        if ask.request.explain:
            self._add_reasons(found, items, ask)
        return {
            "items": found,
            "fallback": None if ask.basis == "net" else ask.basis,
            "skipped": ask.skipped,
            "shortfall": self._shortfall(ask, len(found)),
        }

    def _neighbour_scores(self, history: Sequence[int]) -> Scores:
        """Sum over a history the cosine of each item with the history's items."""
        scores_I = np.zeros(len(self._catalogue.item_ids))
        others_HK = self._catalogue.neighbours_IK[history]
        present_HK = others_HK >= 0
        np.add.at(scores_I, others_HK[present_HK], self._catalogue.cosines_IK[history][present_HK])
        return scores_I

    def _filled(self, ask: Ask, scores_I: Scores) -> tuple[NDArray[np.intp], Scores]:
        """Rank neighbours of the history; where they do not fill k, popular items follow with score 0."""
        near = best(np.where(scores_I > 0.0, scores_I, -np.inf), ask.request.k)
        rest_I = np.where(scores_I == 0.0, self._popularity_I, -np.inf)
        items = np.concatenate([near, best(rest_I, ask.request.k - len(near))])
        return items, scores_I[items]

    def _add_reasons(self, found: Sequence[dict[str, Any]], items: NDArray[np.intp], ask: Ask) -> None:
        """Name the nearest items that the user has met; nearness is all they claim."""
        met_I = np.zeros(len(self._catalogue.item_ids), dtype=bool)
        met_I[ask.met] = True
        for written, item in zip(found, items.tolist(), strict=True):
            others_K = self._catalogue.neighbours_IK[item]
            places = np.flatnonzero((others_K >= 0) & met_I[others_K])[:MAX_REASONS]
            written["reasons"] = [self._reason(item, int(place)) for place in places]

    def _reason(self, item: int, place: int) -> dict[str, Any]:
        other = int(self._catalogue.neighbours_IK[item, place])
        shown = self._catalogue.shown(other, 0.0)
        del shown["score"]
        return {
            "relation": "similar to",
            **shown,
            "similarity": float(self._catalogue.cosines_IK[item, place]),
        }

    def _shortfall(self, ask: Ask, came: int) -> dict[str, Any] | None:
        if came >= ask.request.k:
            return None
        metrics.shortfalls.inc()
        total, hidden = len(self._catalogue.item_ids), len(np.unique(ask.hidden))
        reason = f"the model knows {total} items, of which {hidden} are seen or excluded"
        return {"wanted": ask.request.k, "came": came, "reason": reason}
