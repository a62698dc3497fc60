"""What the gateway says of keys, workers and itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.api.schemas.answer import Answer, Time


class KeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[\w .()+:@-]+$")]
    scopes: Annotated[
        list[Literal["data", "train", "predict", "read", "metrics", "admin"]],
        Field(min_length=1, max_length=6),
    ]


class KeyAnswer(Answer):
    """One key; its text is shown once, when it is made."""

    id: str
    kid: str
    name: str
    scopes: list[str]
    created_at: Time
    revoked_at: Time | None


class NewKeyAnswer(KeyAnswer):
    """A new key with its text, which is stored nowhere."""

    key: str


class WorkerAnswer(Answer):
    """One worker as it was last heard."""

    worker: str
    hostname: str
    device: str
    slots: int
    busy: int
    started_at: Time
    seen_at: Time


class ReadyAnswer(Answer):
    """What this gateway can do now."""

    ready: bool
    database: bool
    migrated: bool
    keys: bool
    aliases: bool


class LiveAnswer(Answer):
    """The process answers."""

    live: bool = True
