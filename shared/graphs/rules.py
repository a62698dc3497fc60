"""How each operation computes its value, and how a gradient passes back through it.

A pointwise operation has a partial derivative per element; the others pull an upstream gradient back whole (a
vector-Jacobian product). Where a derivative does not exist, the rule is torch's: relu′(0) = 0, |·|′(0) = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Arrays = Sequence[Array]
Fault = Callable[[Arrays, int | None], str | None]
"""What is wanted of the operands where the value (none) or the derivative by an operand does not exist; none
where both exist, so that a number that is not finite is only too large."""


@dataclass(frozen=True, slots=True)
class Use:
    """An operation at given values, seen from one of its operands."""

    i: int
    xs: Arrays
    v: Array

    @property
    def x(self) -> Array:
        """The operand."""
        return self.xs[self.i]

    @property
    def other(self) -> Array:
        """The other operand of two."""
        return self.xs[1 - self.i]


@dataclass(frozen=True, slots=True)
class Operand:
    """What a formula says of an operand: its name, its shape, and its number if it is a literal."""

    name: str
    shape: tuple[int, ...]
    literal: float | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The same as `Use` in names, for the formula of the derivative."""

    i: int
    operands: Sequence[Operand]
    v: str


Says = Callable[[Written], str]
Side = Callable[[Arrays], Array]
"""Which side of its kinks an operation is on; NaN right on one."""


class Rule(Protocol):
    """An operation."""

    @property
    def arity(self) -> tuple[int, int]:
        """The least and the most operands."""

    @property
    def fault(self) -> Fault | None:
        """What is outside of the domain, none where value and derivative exist everywhere."""

    @property
    def says(self) -> Says:
        """The derivative as text."""

    @property
    def side(self) -> Side | None:
        """The side of its kinks, none without kinks."""

    def value(self, xs: Arrays) -> Array:
        """Return the value. Raises `ValueError` when the shapes do not fit."""

    def pull(self, use: Use, upstream: Array) -> Array:
        """Return what of the upstream gradient reaches the operand, in the operand's shape."""


def summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Return a gradient summed over the axes along which an operand of this shape was repeated."""
    extra = gradient.ndim - len(shape)
    gradient = gradient.sum(axis=tuple(range(extra))) if extra else gradient
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and gradient.shape[i] != 1)
    return np.asarray(gradient.sum(axis=repeated, keepdims=True) if repeated else gradient)


@dataclass(frozen=True, slots=True)
class Pointwise:
    """An operation on every element by itself, operands repeated to one shape as NumPy does."""

    compute: Callable[..., Array]
    partial: Callable[[Use], Array]
    says: Says
    arity: tuple[int, int] = (1, 1)
    fault: Fault | None = None
    side: Side | None = None

    def value(self, xs: Arrays) -> Array:
        """Return the value."""
        return np.asarray(self.compute(*xs))

    def slope(self, use: Use) -> Array:
        """Return ∂v/∂x of every element, in the shape of the value."""
        return np.broadcast_to(np.asarray(self.partial(use), dtype=np.float64), use.v.shape)

    def pull(self, use: Use, upstream: Array) -> Array:
        """Return upstream · slope, summed over what was repeated."""
        return summed_to(upstream * self.slope(use), use.x.shape)


@dataclass(frozen=True, slots=True)
class Whole:
    """An operation on vectors and matrices as a whole."""

    compute: Callable[..., Array]
    back: Callable[[Use, Array], Array]
    says: Says
    arity: tuple[int, int] = (1, 1)
    fault: Fault | None = None
    side: Side | None = None

    def value(self, xs: Arrays) -> Array:
        """Return the value."""
        return np.asarray(self.compute(*xs))

    def pull(self, use: Use, upstream: Array) -> Array:
        """Return the vector-Jacobian product."""
        return np.asarray(self.back(use, upstream))


def words(*templates: str) -> Says:
    """Return a formula per operand: {l} and {r} are the operands, {x} is this one, {v} the node itself."""

    def says(at: Written) -> str:
        names = {"l": at.operands[0].name, "r": at.operands[-1].name, "x": at.operands[at.i].name, "v": at.v}
        return templates[min(at.i, len(templates) - 1)].format(**names)

    return says


def wanted(text: str, holds: Callable[[Array], npt.ArrayLike]) -> Fault:
    """Return the fault of operations whose last operand, in this text, must fulfil a condition."""
    return lambda xs, _: None if bool(np.all(holds(xs[-1]))) else text
