"""Schedulers of other libraries, run step by step, beside our closed forms."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from shared.schedules import OptimizerTraits, ResolvedSchedule, ScheduleSpec, resolve
from tests.support.draws import times

STEPS = 600
TOLERANCE = 1e-12
"""Of the peak."""
EPOCH = 10
"""Steps."""
drawn = times(0.4)
"""Settings at random, the same in every run."""
ADAM = OptimizerTraits("adam", cycles_momentum=True, momentum=0.9)


@dataclass(frozen=True, slots=True)
class Replay:
    """What an optimizer ran with: the rates and the momenta of the updates 0 … STEPS − 1."""

    rates: list[float]
    momenta: list[float]


def an_optimizer(*, base_lr: float, adam: bool = False) -> Optimizer:
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    return Adam([weight], lr=base_lr) if adam else SGD([weight], lr=base_lr, momentum=0.9)


def replayed(
    make: Callable[[Optimizer], LRScheduler], *, base_lr: float, adam: bool = False, steps: int = STEPS
) -> Replay:
    """Step a scheduler of torch's kind and read what it writes into its optimizer."""
    optimizer = an_optimizer(base_lr=base_lr, adam=adam)
    found = Replay([], [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside SequentialLR; no optimizer.step() between
        scheduler = make(optimizer)
        for _ in range(steps):
            group = optimizer.param_groups[0]
            found.rates.append(float(group["lr"]))
            found.momenta.append(float(group["betas"][0] if adam else group["momentum"]))
            scheduler.step()
    return found


def ours(schedule: object, *, steps: int = STEPS) -> ResolvedSchedule:
    return resolve(ScheduleSpec.parse(schedule), total_steps=steps, steps_per_epoch=EPOCH, optimizer=ADAM)


def assert_follows(schedule: object, rates: list[float], *, steps: int | None = None) -> None:
    """Compare every update, those at borders and breakpoints among them, to 1e-12 of the peak."""
    run = ours(schedule, steps=steps or len(rates))
    worst = max(range(len(rates)), key=lambda t: abs(run.lr(t) - rates[t]))
    difference = abs(run.lr(worst) - rates[worst])
    assert difference <= TOLERANCE * max(rates), f"step {worst}: ours {run.lr(worst)}, theirs {rates[worst]}"


def timm_scheduler() -> types.ModuleType:
    """Import timm's schedulers without its nets, which want a build of torchvision that fits torch's."""
    spec = importlib.util.find_spec("timm")
    assert spec is not None
    with _put_back("timm"):
        bare = types.ModuleType("timm")
        bare.__path__ = list(spec.submodule_search_locations or ())
        bare.__spec__ = spec
        sys.modules["timm"] = bare
        return importlib.import_module("timm.scheduler")


@contextmanager
def _put_back(package: str):
    """Leave no half-imported package behind for whoever imports it next."""
    yield
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


class Stepped(Protocol):
    """A scheduler that is told the step."""

    optimizer: Optimizer

    def step(self, epoch: int) -> None: ...


def timm_rates(scheduler: Stepped, *, steps: int = STEPS) -> list[float]:
    """Return what a timm scheduler writes for each step; it is told the step, and forgets none."""
    rates = []
    for step in range(steps):
        scheduler.step(step)
        rates.append(float(scheduler.optimizer.param_groups[0]["lr"]))
    return rates
