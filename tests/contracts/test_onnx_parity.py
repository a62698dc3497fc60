"""Every net gives in ONNX Runtime what it gives in torch."""

from __future__ import annotations

from typing import get_args

import numpy as np
import onnx
import pytest
import torch

from services.worker.nets import BUILDERS, Net, Sizes, build
from services.worker.nets.activations import FUNCTIONS
from services.worker.package.activations import ACTIVATIONS
from services.worker.package.graph import OPSET
from services.worker.package.parity import TOLERANCE, run_model
from services.worker.package.weights import WRITERS, graph_of, served_form
from shared.catalog import NETS_OF_TASK, ActivationName, AnyNet, MfParams, MlpParams, NeumfParams

USERS, ITEMS, NUMBERS, LEVELS = 50, 70, 5, (4, 9, 3)
OTHERS = [name for name in ACTIVATIONS if name != "relu"]
VARIANTS: dict[str, list[AnyNet]] = {
    "mf": [MfParams(embedding_dim=1), MfParams(loss="bpr")],
    "neumf": [
        NeumfParams(),
        NeumfParams(hidden=(8,), embedding_dim=3, dropout=0.5),
        *(NeumfParams(hidden=(16, 9, 4), activation=name) for name in OTHERS),
    ],
    "mlp": [
        MlpParams(),
        MlpParams(hidden=()),
        MlpParams(hidden=(16, 8, 4), dropout=0.5, embedding_dim=2),
        *(MlpParams(hidden=(16, 9, 4), activation=name) for name in OTHERS),
    ],
}
SIZES = {
    "recommend": Sizes(users=USERS, items=ITEMS, start=0.3),
    "diagnose": Sizes(numbers=NUMBERS, levels=LEVELS, start=-1.0),
}
CASES = [
    (params, task) for task, names in NETS_OF_TASK.items() for name in names for params in VARIANTS[name]
]


def trained_looking(params: AnyNet, task: str) -> Net:
    """Return a net whose every parameter is far from its initial value."""
    net = build(params, SIZES[task], seed=3)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.2)
    return net


def random_inputs(task: str) -> dict[str, np.ndarray]:
    """Return 1,000 records, or 40 users by 25 items, which are 1,000 pairs."""
    draw = np.random.default_rng(11)
    if task == "recommend":
        return {"user": draw.integers(0, USERS, 40), "item": draw.integers(0, ITEMS, 25)}
    return {
        "numbers": draw.normal(0, 3, (1000, NUMBERS)).astype(np.float32),
        "codes": np.stack([draw.integers(0, levels, 1000) for levels in LEVELS], axis=1),
    }


def id_of(case: object) -> str:
    return "-".join(str(getattr(case, name)) for name in ("name", "activation") if hasattr(case, name))


@pytest.mark.parametrize(("params", "task"), CASES, ids=id_of)
def test_the_exported_graph_agrees_with_the_net_on_1000_inputs(params: AnyNet, task: str):
    net = trained_looking(params, task)
    served, inputs = served_form(net), random_inputs(task)
    with torch.no_grad():
        wanted = served(*(torch.from_numpy(values) for values in inputs.values())).numpy()
    assert wanted.size == 1000
    assert np.abs(run_model(graph_of(served), inputs) - wanted).max() <= TOLERANCE
    assert net.training, "exporting must leave the net as it was"


@pytest.mark.parametrize(("params", "task"), CASES, ids=id_of)
def test_the_exported_graph_is_one_blob_of_the_agreed_opset(params: AnyNet, task: str):
    model = onnx.load_model_from_string(graph_of(served_form(trained_looking(params, task))))
    assert [o.version for o in model.opset_import] == [OPSET]
    assert not any(w.external_data for w in model.graph.initializer)


@pytest.mark.parametrize(("params", "task"), CASES, ids=id_of)
def test_a_row_has_the_same_bits_alone_and_among_others(params: AnyNet, task: str):
    model, inputs = graph_of(served_form(trained_looking(params, task))), random_inputs(task)
    rows = {name: values[:40] for name, values in inputs.items() if name != "item"}
    fixed = {name: values for name, values in inputs.items() if name == "item"}
    together = run_model(model, {**rows, **fixed})
    for row in range(40):
        alone = run_model(model, {**{n: v[row : row + 1] for n, v in rows.items()}, **fixed})
        assert np.array_equal(alone, together[row : row + 1])


def test_every_net_has_a_writer_and_is_tried_here():
    assert set(VARIANTS) == set(BUILDERS) == {params.name for params, _ in CASES}
    assert {*ACTIVATIONS} == {*FUNCTIONS} == {*get_args(ActivationName)}
    assert {type(build(params, SIZES[task], seed=0)) for params, task in CASES} == set(WRITERS)
