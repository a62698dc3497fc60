"""One plain sentence on a sweep; never a winner from one seed, nor from noise."""

from __future__ import annotations

from collections.abc import Sequence

from services.api.sweeps.comparison import Comparison
from services.api.sweeps.record import Record
from shared.lifecycle import JobStatus


def sentence(record: Record, comparison: Comparison) -> str:
    """Return what the sweep says so far, about its data, its net and its number of steps alone."""
    if not record.ended:
        ended = sum(job.finished_at is not None for job in record.jobs)
        return f"{ended} of {len(record.jobs)} trainings have ended; the comparison comes when all have."
    told = _found(record, comparison)
    unranked = _unranked(record, comparison)
    return f"{told} {unranked}" if unranked else told


def _found(record: Record, comparison: Comparison) -> str:
    if len(record.spec.seeds) == 1 and any(comparison.values):
        return _of_one_seed(record, comparison)
    if comparison.leader is None:
        return "No schedule has a value for every seed, so none is compared."
    if not comparison.tied and not comparison.behind:
        return f"{_shown(record, comparison, comparison.leader)}; there is nothing to compare it with."
    return _of_seeds(record, comparison, comparison.leader)


def _of_one_seed(record: Record, comparison: Comparison) -> str:
    """Return the range, without calling any schedule better."""
    pairs = [(next(iter(v.values())), i) for i, v in enumerate(comparison.values) if v]
    (low, lowest), (high, highest) = min(pairs), max(pairs)
    if lowest == highest:
        return (
            f"{_label(record, lowest)} came to {record.metric} {low:.4f} at best on validation with one seed."
        )
    spread = f"from {low:.4f} ({_label(record, lowest)}) to {high:.4f} ({_label(record, highest)})"
    return (
        f"With one seed, the best {record.metric} on validation goes {spread}; one seed cannot tell "
        "schedules from chance, so none is called better. Three seeds are a start, five are better."
    )


def _of_seeds(record: Record, comparison: Comparison, leader: int) -> str:
    tied, behind = comparison.tied, comparison.behind
    shown = _shown(record, comparison, leader)
    if not behind:
        return f"A tie: {shown}, but every difference to it lies within the noise between seeds."
    beaten = f"{_listed(record, behind)} by more than the noise between seeds"
    if not tied:
        return f"{shown}, ahead of {beaten}."
    return f"{shown}, ahead of {beaten}; it cannot be told from {_listed(record, tied)}."


def _shown(record: Record, comparison: Comparison, arm: int) -> str:
    values = list(comparison.values[arm].values())
    best = "highest" if record.higher_is_better else "lowest"
    mean = sum(values) / len(values)
    what = f"{best} mean of best {record.metric} on validation"
    return f"{_label(record, arm)} has the {what}, {mean:.4f} over {len(values)} seeds"


def _unranked(record: Record, comparison: Comparison) -> str:
    """Return which schedules lost a seed, and how."""
    told = []
    for arm, values in enumerate(comparison.values):
        lost = next((job for job in record.arm(arm) if job.spec["seed"] not in values), None)
        if lost is not None:
            why = f"{_why(record, lost.status)} with seed {lost.spec['seed']}"
            told.append(f"{_label(record, arm)} ({why})")
    return f"Not ranked: {', '.join(told)}." if told else ""


def _why(record: Record, status: str) -> str:
    known = {JobStatus.FAILED.value: "failed", JobStatus.CANCELLED.value: "was cancelled"}
    return known.get(status, f"has no {record.metric}")


def _label(record: Record, arm: int) -> str:
    return record.spec.schedules[arm].label


def _listed(record: Record, arms: Sequence[int]) -> str:
    names = [_label(record, arm) for arm in arms]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
