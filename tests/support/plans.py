"""The plan of a diagnosis training on an uploaded set of records, without a database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import torch

from services.worker.trainings.diagnose import DiagnosePlan, plan_diagnose
from services.worker.trainings.session import Session
from shared.features.numbers import Transform
from shared.specs.job import JobSpec
from tests.support.lessons import scheduled
from tests.support.uploads import DATASET, Upload


def diagnosis_plan(upload: Upload, *, numbers: Transform = "quantile") -> DiagnosePlan:
    """Return the plan of two updates that learn the column `outcome`, as every attempt makes it."""
    schedule = {"name": "constant", "base_lr": 0.01}
    spec = JobSpec.model_validate(
        {
            "model": "ward",
            "dataset": f"ds_{DATASET}",
            "task": {"name": "diagnose", "target": "outcome"},
            "net": {"name": "mlp", "hidden": [4], "numbers": numbers},
            "schedule": schedule,
            "epochs": 1,
        }
    )
    session = cast("Session", SimpleNamespace(storage=upload.storage, dataset=(DATASET, 1)))
    resolved = scheduled(schedule, optimizer=spec.optimizer, steps=2)
    return plan_diagnose(session, spec=spec, schedule=resolved, device=torch.device("cpu"))
