"""Random formulas, as text that both Gradus and torch can read, and what torch's autograd says of them."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Value = float | list[Any]


def _reduced(
    best: Callable[[torch.Tensor], torch.Tensor], pair: Callable[..., torch.Tensor]
) -> Callable[..., Any]:
    """Return max or min as a formula calls it: of one value, or of several."""

    def call(*xs: object) -> torch.Tensor:
        tensors = [torch.as_tensor(x, dtype=torch.float64) for x in xs]
        return best(tensors[0]) if len(xs) == 1 else functools.reduce(pair, tensors)

    return call


def _lifted(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any], torch.Tensor]:
    return lambda x: function(torch.as_tensor(x, dtype=torch.float64))


NAMESPACE: dict[str, Any] = {
    "__builtins__": {},
    **{
        name: _lifted(getattr(torch, name))
        for name in (
            *("exp", "log", "log1p", "expm1", "sqrt", "square", "abs", "sin", "cos", "tan", "sinh", "cosh"),
            *("tanh", "sigmoid", "relu", "sum", "mean"),
        )
    },
    "ln": _lifted(torch.log),
    "softplus": _lifted(lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    "silu": _lifted(torch.nn.functional.silu),
    "gelu": _lifted(torch.nn.functional.gelu),
    "leaky_relu": _lifted(torch.nn.functional.leaky_relu),
    "max": _reduced(torch.amax, torch.maximum),
    "min": _reduced(torch.amin, torch.minimum),
    "norm": _lifted(torch.linalg.vector_norm),
    "softmax": _lifted(lambda x: torch.softmax(x, -1)),
    "log_softmax": _lifted(lambda x: torch.log_softmax(x, -1)),
    "logsumexp": _lifted(lambda x: torch.logsumexp(x, -1)),
    "transpose": _lifted(lambda x: x.T),
    "dot": torch.dot,
}


@dataclass(frozen=True)
class Judged:
    """What torch finds: the value, and the gradient of every name."""

    value: list[Any] | float
    gradients: dict[str, Any]


def judged(expression: str, values: Mapping[str, Value], seed: Value | None = None) -> Judged:
    """Return what torch's autograd says of a formula in float64."""
    leaves = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()
    }
    names: dict[str, Any] = dict(leaves)
    *statements, last = [s.strip() for s in expression.replace("\n", ";").split(";") if s.strip()]
    for statement in statements:
        name, _, text = statement.partition("=")
        names[name.strip()] = _read(text, names)
    result = torch.as_tensor(_read(last.rpartition("=")[2], names), dtype=torch.float64)
    upstream = torch.ones_like(result) if seed is None else torch.tensor(seed, dtype=torch.float64)
    found = torch.autograd.grad(result, list(leaves.values()), upstream, allow_unused=True)
    gradients = {
        name: None if gradient is None else gradient.tolist()
        for name, gradient in zip(leaves, found, strict=True)
    }
    return Judged(result.detach().tolist(), gradients)


def _read(text: str, names: Mapping[str, Any]) -> object:
    return eval(text.strip(), dict(NAMESPACE), dict(names))  # noqa: S307 - the test's own text


SMOOTH = (
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "softplus",
    "silu",
    "gelu",
    "square",
    "exp",
    "expm1",
    "sinh",
    "cosh",
)
KINKED = ("relu", "abs", "leaky_relu")


def scalar_expression(rng: random.Random, depth: int, names: Sequence[str]) -> str:
    """Return a random formula over scalars; arguments are kept inside the domains by adding squares."""
    if depth == 0 or rng.random() < 0.1:
        return rng.choice(
            [*names, *names, *names, f"{rng.uniform(0.1, 3):.3g}", f"-{rng.uniform(0.1, 3):.3g}"]
        )
    one = functools.partial(scalar_expression, rng, depth - 1, names)
    forms: list[Callable[[], str]] = [
        *(functools.partial("({} {} {})".format, one(), sign, one()) for sign in "+-*"),
        lambda: f"({one()} / (1 + ({one()})**2))",
        lambda: f"-({one()})",
        lambda: f"{rng.choice(SMOOTH)}({one()})",
        lambda: f"{rng.choice(KINKED)}({one()})",
        lambda: f"{rng.choice(['log', 'ln', 'sqrt'])}(0.5 + ({one()})**2)",
        lambda: f"log1p(({one()})**2)",
        lambda: f"tan(tanh({one()}))",
        lambda: f"({one()})**{rng.choice([0, 1, 2, 3])}",
        lambda: f"(0.5 + abs({one()}))**{rng.choice(['-1', '-2', '0.5', '1.7'])}",
        lambda: f"(0.5 + abs({one()}))**tanh({one()})",
        lambda: f"{rng.choice(['max', 'min'])}({one()}, {one()})",
    ]
    return rng.choice(forms)()


