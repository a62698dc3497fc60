"""What stands in a finished package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from services.worker.nets import Sizes, build
from services.worker.package import Outcome, Validation, diagnosis_package
from services.worker.package.goldens import golden_pairs, golden_records
from services.worker.package.parity import ExportError, require_parity
from services.worker.package.recommender import Pairs, popularity, seen_rows
from services.worker.package.weights import graph_of, served_form
from shared.catalog import MfParams, MlpParams
from shared.errors import Diverged
from shared.features.archive import unpack
from tests.support.packages import PAPERS, checkerboard, fitted_encoder, tiny_diagnosis, tiny_recommender


def test_the_same_training_gives_the_same_bytes():
    assert tiny_diagnosis(seed=4) == tiny_diagnosis(seed=4)
    assert tiny_recommender(seed=4) == tiny_recommender(seed=4)
    assert tiny_recommender(seed=4) != tiny_recommender(seed=5)


def test_a_diagnosis_package_holds_all_that_predicts():
    package = unpack(tiny_diagnosis())
    assert package.manifest["kind"] == "diagnose"
    assert sorted(package.files) == [
        "card.json",
        "encoders.json",
        "golden_records.json",
        "goldens.safetensors",
        "intervals.json",
        "model.onnx",
        "outcome.json",
        "report.json",
    ]
    assert package.json("outcome.json") == {"target": "died", "positive": "1", "rows": 400, "base_rate": 0.25}
    assert package.json("card.json")["source_attributes"]["intended_use"] == "not provided"


def test_a_recommender_package_holds_all_that_predicts():
    package = unpack(tiny_recommender())
    assert package.manifest["kind"] == "recommend"
    assert package.manifest["feedback"] == "implicit"
    assert package.json("items.json")["columns"]["title"][0] == "Film 0"
    assert load(package.file("goldens.safetensors"))["score"].shape == (16, 64)


def test_golden_records_cover_missing_extreme_and_unseen_values():
    encoder = fitted_encoder(numbers=3, categories=2)
    records = golden_records(encoder)
    flags = {flag.split(":")[0] for row in encoder.flags(encoder.encode(records)) for flag in row}
    assert len(records) >= 16
    assert flags == {"missing", "out_of_range", "unseen"}
    assert {} in records


def test_golden_pairs_reach_the_first_and_the_last():
    users, items = golden_pairs(1000, 3)
    assert (users[0], users[-1], items[0], items[-1]) == (0, 999, 0, 2)


def test_seen_rows_are_sorted_and_hold_each_item_once():
    rows = seen_rows(Pairs(np.array([2, 0, 2, 2], dtype=np.int32), np.array([5, 1, 3, 5], dtype=np.int32)), 4)
    assert rows["starts"].tolist() == [0, 1, 1, 3, 3]
    assert rows["items"].tolist() == [1, 3, 5]


def test_popularity_counts_users_not_clicks():
    met = Pairs(np.array([0, 0, 1], dtype=np.int32), np.array([2, 2, 2], dtype=np.int32))
    assert popularity(met, 4).tolist() == [0, 0, 2, 0]


def test_a_graph_that_differs_from_its_net_is_not_packed():
    net = served_form(build(MfParams(embedding_dim=2), Sizes(users=3, items=3), seed=0))
    users, items = np.array([0, 1]), np.array([0, 1, 2])
    with torch.no_grad():
        wanted = net(torch.from_numpy(users), torch.from_numpy(items)).numpy()
    inputs = {"user": users, "item": items}
    assert np.allclose(require_parity(graph_of(net), inputs, wanted=wanted), wanted)
    with pytest.raises(ExportError, match="within 1e-05"):
        require_parity(graph_of(net), inputs, wanted=wanted + np.float32(1e-3))


def test_a_net_with_a_weight_that_is_not_finite_is_not_packed():
    encoder = fitted_encoder()
    net = build(MlpParams(hidden=(4,)), Sizes(numbers=encoder.width, levels=encoder.levels), seed=0)
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    nothing = Validation(probabilities=np.empty(0), labels=np.empty(0, dtype=np.int64))
    with pytest.raises(Diverged, match="finite"):
        diagnosis_package(
            net, encoder=encoder, outcome=Outcome("died", "1", 1, 0.5), validation=nothing, papers=PAPERS
        )


def test_the_checkerboard_leaves_something_to_recommend():
    met = checkerboard()
    assert len(met.users) == 20 * (6 - 2)
