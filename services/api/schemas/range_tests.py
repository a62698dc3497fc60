"""What the gateway says of learning-rate range tests."""

from __future__ import annotations

from typing import Any

from services.api.schemas.answer import Answer, Time
from services.api.schemas.jobs import ErrorAnswer, ShownStatus


class RangeTestSummary(Answer):
    """One range test; `step` of at most `total_steps` rates are tried.

    `steps_per_epoch` are those of the training that it tries them for.
    """

    id: str
    status: ShownStatus
    model: str | None
    dataset: str | None
    dataset_version: int | None
    step: int
    total_steps: int
    steps_per_epoch: int
    attempt: int
    error: ErrorAnswer | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    cancel_requested_at: Time | None
    spec: dict[str, Any]


class LandmarksAnswer(Answer):
    """Rates where something happened: the steepest fall, the lowest smoothed loss, the middle of the bottom.

    The last is corrected for the lag of the average.
    """

    steep: float
    lowest: float
    bottom: float


class SuggestionAnswer(Answer):
    """A rate for one role, and the rule it comes from."""

    role: str
    lr: float
    rule: str
    say: str


class ReadyAnswer(Answer):
    """A schedule as a training job takes it, for one role."""

    role: str
    schedule: dict[str, Any]


class RangeTestAnswer(RangeTestSummary):
    """A range test with its curve so far; null is no finite number.

    Suggestions come when it has succeeded; where the curve tells of none, `advice` says what to change.
    """

    steps: list[int]
    lr: list[float]
    loss: list[float | None]
    smoothed: list[float | None]
    diverged_at: float | None
    landmarks: LandmarksAnswer | None
    suggestions: list[SuggestionAnswer]
    schedules: list[ReadyAnswer]
    advice: str | None
