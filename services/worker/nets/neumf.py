"""Neural matrix factorisation: h·[p⊙q ; MLP([p';q'])] + b (He et al., arXiv 1708.05031).

Shapes: B users, N items of each, d width of an embedding, H width of the first layer.
A table's row is [p ; p'] (width 2d), so one lookup serves both parts. The first layer of [p';q'] is the sum
of one matrix on p' and one on q': the user's share is computed once for all N items.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from services.worker.nets.base import Net, Sizes, perceptron, rows_of, table
from services.worker.nets.dropout import Dropout
from shared.catalog import NeumfParams


class Neumf(Net):
    """A factorisation and a perceptron side by side under one linear head."""

    def __init__(self, params: NeumfParams, sizes: Sizes) -> None:
        super().__init__()
        d, first = params.embedding_dim, params.hidden[0]
        self.width = d
        self.users = table(sizes.users, 2 * d, std=params.init_std)
        self.items = table(sizes.items, 2 * d, std=params.init_std)
        both = nn.Linear(2 * d, first)
        nn.init.kaiming_uniform_(both.weight, nonlinearity="relu")
        self.user_layer = nn.Linear(d, first, bias=False)
        self.item_layer = nn.Linear(d, first)
        self.user_layer.weight = nn.Parameter(both.weight[:, :d].detach().clone())
        self.item_layer.weight = nn.Parameter(both.weight[:, d:].detach().clone())
        nn.init.zeros_(self.item_layer.bias)
        self.first = nn.Sequential(nn.ReLU(), *([Dropout(params.dropout)] if params.dropout else []))
        self.body = perceptron(params.hidden, dropout=params.dropout)
        self.product_head = nn.Parameter(torch.empty(d))
        self.body_head = nn.Linear(params.hidden[-1], 1)
        _init_head(self.product_head, self.body_head, start=sizes.start)

    def forward(self, users_B: Tensor, items: Tensor) -> Tensor:
        """Return scores_BN for items_BN, each user's own, or for items_N, the same for every user."""
        d = self.width
        user, item = rows_of(self.users, users_B), rows_of(self.items, items)
        p_Bd, q = user[:, :d] * self.product_head, item[..., :d]
        user_BH, item_H = self.user_layer(user[:, d:]), self.item_layer(item[..., d:])
        hidden_BNH = self.first(user_BH.unsqueeze(1) + item_H)
        deep_BN: Tensor = self.body_head(self.body(hidden_BNH)).squeeze(-1).float()
        if items.dim() == 1:
            return deep_BN + p_Bd @ q.transpose(0, 1)
        return deep_BN + (p_Bd.unsqueeze(1) * q).sum(-1)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the tables, the perceptron, and the head."""
        layers = (self.user_layer, self.item_layer, self.body)
        return {
            "embeddings": [self.users, self.items],
            "body": [parameter for layer in layers for parameter in layer.parameters()],
            "head": [self.product_head, *self.body_head.parameters()],
        }


def _init_head(product: nn.Parameter, deep: nn.Linear, *, start: float) -> None:
    """Draw both parts of h from the one range of their joint width (LeCun uniform)."""
    bound = (3.0 / (product.numel() + deep.in_features)) ** 0.5
    nn.init.uniform_(product, -bound, bound)
    nn.init.uniform_(deep.weight, -bound, bound)
    nn.init.constant_(deep.bias, start)
