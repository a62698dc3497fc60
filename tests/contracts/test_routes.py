"""What every route keeps: a key, a scope, problems without the input, a label that the document names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.api.errors import PROBLEM_JSON
from services.api.main import QUIET
from services.api.parameters import known_parameters
from shared.specs.ids import new_uuid
from tests.support.gateway import Gateway

OPEN = {("GET", "/livez"), ("GET", "/readyz")}
CANARY = "Jane Doe, born 1970-01-01"
NOT_BUILT = [
    ("POST", "/v1/models/films/what_if"),
    ("POST", "/v1/models/films/feedback"),
    ("POST", "/v1/datasets/ds_1/rows"),
    ("GET", "/cds-services"),
    ("POST", "/fhir/$diagnose"),
    ("GET", "/v2"),
    ("GET", "/v1/usage"),
]
VALUES = {
    "dataset_id": f"ds_{new_uuid()}",
    "job_id": f"job_{new_uuid()}",
    "checkpoint_id": f"ckpt_{new_uuid()}",
    "test_id": f"lrt_{new_uuid()}",
    "key_id": f"key_{new_uuid()}",
    "sweep_id": f"swp_{new_uuid()}",
    "name": "nothing",
    "version": "1",
    "alias": "production",
}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def filled(path: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: {**VALUES, **values}[m[1]], path)


@pytest.fixture
def document(gateway: Gateway) -> dict[str, Any]:
    """The OpenAPI document of a gateway."""
    described: dict[str, Any] = gateway.app.openapi()
    return described


def test_every_route_but_the_probes_wants_a_key(gateway: Gateway, document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        answer = httpx.request(method, gateway.url + filled(path))
        if (method, path) in OPEN:
            assert answer.status_code == 200, path
            assert "security" not in operation
        else:
            assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM_JSON), path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert operation["security"] == [{"key": []}]


def test_a_key_is_wanted_before_the_body_is_looked_at(gateway: Gateway, document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        if "requestBody" in operation:
            answer = httpx.request(method, gateway.url + filled(path), content=b"{broken")
            assert answer.status_code == 401, path


def test_no_route_takes_a_key_without_its_scope(gateway: Gateway, document: dict[str, Any]) -> None:
    clients = {scope: gateway.client(scope) for scope in ("data", "train", "predict", "read", "metrics")}
    for method, path, operation in operations(document):
        if (method, path) in OPEN:
            continue
        refused = {s for s, c in clients.items() if c.request(method, filled(path)).status_code == 403}
        assert refused, f"{method} {path} takes every key"
        if path.startswith("/v1/keys"):
            assert refused == set(clients)
        elif method != "GET" and not path.startswith(("/v1/lr_schedules", "/v1/graphs")):
            assert {"read", "metrics"} <= refused, f"{method} {path} changes something for a reader"
        assert "403" in operation["responses"]
    for client in clients.values():
        client.close()


def test_every_list_is_read_in_parts_and_says_whether_more_follows(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    lists = {}
    for method, path, operation in operations(document):
        form = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        name = form.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
        if method == "GET" and schemas.get(name, {}).get("properties", {}).get("data"):
            asked = {one["name"] for one in operation["parameters"]}
            lists[path] = "has_more" in schemas[name]["properties"] and {"limit", "after"} <= asked
    assert len(lists) >= 10
    assert {path for path, says in lists.items() if not says} == {"/v1/datasets/{dataset_id}/sample"}


def test_a_query_parameter_that_a_call_does_not_have_is_refused_with_those_it_has(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    for method, path, operation in operations(document):
        if (method, path) in {*OPEN, ("GET", "/metrics")}:
            continue
        known = known_parameters(operation)
        answer = client.request(method, filled(path), params={"colour": CANARY, CANARY: "1"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), f"{method} {path}"
        named, hidden = answer.json()["errors"]
        assert (named["loc"], hidden["loc"]) == (["colour"], ["*"])
        there_are = f"wanted one of {', '.join(known)}" if known else "this call has none"
        assert named["message"].startswith(f"no such query parameter; {there_are}")
        assert "Jane" not in answer.text


def test_a_query_parameter_comes_once_unless_it_is_a_list(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    lists = set()
    for method, path, operation in operations(document):
        for name, several in known_parameters(operation).items():
            answer = client.request(method, filled(path), params={name: ["1", "2"]})
            once = {"loc": [name], "message": "wanted this query parameter once; came 2 times"}
            assert (once in answer.json().get("errors", [])) != several, f"{method} {path} {name}"
            lists |= {(path, name)} if several else set()
    assert lists == {("/v1/training_jobs", "status")}


def test_a_query_parameter_written_wrong_is_answered_with_the_one_it_is_near_to(client: httpx.Client) -> None:
    answer = client.get(filled("/v1/models/{name}/versions/{version}/graph"), params={"levl": "op"})
    (error,) = answer.json()["errors"]
    wanted = "no such query parameter; wanted one of level, heat; did you mean level?"
    assert error == {"loc": ["levl"], "message": wanted}


def test_a_key_is_wanted_before_the_query_parameters_are_looked_at(gateway: Gateway) -> None:
    assert httpx.get(f"{gateway.url}/v1/models", params={"colour": "1"}).status_code == 401


def test_what_a_balancer_asks_and_what_a_browser_loads_may_carry_any_parameter(gateway: Gateway) -> None:
    """A probe that is refused would end the process; a page's address may be marked by who links to it."""
    for path in ("/livez", "/readyz", "/", "/static/main.js", "/docs", "/openapi.json"):
        assert httpx.get(gateway.url + path, params={"v": "1"}).status_code == 200, path


