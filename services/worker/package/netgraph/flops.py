"""FLOPs by torch's own formulas, counted while a tiny batch runs without fused kernels.

The counts are those of the meta device, on which the first addition imports torch's compiler: a short job
would wait 0.7 s for it. A contract holds every net's counts against torch's counter on that device.

2 for each multiplication with its addition. Counted are products of matrices, convolutions and attention, and
dot products; not counted are embeddings (they are read: see bytes), sums, activations and normalisations.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry

from services.worker.nets.layers import dense, dot_each
from services.worker.package.netgraph.example import COUNTED
from services.worker.package.netgraph.sites import Flops
from services.worker.package.netgraph.tracing import tensors_in


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts as `torch.utils.flop_counter.FlopCounterMode` does, from its formulas, without the compiler."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Run an operation and add its FLOPs; one that torch can take apart is counted by its parts."""
        given = kwargs or {}
        with self:
            parts = func.decompose(*args, **given)
        if parts is not NotImplemented:
            return parts
        out = func(*args, **given)
        formula = flop_registry.get(func._overloadpacket)  # noqa: SLF001  # as torch's own counter does
        self.total += int(formula(*args, **given, out_val=out)) if formula else 0
        return out


def counted(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Flops]:
    """Return what a call gives and its FLOPs, forward and backward, apart from all that came before it."""
    own_args, own_kwargs = tree_map_only(Tensor, _cut, (args, kwargs))
    with Counter() as forward:
        value = call(*own_args, **own_kwargs)
    # The sums cost no FLOPs; a gradient handed to `backward` would import SymPy, 0.2 s.
    ends = [t.sum() for t in tensors_in(value) if t.requires_grad]
    with Counter() as backward:
        if ends:
            torch.stack(ends).sum().backward()  # type: ignore[no-untyped-call]
    return tree_map_only(Tensor, _cut, value), Flops(forward.total, backward.total)


def of_a_row(flops: Flops) -> Flops:
    """Return the FLOPs of one row from those of a batch that is counted."""
    return Flops(flops.forward // COUNTED["B"], flops.backward // COUNTED["B"])


@contextmanager
def plain_kernels() -> Iterator[None]:
    """Run without fused kernels, whose FLOPs nobody sees: oneDNN's LSTM, attention in one piece."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of the TF32 of GPUs that are not there
        with torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
            yield


def _linear(x: Tensor, layer: nn.Linear) -> Tensor:
    return functional.linear(x, layer.weight, layer.bias)


def dot_products(left_BH: Tensor, right: Tensor) -> Tensor:
    """Return what `dot_each` gives, as the product of matrices that it is: torch counts no sums."""
    if right.dim() == 2:
        return dot_each(left_BH, right)
    return torch.bmm(right, left_BH.unsqueeze(2)).squeeze(2)


COUNTED_AS: dict[Callable[..., Any], Callable[..., Any]] = {
    dense: _linear,
    dot_each: dot_products,
}
"""Layers of ours whose short cuts hide what they compute, as torch would compute it."""


def _cut(tensor: Tensor) -> Tensor:
    if isinstance(tensor, torch.nn.Parameter):
        return tensor
    return tensor.detach().requires_grad_(tensor.requires_grad)
