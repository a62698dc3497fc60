"""A perceptron over encoded records: category embeddings beside numbers (Gorishniy et al., arXiv 2106.11959).

Shapes: B records, F numbers (indicators of missingness included), C categories.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from services.worker.nets.base import Net, NetLayer, Sizes, linear_layer, rows_of, table, table_layer
from services.worker.nets.perceptron import Perceptron
from shared.catalog import MlpParams


def embedding_width(levels: int) -> int:
    """Return min(16, ⌈1.6·levels^0.56⌉), the rule of thumb of fastai's tabular models, capped."""
    return min(16, math.ceil(1.6 * math.pow(levels, 0.56)))


class Mlp(Net):
    """Numbers and embedded categories into hidden layers, and one logit out."""

    def __init__(self, params: MlpParams, sizes: Sizes) -> None:
        super().__init__()
        widths = [params.embedding_dim or embedding_width(levels) for levels in sizes.levels]
        self.tables = nn.ParameterList(
            table(levels, width, std=width**-0.5) for levels, width in zip(sizes.levels, widths, strict=True)
        )
        layers = (sizes.numbers + sum(widths), *params.hidden)
        self.body = Perceptron(layers, dropout=params.dropout, activation=params.activation, init=params.init)
        self.head = nn.Linear(layers[-1], 1)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.constant_(self.head.bias, sizes.start)

    def forward(self, numbers_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """Return logits_B."""
        embedded = [rows_of(weight, codes_BC[:, c]) for c, weight in enumerate(self.tables)]
        logits_B1: Tensor = self.head(self.body(torch.cat([numbers_BF, *embedded], dim=-1)))
        return logits_B1.squeeze(-1).float()

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the tables, the layers, and the head; a group without parameters is left out."""
        groups = {
            "embeddings": list(self.tables),
            "body": list(self.body.parameters()),
            "head": list(self.head.parameters()),
        }
        return {name: parameters for name, parameters in groups.items() if parameters}

    def layers(self) -> list[NetLayer]:
        """Return the tables, the hidden layers, and the head."""
        hidden = [linear_layer(f"body.{i}", layer, order=i + 1) for i, layer in enumerate(self.body.layers())]
        return [
            *(table_layer(f"tables.{c}", weight) for c, weight in enumerate(self.tables)),
            *hidden,
            linear_layer("head", self.head, order=len(hidden) + 1),
        ]
