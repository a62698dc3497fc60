"""The nets: one architecture per file, built on the CPU from a seed alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from services.worker.nets.base import Net, Sizes
from services.worker.nets.mf import Mf
from services.worker.nets.mlp import Mlp
from services.worker.nets.neumf import Neumf
from shared.catalog import AnyNet

Builder = Callable[[Any, Sizes], Net]

BUILDERS: dict[str, Builder] = {
    "mf": Mf,
    "neumf": Neumf,
    "mlp": Mlp,
}

__all__ = ["BUILDERS", "Builder", "Net", "Sizes", "build"]


def build(params: AnyNet, sizes: Sizes, *, seed: int) -> Net:
    """Return the net that `params` name, on the CPU; the seed alone decides its weights.

    The generator of the process is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BUILDERS[params.name](params, sizes)
