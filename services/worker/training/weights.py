"""The weights of a net that is to be judged: whether they are numbers, and where they have grown largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.worker.training.diagnostics import Watchable
from services.worker.training.sampling import parameters_of
from shared.errors import Diverged

LAYERS_NAMED = 3
"""Layers that a message names; of the others it gives the number."""


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The weights and biases of one layer, counted."""

    name: str
    count: int
    broken: int
    """How many are not finite."""
    largest: float
    """The largest magnitude of the finite ones."""


@torch.no_grad()
def weights_of(net: Watchable) -> list[LayerWeights]:
    """Return every layer's weights counted, in the order of the forward pass."""
    return [_counted(layer.name, parameters_of(layer)) for layer in net.layers()]


def require_finite(net: Watchable) -> None:
    """Raise `Diverged`, naming the layers, where a weight is not a finite number."""
    wrong = [layer for layer in weights_of(net) if layer.broken]
    if wrong:
        raise Diverged(f"not all weights are finite numbers: {_named(wrong)}")


def told(net: Watchable) -> str | None:
    """Say where the largest weight of a net stands whose weights are all finite; none where they are not."""
    layers = weights_of(net)
    if any(layer.broken for layer in layers):
        return None
    most = max(layers, key=lambda layer: layer.largest)
    return f"its weights are finite, the largest of them, {most.largest:.3g}, in {most.name}"


def _counted(name: str, held: Sequence[Tensor]) -> LayerWeights:
    finite = [torch.isfinite(weight) for weight in held]
    count = sum(weight.numel() for weight in held)
    return LayerWeights(
        name=name,
        count=count,
        broken=count - sum(int(kept.sum()) for kept in finite),
        largest=max(float(w.where(kept, 0.0).abs().max()) for w, kept in zip(held, finite, strict=True)),
    )


def _named(wrong: Sequence[LayerWeights]) -> str:
    found = [f"{w.broken:,} of {w.count:,} in {w.name} are not" for w in wrong[:LAYERS_NAMED]]
    rest = len(wrong) - len(found)
    return ", ".join(found + ([f"nor are some in {rest} more layers"] if rest else []))
