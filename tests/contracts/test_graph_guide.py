"""The guide to graphs says what the product does: its requests are sent, its answers are those that come."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.catalog import NeumfParams
from shared.db.engine import Database
from tests.integration.api.test_predictions import publish
from tests.support.packages import drawn, tiny_recommender
from tests.support.training import job_body, ready_dataset

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "graphs.md").read_text(encoding="utf-8")
BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
FORMULAS = [block for block in BLOCKS if "expression" in block]
ANSWERS = [block for block in BLOCKS if "value" in block and "nodes" in block]
OPERATIONS = [block for block in BLOCKS if "flops_forward" in block]
JOBS = [block for block in BLOCKS if "net" in block]
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()
]
LEFT_OUT = "…"


def differences(shown: object, came: object, at: str = "") -> Iterator[str]:
    """Yield the places where what the guide shows is not what came; it marks with … what it leaves out."""
    if isinstance(shown, dict) and isinstance(came, dict):
        open_ended = LEFT_OUT in shown
        if not open_ended and set(shown) != set(came):
            yield f"{at}: fields {set(shown) ^ set(came)}"
        for name in set(shown) - {LEFT_OUT}:
            yield from differences(shown[name], came.get(name), f"{at}.{name}")
    elif isinstance(shown, list) and isinstance(came, list):
        open_ended = shown[-1:] == [LEFT_OUT]
        kept = shown[:-1] if open_ended else shown
        if len(kept) > len(came) or (not open_ended and len(kept) != len(came)):
            yield f"{at}: {len(kept)} shown, {len(came)} came"
        for index, (one, other) in enumerate(zip(kept, came, strict=False)):
            yield from differences(one, other, f"{at}[{index}]")
    elif shown != came:
        yield f"{at}: {shown!r} shown, {came!r} came"


def traced(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/graphs/trace", json=body)
    assert answer.status_code == 200, answer.text
    came: dict[str, Any] = answer.json()
    return came


@pytest.fixture
def movies(database: Database) -> None:
    """The net whose costs the guide reckons by hand: NeuMF of width 32 and layers 64-32-16."""
    package = tiny_recommender(params=NeumfParams(embedding_dim=32, hidden=(64, 32, 16)), papers=drawn)
    publish(database, model="movies", task="recommend", package=package)


def graph(client: httpx.Client, **asked: str) -> dict[str, Any]:
    came: dict[str, Any] = client.get("/v1/models/movies/versions/1/graph", params=asked).json()
    return came


def test_every_block_of_the_guide_is_run_by_a_test():
    assert [len(found) for found in (FORMULAS, ANSWERS, OPERATIONS, JOBS)] == [2, 1, 1, 1]
    assert len(BLOCKS) == 5
    assert len(COMMANDS) == 5


def test_the_answer_that_is_shown_is_the_one_that_comes(client: httpx.Client):
    assert list(differences(ANSWERS[0], traced(client, FORMULAS[0]))) == []


def test_what_is_shown_must_be_whole_unless_it_says_what_it_leaves_out():
    came = {"a": [1, 2], "b": {"c": 3, "d": 4}}
    assert list(differences({"a": [1, LEFT_OUT], "b": {"c": 3, LEFT_OUT: LEFT_OUT}}, came)) == []
    assert list(differences({"a": [1], LEFT_OUT: LEFT_OUT}, came)) == [".a: 1 shown, 2 came"]
    assert list(differences({"a": [1, 2], "b": {"c": 3}}, came)) == [".b: fields {'d'}"]
    assert list(differences({"a": [1, 3], "b": {"c": 3, "d": 4}}, came)) == [".a[1]: 3 shown, 2 came"]


def test_the_chain_rules_of_both_formulas_are_those_that_come(client: httpx.Client):
    prose = re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)
    rules = re.findall(r"`(∂(?:f|loss)/∂[^`]+ = [^`]+)`", prose)
    came = [v["chain_rule"] for body in FORMULAS for v in traced(client, body)["variables"].values()]
    assert len(rules) == 7
    assert sorted(rules) == sorted(came)


def test_the_local_derivatives_that_are_named_stand_on_edges(client: httpx.Client):
    edges = {edge.get("local") for body in FORMULAS for edge in traced(client, body)["edges"]}
    named = re.findall(r"`(∂a/∂[^`]+ = [^`]+)`", GUIDE)
    assert set(named) == {"∂a/∂x = y", "∂a/∂W = upstream ⊗ x", "∂a/∂x = Wᵀ @ upstream"}
    assert set(named) <= edges
    kinds = {edge["local_kind"] for edge in traced(client, FORMULAS[1])["edges"] if "local_kind" in edge}
    assert kinds == set(re.findall(r'`(?:local_kind: )?"([a-z]+)"`', GUIDE)) & {"elementwise", "jacobian"}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"expression": "sqrt(x)", "values": {"x": 0}}, "sqrt"),
        ({"expression": "x/y", "values": {"x": 1, "y": 1e-200}}, "/"),
    ],
)
def test_what_has_a_value_and_no_derivative_is_refused(
    client: httpx.Client, body: dict[str, Any], wanted: str
):
    answer = client.post("/v1/graphs/trace", json=body)
    assert (answer.status_code, wanted in answer.json()["errors"][0]["message"]) == (422, True)


@pytest.mark.usefixtures("movies")
def test_the_operation_that_is_shown_is_one_of_the_graph(client: httpx.Client):
    shown = OPERATIONS[0]
    (came,) = [node for node in graph(client, level="op")["nodes"] if node["id"] == shown["id"]]
    assert list(differences(shown, came)) == []


@pytest.mark.usefixtures("movies")
def test_the_costs_that_are_reckoned_by_hand_are_those_of_the_graph(client: httpx.Client):
    forward, backward = (int(n.replace(",", "")) for n in _group(r"([\d,]+) FLOPs\s+forward and ([\d,]+)"))
    totals = graph(client)["totals"]
    assert (totals["flops_forward"], totals["flops_backward"]) == (forward, backward) == (13_408, 26_816)


def _group(pattern: str) -> tuple[str, ...]:
    found = re.search(pattern, GUIDE)
    assert found is not None
    return found.groups()


@pytest.mark.usefixtures("movies")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_answered_in_the_form_it_asks_for(
    client: httpx.Client, database: Database, command: str
):
    job = client.post("/v1/training_jobs", json=job_body(ready_dataset(database))).json()["id"]
    words = shlex.split(command, comments=True)
    (url,) = [word for word in words if word.startswith("$URL")]
    asked = [value.split(": ", 1) for flag, value in pairwise(words) if flag == "-H"]
    headers = {name: value for name, value in asked if name != "Authorization"}
    answer = client.get(url.removeprefix("$URL").replace("$JOB", job), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == headers.get("Accept", "application/json")


def test_the_net_that_is_made_to_fail_is_admitted(client: httpx.Client, database: Database):
    task = {"name": "diagnose", "target": "died"}
    body = job_body(ready_dataset(database, kind="records"), task=task, **JOBS[0])
    answer = client.post("/v1/training_jobs", json=body)
    assert answer.status_code == 202, answer.text
    spec = answer.json()["spec"]
    assert list(differences({**JOBS[0]["net"], LEFT_OUT: LEFT_OUT}, spec["net"])) == []
    default = re.search(r"`(\{\"every\": \d+\})` is the default", GUIDE)
    assert default is not None
    assert spec["gradient_flow"] == json.loads(default[1])
