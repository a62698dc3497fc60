"""What the gateway says of gradient flow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.api.schemas.answer import Answer


class LayerAnswer(Answer):
    """A weight with its bias; `order` counts the layers before it in the forward pass."""

    name: str
    group: str
    kind: Literal["table", "matrix", "vector"]
    order: int
    activation: str | None


class FlowFindingAnswer(Answer):
    """Something wrong with the gradients, over the samples that showed it; a null value is no number."""

    kind: Literal["vanishing", "exploding", "dead", "non_finite"]
    layer: str
    first_step: int
    last_step: int
    samples: int
    value: float | None
    threshold: float | None
    say: str
    remedies: list[str] = Field(serialization_alias="try")


class RuleAnswer(Answer):
    """Whether a kind of finding can be told of this net, and if not, why."""

    kind: Literal["vanishing", "exploding", "dead", "non_finite"]
    applies: bool
    why_not: str | None


class GradientsAnswer(Answer):
    """Samples by columns of one length; norms are rows over `layers`, before clipping; null is no number.

    Tables are measured over the rows that a batch touched. A zero fraction is of a ReLU layer's outputs.
    """

    job: str
    every: int | None
    """Steps from one sample to the next, after the first ten; null when none are taken."""
    layers: list[LayerAnswer]
    steps: list[int]
    total_norm: list[float | None]
    gradient_norms: list[list[float | None]]
    weight_norms: list[list[float | None]]
    update_ratios: list[list[float | None]]
    zero_fractions: list[list[float | None]]
    findings: list[FlowFindingAnswer]
    rules: list[RuleAnswer]
