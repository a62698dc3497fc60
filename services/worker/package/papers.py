"""What is written down beside a model, and the one JSON form it is written in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.graphs.netgraph import NetGraph


@dataclass(frozen=True, slots=True)
class Papers:
    """`report` is the evaluation, `card` the facts of the run, `origin` ids of job and data, and versions."""

    report: Mapping[str, Any]
    card: Mapping[str, Any]
    origin: Mapping[str, Any]
    graph: NetGraph | None = None
    """Of the net; a package without it is as good for predictions."""
    operations: NetGraph | None = None
    """The same in torch's operations."""

    @property
    def drawn(self) -> dict[str, bytes]:
        """The members of a package that hold the graphs."""
        graphs = {"graph.json": self.graph, "operations.json": self.operations}
        return {name: graph.to_json().encode() for name, graph in graphs.items() if graph is not None}


def as_json(value: object) -> bytes:
    """Return JSON that has one form for one value, so that equal runs give equal packages."""
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
