"""Matrix factorisation with biases: b + b_u + b_i + p_u·q_i (Rendle et al., arXiv 1205.2618, 2005.09683).

Shapes: B users, N items of each, d width of an embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from services.worker.nets.base import Net, NetLayer, Sizes, rows_of, table, table_layer, values_of
from services.worker.nets.layers import dot_each
from shared.catalog import MfParams


class Mf(Net):
    """Scores that are dot products, so nearness of items is that of their vectors."""

    def __init__(self, params: MfParams, sizes: Sizes) -> None:
        super().__init__()
        self.users = table(sizes.users, params.embedding_dim, std=params.init_std)
        self.items = table(sizes.items, params.embedding_dim, std=params.init_std)
        self.user_bias = nn.Parameter(torch.zeros(sizes.users))
        self.item_bias = nn.Parameter(torch.zeros(sizes.items))
        self.bias = nn.Parameter(torch.tensor(sizes.start))

    def forward(self, users_B: Tensor, items: Tensor) -> Tensor:
        """Return scores_BN for items_BN, each user's own, or for items_N, the same for every user."""
        p_Bd, q = rows_of(self.users, users_B), rows_of(self.items, items)
        offsets = (
            self.bias + values_of(self.user_bias, users_B).unsqueeze(-1) + values_of(self.item_bias, items)
        )
        return dot_each(p_Bd, q).float() + offsets

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the tables with their biases, and the overall bias."""
        return {"embeddings": [self.users, self.items, self.user_bias, self.item_bias], "head": [self.bias]}

    def layers(self) -> list[NetLayer]:
        """Return the tables, each with the bias of its rows, and the overall bias."""
        return [
            table_layer("users", self.users, self.user_bias),
            table_layer("items", self.items, self.item_bias),
            NetLayer("bias", "vector", 1, self.bias),
        ]
