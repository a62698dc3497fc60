"""Which column of an interactions file is the user, the item, the rating, the time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.worker.data.findings import Findings
from services.worker.data.sources import Source

ROLES = ("user", "item", "rating", "timestamp")
KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "userid", "uid", "reviewerid", "customer", "customerid", "visitorid"),
    "item": ("item", "itemid", "iid", "movie", "movieid", "parentasin", "asin", "product", "productid",
             "isbn", "book", "bookid", "track", "trackid", "song", "songid", "article", "articleid", "sku"),
    "rating": ("rating", "ratings", "stars", "score", "overall"),
    "timestamp": ("timestamp", "time", "ts", "datetime", "date", "unixtime", "unixreviewtime", "eventtime",
                  "ratedat", "createdat"),
}  # fmt: skip
"""Names by which a role is recognised, best first; capitals, blanks, `_`, `-` and `.` do not count."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of one file by what they are; None when the file has none such."""

    user: str | None
    item: str | None
    rating: str | None
    timestamp: str | None


def check_roles(mapping: Mapping[str, str], sources: Sequence[Source], findings: Findings) -> None:
    """Refuse a mapping that names an unknown role, a column that no file has, or one column twice."""
    for role, column in mapping.items():
        if role not in ROLES:
            findings.refuse(
                "spec", wanted=f"one of the roles {', '.join(ROLES)}", came=role[:40], column="columns"
            )
        if not any(column in source.names for source in sources):
            findings.refuse(
                "spec", wanted=f"a column of the files for {role}", came=column[:40], column="columns"
            )
    if len(set(mapping.values())) < len(mapping):
        findings.refuse("spec", wanted="one role for each column", came="one column twice", column="columns")


def roles_of(source: Source, mapping: Mapping[str, str]) -> Roles:
    """Return the roles of a file's columns: as mapped, else by name."""
    found: dict[str, str | None] = {}
    for role in ROLES:
        if role in mapping:
            found[role] = mapping[role] if mapping[role] in source.names else None
        else:
            found[role] = _by_name(role, [name for name in source.names if name not in mapping.values()])
    return Roles(found["user"], found["item"], found["rating"], found["timestamp"])


def _by_name(role: str, names: Sequence[str]) -> str | None:
    plain = {re.sub(r"[\s_.-]", "", name).lower(): name for name in reversed(names)}
    return next((plain[known] for known in KNOWN_NAMES[role] if known in plain), None)
