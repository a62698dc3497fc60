"""Reading an uploaded set of interactions: files with rows of (user, item), and side tables of either.

Shapes: N rows, U users, I items.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from services.worker.data.canonical import SAMPLE_ROWS, rfc3339, rows_of, write_sample, write_table
from services.worker.data.findings import Findings
from services.worker.data.fingerprint import Fingerprint
from services.worker.data.interactions import first_rows
from services.worker.data.pairs import Coded, Pairs, read_pairs
from services.worker.data.roles import KNOWN_NAMES, Roles, check_roles, roles_of
from services.worker.data.sidetables import SideTable, read_side
from services.worker.data.sources import Source
from shared.specs.dataset import ColumnSummary, ColumnType, DatasetSpec, DatasetSummary
from shared.storage import Storage

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Canonical:
    """All that is written of a set of interactions."""

    pairs: Pairs
    users: SideTable
    items: SideTable
    warnings: tuple[str, ...]


def read_interactions(sources: Sequence[Source], spec: DatasetSpec, findings: Findings) -> Canonical:
    """Read all files of a set. Raises `UnreadableFiles`."""
    check_roles(spec.columns, sources, findings)
    files = [(source, roles_of(source, spec.columns)) for source in sources]
    met = [(source, roles) for source, roles in files if roles.user and roles.item]
    if not met:
        _refuse_without_pairs(sources, findings)
    for source, roles in files:
        if not roles.user and not roles.item:
            findings.refuse(source.file, wanted="a user or an item column", came="neither")
    pairs = read_pairs(met, findings)
    if len(pairs) == 0:
        findings.refuse(met[0][0].file, wanted="at least one interaction", came="none")
    side = [(source, roles) for source, roles in files if not (roles.user and roles.item)]
    users = [(source, roles.user) for source, roles in side if roles.user]
    items = [(source, roles.item) for source, roles in side if roles.item]
    return Canonical(
        pairs=pairs,
        users=read_side(users, pairs.users.ids, kind="user", findings=findings),
        items=read_side(items, pairs.items.ids, kind="item", findings=findings),
        warnings=(*_unused_columns(met), *_warnings(pairs)),
    )


def _refuse_without_pairs(sources: Sequence[Source], findings: Findings) -> None:
    known = {role: ", ".join(KNOWN_NAMES[role][:3]) for role in ("user", "item")}
    wanted = f"a user column ({known['user']}, …) and an item column ({known['item']}, …), or both in columns"
    for source in sources:
        findings.add(source.file, wanted=wanted, came=f"columns {_some(source.names)}")
    findings.raise_any()


def _unused_columns(files: Sequence[tuple[Source, Roles]]) -> list[str]:
    found = []
    for source, roles in files:
        used = {roles.user, roles.item, roles.rating, roles.timestamp}
        unused = [name for name in source.names if name not in used]
        if unused:
            found.append(f"{source.file}: columns {_some(unused)} are not used")
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(name[:40] for name in names[:8]) + (" …" if len(names) > 8 else "")


def _warnings(pairs: Pairs) -> list[str]:
    found = [*_near_equal("user", pairs.users.ids), *_near_equal("item", pairs.items.ids)]
    if pairs.ratings is not None:
        zeros = int((pairs.ratings == 0).sum())
        if zeros:
            found.append(f"{zeros:,} ratings are 0: 0 is read as a rating, not as none given")
        if float(pairs.ratings.min()) == float(pairs.ratings.max()):
            found.append("column rating is constant")
    if pairs.times is not None:
        early, late = int((pairs.times < 0).sum()), int((pairs.times > time.time() * 1000 + _DAY_MS).sum())
        found += [f"{early:,} times lie before 1970"] if early else []
        found += [f"{late:,} times lie in the future"] if late else []
        if int(pairs.times.min()) == int(pairs.times.max()) and len(pairs) > 1:
            found.append("column timestamp is constant")
    return found


def _near_equal(kind: str, ids: pa.Array) -> list[str]:
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(ids))
    fewer = len(ids) - len(pc.unique(plain))
    return [f"{fewer:,} {kind} ids differ from another only in case or blanks around them"] if fewer else []


def write_interactions(storage: Storage, folder: str, canonical: Canonical) -> DatasetSummary:
    """Write the canonical files and return their summary."""
    pairs = canonical.pairs
    order = _order(pairs.times)
    columns = {"user": pa.array(pairs.users.codes[order]), "item": pa.array(pairs.items.codes[order])}
    if pairs.ratings is not None:
        columns["rating"] = pa.array(pairs.ratings[order])
    if pairs.times is not None:
        columns["timestamp"] = pa.array(pairs.times[order]).cast(pa.timestamp("ms", "UTC"))
    write_table(storage, f"{folder}/interactions.parquet", columns)
    write_table(storage, f"{folder}/users.parquet", {"user": pairs.users.ids, **canonical.users.columns})
    write_table(storage, f"{folder}/items.parquet", {"item": pairs.items.ids, **canonical.items.columns})
    write_sample(storage, f"{folder}/sample.json", _sample(pairs))
    return _summary(canonical)


def _order(times: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | slice:
    if times is None or bool((times[1:] >= times[:-1]).all()):
        return slice(None)
    return np.argsort(times, kind="stable")


def _sample(pairs: Pairs) -> list[dict[str, object]]:
    columns: dict[str, list[object]] = {
        "user": _first_ids(pairs.users),
        "item": _first_ids(pairs.items),
    }
    if pairs.ratings is not None:
        columns["rating"] = [float(str(rating)) for rating in pairs.ratings[:SAMPLE_ROWS]]
    if pairs.times is not None:
        columns["timestamp"] = [rfc3339(ms) for ms in pairs.times[:SAMPLE_ROWS].tolist()]
    return rows_of(columns)


def _first_ids(coded: Coded) -> list[object]:
    return list(coded.ids.take(pa.array(coded.codes[:SAMPLE_ROWS])).to_pylist())


def _summary(canonical: Canonical) -> DatasetSummary:
    pairs = canonical.pairs
    n_users, n_items = len(pairs.users.ids), len(pairs.items.ids)
    distinct = first_rows(pairs.users.codes, pairs.items.codes, n_items)
    lengths = np.bincount(pairs.users.codes[distinct], minlength=n_users)
    histogram = np.bincount(lengths)
    duplicates = len(pairs) - len(distinct)
    repeated = (f"{duplicates:,} rows repeat an earlier (user, item)",) if duplicates else ()
    return DatasetSummary(
        rows=len(pairs),
        columns=tuple(_columns(canonical)),
        users=n_users,
        items=n_items,
        history_histogram={str(n): int(histogram[n]) for n in np.flatnonzero(histogram).tolist()},
        duplicates=duplicates,
        has_ratings=pairs.ratings is not None,
        has_timestamps=pairs.times is not None,
        warnings=(*repeated, *canonical.warnings, *canonical.users.warnings, *canonical.items.warnings),
        notes=pairs.notes,
        sha256=_fingerprint(canonical),
    )


def _columns(canonical: Canonical) -> list[ColumnSummary]:
    pairs = canonical.pairs
    found = [
        ColumnSummary(name="user", type="id", missing=0, distinct=len(pairs.users.ids)),
        ColumnSummary(name="item", type="id", missing=0, distinct=len(pairs.items.ids)),
    ]
    if pairs.ratings is not None:
        found.append(
            ColumnSummary(name="rating", type="number", missing=0, distinct=len(np.unique(pairs.ratings)))
        )
    if pairs.times is not None:
        found.append(
            ColumnSummary(name="timestamp", type="time", missing=0, distinct=len(np.unique(pairs.times)))
        )
    for kind, side in (("user", canonical.users), ("item", canonical.items)):
        for name, column in side.columns.items():
            type_: ColumnType = "number" if pa.types.is_floating(column.type) else "text"
            found.append(ColumnSummary(name=f"{kind}.{name}", type=type_, missing=column.null_count))
    return found


def _fingerprint(canonical: Canonical) -> str:
    digest, pairs = Fingerprint(), canonical.pairs
    for name, coded in (("user", pairs.users), ("item", pairs.items)):
        digest.add_numbers(name, coded.codes)
        digest.add_texts(f"{name} ids", coded.ids)
    if pairs.ratings is not None:
        digest.add_numbers("rating", pairs.ratings)
    if pairs.times is not None:
        digest.add_numbers("timestamp", pairs.times)
    for kind, side in (("user", canonical.users), ("item", canonical.items)):
        for name, column in side.columns.items():
            digest.add_column(f"{kind}.{name}", column)
    return digest.hexdigest()
