"""The graph of a trained net as it is stored in a package: layers, shapes, costs, statistics of one batch.

Shapes name what a request chooses: `B` users or records, `N` items of each; every other length is a number.
FLOPs and bytes read are those of one row: one record, or one user with one item.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Length = Annotated[int, Field(ge=0)] | Annotated[str, Field(max_length=40)]
Lengths = Annotated[tuple[Length, ...], Field(strict=False)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class NetNode(_Part):
    """A layer, a table or an operation; at the level of modules, all of those of one module."""

    id: str
    path: str = ""
    """Where it stands in the net, like `body.0`; empty for an operation without a name."""
    type: str
    """`Linear`, `Embedding`, `ReLU`, `add`, …; `input` and `output` for the ends."""
    module: str | None = None
    """The module it belongs to; none for the ends."""
    layer: str | None = None
    """Of an operation, the id of the layer that runs it, in the graph of layers."""
    layers: Count = 1
    """How many layers and operations it stands for."""
    inputs: Annotated[tuple[Lengths, ...], Field(strict=False)] = ()
    outputs: Annotated[tuple[Lengths, ...], Field(strict=False)] = ()
    dtype: str | None = None
    weights: dict[str, Lengths] = {}
    """Shapes of its parameters by their name in the net; one used twice stands where it comes first."""
    parameters: Count = 0
    trainable: Count = 0
    bytes: Count = 0
    """Of its parameters."""
    bytes_read: Count = 0
    """What a row reads from a table: an embedding costs this, and no FLOPs."""
    flops_forward: Count = 0
    flops_backward: Count = 0
    gradient_norm: float | None = None
    """Of its parameters, for the loss of the sample; before any clipping."""
    weight_norm: float | None = None
    output_gradient_norm: float | None = None
    """Of the gradient that arrives at its output."""
    activation_mean: float | None = None
    activation_sd: float | None = None
    zero_fraction: float | None = None
    """Share of exact zeros in its output."""


class NetEdge(_Part):
    """A tensor on its way from one node to another, in the shape it arrives in."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    shape: Lengths


class Totals(_Part):
    """Sums over the net."""

    parameters: Count
    trainable: Count
    bytes: Count
    bytes_read: Count
    flops_forward: Count
    flops_backward: Count


class SampleFacts(_Part):
    """What the statistics were measured on: a batch of at least 32 rows, never one of them."""

    rows: Count
    source: Literal["training", "synthetic"]
    """`synthetic` rows are made up where training has too few to speak of them together."""


class NetGraph(_Part):
    """Nodes in the order of the forward pass, edges in the order of their ends."""

    format: Literal[1] = 1
    net: str
    method: Literal["trace", "hooks"]
    """How it was found: by tracing the forward pass, or by watching its modules where that fails."""
    row: Literal["record", "user and item"] = "record"
    nodes: Annotated[tuple[NetNode, ...], Field(strict=False)]
    edges: Annotated[tuple[NetEdge, ...], Field(strict=False)]
    totals: Totals
    sample: SampleFacts | None = None

    def to_json(self) -> str:
        """Return the form that is stored and answered; fields without a value are null."""
        return self.model_dump_json(by_alias=True)


def totals_of(nodes: tuple[NetNode, ...]) -> Totals:
    """Return the sums over nodes."""
    return Totals.model_validate({name: sum(getattr(n, name) for n in nodes) for name in Totals.model_fields})
