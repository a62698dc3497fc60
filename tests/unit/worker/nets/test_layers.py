"""The layers' short cuts on a CPU are torch's own layers, to rounding, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from services.worker.nets import layers
from services.worker.nets.layers import add_to_each, dense, dot_each, relu_dropout
from services.worker.nets.perceptron import Perceptron


def with_gradients(out: Tensor, *inputs: Tensor) -> list[Tensor]:
    """Return the output, and the gradient of a fixed weighting of it for each input."""
    weights = torch.linspace(-1.0, 1.0, out.numel()).view(out.shape)
    return [out, *torch.autograd.grad((out * weights).sum(), inputs)]


def assert_close(ours: list[Tensor], torchs: list[Tensor]) -> None:
    for mine, wanted in zip(ours, torchs, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-5)


def test_the_short_cuts_are_in_use_here():
    assert layers.HAS_ONEDNN


@pytest.mark.parametrize("shape", [(7, 3), (4, 2, 3), (1, 3)])
@pytest.mark.parametrize("outputs", [2, 9])
@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_a_linear_layer(shape: tuple[int, ...], outputs: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, outputs, bias=bias)
    x = torch.randn(shape, requires_grad=True)
    parts = [x, *layer.parameters()]
    assert_close(with_gradients(dense(x, layer), *parts), with_gradients(layer(x), *parts))


def test_dense_takes_inputs_and_gradients_that_do_not_lie_in_one_piece():
    layer = nn.Linear(3, 4)
    x = torch.randn(3, 6).t().requires_grad_()
    ours = torch.autograd.grad(dense(x, layer).t().expand(2, 4, 6).sum(), [x, *layer.parameters()])
    wanted = torch.autograd.grad(layer(x).t().expand(2, 4, 6).sum(), [x, *layer.parameters()])
    assert_close(list(ours), list(wanted))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_adding_to_each_is_broadcasting(n: int) -> None:
    left, right = torch.randn(3, 4, requires_grad=True), torch.randn(3, n, 4, requires_grad=True)
    ours = with_gradients(add_to_each(left, right), left, right)
    assert_close(ours, with_gradients(left.unsqueeze(1) + right, left, right))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_dot_product_with_each_is_a_sum_of_products(n: int) -> None:
    left, right = torch.randn(3, 4, requires_grad=True), torch.randn(3, n, 4, requires_grad=True)
    ours = with_gradients(dot_each(left, right), left, right)
    assert_close(ours, with_gradients((left.unsqueeze(1) * right).sum(-1), left, right))


def test_a_dot_product_with_shared_rows_is_a_matrix_product():
    left, right = torch.randn(3, 4), torch.randn(5, 4)
    assert torch.equal(dot_each(left, right), left @ right.T)


def test_adding_to_shared_rows_makes_every_pair():
    left, right = torch.randn(3, 4), torch.randn(5, 4)
    assert torch.equal(add_to_each(left, right), left[:, None] + right[None])


def test_without_dropout_it_is_relu():
    x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    assert_close(with_gradients(relu_dropout(x, 0.0), x), with_gradients(torch.relu(x), x))


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_it_drops_its_share_and_scales_the_rest(p: float) -> None:
    """Of 400,100 elements p are zero, within 5 standard deviations."""
    torch.manual_seed(0)
    out = relu_dropout(torch.ones(4001, 100), p)
    count = out.numel()
    zeros = int((out == 0).sum())
    assert abs(zeros - p * count) < 5 * (count * p * (1 - p)) ** 0.5
    assert sorted(set(out.flatten().tolist())) == pytest.approx([0.0, 1 / (1 - p)], rel=1e-4)


def test_neighbours_are_dropped_independently():
    """Four elements share a word of 64 bits; any two still drop together a quarter of the time."""
    torch.manual_seed(1)
    zero = (relu_dropout(torch.ones(100_000, 4), 0.5) == 0).double()
    together = (zero.T @ zero / 100_000 - torch.eye(4) * 0.25).flatten().tolist()
    assert together == pytest.approx([0.25] * 16, abs=0.01)


def test_masks_of_following_calls_are_independent():
    torch.manual_seed(1)
    first, second = ((relu_dropout(torch.ones(100_000), 0.5) == 0).double() for _ in range(2))
    assert (first * second).mean().item() == pytest.approx(0.25, abs=0.01)


def test_the_gradient_passes_where_the_value_did():
    torch.manual_seed(2)
    x = torch.randn(70, 3, requires_grad=True)
    out = relu_dropout(x, 0.5)
    (grad,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(grad, (out > 0) * 2.0)
    assert set(grad.flatten().tolist()) == {0.0, 2.0}


def test_the_process_generator_decides_the_masks_and_goes_on():
    def two_masks() -> list[Tensor]:
        torch.manual_seed(3)
        return [relu_dropout(torch.ones(5, 5), 0.5) for _ in range(2)]

    first, again = two_masks(), two_masks()
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])


def test_bf16_takes_torchs_own_way():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert dense(torch.ones(2, 3), nn.Linear(3, 4)).dtype == torch.bfloat16
    assert relu_dropout(torch.ones(8, dtype=torch.bfloat16), 0.5).dtype == torch.bfloat16


def test_a_perceptron_is_its_layers_in_turn():
    torch.manual_seed(4)
    net = Perceptron((3, 5, 4), dropout=0.5)
    x = torch.randn(6, 3, requires_grad=True)
    first, second = net
    parts = [x, *net.parameters()]
    judged = with_gradients(net.eval()(x), *parts)
    assert_close(judged, with_gradients(functional.relu(second(functional.relu(first(x)))), *parts))
    assert not torch.equal(net.train()(x), judged[0])
