"""Which version of a model serves: moving an alias, guarded by the revision the caller last saw."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.db.aliases import AliasRow, get_alias, set_alias
from shared.db.engine import Database
from shared.errors import Finding, NotFound, Refused, StaleRevision

_REVISION = re.compile(r'"(\d{1,9})"')


@dataclass(frozen=True, slots=True)
class AliasPlace:
    """A name of an alias, and the model it belongs to."""

    model: str
    alias: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """An alias to be pointed at a version, and by whom."""

    place: AliasPlace
    version: int
    changed_by: str


def present_alias(database: Database, place: AliasPlace) -> AliasRow:
    """Return where an alias points. Raises `NotFound`."""
    with database.snapshot() as cx:
        row = get_alias(cx, model=place.model, alias=place.alias)
    if row is None:
        raise NotFound("no such alias", code="alias_not_found")
    return row


def promote(database: Database, change: Promotion, *, if_match: str | None) -> AliasRow:
    """Move an alias. Raises `NotFound` for the version, `StaleRevision` when If-Match does not hold."""
    with database.begin() as cx:
        place = change.place
        present = get_alias(cx, model=place.model, alias=place.alias)
        return set_alias(
            cx,
            model=place.model,
            alias=place.alias,
            version=change.version,
            changed_by=change.changed_by,
            cause="put",
            expected_revision=_expected(if_match, present),
        )


def _expected(if_match: str | None, present: AliasRow | None) -> int | None:
    """Return the revision that If-Match demands, none when it demands nothing."""
    if if_match is None:
        return None
    if if_match.strip() == "*":
        if present is None:
            raise StaleRevision("the alias does not exist; If-Match: * wants one that does")
        return None
    revision = _REVISION.fullmatch(if_match.strip())
    if revision is None:
        finding = Finding(("if-match",), 'wanted the ETag of the alias, such as "3", or *')
        raise Refused("If-Match cannot be read", code="invalid_request", findings=[finding])
    return int(revision[1])
