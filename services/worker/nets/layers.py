"""The layers that nets are made of, in the form that costs a CPU least; elsewhere they are torch's own.

Measured with one thread, 2048 × 128 floats: a product of matrices through oneDNN takes half the time that
`linear` takes through MKL on an AMD processor, and a dropout mask from 16 bits an element a fifth of
the time of torch's. Shapes: R rows, I inputs, O outputs; B users, N items of each, H width.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional

LEVELS = 1 << 16
"""Values of 16 random bits; the share dropped is rounded to a multiple of 1/65,536."""
HAS_ONEDNN: bool = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def _on_plain_cpu(tensor: Tensor) -> bool:
    """Whether the short cuts apply: float32 on a CPU, with no lower precision asked for."""
    return (
        tensor.device.type == "cpu" and tensor.dtype is torch.float32 and not torch.is_autocast_enabled("cpu")
    )


def _times_transposed(left_RI: Tensor, right_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """Return left · rightᵀ + bias through oneDNN."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left_RI, right_OI, bias_O, "none", [], "")  # noqa: SLF001
    return product


class _Dense(Function):
    """A linear layer whose three products go through oneDNN."""

    @staticmethod
    def forward(ctx: Any, x_RI: Tensor, weight_OI: Tensor, bias_O: Tensor | None) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x_RI, weight_OI)
        ctx.has_bias = bias_O is not None
        return _times_transposed(x_RI, weight_OI, bias_O)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:  # noqa: ANN401
        x_RI, weight_OI = ctx.saved_tensors
        grad_RO = grad.contiguous()
        to_input = _times_transposed(grad_RO, weight_OI.t()) if ctx.needs_input_grad[0] else None
        if weight_OI.shape[0] > weight_OI.shape[1]:  # the longer side in the columns is the faster order
            to_weight = _times_transposed(x_RI.t(), grad_RO.t()).t()
        else:
            to_weight = _times_transposed(grad_RO.t(), x_RI.t())
        return to_input, to_weight.contiguous(), grad_RO.sum(0) if ctx.has_bias else None


def dense(x: Tensor, layer: nn.Linear) -> Tensor:
    """Return x · weightᵀ + bias for an input of any leading shape."""
    if not (HAS_ONEDNN and _on_plain_cpu(x)):
        return functional.linear(x, layer.weight, layer.bias)
    rows = x.reshape(-1, x.shape[-1])
    out: Tensor = _Dense.apply(rows, layer.weight, layer.bias)  # type: ignore[no-untyped-call]
    return out.view(*x.shape[:-1], layer.out_features)


class _ReluDropout(Function):
    """ReLU, then a mask of zeros and 1/(1 − p). What is zero afterwards passes no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dropped: int) -> Tensor:  # noqa: ANN401
        ctx.scale = LEVELS / (LEVELS - dropped)
        out = torch.relu(x)
        if dropped:
            out.mul_(_mask(x, dropped, ctx.scale))
        ctx.save_for_backward(out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (out,) = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(grad, out, 0)
        return passed if ctx.scale == 1.0 else passed.mul_(ctx.scale), None


def _mask(x: Tensor, dropped: int, scale: float) -> Tensor:
    """Return zeros with the chance dropped/65,536 and `scale` otherwise, in the shape of x.

    torch's generator decides a seed, so its state alone is a checkpoint's concern; NumPy's fastest one draws
    the bits, four elements a word.
    """
    seed = int(torch.empty((), dtype=torch.int64).random_())
    draw = np.random.Generator(np.random.SFC64(seed))
    words = draw.integers(0, 2**64 - 1, size=-(-x.numel() // 4), dtype=np.uint64, endpoint=True)
    kept = words.view(np.uint16)[: x.numel()] >= dropped
    return torch.from_numpy(kept.view(np.int8)).view(x.shape).float().mul_(scale)


def relu_dropout(x: Tensor, p: float) -> Tensor:
    """Return ReLU of x with a share p zeroed and the rest scaled by 1/(1 − p) (Srivastava et al. 2014)."""
    if not _on_plain_cpu(x):
        return functional.dropout(torch.relu(x), p)
    dropped = min(round(p * LEVELS), LEVELS - 1)
    out: Tensor = _ReluDropout.apply(x, dropped)  # type: ignore[no-untyped-call]
    return out


class _AddToEach(Function):
    """left_BH added to each of N rows of right_BNH; backwards, torch's own sum over a small N is slow."""

    @staticmethod
    def forward(ctx: Any, left_BH: Tensor, right_BNH: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        return right_BNH + left_BH.unsqueeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401, ARG004
        first, *others = grad.unbind(1)
        return functools.reduce(Tensor.add_, others[1:], first + others[0]) if others else first, grad


def add_to_each(left_BH: Tensor, right: Tensor) -> Tensor:
    """Return [B, N, H]: left_BH beside each row of right_BNH, or of right_NH shared by all."""
    if right.dim() == 2 or not _on_plain_cpu(right):
        return left_BH.unsqueeze(1) + right
    out: Tensor = _AddToEach.apply(left_BH, right)  # type: ignore[no-untyped-call]
    return out


class _DotEach(Function):
    """The dot product of each user's vector with those of its N items."""

    @staticmethod
    def forward(ctx: Any, left_BH: Tensor, right_BNH: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(left_BH, right_BNH)
        return (left_BH.unsqueeze(1) * right_BNH).sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BN: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        left_BH, right_BNH = ctx.saved_tensors
        to_left = right_BNH[:, 0] * grad_BN[:, :1]
        for n in range(1, right_BNH.shape[1]):
            to_left.addcmul_(right_BNH[:, n], grad_BN[:, n : n + 1])
        return to_left, grad_BN.unsqueeze(-1) * left_BH.unsqueeze(1)


def dot_each(left_BH: Tensor, right: Tensor) -> Tensor:
    """Return [B, N]: left_BH · each row of right_BNH, or of right_NH shared by all."""
    if right.dim() == 2:
        return left_BH @ right.transpose(0, 1)
    if not _on_plain_cpu(right):
        return (left_BH.unsqueeze(1) * right).sum(-1)
    out: Tensor = _DotEach.apply(left_BH, right)  # type: ignore[no-untyped-call]
    return out
