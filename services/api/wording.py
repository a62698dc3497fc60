"""What a client reads of one thing that pydantic found: what was wanted, in words, never what came.

A name that is nearly right is answered with the ones it may have meant, taken from the menu.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from shared.errors import did_you_mean
from shared.schedules import CATALOG
from shared.specs.dataset import ColumnType

WANTED: dict[str, str] = {
    "json_invalid": "wanted well-formed JSON",
    "extra_forbidden": "no such field",
    "missing": "this field is required",
    "union_tag_not_found": "this field is required",
    "list_type": "wanted a list",
    "tuple_type": "wanted a list",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "wanted an object"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "wanted a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "wanted a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "wanted true or false"),
    "finite_number": "wanted a finite number",
    "string_type": "wanted text",
}
LIMITS: dict[str, str] = {
    r"Input should be greater than or equal to (.+)": r"wanted at least \1",
    r"Input should be less than or equal to (.+)": r"wanted at most \1",
    r"Input should be greater than (.+)": r"wanted more than \1",
    r"Input should be less than (.+)": r"wanted less than \1",
    r"\w+ should have (at (?:least|most) \d+ \w+).*": r"wanted \1",
}
"""What pydantic says of a limit, and how it is said here."""
OF_PATTERN: dict[str, str] = {
    r"^ds_[0-9a-f-]{36}$": "wanted the id of a data set, ds_ and a UUID",
    r"^ckpt_[0-9a-f-]{36}$": "wanted the id of a checkpoint, ckpt_ and a UUID",
    r"^(last|best|ckpt_[0-9a-f-]{36})$": "wanted last, best or the id of a checkpoint, ckpt_ and a UUID",
    r"^[a-z0-9][a-z0-9._-]{0,63}$": "wanted at most 64 of a-z, 0-9, ., _ and -, the first a letter or digit",
    r"^[a-z0-9][a-z0-9_-]{0,63}$": "wanted at most 64 of a-z, 0-9, _ and -, the first a letter or digit",
    r"^[a-z][a-z0-9_]{0,39}$": "wanted at most 40 of a-z, 0-9 and _, the first a letter",
    r"^[a-z_]+(@[0-9]+)?$": "wanted the name of a metric such as ndcg@10 or auroc",
    r"^[\w .()+:-]+$": "wanted letters, digits, spaces and any of _ . ( ) + : -",
    r"^[\w .()+:@-]+$": "wanted letters, digits, spaces and any of _ . ( ) + : @ -",
    r"^[!-~]+$": "wanted ASCII characters without spaces",
    r"^[^\x00-\x1f]+$": "wanted a text on one line, without control characters",
}
"""What the patterns of names and ids ask for."""
_ELSEWHERE = {
    ("job", "seed"): "no such field: seeds stands beside job, as in [7, 8, 9]",
    ("job", "schedule"): "no such field: a sweep has schedules beside job, a range test makes its own",
}
_EXAMPLES = {
    "schedule": ' such as {"name": "cosine", "base_lr": 0.01}',
    "phases": ' such as {"name": "cosine", "duration": "rest"}',
}
COLUMNS = (
    "wanted text: of records the type of a column, one of "
    f'{", ".join(get_args(ColumnType))}, as in {{"age": "number"}}; of interactions the column of a role, '
    'as in {"user": "userId"}'
)
_QUOTED = re.compile(r"'([^']*)'")


def place_of(error: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return where pydantic found something; a name that chooses among forms is a place of its own."""
    named = (str(error.get("ctx", {}).get("discriminator", "")).strip("'"),)
    return (*error["loc"], *(named if str(error["type"]).startswith("union_tag") else ()))


def message_of(error: Mapping[str, Any]) -> str:
    """Return what was wanted where pydantic found something."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == "union_tag_invalid":
        return _unknown_name(str(context.get("tag")), str(context.get("expected_tags")))
    if kind == "string_pattern_mismatch" and context.get("pattern") in OF_PATTERN:
        return OF_PATTERN[context["pattern"]]
    if kind in ("literal_error", "enum"):
        return _one_of(error.get("input"), str(context["expected"]))
    if kind in WANTED:
        return _known(kind, error["loc"])
    if kind.endswith(("_parsing", "_violation")):
        return f"not a valid {kind.rsplit('_', 1)[0].replace('_', ' ')}"
    return _limit(str(error["msg"]).removeprefix("Value error, "))


def _limit(said: str) -> str:
    """Return what pydantic says of a limit in the words of here, anything else as it is."""
    return next((re.sub(p, ours, said) for p, ours in LIMITS.items() if re.fullmatch(p, said)), said)


def _one_of(written: object, expected: str) -> str:
    """Return the words or numbers of a menu, and those that a written word is near to."""
    known = [word.strip("'") for word in re.split(", | or ", expected)]
    near = did_you_mean(written, known) if isinstance(written, str) else ""
    return f"wanted {'one of ' if len(known) > 1 else ''}{', '.join(known)}{near}"


def _known(kind: str, loc: tuple[str | int, ...]) -> str:
    if kind == "extra_forbidden":
        return _ELSEWHERE.get(tuple(loc[-2:]), WANTED[kind])  # type: ignore[arg-type]  # a pair of names
    if kind == "string_type" and tuple(loc[-2:-1]) == ("columns",):
        return COLUMNS
    named = [part for part in loc if isinstance(part, str)][-1:]
    return WANTED[kind] + (_EXAMPLES.get(named[0], "") if named and WANTED[kind].endswith("object") else "")


def _unknown_name(tag: str, expected: str) -> str:
    known = _QUOTED.findall(expected)
    of_schedules = "cosine" in known or "plateau" in known
    if of_schedules and tag in CATALOG:
        return _elsewhere_in_schedule(tag)
    return f"wanted one of {', '.join(known)}{did_you_mean(tag, known)}"


def _elsewhere_in_schedule(name: str) -> str:
    """Return where a way to set the rate belongs that is no phase, or no feedback."""
    if name == "manual":
        return "manual is asked of a job that runs: POST /v1/training_jobs/{id}/lr_events"
    under = "feedback" if CATALOG[name].kind == "feedback" else "phases"
    return f"{name} goes under {under}"
