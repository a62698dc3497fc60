"""A curve thinned without hiding a spike: lowest and highest of every stretch of rows are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any, Literal

from shared.db.curves import PointColumns

PAGE_ROWS = 20_000
KEPT_PER_BUCKET = 7
"""At most: lowest and highest of rate, loss and gradient norm, and the first value that is no number."""


@dataclass(frozen=True, slots=True)
class CurveQuery:
    """Which part of a curve, how thinned: steps `from_step` ≤ t < `to_step`, at most `points` of them."""

    points: int = 1000
    method: Literal["minmax", "raw"] = "minmax"
    from_step: int = 0
    to_step: int | None = None


def kept_of_bucket(points: PointColumns, start: int, stop: int) -> set[int]:
    """Return the indices that carry the extremes of rows `start` ≤ i < `stop`, and the first non-number."""
    kept: set[int] = set()
    for column in (points.loss, points.lr, points.grad_norm):
        finite = [i for i in range(start, stop) if column[i] is not None and isfinite(column[i] or 0.0)]
        if finite:
            value: Callable[[int], Any] = column.__getitem__
            kept |= {min(finite, key=value), max(finite, key=value)}
    broken = (i for i in range(start, stop) if not isfinite(points.loss[i]))
    return kept | set(list(broken)[:1])


def thinned(points: PointColumns, *, rows_per_bucket: int, ends: Iterable[int] = ()) -> PointColumns:
    """Return the rows that carry the extremes of every bucket of consecutive rows, and those at `ends`."""
    count = len(points.steps)
    kept = {end % count for end in ends} if count else set()
    for start in range(0, count, rows_per_bucket):
        kept |= kept_of_bucket(points, start, min(start + rows_per_bucket, count))
    return _rows(points, sorted(kept))


def _rows(points: PointColumns, indices: Sequence[int]) -> PointColumns:
    def chosen(column: Sequence[Any]) -> list[Any]:
        return [column[i] for i in indices] if column else []

    return PointColumns(
        steps=chosen(points.steps),
        lr=chosen(points.lr),
        loss=chosen(points.loss),
        grad_norm=chosen(points.grad_norm),
        momentum=chosen(points.momentum),
        effective_lr=chosen(points.effective_lr),
    )


def joined(pages: Iterable[PointColumns]) -> PointColumns:
    """Return pages as one."""
    held = list(pages)
    return PointColumns(
        steps=list(chain.from_iterable(p.steps for p in held)),
        lr=list(chain.from_iterable(p.lr for p in held)),
        loss=list(chain.from_iterable(p.loss for p in held)),
        grad_norm=list(chain.from_iterable(p.grad_norm for p in held)),
        momentum=list(chain.from_iterable(p.momentum for p in held)),
        effective_lr=list(chain.from_iterable(p.effective_lr for p in held)),
    )


def pages(read: Callable[[int, int], PointColumns], query: CurveQuery, stop: int) -> Iterator[PointColumns]:
    """Yield the points page by page, each thinned before the next is read, so that memory stays bounded."""
    first, total = query.from_step, stop - query.from_step
    if query.method == "raw" or total <= query.points:
        for start in range(first, stop, PAGE_ROWS):
            yield read(start, min(start + PAGE_ROWS, stop))
        return
    rows_per_bucket = -(-total // max((query.points - 2) // KEPT_PER_BUCKET, 1))
    page_rows = rows_per_bucket * max(PAGE_ROWS // rows_per_bucket, 1)
    for start in range(first, stop, page_rows):
        page = read(start, min(start + page_rows, stop))
        ends = [0] * (start == first) + [-1] * (start + page_rows >= stop)
        yield thinned(page, rows_per_bucket=rows_per_bucket, ends=ends)
