"""The body of `POST /v1/lr_range_tests`: a training tried for some steps while its rate rises."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from shared.range_test import Spacing
from shared.specs.base import Spec
from shared.specs.job import JobSpec, Seed, TrainingSpec
from shared.specs.optimizers import OptimizerParams

OWN_RATE = ("prodigy", "schedule_free_adamw")
"""Optimizers that make a rate of their own of the schedule's: a rising one tells nothing of them."""


class RangeTestTraining(TrainingSpec):
    """The training to find a rate for: a training job without its schedule. Nothing is published."""

    seed: Seed = 0

    @field_validator("optimizer")
    @classmethod
    def _takes_its_rate_from_a_schedule(cls, optimizer: OptimizerParams) -> OptimizerParams:
        if optimizer.name in OWN_RATE:
            raise ValueError("makes a rate of its own, so a test tells nothing; wanted sgd, adam or adamw")
        return optimizer


class RangeTestSpec(Spec):
    """One learning-rate range test (Smith, arXiv 1506.01186) asked for."""

    job: RangeTestTraining
    lo: Annotated[float, Field(gt=0.0, le=1e6)] = 1e-5
    hi: Annotated[float, Field(gt=0.0, le=1e6)] = 10.0
    steps: Annotated[int, Field(ge=20, le=10_000)] = 200
    spacing: Spacing = "exponential"
    smoothing: Annotated[float, Field(ge=0.0, le=0.99)] = 0.9
    """Weight of the past in the exponential moving average of the loss, which is corrected for its start."""
    stop_at: Annotated[float, Field(gt=1.0, le=1e6)] = 4.0
    """The test ends when the smoothed loss is so many times its lowest, or is no finite number."""
    checkpoint: Annotated[str, Field(pattern=r"^ckpt_[0-9a-f-]{36}$")] | None = None
    """Weights to begin with, of a training of the same net on the same data; a fresh net without one."""

    @field_validator("hi")
    @classmethod
    def _rises(cls, hi: float, info: ValidationInfo) -> float:
        if hi <= info.data.get("lo", 0.0):
            raise ValueError("must lie above lo; the rate rises from lo to hi")
        return hi

    def training(self) -> JobSpec:
        """Return the training as a job of its own, at the lowest rate."""
        shared = {name: getattr(self.job, name) for name in RangeTestTraining.model_fields}
        schedule = {"name": "constant", "base_lr": self.lo}
        return JobSpec.model_validate({**shared, "schedule": schedule})
