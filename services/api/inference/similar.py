"""Items near an item: the cosine neighbours in every recommender's package, never the item itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.api.inference.bodies import SimilarRequest
from services.api.inference.catalogue import Catalogue
from shared.errors import Finding, NotFound


def similar(request: SimilarRequest, *, catalogue: Catalogue, loc: tuple[str | int, ...]) -> dict[str, Any]:
    """Return the answer to one request; raises `NotFound` for an item the model does not know."""
    item = catalogue.item_numbers.get(str(request.item))
    if item is None:
        raise NotFound(
            "the model does not know the item", findings=[Finding(loc, "no such item in this version")]
        )
    excluded, skipped = catalogue.known(request.exclude)
    others_K = catalogue.neighbours_IK[item]
    allowed_K = (others_K >= 0) & ~np.isin(others_K, excluded)
    places = np.flatnonzero(allowed_K)[: request.k].tolist()
    found = [catalogue.shown(int(others_K[p]), float(catalogue.cosines_IK[item, p])) for p in places]
    shortfall = None
    if len(found) < request.k:
        reason = f"{len(found)} items share users with it, within the {len(others_K)} nearest kept"
        shortfall = {"wanted": request.k, "came": len(found), "reason": reason}
    return {"items": found, "skipped": skipped, "shortfall": shortfall}
