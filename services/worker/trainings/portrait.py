"""The graph of the net that a job trained, with the statistics of some of its training rows."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import structlog
import torch
from torch import Tensor, nn

from services.worker.package.netgraph import MIN_ROWS, Rows, graphs_of_net
from services.worker.package.papers import Papers
from services.worker.training.loop import Batches, BatchLike
from services.worker.training.objective import Objective

MAX_ROWS = 256
log = structlog.get_logger(__name__)


class Sitter(Protocol):
    """What a training has that its net's graph is made from."""

    @property
    def net(self) -> nn.Module:
        """The trained net, wherever it lies."""

    @property
    def batches(self) -> Batches:
        """The training rows."""

    @property
    def objective(self) -> Objective:
        """What training makes small."""


def with_graph(papers: Papers, sitter: Sitter, *, name: str) -> Papers:
    """Return the papers with the graphs of the net of this name; a net that has none is published without."""
    try:
        graphs = graphs_of_net(sitter.net, name=name, rows=training_rows(sitter))
    except Exception as error:  # noqa: BLE001 - a trained net is worth more than its picture
        log.warning("the net has no graph", net=name, error=type(error).__name__)
        return papers
    return dataclasses.replace(papers, graph=graphs.layers, operations=graphs.operations)


def training_rows(sitter: Sitter) -> Rows | None:
    """Return the first rows of training, at most 256, in float32 on the CPU; none when there are under 32.

    Batches are a function of the step, so looking at them again changes nothing.
    """
    wanted = min(MAX_ROWS, sitter.batches.state()["actual_rows"])
    if wanted < MIN_ROWS:
        return None
    taken: list[BatchLike] = []
    while sum(len(batch.inputs[0]) for batch in taken) < wanted:
        taken.append(sitter.batches.take(len(taken)))
    inputs = tuple(_joined(parts, wanted) for parts in zip(*(b.inputs for b in taken), strict=True))
    targets = [b.targets for b in taken if b.targets is not None]
    return Rows(inputs, _joined(targets, wanted) if targets else None, sitter.objective)


def _joined(parts: list[Tensor] | tuple[Tensor, ...], rows: int) -> Tensor:
    return torch.cat(list(parts))[:rows].cpu()
