"""A finished job leaves the graph of its net in the package, with the statistics of its training rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.worker.package.netgraph import catalogue
from services.worker.trainings.session import StopFlag
from shared.db.engine import Database
from shared.graphs.netgraph import NetGraph
from shared.storage import Storage
from tests.support.school import School

ROWS = [f"u{u},i{i}" for u in range(16) for i in range(12) if (u + i) % 2 == 0]
"""Two of each user's six are held out: 64 rows to train on."""


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return School(database, Storage(tmp_path.as_uri())).enrol(rows=ROWS, epochs=1)


def files_of(school: School) -> dict[str, bytes]:
    """Train, and return the files of the package."""
    school.add()
    school.attempt(StopFlag())
    files: dict[str, bytes] = school.left()["files"]
    return files


def test_a_job_leaves_the_graph_of_its_net(school: School) -> None:
    graph = NetGraph.model_validate_json(files_of(school)["graph.json"])
    assert (graph.net, graph.method) == ("neumf", "trace")
    assert graph.sample is not None
    assert (graph.sample.source, graph.sample.rows >= 32) == ("training", True)
    assert all(node.gradient_norm for node in graph.nodes if node.type == "Linear")


def test_a_job_leaves_the_operations_of_its_net(school: School) -> None:
    files = files_of(school)
    graph, layers = (NetGraph.model_validate_json(files[n]) for n in ("operations.json", "graph.json"))
    assert (graph.net, graph.totals, graph.sample) == (layers.net, layers.totals, layers.sample)
    assert {"addmm", "relu", "bmm"} <= {node.type for node in graph.nodes}


def test_no_user_and_no_item_is_named_in_it(school: School) -> None:
    files = files_of(school)
    text = (files["graph.json"] + files["operations.json"]).decode()
    assert not [name for name in ("u1", "u15", "i0", "i11") if f'"{name}"' in text]


def test_a_job_whose_net_cannot_be_drawn_is_published_all_the_same(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "KINDS", {})
    files = files_of(school)
    assert not {"graph.json", "operations.json"} & files.keys()
    assert "model.onnx" in files
