"""Neural matrix factorisation: h·[p⊙q ; MLP([p';q'])] + b (He et al., arXiv 1708.05031).

Shapes: B users, N items of each, d width of an embedding, H width of the first layer.
The first layer of [p';q'] is the sum of one matrix on p' and one on q': the user's share is computed once for
all N items.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from services.worker.nets.activations import Activation, draw
from services.worker.nets.base import Net, NetLayer, Sizes, linear_layer, rows_of, table, table_layer
from services.worker.nets.layers import add_to_each, dense, dot_each
from services.worker.nets.perceptron import Perceptron
from shared.catalog import NeumfParams


class Neumf(Net):
    """A factorisation and a perceptron side by side under one linear head."""

    def __init__(self, params: NeumfParams, sizes: Sizes) -> None:
        super().__init__()
        d, first = params.embedding_dim, params.hidden[0]
        self.users = table(sizes.users, d, std=params.init_std)
        self.items = table(sizes.items, d, std=params.init_std)
        self.deep_users = table(sizes.users, d, std=params.init_std)
        self.deep_items = table(sizes.items, d, std=params.init_std)
        both = nn.Linear(2 * d, first)
        draw(both.weight, init=params.init, before=params.activation)
        self.user_layer = nn.Linear(d, first, bias=False)
        self.item_layer = nn.Linear(d, first)
        self.user_layer.weight = nn.Parameter(both.weight[:, :d].detach().clone())
        self.item_layer.weight = nn.Parameter(both.weight[:, d:].detach().clone())
        nn.init.zeros_(self.item_layer.bias)
        self.activation = Activation(params.activation, dropout=params.dropout)
        self.body = Perceptron(
            params.hidden, dropout=params.dropout, activation=params.activation, init=params.init
        )
        self.product_head = nn.Parameter(torch.empty(d))
        self.body_head = nn.Linear(params.hidden[-1], 1)
        _init_head(self.product_head, self.body_head, start=sizes.start)

    def forward(self, users_B: Tensor, items: Tensor) -> Tensor:
        """Return scores_BN for items_BN, each user's own, or for items_N, the same for every user."""
        user_BH = _first_layer(self.deep_users, users_B, self.user_layer)
        item_H = _first_layer(self.deep_items, items, self.item_layer)
        hidden_BNH = self.activation(add_to_each(user_BH, item_H))
        deep_BN: Tensor = self.body_head(self.body(hidden_BNH)).squeeze(-1).float()
        p_Bd, q = rows_of(self.users, users_B) * self.product_head, rows_of(self.items, items)
        return deep_BN + dot_each(p_Bd, q)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the tables, the perceptron, and the head."""
        layers = (self.user_layer, self.item_layer, self.body)
        return {
            "embeddings": [self.users, self.items, self.deep_users, self.deep_items],
            "body": [parameter for layer in layers for parameter in layer.parameters()],
            "head": [self.product_head, *self.body_head.parameters()],
        }

    def layers(self) -> list[NetLayer]:
        """Return the tables, the perceptron (its first layer in two halves), and both parts of the head."""
        tables = ("users", "items", "deep_users", "deep_items")
        item_half = linear_layer("item_layer", self.item_layer, order=1)
        hidden = [linear_layer(f"body.{i}", layer, order=i + 2) for i, layer in enumerate(self.body.layers())]
        last = len(hidden) + 2
        return [
            *(table_layer(name, getattr(self, name)) for name in tables),
            linear_layer("user_layer", self.user_layer, order=1),
            replace(item_half, activation=self.activation),
            *hidden,
            NetLayer("product_head", "vector", last, self.product_head),
            linear_layer("body_head", self.body_head, order=last),
        ]


def _first_layer(weight: Tensor, index: Tensor, layer: nn.Linear) -> Tensor:
    """Return a layer of the rows that an index names; of the whole table where that is the shorter work."""
    if index.numel() > len(weight):
        return rows_of(dense(weight, layer), index)
    return dense(rows_of(weight, index), layer)


def _init_head(product: nn.Parameter, deep: nn.Linear, *, start: float) -> None:
    """Draw both parts of h from the one range of their joint width (LeCun uniform)."""
    bound = (3.0 / (product.numel() + deep.in_features)) ** 0.5
    nn.init.uniform_(product, -bound, bound)
    nn.init.uniform_(deep.weight, -bound, bound)
    nn.init.constant_(deep.bias, start)
