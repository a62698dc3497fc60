"""Formulas traced over HTTP: every form, scopes, problems with their place, and hostile bodies."""

from __future__ import annotations

import json
from xml.etree.ElementTree import fromstring

import httpx
import pytest

from services.api.errors import PROBLEM_JSON
from tests.support.gateway import Gateway
from tests.support.hostile_expressions import cases

EXAMPLE = {"expression": "x*y+z", "values": {"x": 7, "y": 13, "z": 19}}
URL = "/v1/graphs/trace"


def test_the_worked_example_comes_in_every_form(client: httpx.Client) -> None:
    found = client.post(URL, json=EXAMPLE)
    assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
    assert found.headers["vary"] == "Accept"
    assert found.json()["value"] == 110
    assert {name: one["grad"] for name, one in found.json()["variables"].items()} == {"x": 13, "y": 7, "z": 1}
    forms = {
        "image/svg+xml": b"<svg ",
        "image/png": b"\x89PNG",
        "text/vnd.graphviz": b"digraph ",
        "text/vnd.mermaid": b"---\ntitle",
    }
    for form, beginning in forms.items():
        answer = client.post(URL, json=EXAMPLE, headers={"Accept": form})
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, form)
        assert answer.content.startswith(beginning)
        assert answer.content == client.post(URL, json=EXAMPLE, headers={"Accept": form}).content
    assert client.post(URL, json=EXAMPLE, headers={"Accept": "text/html"}).status_code == 406


def test_the_svg_over_http_is_well_formed(client: httpx.Client) -> None:
    answer = client.post(URL, json=EXAMPLE, headers={"Accept": "image/svg+xml"})
    assert fromstring(answer.text).tag.endswith("svg")  # noqa: S314 - our own


def test_reading_is_enough_to_trace_and_predicting_is_not(gateway: Gateway) -> None:
    with gateway.client("read") as reader, gateway.client("predict") as predictor:
        assert reader.post(URL, json=EXAMPLE).status_code == 200
        assert predictor.post(URL, json=EXAMPLE).status_code == 403


@pytest.mark.parametrize(
    ("body", "loc", "words"),
    [
        ({"expression": "x +", "values": {"x": 1}}, ["expression"], "column 4: "),
        (
            {"expression": "log(x)", "values": {"x": -1}},
            ["expression"],
            "column 1: the value of log is not a number",
        ),
        ({"expression": "x", "values": {"x": [1, "a"]}}, ["values", "x", 1], "wanted a finite number"),
        ({"expression": "x", "values": {"x": [1, 2]}}, ["seed"], "the result is a vector of 2"),
        ({"expression": "x", "values": {"x": 1}, "wrt": ["y"]}, ["wrt", 0], "wanted a name that has a value"),
        ({"expression": "x", "values": {"x": 1}, "more": 1}, ["more"], "no such field"),
        ({"expresion": "x"}, ["expresion"], "no such field; did you mean expression?"),
        ({"expression": "x", "values": {"x": 1, "exp": 2}}, ["values", "exp"], "this is the name of a"),
        ({"expression": "x", "values": {"x": 1, "if": 2}}, ["values", "if"], "that is no word of Python"),
        ({"expression": "x", "values": {"x": 1, "a b": 2}}, ["values", "*"], "name 2: wanted a name of"),
        ({"expression": "x", "values": {"a" * 33: 2}}, ["values", "*"], "name 1: wanted a name of"),
        ({"values": {"x": 1}}, ["expression"], "this field is required"),
        ({"expression": 7}, ["expression"], "wanted text"),
    ],
)
def test_a_problem_says_where(client: httpx.Client, body: object, loc: list[str | int], words: str) -> None:
    answer = client.post(URL, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM_JSON)
    (message,) = (one["message"] for one in answer.json()["errors"] if one["loc"] == loc)
    assert words in message


def test_no_hostile_body_is_a_crash(client: httpx.Client) -> None:
    for body in cases():
        content = json.dumps(body).encode()
        answer = client.post(URL, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 413, 422}, body["expression"][:80]
        assert answer.headers["content-type"] == PROBLEM_JSON


def test_numbers_too_large_for_a_float_are_refused_in_a_body(client: httpx.Client) -> None:
    for number in (
        "1e999",
        "-1e999",
        "1" + "0" * 400,
        "NaN",
        "Infinity",
        "[" * 2000 + "]" * 2000,
        "[[1, 2], [3, 1e999]]",
    ):
        content = f'{{"expression": "sum(x)", "values": {{"x": {number}}}}}'
        answer = client.post(URL, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}, number[:20]


def test_the_document_lists_the_functions_and_the_forms(gateway: Gateway) -> None:
    document = gateway.app.openapi()
    operation = document["paths"][URL]["post"]
    assert set(operation["responses"]["200"]["content"]) == {
        *("application/json", "image/svg+xml", "image/png", "text/vnd.graphviz", "text/vnd.mermaid"),
    }
    words = document["components"]["schemas"]["TraceRequest"]["properties"]["expression"]["description"]
    assert "softplus" in words
    assert "softmax" in words
