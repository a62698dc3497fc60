"""What a net was found to be made of, and one run of it: the same for tracing and for hooks.

A site is a place where a tensor comes about: an input, a layer, a table's look-up, an operation, the output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from torch import Tensor, nn

Kind = Literal["input", "operation", "output"]
Tensors = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A node to be; `parameters` are the names, in the net, of those it uses."""

    id: str
    type: str
    kind: Kind = "operation"
    path: str = ""
    scope: str = ""
    """The innermost module that ran it; empty for the net itself."""
    parameters: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Sites whose tensors arrive, in their order; one may come twice."""


@dataclass(slots=True)
class Run:
    """One forward pass: what arrived at each site (in the order of its sources) and what left it."""

    arrived: dict[str, Tensors] = field(default_factory=dict)
    left: dict[str, Tensors] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flops:
    """Of one site or of a whole net; 2 for each multiplication with its addition."""

    forward: int = 0
    backward: int = 0


def weight_of(held: Mapping[str, nn.Parameter]) -> dict[str, Any]:
    """Return what a node says of the parameters it holds, by their names in the net."""
    return {
        "weights": {name: tuple(p.shape) for name, p in held.items()},
        "parameters": sum(p.numel() for p in held.values()),
        "trainable": sum(p.numel() for p in held.values() if p.requires_grad),
        "bytes": sum(p.numel() * p.element_size() for p in held.values()),
    }


class Wiring(Protocol):
    """A net's sites, and ways to run them."""

    @property
    def method(self) -> Literal["trace", "hooks"]:
        """How the sites were found."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site, in the order of the forward pass."""

    def run(self, net: nn.Module, inputs: Tensors) -> Run:
        """Run the net, or a copy of it on another device; every tensor keeps its gradient."""

    def count(self, net: nn.Module, inputs: Tensors) -> dict[str, Flops]:
        """Count the FLOPs of each site, and under the empty id what lies between them, in train mode."""
