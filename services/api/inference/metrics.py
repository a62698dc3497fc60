"""Metrics of predictions and loads; label sets are made when a model is loaded, at zero, and go with it.

Labels name models and versions, never a user, an item or anything of a record.
"""

from __future__ import annotations

from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

Kind = Literal["recommend", "similar", "diagnose"]
Outcome = Literal["ok", "refused", "failed"]

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
LOAD_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)
KINDS_OF: dict[str, tuple[Kind, ...]] = {"recommend": ("recommend", "similar"), "diagnose": ("diagnose",)}
OUTCOMES: tuple[Outcome, ...] = ("ok", "refused", "failed")
REJECTIONS = ("overload", "dropped", "stopping")
FALLBACKS = ("none", "history", "popular")

predictions = Counter(
    "gradus_predictions", "Requests answered by a model", ["model", "version", "kind", "outcome"]
)
queue_depth = Gauge("gradus_prediction_queue_depth", "Requests that wait for the prediction thread")
queue_seconds = Histogram("gradus_prediction_queue_seconds", "From arrival to computation", buckets=SECONDS)
batch_size = Histogram(
    "gradus_prediction_batch_size", "Requests computed together", buckets=(1, 2, 4, 8, 16, 32, 64)
)
compute_seconds = Histogram(
    "gradus_prediction_compute_seconds", "Computation of one batch", ["model"], buckets=SECONDS
)
rejected = Counter("gradus_prediction_rejected", "Requests not computed", ["reason"])
fallbacks = Counter("gradus_recommend_fallback", "Recommendations by what they were based on", ["fallback"])
shortfalls = Counter("gradus_recommend_shortfall", "Recommendations with fewer items than asked for")
model_loaded = Gauge("gradus_model_loaded_info", "1 for each version in memory", ["model", "version", "sha"])
loads = Counter("gradus_model_loads", "Attempts to load a version", ["result"])
load_seconds = Histogram(
    "gradus_model_load_seconds", "Fetch, verification and golden run of a package", buckets=LOAD_SECONDS
)
alias_changes = Counter(
    "gradus_model_alias_changes", "Aliases seen to move to another version", ["model", "alias"]
)

for _reason in REJECTIONS:
    rejected.labels(_reason)
for _fallback in FALLBACKS:
    fallbacks.labels(_fallback)
for _result in ("loaded", "failed"):
    loads.labels(_result)


def announce(model: str, version: int, *, kind: str, sha256: str) -> None:
    """Create the series of a version that has come into memory."""
    model_loaded.labels(model, str(version), sha256[:12]).set(1)
    compute_seconds.labels(model)
    for prediction in KINDS_OF[kind]:
        for outcome in OUTCOMES:
            predictions.labels(model, str(version), prediction, outcome)


def retire(model: str, version: int, *, sha256: str) -> None:
    """Drop the series that says a version is in memory; its counters stay."""
    model_loaded.remove(model, str(version), sha256[:12])
