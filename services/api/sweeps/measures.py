"""By which metric the trainings of a task are compared."""

from __future__ import annotations

from services.api.admission import metrics_of
from shared.errors import Finding, Refused
from shared.specs.job import DiagnoseTask, RecommendTask

Task = RecommendTask | DiagnoseTask


def main_metric(task: Task) -> str:
    """Return the metric by which trainings of a task are compared when none is asked for."""
    if isinstance(task, RecommendTask) and task.feedback == "implicit":
        return f"ndcg@{task.evaluation.k[0]}"
    return metrics_of(task)[0]


def chosen_metric(task: Task, *, asked: str | None) -> str:
    """Return the metric asked for, or the main one. Raises `Refused` for one that the task does not yield."""
    if asked is None:
        return main_metric(task)
    if asked not in metrics_of(task):
        finding = Finding(("metric",), f"this task yields {', '.join(metrics_of(task))}; wanted one of them")
        raise Refused("no such metric", code="unknown_metric", findings=[finding])
    return asked
