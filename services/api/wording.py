"""What a client reads of one thing that pydantic found: what was wanted, in words, never what came.

A name that is nearly right is answered with the ones it may have meant, taken from the menu.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args

from shared.errors import did_you_mean
from shared.schedules import CATALOG
from shared.specs.dataset import ColumnType

WANTED: dict[str, str] = {
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
MENUS = ("literal_error", "enum")
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


def message_of(error: Mapping[str, Any], fields: Collection[str] = ()) -> str:
    """Return what was wanted where pydantic found something; `fields` are those known at the place."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == "extra_forbidden":
        return _no_field(error["loc"], fields)
    if kind == "union_tag_invalid":
        return _unknown_name(str(context.get("tag")), str(context.get("expected_tags")))
    if kind in MENUS:
        return _one_of(error.get("input"), str(context["expected"]))
    if kind in WANTED:
        return _known(kind, error["loc"])
    return OF_PATTERN.get(context.get("pattern"), "") or _plain(kind, str(error["msg"]))


def _plain(kind: str, said: str) -> str:
    """Return what pydantic says of anything else, without what it repeats of the input."""
    if kind.endswith(("_parsing", "_violation")):
        return f"not a valid {kind.rsplit('_', 1)[0].replace('_', ' ')}"
    return _limit(said.removeprefix("Value error, "))


def _limit(said: str) -> str:
    """Return what pydantic says of a limit in the words of here, anything else as it is."""
    return next((re.sub(p, ours, said) for p, ours in LIMITS.items() if re.fullmatch(p, said)), said)


def _one_of(written: object, expected: str) -> str:
    """Return the words or numbers of a menu, and those that a written word is near to."""
    known = [word.strip("'") for word in re.split(", | or ", expected)]
    near = did_you_mean(written, known) if isinstance(written, str) else ""
    return f"wanted {'one of ' if len(known) > 1 else ''}{', '.join(known)}{near}"


def is_of_other_type(error: Mapping[str, Any]) -> bool:
    """Tell whether a value is not even of the type that was wanted of it."""
    return error["type"] in WANTED or error["type"] in MENUS


def of_all_forms(found: Sequence[Mapping[str, Any]]) -> str:
    """Return what was wanted of a value that may take one of several forms and takes none."""
    words = " or ".join(_form_wanted(error) for error in found)
    menu = [word for error in found for word in _QUOTED.findall(str(error.get("ctx", {}).get("expected")))]
    written = found[0].get("input")
    return f"wanted {words}{did_you_mean(written, menu) if isinstance(written, str) else ''}"


def _form_wanted(error: Mapping[str, Any]) -> str:
    if error["type"] in MENUS:
        return str(error["ctx"]["expected"]).replace("'", '"')
    return message_of(error).removeprefix("wanted ")


def broken_json(error: Mapping[str, Any], body: object) -> str:
    """Return where a text stops being JSON: from what the parser says, or from its place in the text."""
    at = error["loc"][-1] if error["loc"] else None
    if isinstance(at, int) and isinstance(body, str):
        line, column = body.count("\n", 0, at) + 1, at - body.rfind("\n", 0, at)
        return f"wanted well-formed JSON; it breaks at character {at + 1} (line {line}, column {column})"
    said = re.search(r"line (\d+) column (\d+)$", str(error.get("ctx", {}).get("error", "")))
    return f"wanted well-formed JSON{f'; it breaks at line {said[1]}, column {said[2]}' if said else ''}"


def _no_field(loc: tuple[str | int, ...], fields: Collection[str]) -> str:
    """Return where a field belongs, or the fields that its name is near to."""
    elsewhere = _ELSEWHERE.get(tuple(loc[-2:]))  # type: ignore[arg-type]  # a pair of names
    return elsewhere or f"no such field{did_you_mean(str(loc[-1]), fields)}"


def _known(kind: str, loc: tuple[str | int, ...]) -> str:
    if kind == "missing" and not loc:
        return "wanted a body of JSON; none came"
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
