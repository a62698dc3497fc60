"""Models: their versions, the aliases that point at them, and the history of every alias."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from shared.db.aliases import get_alias, set_alias
from shared.db.blobs import CHUNK_BYTES, Blob, read_blob
from shared.db.rows import columns_of, one_of
from shared.db.tables import model, model_version
from shared.errors import Finding, NotFound, Refused
from shared.specs.ids import new_uuid
from shared.specs.job import Publish


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The metric by which versions are compared, and on which split of which data it was measured."""

    metric: str
    value: float
    higher_is_better: bool
    split_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A package about to become the next version of a model; every try to write it takes a new id."""

    model: str
    task: str
    job_id: UUID
    dataset_id: UUID | None
    dataset_version: int | None
    score: Score
    metrics: Mapping[str, float]
    card: Mapping[str, Any]
    package: bytes
    package_id: UUID = field(default_factory=new_uuid)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model's name, and how many versions it has."""

    name: str
    task: str
    created_at: datetime
    versions: int
    newest_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One version of a model, without its package's bytes."""

    model: str
    version: int
    task: str
    job_id: UUID | None
    dataset_id: UUID | None
    dataset_version: int | None
    split_sha256: str
    metric: str
    metric_value: float
    metrics: dict[str, Any]
    card: dict[str, Any]
    package_id: UUID
    package_sha256: str
    package_bytes: int
    chunk_bytes: int
    created_at: datetime

    def blob(self) -> Blob:
        """Return where the package's bytes lie."""
        return Blob(
            table="package_chunk",
            id=self.package_id,
            size_bytes=self.package_bytes,
            chunk_bytes=self.chunk_bytes,
            sha256=self.package_sha256,
        )


def list_models(cx: Connection) -> list[ModelRow]:
    """Return every model that has a version, by name."""
    return [one_of(ModelRow, row) for row in cx.execute(_models().order_by(model.c.name))]


def get_model(cx: Connection, *, name: str) -> ModelRow:
    """Return a model. Raises `NotFound`."""
    return one_of(ModelRow, _found(cx, _models().where(model.c.name == name)))


def list_versions(
    cx: Connection, *, name: str, limit: int = 100, after: int | None = None
) -> list[VersionRow]:
    """Return a model's versions, newest first, below version `after`. Raises `NotFound`."""
    get_model(cx, name=name)
    wanted = _versions().where(model_version.c.model == name)
    if after is not None:
        wanted = wanted.where(model_version.c.version < after)
    newest_first = wanted.order_by(model_version.c.version.desc()).limit(limit)
    return [one_of(VersionRow, row) for row in cx.execute(newest_first)]


def get_version(cx: Connection, *, name: str, version: int) -> VersionRow:
    """Return one version of a model. Raises `NotFound`."""
    this = and_(model_version.c.model == name, model_version.c.version == version)
    return one_of(VersionRow, _found(cx, _versions().where(this)))


def read_package(cx: Connection, *, name: str, version: int) -> bytes:
    """Return a version's package. Raises `NotFound`, and `Unavailable` when its bytes are damaged."""
    return read_blob(cx, blob=get_version(cx, name=name, version=version).blob())


def require_task(cx: Connection, *, name: str, task: str) -> None:
    """Raise `Refused` when the versions of a model do another task: its aliases would change their kind."""
    present = cx.execute(select(model.c.task).where(model.c.name == name)).scalar_one_or_none()
    if present is not None and present != task:
        message = (
            f"a model of this name does the task {present}; wanted another name for one that does {task}"
        )
        raise Refused(message, code="model_of_another_task", findings=[Finding(("model",), message)])


def add_version(cx: Connection, *, new: NewVersion) -> int:
    """Write the row of a package whose chunks are written, as the next version of its model.

    Raises `Refused` when a job of another task has meanwhile given the model its first version.
    """
    row = insert(model).values(name=new.model, task=new.task).on_conflict_do_nothing()
    cx.execute(row)
    # Two jobs of one model that finish together take their numbers one after the other.
    cx.execute(select(model.c.name).where(model.c.name == new.model).with_for_update(key_share=True))
    require_task(cx, name=new.model, task=new.task)
    newest = select(func.coalesce(func.max(model_version.c.version), 0))
    version = int(cx.execute(newest.where(model_version.c.model == new.model)).scalar_one()) + 1
    cx.execute(model_version.insert().values(version=version, **_columns(new)))
    return version


def publish_version(
    cx: Connection, *, model: str, version: int, publish: Publish | None, changed_by: str
) -> str:
    """Point the alias of a job's spec at its new version where the rule allows, and say what was done."""
    if publish is None:
        return "not published: the job asked for no alias"
    alias = publish.alias
    present = get_alias(cx, model=model, alias=alias)
    if present is not None and publish.when == "better":
        reason = _why_not_better(cx, model=model, version=version, present=present.version)
        if reason is not None:
            return f"alias {alias} stays at version {present.version}: {reason}"
    set_alias(
        cx, model=model, alias=alias, version=version, changed_by=changed_by, cause=f"publish:{publish.when}"
    )
    return f"alias {alias} points at version {version}"


def _why_not_better(cx: Connection, *, model: str, version: int, present: int) -> str | None:
    """Return why a version is not better than the present one, none when it is."""
    new, old = (get_version(cx, name=model, version=v) for v in (version, present))
    if (new.metric, new.split_sha256, new.dataset_id) != (old.metric, old.split_sha256, old.dataset_id):
        return "not comparable, since the metric, the data set or the split differ"
    if new.metric not in new.metrics:
        return f"the test part gives the new one no {new.metric}"
    if old.metric not in old.metrics:
        return None
    sign = 1.0 if new.card.get("higher_is_better", True) else -1.0
    if sign * new.metric_value > sign * old.metric_value:
        return None
    return f"{new.metric} is {new.metric_value:.6g}, which is not better than {old.metric_value:.6g}"


def _columns(new: NewVersion) -> dict[str, Any]:
    return {
        "model": new.model,
        "task": new.task,
        "job_id": new.job_id,
        "dataset_id": new.dataset_id,
        "dataset_version": new.dataset_version,
        "split_sha256": new.score.split_sha256,
        "metric": new.score.metric,
        "metric_value": new.score.value,
        "metrics": dict(new.metrics),
        "card": dict(new.card) | {"higher_is_better": new.score.higher_is_better},
        "package_id": new.package_id,
        "package_sha256": hashlib.sha256(new.package).hexdigest(),
        "package_bytes": len(new.package),
        "chunk_bytes": CHUNK_BYTES,
    }


def _models() -> Select[Any]:
    version = model_version.c.version
    return (
        select(
            model.c.name,
            model.c.task,
            model.c.created_at,
            func.count(version).label("versions"),
            func.max(version).label("newest_version"),
        )
        .join(model_version, model_version.c.model == model.c.name)
        .group_by(model.c.name)
    )


def _versions() -> Select[Any]:
    return select(*columns_of(model_version, VersionRow))


def _found(cx: Connection, wanted: Select[Any]) -> Row[Any]:
    row = cx.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("no such model or version", code="model_not_found")
    return row
