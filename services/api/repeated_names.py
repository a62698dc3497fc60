"""Names that came twice in one object of a JSON body: refused, since parsers keep the last in silence.

Bodies of predictions are left out: they are many, and read where every microsecond counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from fastapi import Request

from services.api.errors import MOST_FINDINGS, WHERE, shown_name
from shared.errors import Finding, Refused

Nest = dict[str, Any] | list[Any]
Pairs = list[tuple[str, Any]]
Path = tuple["Path", str | int] | None
"""The path of what holds a value, and its name or index there; short however deep it stands."""

Place = tuple[str | int, ...]

DEEPEST = 20
"""So many outer parts of a place are told; what stands deeper in a body is not read by any call."""
MOST_LOOKED_AT = 100_000
"""Objects and lists that are searched for the place of what repeats; a body may hold millions."""
SOMEWHERE = Finding((), "somewhere in this body a name came twice in one object; wanted it once")


async def check_names(request: Request) -> None:
    """Raise `Refused` when an object of a request's body has a name twice; what is no JSON passes.

    So does what does not say that it is JSON: the parser behind refuses it for that.
    """
    if "json" not in request.headers.get("content-type", ""):
        return
    findings = repeated_names(await request.body())
    if findings:
        raise Refused(WHERE, code="invalid_request", findings=findings)


def repeated_names(body: bytes) -> list[Finding]:
    """Return the places in a JSON text whose names came several times in their object, a bounded number."""
    repeating: list[tuple[dict[str, Any], Pairs]] = []

    def noted(pairs: Pairs) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs) and len(repeating) < MOST_FINDINGS:
            repeating.append((found, pairs))
        return found

    try:
        whole = json.loads(body, object_pairs_hook=noted)
    except (ValueError, RecursionError):
        return []  # the parser behind says what is wrong
    if not repeating:
        return []
    return _placed(whole, {id(found): pairs for found, pairs in repeating}) or [SOMEWHERE]


def _placed(whole: Nest, repeating: dict[int, Pairs]) -> list[Finding]:
    """Return what repeats in a value, outermost first; what an earlier name held is gone with it."""
    found: list[Finding] = []
    for value, path in islice(_walked(whole), MOST_LOOKED_AT):
        pairs = repeating.pop(id(value), None)
        if pairs is not None:
            times = Counter(name for name, _ in pairs)
            again = ((name, came) for name, came in times.items() if came > 1)
            place = _place(path)
            found += [_finding(place, *one) for one in islice(again, MOST_FINDINGS - len(found))]
            if not repeating or len(found) == MOST_FINDINGS:
                break
    return found


def _walked(whole: Nest) -> Iterator[tuple[Nest, Path]]:
    """Yield a value and every object and list inside it, each before what it holds."""
    walks: list[Iterator[tuple[Nest, Path]]] = [iter([(whole, None)])]
    while walks:
        value, path = next(walks[-1], (None, None))
        if value is None:
            walks.pop()
        else:
            yield value, path
            walks.append(_inside(value, path))


def _inside(value: Nest, path: Path) -> Iterator[tuple[Nest, Path]]:
    """Yield the objects and lists that stand in a value."""
    parts: Iterable[tuple[str | int, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    yield from ((held, (path, part)) for part, held in parts if isinstance(held, dict | list))


def _place(path: Path) -> Place:
    """Return where an object stands, as far in as anybody would look."""
    inmost_first: list[str | int] = []
    while path is not None:
        path, part = path
        inmost_first.append(part)
    outer = inmost_first[: -DEEPEST - 1 : -1]
    return tuple(part if isinstance(part, int) else shown_name(part) for part in outer)


def _finding(place: Place, name: str, came: int) -> Finding:
    return Finding((*place, shown_name(name)), f"wanted this name once; came {came} times")
