"""One sample of gradient flow: norms of every layer, taken after a backward pass and before clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

LayerKind = Literal["table", "matrix", "vector"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A weight with its bias, at its place in the forward pass; parts of one layer share an order."""

    name: str
    """Path of the module, as in a checkpoint."""
    group: str
    """The parameter group that a schedule may scale."""
    kind: LayerKind
    """A `table` is measured over the rows that the batch touched; only a `matrix` bears the ratio."""
    order: int
    """Layers passed before this one; 0 is what meets the input."""
    activation: str | None = None
    """What follows, when it is the layer's own."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the layout on record."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Return the layer that `to_json` gave."""
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class Sample:
    """Norms at one step, in the order of the layers; none where a layer has no such number."""

    step: int
    total_norm: float
    gradient_norms: Sequence[float]
    weight_norms: Sequence[float]
    """Before the update."""
    update_ratios: Sequence[float | None]
    """‖w_{t+1} − w_t‖ / ‖w_t‖; none where w_t is zero."""
    zero_fractions: Sequence[float | None]
    """Share of ReLU outputs that are zero, before dropout; none for other activations."""


def joint(norms: Iterable[float]) -> float:
    """Return the norm of parts taken as one vector: √Σ‖part‖²."""
    return math.hypot(*norms)
