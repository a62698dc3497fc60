"""What a finished training leaves: its papers and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.worker.package.papers import Papers
from services.worker.trainings.plan import Plan, finite
from shared.db.job_writes import Result
from shared.db.jobs import JobRow
from shared.db.registry import NewVersion, Score
from shared.scores import higher_is_better
from shared.specs.ids import new_uuid, public_id


def papers_of(
    job: JobRow,
    plan: Plan,
    *,
    report: dict[str, Any],
    steps: int,
    best: dict[str, Any] | None,
    lr_events: Sequence[Mapping[str, Any]],
) -> Papers:
    """Return the report, the model card, and where the model comes from."""
    spec, schedule = plan.course.spec, plan.course.schedule
    return Papers(
        report=report,
        card={
            "model": spec.model,
            "task": spec.task.model_dump(mode="json"),
            "net": spec.net.model_dump(mode="json"),
            "optimizer": spec.optimizer.model_dump(mode="json"),
            "schedule": spec.schedule.model_dump(mode="json"),
            "lr_events": list(lr_events),
            "seed": spec.seed,
            "steps": steps,
            "best": best,
            "split": report["protocol"],
            "verdict": report["sentence"],
            "metrics": net_metrics(report),
            "inputs": plan.inputs,
        },
        origin={
            "job": public_id("job", job.id),
            "dataset": spec.dataset,
            "dataset_version": job.dataset_version,
            "resolved_schedule": schedule.model_dump(mode="json"),
        },
    )


def result_of(job: JobRow, plan: Plan, *, papers: Papers, package: bytes) -> Result:
    """Return the report, the metrics and the new version with its package."""
    spec, report = plan.course.spec, papers.report
    metrics = net_metrics(report)
    main = str(report["main_metric"])
    score = Score(
        metric=main,
        value=metrics.get(main, 0.0),
        higher_is_better=higher_is_better(main),
        split_sha256=str(report["protocol"]["split_hash"]),
    )
    version = NewVersion(
        model=spec.model,
        task=spec.task.name,
        job_id=job.id,
        dataset_id=job.dataset_id,
        dataset_version=job.dataset_version,
        score=score,
        metrics=metrics,
        card=papers.card,
        package_id=new_uuid(),
        package=package,
    )
    return Result(report=report, metrics=metrics, version=version, publish=spec.publish, owner=job.owner)


def net_metrics(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the net's own metrics on the test part."""
    net = next(candidate for candidate in report["candidates"] if candidate["role"] == "net")
    return finite({name: found["value"] for name, found in net["metrics"].items()})