def test_a_scraper_may_send_any_parameter(client: httpx.Client) -> None:
    """Prometheus sends those of its job's `params`; a refusal would read as a gateway that is down."""
    assert client.get("/metrics", params={"name[]": "gradus_up"}).status_code == 200


def test_of_very_many_unknown_parameters_the_first_50_are_named(client: httpx.Client) -> None:
    answer = client.get("/v1/models", params={f"p{n}": "1" for n in range(2_000)})
    assert [e["loc"] for e in answer.json()["errors"]] == [[f"p{n}"] for n in range(50)]


def test_what_is_not_built_is_not_there(client: httpx.Client) -> None:
    for method, path in NOT_BUILT:
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM_JSON), path


def test_another_method_is_answered_with_those_there_are(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    for path, methods in document["paths"].items():
        answer = client.request("PATCH", filled(path))
        assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM_JSON), path
        assert answer.headers["allow"] == ", ".join(sorted(m.upper() for m in methods))


def test_every_label_of_a_metric_is_a_path_of_the_document(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    for method, path, _ in operations(document):
        if not path.endswith("/stream"):
            client.request(method, filled(path))
    client.get(f"/v1/{CANARY}")
    text = client.get("/metrics").text
    labels = set(re.findall(r'^gradus_http_requests_total\{.*route="([^"]*)"', text, re.MULTILINE))
    counted = set(re.findall(r'^gradus_http_requests_total\{.*route="([^"]*)".*\} [1-9]', text, re.MULTILINE))
    assert labels <= set(document["paths"]) | {"unmatched", "/", "/static/{path}", "/docs"}
    assert set(document["paths"]) - {p for p in document["paths"] if p.endswith("/stream")} <= counted
    assert set(document["paths"]) >= QUIET
    assert "Jane" not in text


def test_every_route_has_its_series_before_its_first_request(
    document: dict[str, Any], client: httpx.Client
) -> None:
    text = client.get("/metrics").text
    for method, path, _ in operations(document):
        for status in ("500", "503", "429"):
            line = f'gradus_http_requests_total{{method="{method}",route="{path}",status="{status}"}}'
            assert line in text


def canaries(method: str, path: str, operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield requests that carry the canary everywhere a request can carry something."""
    bodies: list[Any] = [
        {
            "model": CANARY,
            "dataset": CANARY,
            "task": {"name": CANARY},
            "net": {"name": CANARY},
            "seed": CANARY,
        },
        {"record": {"age": CANARY}, "user": CANARY, "k": CANARY, "item": [CANARY], "version": CANARY},
        {"name": CANARY + "\x00", "scopes": [CANARY]},
        {
            "schedules": [{"label": CANARY, "schedule": {"name": CANARY, "base_lr": CANARY}}],
            "total_steps": CANARY,
        },
        {CANARY: CANARY},
        [CANARY],
        CANARY,
    ]
    if "requestBody" in operation:
        yield from ({"json": body} for body in bodies)
        yield {"content": f'{{"a": {CANARY}'.encode(), "headers": {"Content-Type": "application/json"}}
        yield {
            "content": CANARY.encode(),
            "headers": {"Content-Type": f"multipart/form-data; boundary={CANARY}"},
        }
        yield {"files": {"spec": (None, CANARY), "file": (CANARY, CANARY)}}
    params = {p["name"]: CANARY for p in operation.get("parameters", []) if p["in"] == "query"}
    yield {"params": params}
    yield {
        "headers": {"Last-Event-ID": CANARY, "If-Match": CANARY, "Range": CANARY, "Idempotency-Key": CANARY}
    }
    yield {"headers": {"Authorization": f"Bearer {CANARY}"}}
    yield {"headers": {"Accept": "x/canary-Jane Doe"}}


def test_no_error_repeats_what_was_sent(client: httpx.Client, document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for request in canaries(method, path, operation):
            for values in ({}, dict.fromkeys(VALUES, CANARY)):
                answer = client.request(method, filled(path, **values), **request)
                if answer.status_code >= 400:
                    assert "Jane" not in answer.text, f"{method} {path} {request}"
                    assert "Jane" not in str(answer.headers)
                    assert answer.headers["content-type"] == PROBLEM_JSON
                    assert answer.status_code != 500


def test_every_problem_that_comes_is_declared(client: httpx.Client, document: dict[str, Any]) -> None:
    request: dict[str, Any]
    for method, path, operation in operations(document):
        for request in ({}, {"json": []}, {"headers": {"Accept": "text/none"}}, {"params": {"limit": "x"}}):
            status = str(client.request(method, filled(path), **request).status_code)
            assert status in operation["responses"], f"{method} {path}: {status}"


def test_every_operation_has_its_own_name_and_words(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(operation["description"].endswith(".") for _, _, operation in operations(document))


def test_every_operation_has_a_summary_of_its_own_that_is_no_name_of_a_function(
    document: dict[str, Any],
) -> None:
    summaries = [operation["summary"] for _, _, operation in operations(document)]
    assert sorted(set(summaries)) == sorted(summaries)
    for _, _, operation in operations(document):
        summary = operation["summary"]
        assert not operation["operationId"].endswith(summary.lower().replace(" ", "_"))
        assert len(summary.split()) >= 3
        assert len(summary) <= 80
        assert summary[-1] not in ".,;:"


def test_every_reference_of_the_document_is_in_it(document: dict[str, Any]) -> None:
    schemas = set(document["components"]["schemas"])
    named = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert named - schemas == set()
