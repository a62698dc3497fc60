"""What listens while a net trains and multiplies the planned rate: M of lr = lr_mult · M · S.

A controller is a frozen value. It sees one finite value of its metric at each evaluation, and answers with
the next controller and, now and then, a new M. Its state is JSON without NaN or infinity; its settings are
the schedule's, never the state's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from shared.schedules.feedback.greedy import Greedy, GreedyParams
from shared.schedules.feedback.manual import ManualParams
from shared.schedules.feedback.plateau import Plateau, PlateauParams
from shared.schedules.feedback.rules import FeedbackParams

__all__ = [
    "AnyController",
    "AnyFeedback",
    "FeedbackParams",
    "Greedy",
    "GreedyParams",
    "ManualParams",
    "OneFeedback",
    "Plateau",
    "PlateauParams",
    "controller_of",
]

AnyFeedback = PlateauParams | GreedyParams
OneFeedback = Annotated[AnyFeedback, Field(discriminator="name")]
AnyController = Plateau | Greedy


def controller_of(params: AnyFeedback, state: Mapping[str, Any] | None = None) -> AnyController:
    """Return a controller at its start, or where its `to_json` left it."""
    if isinstance(params, PlateauParams):
        return Plateau(params) if state is None else Plateau.from_json(params, dict(state))
    return Greedy(params) if state is None else Greedy.from_json(params, dict(state))
