"""A job's samples of gradient flow: the layers once, then arrays over them, one row a sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from shared.db.tables import gradient_layout, gradient_sample
from shared.gradients import Layer, Sample

PAGE_SAMPLES = 2_000
REAL_MAX, REAL_TINY = 3.4028234e38, 1.1754944e-38
"""The database refuses to round a number beyond these to 4 bytes; it becomes infinite, or zero."""


@dataclass(frozen=True, slots=True)
class FlowRows:
    """Samples of one net, whose layers they follow."""

    layers: Sequence[Layer]
    samples: Sequence[Sample]


_UPSERT = text("""
INSERT INTO gradient_sample (job_id, step, total_norm, gradient_norms, weight_norms, update_ratios,
                             zero_fractions, fence)
VALUES (:job_id, :step, CAST(:total_norm AS float4), CAST(:gradient_norms AS float4[]),
        CAST(:weight_norms AS float4[]), CAST(:update_ratios AS float4[]),
        CAST(:zero_fractions AS float4[]), :fence)
ON CONFLICT (job_id, step) DO UPDATE
   SET total_norm = excluded.total_norm, gradient_norms = excluded.gradient_norms,
       weight_norms = excluded.weight_norms, update_ratios = excluded.update_ratios,
       zero_fractions = excluded.zero_fractions, fence = excluded.fence
""")


def write_flow(cx: Connection, *, job_id: UUID, fence: int, rows: FlowRows) -> None:
    """Write samples, and with the first of them the layers; the caller has passed the job's guard."""
    if not rows.samples:
        return
    layers = [layer.to_json() for layer in rows.layers]
    layout = insert(gradient_layout).values(job_id=job_id, layers=layers)
    cx.execute(layout.on_conflict_do_nothing(index_elements=["job_id"]))
    cx.execute(_UPSERT, [{"job_id": job_id, "fence": fence, **_values(s)} for s in rows.samples])


def read_layers(cx: Connection, *, job_id: UUID) -> tuple[Layer, ...]:
    """Return a job's layers in the order of its samples' arrays; none before the first sample."""
    found = cx.execute(select(gradient_layout.c.layers).where(gradient_layout.c.job_id == job_id))
    return tuple(Layer.from_json(layer) for layer in found.scalar_one_or_none() or ())


def count_samples(cx: Connection, *, job_id: UUID) -> int:
    """Return how many samples a job has."""
    wanted = select(func.count()).select_from(gradient_sample).where(gradient_sample.c.job_id == job_id)
    return int(cx.execute(wanted).scalar_one())


def read_samples(cx: Connection, *, job_id: UUID, stride: int = 1) -> Iterator[Sample]:
    """Yield every `stride`-th sample of a job in order of steps, a page in memory at a time."""
    c = gradient_sample.c
    columns = (c.step, c.total_norm, c.gradient_norms, c.weight_norms, c.update_ratios, c.zero_fractions)
    place = func.row_number().over(order_by=c.step).label("place")
    numbered = select(*columns, place).where(c.job_id == job_id).subquery()
    shown = [numbered.c[column.name] for column in columns]
    wanted = select(*shown).where(numbered.c.place % stride == 0).order_by(numbered.c.step)
    for row in cx.execute(wanted, execution_options={"yield_per": PAGE_SAMPLES}):
        yield Sample(*row)


def _values(sample: Sample) -> dict[str, Any]:
    return {
        "step": sample.step,
        "total_norm": _real(sample.total_norm),
        "gradient_norms": _reals(sample.gradient_norms),
        "weight_norms": _reals(sample.weight_norms),
        "update_ratios": _reals(sample.update_ratios),
        "zero_fractions": _reals(sample.zero_fractions),
    }


def _reals(numbers: Sequence[float | None]) -> list[float | None]:
    return [None if number is None else _real(number) for number in numbers]


def _real(number: float) -> float:
    """Return a number that 4 bytes hold."""
    if abs(number) > REAL_MAX:
        return math.copysign(math.inf, number)
    return 0.0 if abs(number) < REAL_TINY else number
