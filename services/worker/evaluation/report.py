"""The report of a job: the net beside its baselines, judged on the same rows, with what a reader must know.

Reports are plain JSON values; every number is finite or null. Shapes: N records, U users, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from services.worker.evaluation.bootstrap import LEVEL, RESAMPLES, Measure, interval, mean_measure, resample
from services.worker.evaluation.calibration import calibration_table, is_small
from services.worker.evaluation.caveats import (
    leakage_caveats,
    ranking_caveats,
    rating_caveats,
    record_caveats,
)
from services.worker.evaluation.classification import (
    INFLATED,
    METRICS,
    Labels,
    classification_measure,
    evaluate_probabilities,
)
from services.worker.evaluation.ranking import RankingResult
from services.worker.evaluation.ratings import RatingResult
from services.worker.evaluation.splits import InteractionSplit, RecordParts, factorise
from services.worker.evaluation.verdict import Role, Scored, difference, judge
from shared.specs.job import RankingEvaluation, RecordSplit

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Json = dict[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Result]):
    """One net or baseline: its result on the test part, or why there is none."""

    name: str
    role: Role
    result: Result | None
    settings: Mapping[str, float | bool] = field(default_factory=dict)
    refused: str | None = None


def ranking_report(
    candidates: Sequence[Candidate[RankingResult]],
    *,
    split: InteractionSplit,
    evaluation: RankingEvaluation,
    seed: int,
) -> Json:
    """Report on ranked lists; the main metric is NDCG at the first k, users are resampled."""
    results = {c.name: c.result for c in candidates if c.result is not None}
    users = len(next(iter(results.values())).users) if results else 0
    samples = resample({n: mean_measure(r.per_user) for n, r in results.items()}, rows=users, seed=seed)
    caveats = ranking_caveats(split, evaluation, results)
    return {
        "task": "recommend",
        "protocol": {
            "name": evaluation.protocol,
            "ranked": "every item"
            if evaluation.negatives is None
            else f"sampled, {evaluation.negatives} negatives",
            "negatives": evaluation.negatives,
            "k": list(evaluation.k),
            "ties": "the target ranks behind every equal score",
        }
        | _interaction_split(split, seed),
        **_judged(
            candidates,
            values={name: result.metrics for name, result in results.items()},
            samples=samples,
            main=f"ndcg@{evaluation.k[0]}",
        ),
        "intervals": _intervals("user", seed),
        "caveats": [*caveats, *_refusals(candidates)],
    }


def rating_report(
    candidates: Sequence[Candidate[RatingResult]], *, split: InteractionSplit, seed: int
) -> Json:
    """Report on predicted ratings; the main metric is RMSE, users are resampled."""
    results = {c.name: c.result for c in candidates if c.result is not None}
    users = len(next(iter(results.values())).users) if results else 0
    samples = resample({n: r.measure for n, r in results.items()}, rows=users, seed=seed)
    return {
        "task": "recommend",
        "protocol": {"name": "held-out ratings", "clipped": True} | _interaction_split(split, seed),
        **_judged(
            candidates, values={n: r.metrics for n, r in results.items()}, samples=samples, main="rmse"
        ),
        "intervals": _intervals("user", seed),
        "caveats": [*rating_caveats(split), *_refusals(candidates)],
    }


def classification_report(
    candidates: Sequence[Candidate[Floats]],
    *,
    labels_N: Labels,
    parts: RecordParts,
    split: RecordSplit,
    seed: int,
    groups_N: Sequence[str | None] | None = None,
) -> Json:
    """Report on probabilities of label 1, one for each row of the test part, in its order.

    The main metric is AUROC; rows are resampled, or whole groups where `groups_N` names them.
    """
    labels = labels_N[parts.test].astype(np.float64)
    results = {c.name: c.result for c in candidates if c.result is not None}
    measures: dict[str, Measure] = {
        n: classification_measure(labels, r) for n, r in results.items() if len(r)
    }
    units = None if groups_N is None else factorise(groups_N[int(row)] for row in parts.test)
    samples = resample(measures, rows=len(labels), seed=seed, unit_N=units)
    values = {name: evaluate_probabilities(labels, p) for name, p in results.items()}
    leaks = leakage_caveats({name: found[METRICS[0]] for name, found in values.items()})
    return {
        "task": "diagnose",
        "protocol": _record_split(labels_N, parts, split, seed=seed),
        **_judged(
            candidates,
            values=values,
            samples=samples,
            main=METRICS[0],
        ),
        "calibration": {name: calibration_table(labels, p) for name, p in results.items()},
        "intervals": _intervals("row" if groups_N is None else "group", seed),
        "caveats": [*leaks, *record_caveats(labels, parts), *_refusals(candidates)],
    }


def _judged(
    candidates: Sequence[Candidate[Any]],
    *,
    values: Mapping[str, Mapping[str, float | None]],
    samples: Mapping[str, Mapping[str, Floats]],
    main: str,
) -> Json:
    scored = {
        metric: [
            Scored(c.name, c.role, value, samples[c.name][metric])
            for c in candidates
            if c.name in samples and (value := values[c.name].get(metric)) is not None
        ]
        for metric in dict.fromkeys(m for found in samples.values() for m in found)
    }
    missing = {
        c.name: c.refused or "no value" for c in candidates if c.role == "baseline" and c.name not in samples
    }
    verdict = judge(scored.get(main, []), metric=main, missing=missing)
    return {
        "main_metric": main,
        "winner": verdict.winner,
        "sentence": verdict.sentence,
        "candidates": [_candidate(c, values.get(c.name, {}), samples.get(c.name, {})) for c in candidates],
        "differences": [row for metric, found in scored.items() for row in _differences(metric, found)],
    }


def _candidate(
    candidate: Candidate[Any], values: Mapping[str, float | None], samples: Mapping[str, Floats]
) -> Json:
    return {
        "name": candidate.name,
        "role": candidate.role,
        "refused": candidate.refused,
        "settings": dict(candidate.settings),
        "metrics": {
            metric: with_bounds(metric, value, samples.get(metric)) for metric, value in values.items()
        },
    }


def _differences(metric: str, scored: list[Scored]) -> list[Json]:
    """Return the net minus each baseline."""
    pairs = [(n, b) for n in scored for b in scored if (n.role, b.role) == ("net", "baseline")]
    return [
        {
            "net": net.name,
            "baseline": baseline.name,
            "metric": metric,
            "decided": found.decided,
            "value": found.value,
        }
        | {end: getattr(found.interval, end, None) for end in ("low", "high")}
        for net, baseline in pairs
        for found in [difference(net, baseline)]
    ]


def with_bounds(metric: str, value: float | None, samples_R: Floats | None) -> dict[str, float | None]:
    """Return a metric's value with the ends of its interval, none where it has no resamples."""
    around = value if metric in INFLATED else None
    found = None if samples_R is None else interval(samples_R, around=around)
    low, high = (None, None) if found is None else (found.low, found.high)
    return {"value": value, "low": low if around is None or low is None else max(0.0, low), "high": high}


