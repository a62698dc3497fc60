"""Optimizers by name, with their knobs; the learning rate is the schedule's."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.specs.base import Spec

NonNegative = Annotated[float, Field(ge=0.0)]
Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


class SgdParams(Spec):
    """Stochastic gradient descent."""

    name: Literal["sgd"]
    momentum: Beta = 0.0
    nesterov: bool = False
    weight_decay: NonNegative = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0.0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class AdamParams(Spec):
    """Adam (arXiv 1412.6980); weight decay is added to the gradient."""

    name: Literal["adam"]
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: NonNegative = 0.0


class AdamWParams(Spec):
    """AdamW (arXiv 1711.05101); weight decay is decoupled and scales with the learning rate."""

    name: Literal["adamw"]
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: NonNegative = 0.01


class ScheduleFreeAdamWParams(Spec):
    """AdamW whose averaged weights take the place of a decaying schedule (arXiv 2405.15682).

    Takes a constant rate, or a warm-up to one; the rate wants to be 1 to 10 times AdamW's.
    """

    name: Literal["schedule_free_adamw"]
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: NonNegative = 0.0
    r: NonNegative = 0.0
    """Power of the step in the weights of the average."""
    weight_lr_power: NonNegative = 2.0
    """Power of the largest rate so far in the weights of the average."""


class ProdigyParams(Spec):
    """Adam that estimates its own step size d (arXiv 2306.06101); `base_lr` 1 means d itself.

    Takes a constant rate, or a warm-up to one; the curve shows d·lr as the effective rate.
    """

    name: Literal["prodigy"]
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: NonNegative = 0.0
    d0: Annotated[float, Field(gt=0)] = 1e-6
    """First estimate of d, meant to be too small."""
    d_coef: Annotated[float, Field(gt=0)] = 1.0
    """Factor on the estimate."""


OptimizerParams = Annotated[
    SgdParams | AdamParams | AdamWParams | ScheduleFreeAdamWParams | ProdigyParams,
    Field(discriminator="name"),
]
