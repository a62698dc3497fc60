"""What is said of a net's weights before it is judged."""

from __future__ import annotations

import pytest
import torch

from services.worker.nets import Net
from services.worker.training.weights import require_finite, told
from shared.errors import Diverged
from tests.support.lessons import LESSONS


@pytest.fixture
def net() -> Net:
    """tables.0, body.0, body.1 and head of an MLP; all but the table have a bias."""
    net = LESSONS["mlp"].net()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.5)
    return net


def spoil(net: Net, layer: str, value: float) -> None:
    """Set a layer's first bias."""
    bias = next(one.bias for one in net.layers() if one.name == layer)
    assert bias is not None
    with torch.no_grad():
        bias[0] = value


def test_the_largest_weight_is_named_with_its_layer_whatever_its_sign(net: Net):
    spoil(net, "body.1", -3e30)
    assert told(net) == "its weights are finite, the largest of them, 3e+30, in body.1"
    require_finite(net)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_bias_that_is_no_number_is_found(net: Net, value: float):
    spoil(net, "body.1", value)
    assert told(net) is None
    with pytest.raises(Diverged) as failure:  # 16 inputs × 8 outputs, and 8 biases
        require_finite(net)
    assert failure.value.detail == "not all weights are finite numbers: 1 of 136 in body.1 are not"


def test_beyond_three_layers_the_rest_is_a_number(net: Net):
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(
        Diverged, match=r"in tables\.0 are not, .* in body\.1 are not, nor are some in 1 more"
    ):
        require_finite(net)
