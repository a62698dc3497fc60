"""What one sample of gradient flow says of each rule.

The thresholds lie between what healthy and broken nets showed at initialisation over 20 seeds: eight hidden
layers of 64, batches of 256. A small total norm alone is no finding: a healthy ReLU net starts at 1e-3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from shared.gradients.kinds import FindingKind
from shared.gradients.samples import Layer, Sample, joint

VANISHED_RATIO = 1e-4
"""First over last gradient norm; 7× above the worst sigmoid net, 25× below the worst healthy one."""
EXPLODED_NORM = 1e3
"""Total gradient norm; healthy nets stayed below 10, three times too wide ones began at 8,000."""
EXPLODED_FACTOR = 100.0
"""Total gradient norm over its running median."""
DEAD_SHARE = 0.9
"""Zero share of a ReLU layer's outputs; healthy layers stayed below .66."""


class Seen(NamedTuple):
    """A rule that a sample breaks: in which layer, by what number, against which threshold."""

    kind: FindingKind
    layer: str
    value: float
    threshold: float | None

    @property
    def key(self) -> tuple[FindingKind, str]:
        """What is one finding when seen again: dead layers apart, and the rest by kind alone."""
        return self.kind, self.layer if self.kind is FindingKind.DEAD else ""


def look(layers: tuple[Layer, ...], sample: Sample, *, median: float | None) -> Iterator[Seen]:
    """Yield every rule that a sample breaks; `median` is of the total norms before it."""
    yield from _vanishing(layers, sample)
    yield from _exploding(layers, sample, median)
    yield from _dead(layers, sample)
    yield from _non_finite(layers, sample)


def applicable(layers: tuple[Layer, ...]) -> dict[FindingKind, str | None]:
    """Return for every kind why it cannot be told of a net, none where it can."""
    first, last = outermost(layers)
    no_ratio = None if first and last else "the net has no two weight matrices one behind the other"
    no_relu = None if any(layer.activation == "relu" for layer in layers) else "the net has no ReLU layer"
    return {
        FindingKind.VANISHING: no_ratio,
        FindingKind.EXPLODING: None,
        FindingKind.DEAD: no_relu,
        FindingKind.NON_FINITE: None,
    }


def largest(layers: Sequence[Layer], norms: Sequence[float]) -> str:
    """Return the layer of the largest gradient norm; the first one that is not finite counts as largest."""
    ranks = [math.inf if not math.isfinite(norm) else norm for norm in norms]
    return layers[ranks.index(max(ranks))].name


def began_non_finite(layers: Sequence[Layer], norms: Sequence[float]) -> str | None:
    """Return the layer whose gradient stopped being finite first; none when all are finite.

    The backward pass meets the last layer first, so it is the latest of those in the forward order.
    """
    if all(map(math.isfinite, norms)):
        return None
    broken = [i for i, norm in enumerate(norms) if not math.isfinite(norm)]
    return layers[max(broken, key=lambda i: layers[i].order)].name


@lru_cache(maxsize=64)
def outermost(layers: tuple[Layer, ...]) -> tuple[list[int], list[int]]:
    """Return where the outermost weight matrices of the forward pass stand; no places for a single one."""
    orders = [layer.order for layer in layers if layer.kind == "matrix"]
    if not orders or min(orders) == max(orders):
        return [], []
    at = {
        order: [i for i, layer in enumerate(layers) if layer.kind == "matrix" and layer.order == order]
        for order in (min(orders), max(orders))
    }
    return at[min(orders)], at[max(orders)]


def _vanishing(layers: tuple[Layer, ...], sample: Sample) -> Iterator[Seen]:
    first, last = outermost(layers)
    if not first:
        return
    top, bottom = (joint(sample.gradient_norms[i] for i in part) for part in (last, first))
    if 0 < top < math.inf and bottom / top < VANISHED_RATIO:
        yield Seen(FindingKind.VANISHING, layers[first[0]].name, bottom / top, VANISHED_RATIO)


def _exploding(layers: tuple[Layer, ...], sample: Sample, median: float | None) -> Iterator[Seen]:
    bound = EXPLODED_NORM if not median else min(EXPLODED_NORM, EXPLODED_FACTOR * median)
    if bound < sample.total_norm < math.inf:
        layer = largest(layers, sample.gradient_norms)
        yield Seen(FindingKind.EXPLODING, layer, sample.total_norm, bound)


def _dead(layers: tuple[Layer, ...], sample: Sample) -> Iterator[Seen]:
    for at, share in enumerate(sample.zero_fractions):
        if share is not None and share > DEAD_SHARE:
            yield Seen(FindingKind.DEAD, layers[at].name, share, DEAD_SHARE)


def _non_finite(layers: tuple[Layer, ...], sample: Sample) -> Iterator[Seen]:
    layer = began_non_finite(layers, sample.gradient_norms)
    if layer is None and not math.isfinite(sample.total_norm):
        layer = largest(layers, sample.gradient_norms)
    if layer is not None:
        yield Seen(FindingKind.NON_FINITE, layer, math.nan, None)
