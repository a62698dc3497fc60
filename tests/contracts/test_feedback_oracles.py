"""Plateau beside torch's, greedy beside transformers': their rate, begun at 1, is our multiplier."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau
from transformers.optimization import GreedyLR

from shared.schedules.feedback import GreedyParams, PlateauParams, controller_of
from tests.support.draws import times

EVALUATIONS = 300


def metrics(seed: int, *, positive: bool) -> list[float]:
    """Return a metric that falls, stays, jumps, and repeats itself exactly now and then."""
    draw = random.Random(seed)
    value, found = 5.0, []
    for _ in range(EVALUATIONS):
        value += draw.choice((0.0, 0.0, -0.01, -0.3, 0.2)) * draw.random()
        found.append(abs(value) + 0.01 if positive else value)
    return found


def theirs(values: Sequence[float], make: Callable[[SGD], Any]) -> list[float]:
    """Return the rate after each value, on one parameter whose rate starts at 1."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = make(optimizer), []
    for value in values:
        scheduler.step(value)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return found


def ours(values: Sequence[float], params: PlateauParams | GreedyParams) -> list[float]:
    listens, current, found = controller_of(params), 1.0, []
    for value in values:
        listens, new = listens.observe(value, multiplier=current)
        current = current if new is None else new
        found.append(current)
    return found


def close(mine: Sequence[float], other: Sequence[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-12) for a, b in zip(mine, other, strict=True))


modes = st.sampled_from(("min", "max"))
thresholds = st.sampled_from(("abs", "rel"))


@times(0.8)
@given(
    seed=st.integers(0, 10_000),
    mode=modes,
    threshold_mode=thresholds,
    factor=st.floats(0.05, 0.95),
    patience=st.integers(0, 12),
    cooldown=st.integers(0, 5),
    threshold=st.floats(0.0, 0.2),
    min_factor=st.sampled_from((0.0, 0.01, 0.3)),
)
def test_plateau_is_torchs(
    *,
    seed: int,
    mode: str,
    threshold_mode: str,
    factor: float,
    patience: int,
    cooldown: int,
    threshold: float,
    min_factor: float,
) -> None:
    values = metrics(seed, positive=threshold_mode == "rel")
    same: dict[str, Any] = {"factor": factor, "patience": patience, "cooldown": cooldown}
    same |= {"threshold": threshold, "threshold_mode": threshold_mode, "mode": mode}
    params = PlateauParams(name="plateau", monitor="val_loss", min_factor=min_factor, **same)
    other = theirs(values, lambda o: ReduceLROnPlateau(o, min_lr=min_factor, **same))
    assert close(ours(values, params), other)


@times(0.8)
@given(
    seed=st.integers(0, 10_000),
    mode=modes,
    threshold_mode=thresholds,
    factor=st.floats(0.3, 0.95),
    patience=st.integers(0, 6),
    rests=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    bounds=st.tuples(st.floats(0.01, 1.0), st.floats(1.0, 20.0)),
    window=st.sampled_from((None, 1, 7)),
    reset_start=st.integers(1, 8),
)
def test_greedy_is_transformers(
    *,
    seed: int,
    mode: str,
    threshold_mode: str,
    factor: float,
    patience: int,
    rests: tuple[int, int],
    bounds: tuple[float, float],
    window: int | None,
    reset_start: int,
) -> None:
    values = metrics(seed, positive=threshold_mode == "rel")
    same: dict[str, Any] = {"factor": factor, "patience": patience, "reset_start": reset_start}
    same |= {"cooldown": rests[0], "warmup": rests[1], "mode": mode, "threshold_mode": threshold_mode}
    # Beyond the rounding of a running sum, which theirs keeps and ours does not.
    same |= {"threshold": 1e-6, "smooth": window is not None, "window_size": window or 50}
    params = GreedyParams(
        name="greedy", monitor="val_loss", min_factor=bounds[0], max_factor=bounds[1], **same
    )
    other = theirs(values, lambda o: GreedyLR(o, min_lr=bounds[0], max_lr=bounds[1], **same))
    assert close(ours(values, params), other)


@pytest.mark.parametrize("params", [PlateauParams, GreedyParams])
def test_the_random_metrics_do_move_the_rate(params: type[PlateauParams] | type[GreedyParams]) -> None:
    """The comparison above compares something."""
    name = cast("Any", "plateau" if params is PlateauParams else "greedy")
    moved = ours(metrics(1, positive=False), params(name=name, monitor="val_loss", mode="min", patience=2))
    assert len(set(moved)) > 5
