"""What routes are handed: the long-lived parts of the process, and what a request says about itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Query, Request

from services.api.auth import Keyring, current_key
from services.api.inference import Inference
from services.api.readiness import Exposition
from services.api.schemas import Page
from services.api.streams import CurveStreams
from services.api.submission import Asked, Submission
from shared.db.engine import Database
from shared.db.keys import LiveKey
from shared.errors import NotFound
from shared.settings import Settings
from shared.specs.ids import parse_id
from shared.storage import Storage

T = TypeVar("T")
REPEATED = "The same key with the same body gives the first answer again, with another body 422."


@dataclass(frozen=True, slots=True)
class Services:
    """The long-lived parts of one gateway process."""

    settings: Settings
    database: Database
    storage: Storage
    submission: Submission
    keyring: Keyring
    inference: Inference
    streams: CurveStreams
    exposition: Exposition


async def get_services(request: Request) -> Services:
    """Return the parts of this process."""
    services: Services = request.app.state.services
    return services


async def get_caller(request: Request) -> LiveKey:
    """Return the key the request came with."""
    return current_key(request)


async def get_asked(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[!-~]+$", description=REPEATED
        ),
    ] = None,
) -> Asked:
    """Return who asks, under which ids."""
    key = current_key(request)
    return Asked(
        owner=key.kid, request_id=request.scope["gradus.request_id"], idempotency_key=idempotency_key
    )


Parts = Annotated[Services, Depends(get_services)]
Caller = Annotated[LiveKey, Depends(get_caller)]
AskedBy = Annotated[Asked, Depends(get_asked)]
Limit = Annotated[int, Query(ge=1, le=100, description="At most so many entries.")]
After = Annotated[str | None, Query(description="The id of the last entry seen; only what follows it.")]


def cursor(prefix: str, after: str | None) -> UUID | None:
    """Return the id that a list goes on from, none at its start. Raises `NotFound`."""
    return None if after is None else parse_id(prefix, after)


@dataclass(frozen=True, slots=True)
class Window:
    """Which entries of a list that is read whole are wanted: all behind `after`, or the first `limit`."""

    limit: int | None
    after: str | None

    def page(self, entries: Sequence[T], *, known_by: Callable[[T], str]) -> Page[T]:
        """Return the entries wanted; `known_by` is their id. Raises `NotFound` when none is `after`."""
        ids = [known_by(entry) for entry in entries]
        if self.after is not None and self.after not in ids:
            raise NotFound("after names no entry of this list; begin again without it", code="not_found")
        start = 0 if self.after is None else ids.index(self.after) + 1
        end = len(entries) if self.limit is None else start + self.limit
        return Page(data=list(entries[start:end]), has_more=end < len(entries))


async def window(
    limit: Annotated[int | None, Query(ge=1, le=100, description="At most so many; else all.")] = None,
    after: Annotated[str | None, Query(description="Only what follows the entry of this id or name.")] = None,
) -> Window:
    """Return which entries of a list are wanted."""
    return Window(limit, after)


Wanted = Annotated[Window, Depends(window)]
