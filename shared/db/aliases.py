"""Aliases: names that point at one version of a model, each change under a new revision and on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, and_, select
from sqlalchemy.dialects.postgresql import insert

from shared.db.rows import columns_of, one_of
from shared.db.tables import alias_history, model, model_alias, model_version
from shared.errors import NotFound, StaleRevision


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasRow:
    """Where an alias points now; its revision grows by one with every change."""

    model: str
    alias: str
    version: int
    revision: int
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasChange:
    """One change of an alias."""

    alias: str
    revision: int
    version: int
    previous_version: int | None
    changed_by: str
    cause: str
    changed_at: datetime


def get_alias(cx: Connection, *, model: str, alias: str) -> AliasRow | None:
    """Return where an alias points, none when there is no such alias."""
    this = and_(model_alias.c.model == model, model_alias.c.alias == alias)
    row = cx.execute(select(*columns_of(model_alias, AliasRow)).where(this)).one_or_none()
    return None if row is None else one_of(AliasRow, row)


def list_aliases(cx: Connection, *, model: str) -> list[AliasRow]:
    """Return a model's aliases, by name."""
    wanted = select(*columns_of(model_alias, AliasRow)).where(model_alias.c.model == model)
    return [one_of(AliasRow, row) for row in cx.execute(wanted.order_by(model_alias.c.alias))]


def aliases_by_model(cx: Connection) -> dict[str, list[AliasRow]]:
    """Return every alias, by model and name."""
    wanted = select(*columns_of(model_alias, AliasRow)).order_by(model_alias.c.model, model_alias.c.alias)
    rows = (one_of(AliasRow, row) for row in cx.execute(wanted))
    return {name: list(found) for name, found in groupby(rows, key=lambda row: row.model)}


def alias_versions(cx: Connection) -> dict[tuple[str, str], int]:
    """Return the version behind every (model, alias): what a gateway polls."""
    wanted = select(model_alias.c.model, model_alias.c.alias, model_alias.c.version)
    return {(name, alias): version for name, alias, version in cx.execute(wanted)}


def set_alias(  # noqa: PLR0913 - the columns of one change
    cx: Connection,
    *,
    model: str,
    alias: str,
    version: int,
    changed_by: str,
    cause: str,
    expected_revision: int | None = None,
) -> AliasRow:
    """Point an alias at a version, under a new revision; pointing it where it points already changes nothing.

    `expected_revision` (0: no such alias yet) guards against changes by others: raises `StaleRevision`
    when it is not the present one, and `NotFound` when there is no such version.
    """
    _lock_version(cx, name=model, version=version)
    present = get_alias(cx, model=model, alias=alias)
    revision = 0 if present is None else present.revision
    if expected_revision is not None and expected_revision != revision:
        raise StaleRevision(f"the alias is at revision {revision}; the request expected {expected_revision}")
    if present is not None and present.version == version:
        return present
    change = {"version": version, "revision": revision + 1, "changed_by": changed_by}
    row = insert(model_alias).values(model=model, alias=alias, **change)
    moved = {**change, "changed_at": row.excluded.changed_at}
    row = row.on_conflict_do_update(index_elements=["model", "alias"], set_=moved)
    written = cx.execute(row.returning(*columns_of(model_alias, AliasRow))).one()
    previous = None if present is None else present.version
    cx.execute(
        alias_history.insert().values(
            model=model, alias=alias, previous_version=previous, cause=cause, **change
        )
    )
    return one_of(AliasRow, written)


def list_alias_changes(
    cx: Connection, *, model: str, alias: str | None = None, limit: int = 100, before: int | None = None
) -> list[AliasChange]:
    """Return the changes of a model's aliases, or of one of them, newest first, and below a revision."""
    wanted = select(*columns_of(alias_history, AliasChange)).where(alias_history.c.model == model)
    if alias is not None:
        wanted = wanted.where(alias_history.c.alias == alias)
    if before is not None:
        wanted = wanted.where(alias_history.c.revision < before)
    newest_first = wanted.order_by(alias_history.c.changed_at.desc(), alias_history.c.revision.desc())
    return [one_of(AliasChange, row) for row in cx.execute(newest_first.limit(limit))]


def _lock_version(cx: Connection, *, name: str, version: int) -> None:
    """Serialise changes of one model's aliases on the model's row."""
    cx.execute(select(model.c.name).where(model.c.name == name).with_for_update(key_share=True))
    this = and_(model_version.c.model == name, model_version.c.version == version)
    if cx.execute(select(model_version.c.version).where(this)).one_or_none() is None:
        raise NotFound("no such model or version", code="model_not_found")
