"""Optimizers that take their learning rate, and a cycled momentum, from a schedule before every update.

They call torch's fused and multi-tensor kernels straight: few passes over memory per update and none of the
bookkeeping of `torch.optim`, which costs as much as the arithmetic of a small net.
"""

from __future__ import annotations

from services.worker.training.optim.classic import SteppedAdam, SteppedSgd
from services.worker.training.optim.clipping import clip_and_norm
from services.worker.training.optim.prodigy import Prodigy
from services.worker.training.optim.schedule_free import ScheduleFreeAdamW
from services.worker.training.optim.stepped import Grouped, SteppedOptimizer
from shared.schedules import ResolvedSchedule
from shared.specs.optimizers import OptimizerParams, ProdigyParams, ScheduleFreeAdamWParams, SgdParams

__all__ = ["Grouped", "SteppedOptimizer", "clip_and_norm", "make_optimizer"]


def make_optimizer(net: Grouped, params: OptimizerParams, schedule: ResolvedSchedule) -> SteppedOptimizer:
    """Return the optimizer over a net's groups. Raises `Refused` for a group that the net lacks."""
    if isinstance(params, SgdParams):
        return SteppedSgd(net, params, schedule)
    if isinstance(params, ScheduleFreeAdamWParams):
        return ScheduleFreeAdamW(net, params, schedule)
    if isinstance(params, ProdigyParams):
        return Prodigy(net, params, schedule)
    return SteppedAdam(net, params, schedule)
