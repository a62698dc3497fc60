"""Batches to run a net on: rows whose statistics are kept, and tiny ones of any size that show its shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from services.worker.package.netgraph.sites import Run, Tensors
from shared.graphs.netgraph import Length

Layout = tuple[tuple[str | None, ...], ...]
"""Of each input, the letters of the lengths that a request chooses; none where the net fixes a length."""
BASE = {"B": 4, "N": 3}
COUNTED = {"B": 8, "N": 1}
"""Rows whose FLOPs are counted together: a product with one row alone may be none of matrices."""


@dataclass(frozen=True, slots=True)
class Example:
    """A batch: `loss` is a function of the net's output, and `source` says whose rows these are."""

    inputs: Tensors
    layout: Layout
    loss: Callable[[Tensor], Tensor]
    source: Literal["training", "synthetic"] = "synthetic"
    row: Literal["record", "user and item"] = "record"

    @property
    def letters(self) -> tuple[str, ...]:
        """Return the letters of its layout, each once."""
        return tuple(dict.fromkeys(letter for names in self.layout for letter in names if letter))

    def sized(self, sizes: Mapping[str, int], *, device: str = "cpu") -> Tensors:
        """Return zeros in the form of the inputs, with these lengths for its letters."""
        return tuple(
            torch.zeros(
                [sizes[letter] if letter else own for letter, own in zip(names, tensor.shape, strict=True)],
                dtype=tensor.dtype,
                device=device,
            )
            for names, tensor in zip(self.layout, self.inputs, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Shapes:
    """Shapes of what arrives at and leaves each site, with letters for what a request chooses."""

    arrived: dict[str, tuple[tuple[Length, ...], ...]]
    left: dict[str, tuple[tuple[Length, ...], ...]]
    dtypes: dict[str, str | None]
    """Of the first tensor that leaves each site."""


def shapes_of(run: Callable[[Tensors], Run], example: Example) -> Shapes:
    """Find the letters by running several sizes: a length that follows a size bears its letter."""
    base = run(example.sized(BASE))
    grown = {x: run(example.sized({**BASE, x: BASE[x] + 1})) for x in example.letters}

    def named(side: Literal["arrived", "left"]) -> dict[str, tuple[tuple[Length, ...], ...]]:
        others = {letter: getattr(found, side) for letter, found in grown.items()}
        return {
            site: tuple(
                lettered(t.shape, {x: o[site][i].shape for x, o in others.items()})
                for i, t in enumerate(tensors)
            )
            for site, tensors in getattr(base, side).items()
        }

    dtypes = {
        site: str(left[0].dtype).removeprefix("torch.") if left else None for site, left in base.left.items()
    }
    return Shapes(named("arrived"), named("left"), dtypes)


def lettered(shape: torch.Size, grown: Mapping[str, torch.Size]) -> tuple[Length, ...]:
    """Return a shape of the base sizes with letters; `grown` has it with each letter's size one larger."""
    found: list[Length] = []
    for place, length in enumerate(shape):
        growth = {x: other[place] - length for x, other in grown.items() if other[place] != length}
        found.append(_written(length, growth) if growth else length)
    return tuple(found)


def _written(length: int, growth: Mapping[str, int]) -> str:
    """Return a length that follows letters: `B`, `2B`, `B·N`, `B+1`."""
    letters = "·".join(growth)
    product = 1
    for letter in growth:
        product *= BASE[letter]
    first = next(iter(growth))
    times = growth[first] * BASE[first] // product
    rest = length - times * product
    return f"{times if times != 1 else ''}{letters}{f'+{rest}' if rest else ''}"
