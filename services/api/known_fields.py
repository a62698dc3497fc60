"""The fields that a body may have at a place, read from its model, for names that are none of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel

from shared.schedules import ScheduleSpec

_OF_A_SHORT_SCHEDULE = frozenset(ScheduleSpec.model_fields) - {"phases"}


def fields_beside(form: object, loc: Sequence[str | int], *, short: bool = False) -> Collection[str]:
    """Return the fields that a body of `form` has where the last part of a place of pydantic's stands.

    `short` tells that the schedule there is written as one phase, which may have the schedule's fields too.
    """
    forms = list(_forms(form))
    for part in loc[:-1]:
        forms = [inner for one in forms for inner in _inside(one, part)]
    fields = dict.fromkeys(name for one in forms if _is_model(one) for name in one.model_fields)
    if short and tuple(loc[-4:-3]) == ("phases",):
        fields |= dict.fromkeys(_OF_A_SHORT_SCHEDULE)
    return list(fields)


def _forms(annotation: object) -> Iterator[Any]:
    """Yield the members of a union, or the one type that an annotation is of."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _forms(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _forms(member)
    else:
        yield annotation


def _inside(form: object, part: str | int) -> Iterator[Any]:
    """Yield the forms of what stands at a part of a place; the name of a form is the form itself."""
    if _is_model(form):
        if part in form.model_fields:
            yield from _forms(form.model_fields[part].annotation)
        elif part in (form.__name__, *_tags(form)):
            yield form
    elif get_origin(form) in (list, tuple) and isinstance(part, int):
        for item in get_args(form):
            yield from _forms(item)
    elif get_origin(form) is dict:
        yield from _forms(get_args(form)[1])


def _tags(form: type[BaseModel]) -> tuple[Any, ...]:
    name = form.model_fields.get("name")
    return () if name is None else get_args(name.annotation)


def _is_model(form: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(form, type) and issubclass(form, BaseModel)
