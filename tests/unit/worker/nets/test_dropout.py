"""Dropout keeps the right share, keeps the mean, and rests when a net is judged."""

from __future__ import annotations

import pytest
import torch

from services.worker.nets.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_it_drops_its_share_and_scales_the_rest(p: float) -> None:
    """Of 400,000 elements p are zero, within 5 standard deviations."""
    torch.manual_seed(0)
    out = Dropout(p)(torch.ones(4001, 100))
    count = out.numel()
    zeros = int((out == 0).sum())
    assert abs(zeros - p * count) < 5 * (count * p * (1 - p)) ** 0.5
    assert out[out != 0].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-4)
    assert out.mean().item() == pytest.approx(1.0, abs=5 * (p / (1 - p) / count) ** 0.5)


def test_neighbours_are_dropped_independently():
    """Four elements share a draw of 64 bits; any two still drop together a quarter of the time."""
    torch.manual_seed(1)
    zero = (Dropout(0.5)(torch.ones(100_000, 4)) == 0).double()
    together = (zero.T @ zero / 100_000 - torch.eye(4) * 0.25).flatten().tolist()
    assert together == pytest.approx([0.25] * 16, abs=0.01)


def test_the_gradient_passes_where_the_value_did():
    torch.manual_seed(2)
    x = torch.ones(7, 3, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, out.detach())


def test_the_seed_decides_the_mask_and_the_state_goes_on():
    def two_masks() -> list[torch.Tensor]:
        torch.manual_seed(3)
        return [Dropout(0.5)(torch.ones(5, 5)) for _ in range(2)]

    first, again = two_masks(), two_masks()
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_it_changes_nothing_when_the_net_is_judged_or_nothing_is_dropped(p: float) -> None:
    x = torch.randn(3, 3)
    layer = Dropout(p)
    assert torch.equal((layer if p == 0.0 else layer.eval())(x), x)


def test_bf16_stays_bf16():
    assert Dropout(0.5)(torch.ones(8, dtype=torch.bfloat16)).dtype == torch.bfloat16
