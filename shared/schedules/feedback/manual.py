"""What a person may do to the rate of a training job."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.schedules.phase import About


class ManualParams(BaseModel):
    """The body of `POST /v1/training_jobs/{id}/lr_events`: multiply the rate from the next update on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    about: ClassVar[About] = About(
        purpose="Multiply the rate of a training that is under way, with the reason on record.",
        formula="M ← M·scale from the next update on",
        latex=r"M \leftarrow M\cdot s",
        symbols={"M": "the multiplier of the planned rate", "s": "scale"},
        example={"scale": 0.5, "reason": "the loss swings too much"},
        boundaries=(("before", "M"), ("from the next update on", "M·scale")),
        sources=("POST /v1/training_jobs/{id}/lr_events",),
    )

    scale: Annotated[float, Field(ge=0.001, le=1000.0)]
    """Factor on the present rate."""
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """Why, for whoever reads the curve; no patient's name belongs here."""
