"""What every answer is; times are RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

T = TypeVar("T")
Time = Annotated[datetime, AfterValidator(lambda at: at.astimezone(UTC))]


class Answer(BaseModel):
    """Anything the gateway answers with."""

    model_config = ConfigDict(frozen=True)


class Page(Answer, Generic[T]):
    """A list or a part of it, newest first; ask again with `after` = the id of its last entry."""

    data: list[T]
    has_more: bool
