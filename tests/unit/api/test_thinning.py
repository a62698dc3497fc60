"""Thinning a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.api.thinning import KEPT_PER_BUCKET, thinned
from shared.db.curves import PointColumns


def points(loss: Sequence[float], lr: Sequence[float] | None = None) -> PointColumns:
    count = len(loss)
    return PointColumns(
        steps=list(range(count)),
        lr=list(lr or [0.1] * count),
        loss=list(loss),
        grad_norm=[None] * count,
        momentum=[None] * count,
    )


def test_a_single_spike_is_kept() -> None:
    loss = [1.0] * 1000
    loss[637] = 50.0
    kept = thinned(points(loss), rows_per_bucket=100)
    assert 637 in kept.steps
    assert len(kept.steps) < 100


def test_a_single_dip_of_the_rate_is_kept() -> None:
    lr = [0.1] * 1000
    lr[42] = 0.01
    kept = thinned(points([1.0] * 1000, lr), rows_per_bucket=250)
    assert kept.lr[kept.steps.index(42)] == 0.01


def test_a_loss_that_is_no_number_is_kept() -> None:
    loss = [1.0] * 100
    loss[77] = math.nan
    kept = thinned(points(loss), rows_per_bucket=50)
    assert math.isnan(kept.loss[kept.steps.index(77)])


def test_the_ends_asked_for_are_kept() -> None:
    loss = [2.0, *([1.0, 3.0] * 49), 2.0]
    kept = thinned(points(loss), rows_per_bucket=100, ends=(0, -1))
    assert (kept.steps[0], kept.steps[-1]) == (0, 99)


def test_no_rows_give_no_rows() -> None:
    assert thinned(points([]), rows_per_bucket=10, ends=(0, -1)).steps == []


@given(
    loss=st.lists(st.floats(width=32), min_size=1, max_size=300),
    rows_per_bucket=st.integers(1, 50),
)
def test_every_bucket_keeps_its_extremes_and_few_rows(loss: list[float], rows_per_bucket: int) -> None:
    kept = thinned(points(loss), rows_per_bucket=rows_per_bucket)
    for start in range(0, len(loss), rows_per_bucket):
        finite = [v for v in loss[start : start + rows_per_bucket] if math.isfinite(v)]
        shown = [
            v
            for step, v in zip(kept.steps, kept.loss, strict=True)
            if start <= step < start + rows_per_bucket
        ]
        assert len(shown) <= KEPT_PER_BUCKET
        if finite:
            held = [v for v in shown if math.isfinite(v)]
            assert (min(held), max(held)) == (min(finite), max(finite))
    assert list(kept.steps) == sorted(set(kept.steps))
