"""The body of `POST /v1/training_jobs/{id}/fork`: how a training goes on from a checkpoint of another."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.schedules import ScheduleSpec
from shared.schedules.lengths import Length
from shared.specs.base import Spec
from shared.specs.job import ModelName, Publish


def _written(value: object) -> Length:
    return Length.parse(value, remedy="write 500st or 2ep")


def _steps_or_epochs(length: Length) -> Length:
    if length.unit not in {"st", "ep"}:
        raise PydanticCustomError("length", "how much longer to train is written as 500st or 2ep")
    return length


MoreSteps = Annotated[
    Length,
    BeforeValidator(_written),
    AfterValidator(_steps_or_epochs),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{1,12}(\.\d{1,9})?(st|ep)$", "examples": ["500st", "2ep"]}
    ),
]


class ForkSpec(Spec):
    """A training from a checkpoint on; the data, the net, the optimizer and the seed are its parent's."""

    checkpoint: Annotated[str, Field(pattern=r"^(last|best|ckpt_[0-9a-f-]{36})$")] = "last"
    """The parent's newest, its best, or one of those that `GET …/checkpoints` lists."""
    schedule: ScheduleSpec | None = None
    """For the steps after the checkpoint: % is of those, and `"lr": "previous"` may stand in the first phase.
    Without one the parent's own goes on."""
    steps: MoreSteps | None = None
    """How long to train from the checkpoint on; without it as long as the parent would have."""
    model: ModelName | None = None
    """The model that the result is a version of; without one the parent's."""
    publish: Publish | Literal["never"] | None = None
    """What to do with the finished model; without it as the parent does."""
