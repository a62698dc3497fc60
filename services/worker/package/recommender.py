"""The package of a recommender: graph, users, items, what each user has seen, neighbours, popularity.

Shapes: N interactions, U users, I items, K neighbours, B golden users, G golden items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import nn

from services.worker.package.goldens import golden_pairs
from services.worker.package.graph import OPSET
from services.worker.package.neighbours import cosine_neighbours
from services.worker.package.papers import Papers, as_json
from services.worker.package.parity import require_parity
from services.worker.package.weights import graph_of, served_form
from shared.features.archive import pack

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Interactions as two columns: row n says that user `users[n]` met item `items[n]`."""

    users: Ints
    items: Ints


@dataclass(frozen=True, slots=True)
class Names:
    """Outside ids of users [U] and items [I], and the items' side columns [I] each."""

    user_ids: Sequence[str]
    item_ids: Sequence[str]
    item_columns: Mapping[str, Sequence[object]]


def recommender_package(
    net: nn.Module,
    *,
    names: Names,
    training: Pairs,
    known: Pairs,
    feedback: Literal["implicit", "explicit"],
    papers: Papers,
) -> bytes:
    """Return the sealed package of a trained recommender; raises `ExportError` when the graph is not it.

    Neighbours and popularity come from `training`; what is hidden as seen comes from `known`, every
    interaction of the data set. The graph: `user` int64[B], `item` int64[N] → `score` float32[B, N].
    """
    n_users, n_items = len(names.user_ids), len(names.item_ids)
    served = served_form(net)
    model = graph_of(served)
    users_B, items_G = golden_pairs(n_users, n_items)
    arrays = {"user": users_B, "item": items_G}
    scores_BG = require_parity(model, arrays, wanted=_scores(served, users_B, items_G))
    nearest = cosine_neighbours(training.users, training.items, n_items=n_items)
    files = {
        "model.onnx": model,
        "users.json": as_json({"ids": list(names.user_ids)}),
        "items.json": as_json({"ids": list(names.item_ids), "columns": dict(names.item_columns)}),
        "seen.safetensors": save(seen_rows(known, n_users)),
        "neighbours.safetensors": save({"items": nearest.items_IK, "cosines": nearest.cosines_IK}),
        "popularity.safetensors": save({"counts": popularity(training, n_items)}),
        "goldens.safetensors": save({**arrays, "score": scores_BG}),
        "report.json": as_json(papers.report),
        "card.json": as_json(papers.card),
        **papers.drawn,
    }
    manifest = {"format": 1, "kind": "recommend", "feedback": feedback, "opset": OPSET}
    return pack(files, {**manifest, "origin": dict(papers.origin)})


def seen_rows(known: Pairs, n_users: int) -> dict[str, NDArray[Any]]:
    """Return compressed rows: user u has met `items[starts[u]:starts[u + 1]]`, ascending, each once."""
    pairs = np.unique(np.stack([known.users.astype(np.int64), known.items.astype(np.int64)]), axis=1)
    starts = np.searchsorted(pairs[0], np.arange(n_users + 1), side="left")
    return {"starts": starts.astype(np.int64), "items": np.ascontiguousarray(pairs[1].astype(np.int32))}


def popularity(training: Pairs, n_items: int) -> NDArray[np.int64]:
    """Return how many distinct users met each item in training [I]."""
    pairs = np.unique(np.stack([training.items.astype(np.int64), training.users.astype(np.int64)]), axis=1)
    return np.bincount(pairs[0], minlength=n_items).astype(np.int64)


def _scores(net: nn.Module, users_B: NDArray[np.int64], items_G: NDArray[np.int64]) -> NDArray[np.float32]:
    """Score every user against every item with the net itself."""
    with torch.no_grad():
        scores_BG: torch.Tensor = net(torch.from_numpy(users_B), torch.from_numpy(items_G))
    return np.asarray(scores_BG.numpy())
