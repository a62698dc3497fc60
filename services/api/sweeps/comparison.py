"""Schedules held against each other: one row each, paired by seed with the leading one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from services.api.schemas.sweeps import (
    DifferenceAnswer,
    FailedSeedAnswer,
    FiguresAnswer,
    SweepRowAnswer,
)
from services.api.sweeps.record import Record, planned_stats, seconds_worked
from services.api.sweeps.seed_noise import Difference, differences, leading, summary
from shared.db.jobs import JobRow
from shared.lifecycle import JobStatus
from shared.specs.ids import public_id


@dataclass(frozen=True, slots=True)
class Comparison:
    """Validation values by arm and seed, who leads, and each arm's difference to the leader.

    Nobody leads while a training is left to wait for, nor with one seed. A schedule that lost a seed is not
    ranked: the mean over those that survived would flatter it.
    """

    values: Sequence[Mapping[int, float]]
    leader: int | None
    differences: Sequence[Difference | None]

    @property
    def tied(self) -> list[int]:
        """Return the arms whose difference to the leader may be noise; the leader is not among them."""
        return [i for i, found in enumerate(self.differences) if found is not None and found.tie]

    @property
    def behind(self) -> list[int]:
        """Return the arms that are behind the leader by more than the noise between seeds."""
        return [i for i, found in enumerate(self.differences) if found is not None and not found.tie]

    @property
    def winner(self) -> int | None:
        """Return the leader when it has beaten somebody and is tied with nobody."""
        return self.leader if self.behind and not self.tied else None


def compare(record: Record) -> Comparison:
    """Return the comparison of a sweep's schedules by its metric."""
    values = [_by_seed(record, arm) for arm in range(len(record.spec.schedules))]
    seeds = record.spec.seeds
    higher = record.higher_is_better
    decides = record.ended and len(seeds) > 1
    leader = leading(values, seeds=seeds, higher_is_better=higher) if decides else None
    found: list[Difference | None] = [None] * len(values)
    if leader is not None:
        whole = [index for index, arm in enumerate(values) if all(seed in arm for seed in seeds)]
        ranked = [[values[index][seed] for seed in seeds] for index in whole]
        for index, one in zip(whole, differences(ranked, leader=whole.index(leader)), strict=True):
            found[index] = one
    return Comparison(values, leader, found)


def validation_value(job: JobRow, metric: str) -> float | None:
    """Return a metric at a run's best evaluation, which is that of the checkpoint it left as a model."""
    return _number((job.best or {}).get("metrics"), metric)


def held_out_value(job: JobRow, metric: str) -> float | None:
    """Return a metric on the test part, once the job has succeeded."""
    return _number(job.metrics, metric) if job.status == JobStatus.SUCCEEDED else None


def _number(metrics: Mapping[str, Any] | None, metric: str) -> float | None:
    value = (metrics or {}).get(metric)
    return None if value is None else float(value)


def _by_seed(record: Record, arm: int) -> dict[int, float]:
    done = [job for job in record.arm(arm) if job.status == JobStatus.SUCCEEDED]
    found = {job.spec["seed"]: validation_value(job, record.metric) for job in done}
    return {seed: value for seed, value in found.items() if value is not None}


def table(record: Record, comparison: Comparison) -> list[SweepRowAnswer]:
    """Return a row for each schedule, in the order they were asked for."""
    return [_row(record, comparison, arm) for arm in range(len(record.spec.schedules))]


def _row(record: Record, comparison: Comparison, arm: int) -> SweepRowAnswer:
    jobs = record.arm(arm)
    done = [job for job in jobs if job.status == JobStatus.SUCCEEDED]
    held_out = [value for job in done if (value := held_out_value(job, record.metric)) is not None]
    values = comparison.values[arm]
    return SweepRowAnswer.model_validate(
        {
            **_figures(record, list(values.values())),
            **_rates(record, jobs, done),
            **_cost(record, done),
            "label": record.spec.schedules[arm].label,
            "metric": record.metric,
            "best_job": _best_job(record, done),
            "test": FiguresAnswer.model_validate(_figures(record, held_out)),
            "seeds": len(done),
            "failed": [_failed(job) for job in jobs if job.status == JobStatus.FAILED],
            "difference": _difference(record, comparison, arm),
            "tie_with": _tie_with(record, comparison, arm),
        }
    )


def _figures(record: Record, values: Sequence[float]) -> dict[str, object]:
    found = summary(values)
    if found is None:
        return dict.fromkeys(("mean", "sd", "interval", "best"))
    best = (max if record.higher_is_better else min)(values)
    return {"mean": found.mean, "sd": found.sd, "interval": found.interval, "best": best}


def _best_job(record: Record, done: Sequence[JobRow]) -> str | None:
    sign = 1.0 if record.higher_is_better else -1.0
    scored = [
        (sign * value, job.id) for job in done if (value := validation_value(job, record.metric)) is not None
    ]
    return public_id("job", max(scored, key=lambda pair: pair[0])[1]) if scored else None


def _failed(job: JobRow) -> FailedSeedAnswer:
    return FailedSeedAnswer(
        seed=job.spec["seed"],
        job=public_id("job", job.id),
        code=job.error_code or "unknown",
        message=job.error_message,
    )


def _difference(record: Record, comparison: Comparison, arm: int) -> DifferenceAnswer | None:
    found, leader = comparison.differences[arm], comparison.leader
    if found is None or leader is None:
        return None
    against = record.spec.schedules[leader].label
    return DifferenceAnswer(against=against, value=found.value, interval=found.interval, pairs=found.pairs)


def _tie_with(record: Record, comparison: Comparison, arm: int) -> list[str]:
    leader = comparison.leader
    if leader is None:
        return []
    others = comparison.tied if arm == leader else [leader] * (arm in comparison.tied)
    return [record.spec.schedules[other].label for other in others]


def _rates(record: Record, jobs: Sequence[JobRow], done: Sequence[JobRow]) -> dict[str, object]:
    logged = [record.rates[job.id] for job in done if job.id in record.rates]
    if logged:
        means, finals = zip(*logged, strict=True)
        return {"mean_lr": fmean(means), "final_lr": fmean(finals), "lr_from": "curve"}
    plan = planned_stats(jobs[0])
    return {"mean_lr": plan.mean, "final_lr": plan.final, "lr_from": "plan"}


def _cost(record: Record, done: Sequence[JobRow]) -> dict[str, object]:
    """Return what the succeeded runs took; to the target only when all of them reached it."""
    reached = [job for job in done if job.id in record.reached]
    whole = bool(reached) and len(reached) == len(done)
    steps = [record.reached[job.id].step for job in reached]
    to_target = (seconds_worked(record.moves[j.id], until=record.reached[j.id].at) for j in reached)
    ends = (
        seconds_worked(record.moves[job.id], until=record.newest[job.id].at)
        for job in done
        if job.id in record.newest
    )
    return {
        "steps_to_target": fmean(steps) if whole else None,
        "seconds_to_target": _mean_seconds(to_target) if whole else None,
        "reached": None if record.spec.target is None else len(reached),
        "seconds": _mean_seconds(ends),
    }


def _mean_seconds(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(fmean(found), 3) if found else None
