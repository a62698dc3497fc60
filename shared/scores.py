"""What a net is judged by: the names of its metrics, which way is better, and what a share of one means."""

from __future__ import annotations

from shared.errors import Refused

LOWER_IS_BETTER = frozenset({"loss", "val_loss", "log_loss", "brier", "ece", "rmse", "mae"})
HIGHER_IS_BETTER = frozenset(
    {"hr", "ndcg", "recall", "precision", "mrr", "map", "coverage", "auroc", "auprc", "accuracy", "f1"}
)


def higher_is_better(metric: str) -> bool:
    """Return the direction of a metric such as `ndcg@10` or `log_loss`; an unknown one raises `Refused`."""
    name = metric.partition("@")[0]
    if name in HIGHER_IS_BETTER:
        return True
    if name in LOWER_IS_BETTER:
        return False
    known = ", ".join(sorted(HIGHER_IS_BETTER | LOWER_IS_BETTER))
    raise Refused(f"no metric of that name is monitored; wanted one of {known}", code="unknown_metric")


def has_relative_threshold(metric: str) -> bool:
    """Whether "better by a share of the best" means something for a metric.

    Every loss here is 0 or more, and none gets better than 0. The others may be 0 while a net has learnt
    nothing, and any share of that is 0.
    """
    return not higher_is_better(metric)
