"""What the graph of each net of the catalogue needs to be told: its inputs, made-up rows, names of modules.

Shapes: B users or records, N items of each, F numbers, C categories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from services.worker.data.batches import generator_of
from services.worker.nets.mf import Mf
from services.worker.nets.mlp import Mlp
from services.worker.nets.neumf import Neumf
from services.worker.package.netgraph.building import NetGraphs, net_graphs
from services.worker.package.netgraph.example import Example, Layout
from services.worker.package.netgraph.modules import JOINS
from services.worker.package.netgraph.sites import Tensors
from services.worker.package.weights import served_form
from services.worker.training.objective import Objective, objective_of

MIN_ROWS = 32
"""Statistics of fewer rows may speak of one of them; then they are those of made-up rows."""
SYNTHETIC_ROWS = 64


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch as training has it."""

    inputs: Tensors
    targets: Tensor | None
    objective: Objective


@dataclass(frozen=True, slots=True)
class Kind:
    """A net's inputs, rows of them made up from its own sizes, and which module its attributes belong to."""

    layout: Layout
    row: Literal["record", "user and item"]
    made_up: Callable[[Any, torch.Generator], Rows]
    modules: Mapping[str, str]


def _pairs(net: Mf | Neumf, draw: torch.Generator) -> Rows:
    """Return users with two items each, the first of which is the positive."""
    users_B = torch.randint(len(net.users), (SYNTHETIC_ROWS,), generator=draw)
    items_BN = torch.randint(len(net.items), (SYNTHETIC_ROWS, 2), generator=draw)
    return Rows((users_B, items_BN), None, objective_of(task="recommend", loss="bce"))


def _records(net: Mlp, draw: torch.Generator) -> Rows:
    """Return records of normal numbers and even codes; every second one has the outcome."""
    layers = [*net.body.layers(), net.head]
    wide = layers[0].weight.shape[1] - sum(table.shape[1] for table in net.tables)
    numbers_BF = torch.randn(SYNTHETIC_ROWS, wide, generator=draw)
    codes = [torch.randint(len(table), (SYNTHETIC_ROWS,), generator=draw) for table in net.tables]
    empty = torch.zeros(SYNTHETIC_ROWS, 0, dtype=torch.int64)
    codes_BC = torch.stack(codes, dim=1) if codes else empty
    return Rows((numbers_BF, codes_BC), torch.arange(SYNTHETIC_ROWS) % 2.0, objective_of(task="diagnose"))


PAIRS: Layout = (("B",), ("B", "N"))
RECORDS: Layout = (("B", None), ("B", None))
FACTORS = {
    "users": "user factors",
    "user_bias": "user factors",
    "items": "item factors",
    "item_bias": "item factors",
    "bias": "score",
    JOINS: "score",
}
TOWERS = {
    "deep_users": "user tower",
    "user_layer": "user tower",
    "deep_items": "item tower",
    "item_layer": "item tower",
    "activation": "perceptron",
    "body": "perceptron",
    "users": "factorisation",
    "items": "factorisation",
    "product_head": "factorisation",
    "body_head": "head",
    JOINS: "head",
}
LAYERS = {"tables": "embeddings", "body": "perceptron", "head": "head", JOINS: "head"}
KINDS: dict[type[nn.Module], Kind] = {
    Mf: Kind(PAIRS, "user and item", _pairs, FACTORS),
    Neumf: Kind(PAIRS, "user and item", _pairs, TOWERS),
    Mlp: Kind(RECORDS, "record", _records, LAYERS),
}


def graphs_of_net(net: nn.Module, *, name: str, rows: Rows | None) -> NetGraphs:
    """Return the graphs of a net of the catalogue as it will be served, with the statistics of these rows.

    Fewer than 32 rows, or none, are replaced by made-up ones.
    """
    kind = KINDS[type(net)]
    own = rows is not None and len(rows.inputs[0]) >= MIN_ROWS
    shown = rows if own and rows is not None else kind.made_up(net, generator_of(0, "graph", name))

    def loss(output: Tensor) -> Tensor:
        return shown.objective(output, shown.targets)

    example = Example(
        shown.inputs, kind.layout, loss, source="training" if own else "synthetic", row=kind.row
    )
    return net_graphs(served_form(net), name=name, example=example, modules=kind.modules)