def _interaction_split(split: InteractionSplit, seed: int) -> Json:
    parts = {"train": split.train_users, "validation": split.validation.users, "test": split.test.users}
    return {
        "parts": {name: len(users) for name, users in parts.items()},
        "users": split.n_users,
        "items": split.n_items,
        "users_judged": len(np.unique(split.test.users)),
        "ordered_by": split.ordered_by,
        "later_share": split.later_share,
        "split_hash": split.hash,
        "seed": seed,
    }


def _record_split(labels_N: Labels, parts: RecordParts, split: RecordSplit, *, seed: int) -> Json:
    rows = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    events = {name: int(labels_N[part].sum()) for name, part in rows.items()}
    small = any(is_small(e) or is_small(len(rows[n]) - e) for n, e in events.items())
    judged = labels_N[parts.test].astype(np.float64)
    return {
        "name": split.by,
        "stratified": True,
        "grouped_by": split.group,
        "groups": parts.groups,
        "rows": len(labels_N),
        "unlabelled": None if is_small(parts.unlabelled) else parts.unlabelled,
        "parts": {name: None if is_small(len(part)) else len(part) for name, part in rows.items()},
        "events": None if small else events,
        "base_rate": float(judged.mean()) if len(judged) and not small else None,
        "split_hash": parts.hash,
        "seed": seed,
    }


def _intervals(unit: str, seed: int) -> Json:
    return {
        "method": "percentile bootstrap",
        "level": LEVEL,
        "resamples": RESAMPLES,
        "unit": unit,
        "paired": True,
        "seed": seed,
    }


def _refusals(candidates: Sequence[Candidate[Any]]) -> list[str]:
    return [f"{c.name} was not run: {c.refused}." for c in candidates if c.refused]