def scalar_values(rng: random.Random, names: Sequence[str]) -> dict[str, Value]:
    """Return values for the names, between −2 and 2."""
    return {name: round(rng.uniform(-2, 2), 3) for name in names}


Shape = tuple[int, ...]


class ArrayWorld:
    """Random formulas over vectors and matrices; a name is made when one of its shape is wanted."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.values: dict[str, Value] = {}
        self.shapes: dict[str, Shape] = {}

    def name(self, shape: Shape) -> str:
        """Return a name of a shape, an old one as often as not."""
        known = [name for name, found in self.shapes.items() if found == shape]
        if known and (self.rng.random() < 0.5 or len(self.shapes) > 12):
            return self.rng.choice(known)
        name = f"v{len(self.shapes)}"
        self.shapes[name], self.values[name] = shape, self.value(shape)
        return name

    def value(self, shape: Shape) -> Value:
        """Return random numbers of a shape."""
        if not shape:
            return round(self.rng.uniform(-1.5, 1.5), 3)
        return [self.value(shape[1:]) for _ in range(shape[0])]

    def expression(self, shape: Shape, depth: int) -> str:
        """Return a formula whose value has this shape."""
        if depth == 0:
            return self.name(shape)
        one = functools.partial(self.expression, depth=depth - 1)
        forms: list[Callable[[], str]] = [
            lambda: f"({one(shape)} {self.rng.choice('+-*')} {one(self.repeated(shape))})",
            lambda: f"({one(shape)} / (1 + ({one(self.repeated(shape))})**2))",
            lambda: f"{self.rng.choice((*SMOOTH, *KINKED))}({one(shape)})",
            lambda: f"{self.rng.choice(['max', 'min'])}({one(shape)}, {one(shape)})",
            *([self.scalar(one)] * 3 if not shape else []),
            *([lambda: self.product(one, shape)] * 2 if shape else []),
            *([lambda: f"{self.rng.choice(['softmax', 'log_softmax'])}({one(shape)})"] if shape else []),
            *([lambda: f"transpose({one(shape[::-1])})"] if len(shape) == 2 else []),
            *([lambda: f"logsumexp({one((shape[0], 3))})"] if len(shape) == 1 else []),
        ]
        return self.rng.choice(forms)()

    def repeated(self, shape: Shape) -> Shape:
        """Return a shape that NumPy repeats to this one."""
        return self.rng.choice([shape, shape, (), shape[1:], (*shape[:-1], 1) if shape else ()])

    def scalar(self, one: Callable[[Shape], str]) -> Callable[[], str]:
        """Return the making of a reduction."""
        inner = self.rng.choice([(2,), (3,), (2, 3)])
        function = self.rng.choice(["sum", "mean", "norm", "max", "min"])
        return lambda: (
            f"dot({one((3,))}, {one((3,))})" if self.rng.random() < 0.2 else f"{function}({one(inner)})"
        )

    def product(self, one: Callable[[Shape], str], shape: Shape) -> str:
        """Return a matrix product of this shape."""
        inner = self.rng.choice([1, 2, 4])
        if len(shape) == 2:
            return f"({one((shape[0], inner))} @ {one((inner, shape[1]))})"
        if self.rng.random() < 0.5:
            return f"({one((shape[0], inner))} @ {one((inner,))})"
        return f"({one((inner,))} @ {one((inner, shape[0]))})"
