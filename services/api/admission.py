"""Whether a training that was asked for can be run: its spec held against its data set beforehand.

Whatever cannot be is a finding with its place; nothing is adjusted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from shared.catalog import GROUPS_OF_NET, MlpParams
from shared.errors import Conflict, Finding, Refused, did_you_mean
from shared.lifecycle import DatasetStatus
from shared.schedules import FROM_SCRATCH, OptimizerTraits, ResolvedSchedule, Start, resolve
from shared.specs.budget import Budget, budget, kept_steps
from shared.specs.dataset import ColumnSummary, DatasetSummary
from shared.specs.job import DiagnoseTask, JobSpec, RecommendTask

KIND_OF_TASK = {"recommend": "interactions", "diagnose": "records"}
RANKING_METRICS = ("hr", "ndcg", "recall", "mrr", "coverage")
RATING_METRICS = ("rmse", "mae")
BINARY_METRICS = ("auroc", "auprc", "brier", "ece", "log_loss")
EVERY_TASK = ("val_loss",)
FEATURE_TYPES = ("number", "category")
NEAR_NAMES = 10
"""How many unknown columns are answered with the names near to them."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A job that can be run: its steps and its schedule in whole steps."""

    budget: Budget
    schedule: ResolvedSchedule


def admit(spec: JobSpec, *, kind: str, status: str, summary: DatasetSummary | None) -> Admission:
    """Return the steps and the resolved schedule of a job.

    Raises `Conflict` while the data set is not ready, `Refused` with findings when the job cannot run on it.
    """
    findings = list(_kind_findings(spec, kind))
    _refuse(findings)
    if status != DatasetStatus.READY or summary is None:
        raise Conflict(f"the data set is {status}; wanted one that is ready", code="dataset_not_ready")
    _refuse([*_task_findings(spec, summary), *_monitor_findings(spec)])
    steps = _budget(spec, summary)
    total, per_epoch = steps.total_steps, steps.steps_per_epoch
    kept_steps(spec, total_steps=total, steps_per_epoch=per_epoch)
    groups = groups_of(spec, summary)
    return Admission(steps, planned(spec, total_steps=total, steps_per_epoch=per_epoch, groups=groups))


def planned(
    spec: JobSpec,
    *,
    total_steps: int,
    steps_per_epoch: int,
    start: Start = FROM_SCRATCH,
    groups: Sequence[str] | None = None,
) -> ResolvedSchedule:
    """Return the schedule of a job in whole steps, from `start` on.

    `groups` are those of the net's parameters, where some that nets of its kind have are known to lack.
    Raises `Refused` when it does not go with the task, the net or the optimizer.
    """
    _refuse(list(_monitor_findings(spec)))
    return resolve(
        spec.schedule,
        total_steps=total_steps,
        steps_per_epoch=steps_per_epoch,
        optimizer=OptimizerTraits.of(spec.optimizer),
        groups=GROUPS_OF_NET[spec.net.name] if groups is None else groups,
        start=start,
    )


def metrics_of(task: RecommendTask | DiagnoseTask) -> tuple[str, ...]:
    """Return the validation metrics that a task yields, by name."""
    if isinstance(task, DiagnoseTask):
        return (*BINARY_METRICS, *EVERY_TASK)
    if task.feedback == "explicit":
        return (*RATING_METRICS, *EVERY_TASK)
    return (*(f"{name}@{k}" for name in RANKING_METRICS for k in task.evaluation.k), *EVERY_TASK)


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise Refused("the job cannot be run as written; errors says where", findings=findings)


def _budget(spec: JobSpec, summary: DatasetSummary) -> Budget:
    try:
        return budget(spec, summary)
    except Refused as error:
        place = ("task", "split") if isinstance(spec.task, DiagnoseTask) else ("dataset",)
        raise Refused(error.detail, code=error.code, findings=[Finding(place, error.detail)]) from None


def _kind_findings(spec: JobSpec, kind: str) -> Iterator[Finding]:
    wanted = KIND_OF_TASK[spec.task.name]
    if kind != wanted:
        yield Finding(
            ("dataset",), f"task {spec.task.name} needs a data set of {wanted}; this one holds {kind}"
        )


