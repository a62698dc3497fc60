"""What the gateway says of models, and what it is told about aliases."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.api.schemas.answer import Answer, Time


class ModelAnswer(Answer):
    """A model: a name with versions and aliases."""

    name: str
    task: str
    versions: int
    newest_version: int
    created_at: Time
    aliases: dict[str, int]


class VersionAnswer(Answer):
    """One version of a model, the job that made it, and how it was judged."""

    model: str
    version: int
    task: str
    job: str | None
    dataset: str | None
    dataset_version: int | None
    metric: str
    metric_value: float
    metrics: dict[str, Any]
    split_sha256: str
    card: dict[str, Any]
    package_sha256: str
    package_bytes: int
    aliases: list[str]
    created_at: Time


class AliasRequest(BaseModel):
    """Where an alias should point."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    version: Annotated[int, Field(ge=1, lt=2**31)]


class AliasAnswer(Answer):
    """Where an alias points; its ETag is the revision."""

    model: str
    alias: str
    version: int
    revision: int
    changed_by: str
    changed_at: Time


class AliasChangeAnswer(Answer):
    """One change of an alias."""

    alias: str
    revision: int
    version: int
    previous_version: int | None
    changed_by: str
    cause: str
    changed_at: Time
