"""Places in a body as the client wrote them: without the tags of unions and the forms that were tried.

Pydantic names in a place which member of a union it looked at, as in ("net", "mf", "loss") and in
("publish", "Publish"). Where a union has no tag it tries every form, and finds each of them wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.api.wording import is_of_other_type, of_all_forms

Loc = tuple[str | int, ...]
Error = Mapping[str, Any]
"""One thing that pydantic found."""


def client_place(loc: Sequence[str | int], body: object) -> list[str | int]:
    """Return a place inside a body as the client wrote it: without the tags of unions.

    A schedule written as one phase has no phases: what is wrong with its phase is wrong with a field of its
    own, and phases that do not fill the run are a duration.
    """
    return [part for _, part, _ in _trodden(loc, body)]


def _trodden(loc: Sequence[str | int], body: object) -> Iterator[tuple[int, str | int, object]]:
    """Yield the parts of a place that a client wrote, each with its index and the value that it stands in."""
    at, parts = body, iter(enumerate(loc))
    for index, part in parts:
        whole = at if isinstance(at, dict) and part not in at else {}
        if part == "phases" and "name" in whole:
            if next(parts, None) is None:
                yield index, "duration", at
            continue
        if whole.get("name") == part:
            continue
        yield index, part, at
        at = _inside(at, part)


def _inside(value: object, part: str | int) -> object:
    """Return what stands at a key or an index of a JSON value, none when nothing does."""
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def forms_as_one(errors: Sequence[Error], body: object) -> list[Error]:
    """Return what pydantic found, with what it says of each form of one value told once, at the value.

    A form of the value's own type says what is wrong with it; where it is of no form's type, all say what
    they wanted.
    """
    groups: dict[Loc | int, list[Error]] = {}
    for index, error in enumerate(errors):
        form = None if body is None else _form(error, body)
        groups.setdefault(index if form is None else tuple(error["loc"][:form]), []).append(error)
    told = (found if isinstance(at, int) else _as_one(at, found) for at, found in groups.items())
    return [error for found in told for error in found]


def _form(error: Error, body: object) -> int | None:
    """Return which part of a place names a form: a key that the client did not write, nor left out."""
    last = len(error["loc"]) - 1 if error["type"] == "missing" else None
    for index, part, at in _trodden(error["loc"], body):
        written = isinstance(at, dict) and (part in at or index == last)
        if isinstance(part, str) and not written:
            return index
    return None


def _as_one(at: Loc, found: Sequence[Error]) -> list[Error]:
    """Return what is wrong with a value at a place where each of its forms found something."""
    behind = len(at) + 1
    inside = [error for error in found if len(error["loc"]) > behind]
    fitting = inside or [error for error in found if not is_of_other_type(error)]
    if not fitting:
        return [{"type": "no_form", "loc": at, "msg": of_all_forms(found)}]
    return [{**error, "loc": (*at, *error["loc"][behind:])} for error in fitting]