def _monitor_findings(spec: JobSpec) -> Iterator[Finding]:
    known = metrics_of(spec.task)
    message = f"this task yields {', '.join(known)}; wanted one of them"
    if spec.early_stopping is not None and spec.early_stopping.monitor not in known:
        yield Finding(("early_stopping", "monitor"), message)
    feedback = spec.schedule.feedback
    if feedback is not None and feedback.monitor not in known:
        yield Finding(("schedule", "feedback", "monitor"), message)


def groups_of(spec: JobSpec, summary: DatasetSummary) -> tuple[str, ...]:
    """Return the parameter groups of the net: one over records lacks those it has no use for."""
    absent = set()
    if isinstance(spec.task, DiagnoseTask) and isinstance(spec.net, MlpParams):
        hidden = {spec.task.target, spec.task.split.group, *spec.task.exclude}
        if not any(c.type == "category" and c.name not in hidden for c in summary.columns):
            absent.add("embeddings")
        if not spec.net.hidden:
            absent.add("body")
    return tuple(name for name in GROUPS_OF_NET[spec.net.name] if name not in absent)


def _task_findings(spec: JobSpec, summary: DatasetSummary) -> Iterator[Finding]:
    if isinstance(spec.task, RecommendTask):
        yield from _recommend_findings(spec.task, summary)
    else:
        yield from _diagnose_findings(spec.task, {c.name: c for c in summary.columns})


def _recommend_findings(task: RecommendTask, summary: DatasetSummary) -> Iterator[Finding]:
    if task.feedback == "explicit" and not summary.has_ratings:
        yield Finding(("task", "feedback"), "explicit feedback needs ratings; the data set has none")
    negatives, items = task.evaluation.negatives, summary.items or 0
    if negatives is not None and negatives >= items:
        message = f"wanted fewer than the {items} items of the data set; leave it out to rank them all"
        yield Finding(("task", "evaluation", "negatives"), message)


def _diagnose_findings(task: DiagnoseTask, columns: dict[str, ColumnSummary]) -> Iterator[Finding]:
    yield from _contradictions(task)
    yield from _unknown_columns(task, columns)
    if task.target in columns:
        yield from _target_findings(columns[task.target])
    left = {n for n, c in columns.items() if c.type in FEATURE_TYPES} - {
        task.target,
        task.split.group,
        *task.exclude,
    }
    if not left:
        yield Finding(("task", "exclude"), "no number or category is left to predict from; wanted at least 1")


def _contradictions(task: DiagnoseTask) -> Iterator[Finding]:
    """Yield the columns that are given two parts, or left out twice."""
    group = task.split.group
    if group == task.target:
        message = "this is the target; wanted another column whose rows stay together, or none"
        yield Finding(("task", "split", "group"), message)
    parts = {group: "the group of the split", task.target: "the target"}
    seen: set[str] = set()
    for index, name in enumerate(task.exclude):
        if name in parts:
            message = f"this is {parts[name]}, which is never an input; leave it out"
            yield Finding(("task", "exclude", index), message)
        elif name in seen:
            yield Finding(("task", "exclude", index), "this column stands in the list before; name it once")
        seen.add(name)


def _unknown_columns(task: DiagnoseTask, columns: Collection[str]) -> Iterator[Finding]:
    """Yield the names that no column has; the first few with those they are near to, which takes its time."""
    named: list[tuple[tuple[str | int, ...], str | None]] = [
        *((("task", "exclude", index), name) for index, name in enumerate(task.exclude)),
        (("task", "split", "group"), task.split.group),
        (("task", "target"), task.target),
    ]
    unknown = [(loc, name) for loc, name in named if name is not None and name not in columns]
    for count, (loc, name) in enumerate(unknown):
        near = did_you_mean(name, columns) if count < NEAR_NAMES else ""
        yield Finding(loc, f"the data set has no column of this name{near}")


def _target_findings(target: ColumnSummary) -> Iterator[Finding]:
    if target.type not in FEATURE_TYPES:
        message = f"a target is a number or a category; this column was read as {target.type}"
        yield Finding(("task", "target"), message)
    elif target.distinct is not None and target.distinct != 2:
        yield Finding(
            ("task", "target"), f"a binary target has 2 distinct values; this one has {target.distinct}"
        )
