"""What the gateway says of a job's learning-rate events."""

from __future__ import annotations

from typing import Literal

from services.api.schemas.answer import Answer, Time


class LrRequestAnswer(Answer):
    """What a person asked of a job's rate; `step` and the multipliers stand once it is applied.

    `lapsed` is a request whose job ended before its trainer came to it.
    """

    id: str
    status: Literal["pending", "applied", "lapsed"]
    scale: float
    reason: str
    actor: str
    step: int | None
    m_before: float | None
    m_after: float | None
    at: Time


class LrEventAnswer(Answer):
    """From `step` updates on the planned rate is multiplied by `m_after`; never changed once written.

    `supersedes` names an event that counts no more, since its attempt was lost.
    """

    seq: int
    step: int
    cause: Literal["manual", "plateau", "greedy", "fork", "superseded"]
    m_before: float
    m_after: float
    actor: str
    reason: str
    supersedes: int | None
    at: Time


class LrEventsAnswer(Answer):
    """Everything asked of a job's rate, oldest first, and everything that took effect."""

    requests: list[LrRequestAnswer]
    events: list[LrEventAnswer]
