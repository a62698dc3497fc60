"""Where a training lost its footing: told from the gradient norms of its last updates, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.worker.training.diagnostics import FlowWatch
from services.worker.training.loop import Point
from services.worker.training.points import REMEDY, PointColumns, broken, columns_of
from shared.gradients.rules import EXPLODED_FACTOR, EXPLODED_NORM, began_non_finite, largest
from shared.gradients.tracks import RUNNING, RunningMedian


@dataclass(frozen=True, slots=True)
class Onset:
    """The step since which gradient norms have been too large, and the norm usual before it."""

    at: int
    usual: float | None


def explained(points: Sequence[Point], *, watch: FlowWatch, exploding_since: int | None = None) -> str:
    """Return in plain words where a divergence began.

    `points` are the last updates, the last of them the first with a loss or a gradient norm that is not
    finite; `exploding_since` is a step before them at which norms were seen to explode.
    """
    columns = columns_of(points)
    norms = _by_layer(points, watch)
    return "; ".join(
        [broken(columns, len(points) - 1), _origin(columns, norms, watch, exploding_since), REMEDY]
    )


def explained_after(
    points: Sequence[Point], *, found: str, watch: FlowWatch, exploding_since: int | None = None
) -> str:
    """Return in plain words where a divergence began that an evaluation `found` after the last update.

    The numbers of `points`, the last updates, are all finite: it was the last of them that broke the net.
    """
    if not points:
        return f"{found}; {REMEDY}"
    columns = columns_of(points)
    norms = _by_layer(points, watch)
    onset = onset_of(columns.grad_norm)
    if onset is not None:
        began = _began(columns, norms, onset, watch, exploding_since)
    else:
        began = _last_update(columns, norms, len(points) - 1, watch)
    return "; ".join([found, began, REMEDY])


def _by_layer(points: Sequence[Point], watch: FlowWatch) -> list[list[float]]:
    return [watch.gradient_norms(p.norms.tolist()) if p.norms is not None else [] for p in points]


def _origin(
    columns: PointColumns, norms: Sequence[Sequence[float]], watch: FlowWatch, exploding_since: int | None
) -> str:
    onset, last = onset_of(columns.grad_norm[:-1]), len(columns.steps) - 1
    if onset is not None:
        return _began(columns, norms, onset, watch, exploding_since)
    if math.isfinite(columns.loss[last]):
        layer = began_non_finite(watch.layers, norms[last]) or largest(watch.layers, norms[last])
        return (
            f"it began in {layer}, whose gradient overflowed first, at learning rate {columns.lr[last]:.3g}"
        )
    if last == 0:
        return "it began at once: the inputs or the first weights are too large"
    return _last_update(columns, norms, last - 1, watch)


def _began(
    columns: PointColumns,
    norms: Sequence[Sequence[float]],
    onset: Onset,
    watch: FlowWatch,
    exploding_since: int | None,
) -> str:
    since = columns.steps[onset.at]
    if onset.at == 0 and exploding_since is not None:
        since = min(since, exploding_since)
    return f"it began at step {since}, where {_rise(columns, norms[onset.at], onset, watch)}"


def _last_update(columns: PointColumns, norms: Sequence[Sequence[float]], at: int, watch: FlowWatch) -> str:
    step, rate, norm = (column[at] for column in (columns.steps, columns.lr, columns.grad_norm))
    return (
        f"it began with the update of step {step} at learning rate {rate:.3g}, "
        f"whose gradient of norm {norm:.3g} was largest in {largest(watch.layers, norms[at])}"
    )


def _rise(columns: PointColumns, norms: Sequence[float], onset: Onset, watch: FlowWatch) -> str:
    norm = columns.grad_norm[onset.at]
    usual = "" if not onset.usual else f", {norm / onset.usual:.0f} times the usual"
    return (
        f"the gradient norm was {norm:.3g}{usual}, most of it in {largest(watch.layers, norms)}, "
        f"at learning rate {columns.lr[onset.at]:.3g}"
    )


def onset_of(norms: Sequence[float]) -> Onset | None:
    """Return since when the last norms have been exploding; none when the last five were not.

    Between an update that was too large and the overflow that it leads to a norm may be small once more:
    ReLUs that it drove below zero pass no gradient.
    """
    median, since, calm = RunningMedian(), None, 0
    for at, norm in enumerate(norms):
        usual = median.value
        if norm > min(EXPLODED_NORM, EXPLODED_FACTOR * usual if usual else EXPLODED_NORM):
            since, calm = since or Onset(at, usual), 0
            continue
        median.add(norm)
        calm += 1
        since = None if calm >= RUNNING else since
    return since
