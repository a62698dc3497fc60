"""Errors as problem documents."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.api.errors import PROBLEM_JSON, answer_error, findings_of
from services.api.places import client_place
from shared import errors as kinds
from shared.errors import Finding, GradusError

CANARY = "Jane Doe 1970-01-01"


def document(response: Response) -> dict[str, object]:
    assert response.headers["content-type"] == PROBLEM_JSON
    read: dict[str, object] = json.loads(bytes(response.body))
    return read


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (kinds.NotFound, 404),
        (kinds.Conflict, 409),
        (kinds.StaleRevision, 412),
        (kinds.Refused, 422),
        (kinds.TooLarge, 413),
        (kinds.Unauthenticated, 401),
        (kinds.Forbidden, 403),
        (kinds.Overloaded, 429),
        (kinds.Unavailable, 503),
    ],
)
def test_every_kind_has_one_status(kind: type[GradusError], status: int) -> None:
    response = answer_error(kind("what happened"))
    read = document(response)
    assert response.status_code == read["status"] == status
    assert read["detail"] == "what happened"
    assert read["type"] == f"/problems/{kind.code}"


@pytest.mark.parametrize("kind", [kinds.Fenced, kinds.Diverged, GradusError])
def test_a_kind_that_no_client_may_see_says_nothing(kind: type[GradusError]) -> None:
    response = answer_error(kind(CANARY))
    assert response.status_code == 500
    assert CANARY not in bytes(response.body).decode()


def test_a_subclass_answers_like_its_kind() -> None:
    class Unreadable(kinds.Refused):
        """A file that cannot be read."""

    assert answer_error(Unreadable("no")).status_code == 422


@pytest.mark.parametrize("kind", [kinds.Overloaded, kinds.Unavailable])
def test_what_may_work_later_says_when(kind: type[GradusError]) -> None:
    assert int(answer_error(kind("later")).headers["retry-after"]) >= 1


def test_a_missing_key_is_asked_for() -> None:
    assert answer_error(kinds.Unauthenticated("no key")).headers["www-authenticate"].startswith("Bearer")


def test_a_problem_is_written_in_utf_8_as_other_answers_are() -> None:
    response = answer_error(kinds.Refused("schedules × seeds"))
    assert "schedules × seeds" in bytes(response.body).decode()
    assert json.loads(bytes(answer_error(kinds.Refused("\ud800")).body))["detail"] == "?"


def test_findings_say_where() -> None:
    finding = Finding(("schedule", "phases", 1, "gamma"), "wanted at most 1")
    read = document(answer_error(kinds.Refused("wrong", findings=[finding])))
    assert read["errors"] == [{"loc": ["schedule", "phases", 1, "gamma"], "message": "wanted at most 1"}]


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 418])
def test_an_error_of_the_framework_is_a_problem_without_its_own_words(status: int) -> None:
    response = answer_error(HTTPException(status, detail=CANARY))
    assert response.status_code == document(response)["status"] == status
    assert CANARY not in bytes(response.body).decode()


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


@pytest.mark.parametrize(
    "value",
    [
        {"pet": {"kind": CANARY}},
        {"pet": {"kind": "cat", "lives": CANARY}},
        {"pet": CANARY},
        {"pet": {"kind": "dog", CANARY: 1}},
        {CANARY: CANARY},
        CANARY,
    ],
)
def test_no_finding_repeats_the_input(value: object) -> None:
    class Owner(BaseModel, extra="forbid"):
        pet: Pet

    class StrictDog(Dog, extra="forbid"):
        pass

    found = []
    for adapter in (TypeAdapter(Owner), TypeAdapter(dict[str, StrictDog]), TypeAdapter(list[int])):
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            found += findings_of(error.errors())
    assert found
    assert CANARY not in repr(found)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Pet).validate_python({"kind": "fish"})
    (finding,) = findings_of(caught.value.errors())
    assert (finding.loc, finding.message) == (("kind",), "wanted one of cat, dog")


def test_the_place_leaves_out_where_the_framework_found_it() -> None:
    error = RequestValidationError(
        [{"type": "missing", "loc": ("body", "model"), "msg": "", "input": CANARY}]
    )
    read = document(answer_error(error))
    assert read["errors"] == [{"loc": ["model"], "message": "this field is required"}]


def test_a_header_is_named_as_the_document_names_it() -> None:
    error = {"type": "int_parsing", "loc": ("header", "Last-Event-ID"), "msg": "", "input": CANARY}
    read = document(answer_error(RequestValidationError([error])))
    assert read["errors"] == [{"loc": ["Last-Event-ID"], "message": "wanted a whole number"}]


def test_a_body_of_another_content_type_is_told_the_one_wanted() -> None:
    error = {"type": "model_attributes_type", "loc": ("body",), "msg": "", "input": CANARY.encode()}
    response = answer_error(RequestValidationError([error], body=CANARY.encode()))
    assert (response.status_code, document(response)["code"]) == (415, "unsupported_media_type")
    assert str(document(response)["detail"]).endswith("wanted Content-Type: application/json")


def test_a_body_that_did_not_come_is_asked_for() -> None:
    error = {"type": "missing", "loc": ("body",), "msg": "", "input": None}
    read = document(answer_error(RequestValidationError([error])))
    assert read["errors"] == [{"loc": [], "message": "wanted a body of JSON; none came"}]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"checkpoint": "last"', "character 22 (line 1, column 22)"),
        ('{\n  "steps": 5ep\n}', "character 15 (line 2, column 13)"),
        ('{"ä": x}', "character 7 (line 1, column 7)"),
    ],
)
def test_broken_json_is_told_where_it_breaks(text: str, where: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    error = {"type": "json_invalid", "loc": ("body", caught.value.pos), "msg": "", "input": {}}
    read = document(answer_error(RequestValidationError([error], body=text)))
    message = f"wanted well-formed JSON; it breaks at {where}"
    assert read["errors"] == [{"loc": [], "message": message}]


def test_broken_json_in_a_part_of_a_form_is_told_its_line() -> None:
    with pytest.raises(ValidationError) as caught:
        Cat.model_validate_json(b'{\n "kind" "cat"}')
    (finding,) = findings_of(caught.value.errors())
    wanted = "wanted well-formed JSON; it breaks at line 2, column 9"
    assert (finding.loc, finding.message) == ((), wanted)


def test_at_most_fifty_findings_are_shown() -> None:
    error = {"type": "missing", "loc": ("body", "a"), "msg": ""}
    assert len(findings_of([error] * 80)) == 50


def test_an_error_that_is_nobodys_is_raised_again() -> None:
    with pytest.raises(ZeroDivisionError):
        answer_error(ZeroDivisionError())


@pytest.mark.parametrize(
    ("loc", "body", "place"),
    [
        (("net", "mf", "loss"), {"net": {"name": "mf", "loss": 3}}, ["net", "loss"]),
        (("net", "mf", "loss"), {"net": {"name": "mf"}}, ["net", "loss"]),
        (
            ("schedule", "phases", 1, "step", "gamma"),
            {"schedule": {"phases": [{"name": "linear"}, {"name": "step", "gamma": 2}]}},
            ["schedule", "phases", 1, "gamma"],
        ),
        (
            ("schedule", "phases", 0, "step", "gamma"),
            {"schedule": {"name": "step", "gamma": 2}},
            ["schedule", "gamma"],
        ),
        (("schedule", "phases", 0), {"schedule": {"name": "warp"}}, ["schedule"]),
        (("schedule", "phases", 0, "name"), {"schedule": {"name": "warp"}}, ["schedule", "name"]),
        (("schedule", "phases", 0, "name"), {"schedule": {"name": None}}, ["schedule", "name"]),
        (("schedule", "phases"), {"schedule": {"name": "step", "duration": "1st"}}, ["schedule", "duration"]),
        (("schedule", "phases"), {"schedule": {"base_lr": 1.0}}, ["schedule", "phases"]),
        (
            ("schedule", "groups", "phases", "lr_mult"),
            {"schedule": {"name": "step", "groups": {"phases": {"lr_mult": -1}}}},
            ["schedule", "groups", "phases", "lr_mult"],
        ),
        (("epochs",), {"name": "epochs", "epochs": 0}, ["epochs"]),
        (("tags", 7, "x"), {"tags": []}, ["tags", 7, "x"]),
        (("epochs",), "no object", ["epochs"]),
    ],
)
def test_a_place_is_the_one_the_client_wrote(
    loc: tuple[str | int, ...], body: object, place: list[str | int]
) -> None:
    assert client_place(loc, body) == place
