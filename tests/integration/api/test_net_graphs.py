"""The graph of a version's net over HTTP: every form, every level, and packages that hold none."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from xml.etree import ElementTree

import httpx
import numpy as np
import pytest

from services.api.negotiation import DOT, MERMAID, ONNX, PNG, SVG
from services.worker.nets.base import Net
from services.worker.package.papers import Papers
from services.worker.package.parity import run_model
from shared.catalog import NeumfParams
from shared.db.blobs import CHUNK_BYTES
from shared.db.engine import Database
from shared.features.archive import unpack
from tests.integration.api.test_predictions import publish
from tests.support.packages import drawn, tiny_diagnosis, tiny_recommender

GRAPH = "/v1/models/films/versions/1/graph"
PICTURES = (SVG, PNG, DOT, MERMAID)
FORMS = (*PICTURES, ONNX)


@pytest.fixture
def films(database: Database) -> bytes:
    """A published recommender whose package holds its graph."""
    package = tiny_recommender(params=NeumfParams(embedding_dim=4, hidden=(8, 4)), papers=drawn)
    publish(database, model="films", task="recommend", package=package)
    return package


@pytest.mark.usefixtures("films")
def test_the_graph_has_the_layers_of_the_net_and_its_totals(client: httpx.Client) -> None:
    """Parameters: 4 tables of (20 + 12)·4/2, layers 4·8, 4·8 + 8, 8·4 + 4, heads 4 and 4 + 1."""
    graph = client.get(GRAPH).json()
    assert (graph["model"], graph["version"], graph["net"], graph["level"]) == ("films", 1, "neumf", "layer")
    assert {"users", "deep_items", "user_layer", "item_layer", "body.0", "body_head", "product_head"} <= {
        node["path"] for node in graph["nodes"]
    }
    assert graph["totals"]["parameters"] == 2 * (20 + 12) * 4 + 32 + 40 + 36 + 4 + 5
    assert graph["totals"]["flops_forward"] == 2 * (4 * 8 + 4 * 8 + 8 * 4 + 4 + 4)
    assert {(e["from"], e["to"]) for e in graph["edges"]} >= {("add", "output")}


@pytest.mark.usefixtures("films")
def test_the_level_of_modules_has_one_node_for_each(client: httpx.Client) -> None:
    graph = client.get(GRAPH, params={"level": "module"}).json()
    names = [node["id"] for node in graph["nodes"] if node["type"] == "module"]
    assert sorted(names) == ["factorisation", "head", "item tower", "perceptron", "user tower"]
    assert graph["totals"] == client.get(GRAPH).json()["totals"]


@pytest.mark.usefixtures("films")
def test_the_level_of_operations_has_those_that_the_layers_run(client: httpx.Client) -> None:
    graph, layers = client.get(GRAPH, params={"level": "op"}).json(), client.get(GRAPH).json()
    assert (graph["level"], graph["totals"], graph["sample"]) == ("op", layers["totals"], layers["sample"])
    assert {"index_select", "mm", "addmm", "add", "relu", "bmm", "squeeze"} <= {
        node["type"] for node in graph["nodes"]
    }
    assert {n["layer"] for n in graph["nodes"]} == {None} | {
        n["id"] for n in layers["nodes"] if n["type"] not in {"input", "output"}
    }
    hidden = next(n for n in graph["nodes"] if n["path"] == "body.0" and n["type"] == "addmm")
    assert (hidden["module"], hidden["flops_forward"]) == ("perceptron", 2 * 8 * 4)
    assert hidden["outputs"] == [["B·N", 4]]


@pytest.mark.usefixtures("films")
@pytest.mark.parametrize("level", ["op", "layer"])
def test_pictures_come_in_every_form_by_accept(client: httpx.Client, level: str) -> None:
    query = {"heat": "gradient", "level": level}
    answers = {form: client.get(GRAPH, headers={"Accept": form}, params=query) for form in PICTURES}
    assert {form: a.headers["content-type"].partition(";")[0] for form, a in answers.items()} == {
        form: form for form in PICTURES
    }
    ElementTree.fromstring(answers[SVG].text)  # noqa: S314 - our own document
    assert "gradient norm" in answers[SVG].text
    assert answers[PNG].content.startswith(b"\x89PNG")
    assert answers[DOT].text.startswith("digraph")
    assert "flowchart TB" in answers[MERMAID].text
    assert client.get(GRAPH, headers={"Accept": "text/csv"}).status_code == 406


@pytest.mark.usefixtures("films")
@pytest.mark.parametrize(
    ("form", "query", "places"),
    [
        (ONNX, {"level": "op"}, ["level"]),
        (ONNX, {"level": "layer", "heat": "none"}, ["level"]),
        (ONNX, {"level": "module", "heat": "flops"}, ["level", "heat"]),
        ("application/json", {"level": "op", "heat": "gradient"}, ["heat"]),
        ("*/*", {"heat": "flops"}, ["heat"]),
    ],
)
def test_what_a_form_does_not_have_cannot_be_asked_of_it(
    client: httpx.Client, form: str, query: dict[str, str], places: list[str]
) -> None:
    answer = client.get(GRAPH, headers={"Accept": form}, params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["loc"] for error in answer.json()["errors"]] == [[place] for place in places]


@pytest.mark.usefixtures("films")
def test_a_form_that_has_no_levels_is_refused_with_those_that_do(client: httpx.Client) -> None:
    (error,) = client.get(GRAPH, headers={"Accept": ONNX}, params={"level": "op"}).json()["errors"]
    wanted = "wanted no level, or Accept of a form with one: application/json, image/svg+xml, image/png, "
    assert error["message"].startswith(wanted)
    assert error["message"].endswith("; this is application/onnx")
    assert client.get(GRAPH, headers={"Accept": ONNX}, params={"heat": "none"}).status_code == 200
    assert client.get(GRAPH, params={"heat": "none", "level": "op"}).status_code == 200


@pytest.mark.usefixtures("films")
@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed here")
def test_graphviz_reads_the_dot(client: httpx.Client) -> None:
    for heat in ("none", "activation"):
        text = client.get(GRAPH, headers={"Accept": DOT}, params={"heat": heat}).text
        done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=True)
        assert b"<svg" in done.stdout


def test_the_onnx_file_is_the_one_that_predictions_run(client: httpx.Client, films: bytes) -> None:
    answer = client.get(GRAPH, headers={"Accept": ONNX})
    assert answer.content == unpack(films).files["model.onnx"]
    assert 'filename="films-1.onnx"' in answer.headers["content-disposition"]
    scores = run_model(answer.content, {"user": np.arange(3), "item": np.arange(12)})
    assert scores.shape == (3, 12)


def test_a_range_of_the_onnx_file_is_a_range_of_that_member(client: httpx.Client, films: bytes) -> None:
    headers = {"Accept": ONNX, "Range": "bytes=5-9"}
    answer = client.get(GRAPH, headers=headers)
    model = unpack(films).files["model.onnx"]
    assert (answer.status_code, answer.content) == (206, model[5:10])
    assert answer.headers["content-range"] == f"bytes 5-9/{len(model)}"


@pytest.mark.usefixtures("films")
@pytest.mark.parametrize("form", ["application/json", *FORMS])
def test_who_has_an_answer_is_told_that_it_still_holds(client: httpx.Client, form: str) -> None:
    first = client.get(GRAPH, headers={"Accept": form})
    again = client.get(GRAPH, headers={"Accept": form, "If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["vary"] == again.headers["vary"] == "Accept"


@pytest.mark.usefixtures("films")
def test_every_form_has_an_etag_of_its_own(client: httpx.Client) -> None:
    tags = [
        client.get(GRAPH, headers={"Accept": form}).headers["etag"] for form in ("application/json", *FORMS)
    ]
    assert len(set(tags)) == len(tags)


def test_a_package_without_a_graph_says_so_with_a_remedy_and_still_predicts(
    client: httpx.Client, database: Database
) -> None:
    publish(database, model="bare_wards", task="diagnose", package=tiny_diagnosis())
    path = "/v1/models/bare_wards/versions/1/graph"
    problem = client.get(path)
    assert (problem.status_code, problem.json()["code"]) == (404, "graph_not_found")
    assert "again" in problem.json()["detail"]
    assert client.get(path, headers={"Accept": ONNX}).status_code == 200
    body = {"record": {"n0": 1.0, "n1": 11.0, "c0": "a"}}
    assert client.post("/v1/models/bare_wards/diagnose", json=body).status_code == 200


def layers_alone(net: Net) -> Papers:
    """Return papers as packages had them before there were operations."""
    return dataclasses.replace(drawn(net), operations=None)


def test_a_package_without_operations_says_so_and_shows_its_layers(
    client: httpx.Client, database: Database
) -> None:
    package = tiny_recommender(params=NeumfParams(embedding_dim=4, hidden=(8, 4)), papers=layers_alone)
    publish(database, model="films", task="recommend", package=package)
    for form in ("application/json", SVG, DOT):
        problem = client.get(GRAPH, headers={"Accept": form}, params={"level": "op"})
        assert (problem.status_code, problem.json()["code"]) == (404, "graph_not_found")
        assert "level=layer" in problem.json()["detail"]
    assert [client.get(GRAPH, params={"level": x}).status_code for x in ("layer", "module")] == [200, 200]
    assert client.get(GRAPH, headers={"Accept": ONNX}).status_code == 200


def test_a_package_with_a_graph_predicts(client: httpx.Client, database: Database) -> None:
    """Under a name of its own: the gateway of all tests remembers for a minute what it could not load."""
    package = tiny_recommender(params=NeumfParams(embedding_dim=4, hidden=(8, 4)), papers=drawn)
    publish(database, model="drawn_films", task="recommend", package=package)
    answer = client.post("/v1/models/drawn_films/recommend", json={"user": "u1", "k": 3})
    assert answer.status_code == 200, answer.text


def test_a_damaged_package_is_unavailable_and_no_crash(client: httpx.Client, database: Database) -> None:
    publish(database, model="films", task="recommend", package=b"no package at all")
    for form in ("application/json", ONNX):
        problem = client.get(GRAPH, headers={"Accept": form})
        assert (problem.status_code, problem.json()["code"]) == (503, "blob_damaged")


def test_a_member_that_spans_chunks_comes_whole(client: httpx.Client, database: Database) -> None:
    users = CHUNK_BYTES // 64
    package = tiny_recommender(users=users, params=NeumfParams(embedding_dim=16, hidden=(4,)), papers=drawn)
    assert len(package) > 2 * CHUNK_BYTES
    publish(database, model="films", task="recommend", package=package)
    answer = client.get(GRAPH, headers={"Accept": ONNX})
    assert answer.content == unpack(package).files["model.onnx"]
    assert client.get(GRAPH).json()["totals"]["parameters"] > users * 32


def test_an_unknown_version_is_not_found(client: httpx.Client) -> None:
    assert client.get(GRAPH).json()["code"] == "model_not_found"
    assert client.get(GRAPH, params={"level": "atom"}).status_code == 422
