"""A diagnosis model's training: records split, encoded as they will be served, judged beside baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from services.worker.baselines import RECORDS, Table
from services.worker.data.batches import EncodedRecords, EpochPlan, RecordBatches
from services.worker.data.records import Records, load_records
from services.worker.evaluation.classification import evaluate_probabilities
from services.worker.evaluation.report import Candidate, classification_report
from services.worker.evaluation.splits import RecordParts, split_records
from services.worker.nets import Sizes, build
from services.worker.nets.mlp import Mlp
from services.worker.package import Outcome, Papers, Validation, diagnosis_package
from services.worker.training.objective import objective_of
from services.worker.trainings.heldout import HeldOut, held_out_records
from services.worker.trainings.labels import Labels, binary_labels, group_values
from services.worker.trainings.plan import Ask, Course, finite
from services.worker.trainings.scoring import probabilities
from services.worker.trainings.session import Session
from services.worker.trainings.untrained import fill_untrained
from shared.features.records import Encoded, RecordEncoder
from shared.schedules import ResolvedSchedule
from shared.specs.budget import record_sizes
from shared.specs.job import DiagnoseTask, JobSpec

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Features:
    """The columns a model may see, by kind; nothing else of the data set is carried along."""

    numbers: Mapping[str, Floats]
    categories: Mapping[str, npt.NDArray[np.object_]]

    def rows(self, chosen: Longs) -> Features:
        """Return some rows of every column."""
        return Features(
            {name: column[chosen] for name, column in self.numbers.items()},
            {name: column[chosen] for name, column in self.categories.items()},
        )


@dataclass(frozen=True, slots=True)
class DiagnosePlan:
    """Records in three parts, the encoder fitted on the first, and the net that learns from it."""

    course: Course
    task: DiagnoseTask
    features: Features
    labels: Labels
    parts: RecordParts
    encoder: RecordEncoder
    encoded: Encoded
    groups: list[str | None] | None
    held_out: HeldOut | None

    @property
    def main_metric(self) -> str:
        """The area under the ROC curve."""
        return "auroc"

    @property
    def inputs(self) -> list[dict[str, object]]:
        """Every column with its kind, its reference value, and its range or levels."""
        return self.encoder.describe_inputs()

    def validate(self) -> dict[str, float]:
        """Measure the net on the validation part."""
        part = self.parts.validation
        found = evaluate_probabilities(self.labels.values[part], self._predict(part))
        loss = None if self.held_out is None else self.held_out.loss(self.course)
        return finite({**found, "val_loss": loss})

    def settle(self) -> None:
        """Give levels that no training row had the mean embedding."""
        if isinstance(self.course.net, Mlp):
            fill_untrained(self.course.net.tables, self.encoded.codes_BC[self.parts.train])

    def judge(self, ask: Ask) -> dict[str, Any]:
        """Report on the test part beside logistic regression and boosted trees, where they are wanted."""
        spec = self.course.spec
        net = Candidate(spec.net.name, "net", self._predict(self.parts.test))
        candidates = [net, *(self._baselines(ask) if spec.judge == "full" else ())]
        ask()
        return classification_report(
            candidates,
            labels_N=self.labels.values,
            parts=self.parts,
            split=self.task.split,
            seed=spec.seed,
            groups_N=self.groups,
        )

    def _baselines(self, ask: Ask) -> Iterator[Candidate[Floats]]:
        table = Table.of(self.features.numbers, self.features.categories)  # type: ignore[arg-type]
        training, test = table.take(self.parts.train), table.take(self.parts.test)
        labels = self.labels.values[self.parts.train]
        for name, baseline in RECORDS.items():
            ask()
            fitted = baseline.fit(training, labels, seed=self.course.spec.seed)
            yield Candidate(name, "baseline", fitted.probabilities(test), settings=fitted.settings)

    def pack(self, papers: Papers) -> bytes:
        """Seal the net with its encoder, its outcome and the intervals of its probabilities."""
        training, validation = self.labels.values[self.parts.train], self.parts.validation
        return diagnosis_package(
            self.course.net,
            encoder=self.encoder,
            outcome=Outcome(
                target=self.task.target,
                positive=self.labels.positive,
                rows=len(training),
                base_rate=float(training.mean()),
            ),
            validation=Validation(self._predict(validation), self.labels.values[validation].astype(np.int64)),
            papers=papers,
        )

    def _predict(self, rows: Longs) -> Floats:
        return probabilities(
            self.course.net,
            self.encoded.numbers_BF[rows],
            self.encoded.codes_BC[rows],
            device=self.course.device,
        )


def plan_diagnose(
    session: Session, *, spec: JobSpec, schedule: ResolvedSchedule, device: torch.device
) -> DiagnosePlan:
    """Read the records, split them, fit the encoder on the training part, and build the net."""
    task = spec.task
    assert isinstance(task, DiagnoseTask)  # noqa: S101 - the kind of the job says so
    records = load_records(session.storage, *session.dataset)
    labels = binary_labels(records, task.target)
    groups = group_values(records, task.split.group)
    parts = split_records(labels.values, split=task.split, groups_N=groups, seed=spec.seed)
    features = features_of(records, task)
    training = features.rows(parts.train)
    encoder = RecordEncoder.fit(training.numbers, training.categories, transform=spec.net.numbers)  # type: ignore[union-attr]
    encoded = encoder.encode_columns(features.numbers, features.categories)
    course = _course(spec, schedule, device, encoder=encoder, encoded=encoded, labels=labels, parts=parts)
    held_out = held_out_records(_records(encoded, labels, parts.validation), seed=spec.seed, device=device)
    return DiagnosePlan(course, task, features, labels, parts, encoder, encoded, groups, held_out)


def _records(encoded: Encoded, labels: Labels, rows: Longs) -> EncodedRecords:
    return EncodedRecords(encoded.numbers_BF[rows], encoded.codes_BC[rows], labels.values[rows])


def _course(  # noqa: PLR0913 - one value each of what was just made
    spec: JobSpec,
    schedule: ResolvedSchedule,
    device: torch.device,
    *,
    encoder: RecordEncoder,
    encoded: Encoded,
    labels: Labels,
    parts: RecordParts,
) -> Course:
    rows = parts.train
    rate = float(labels.values[rows].mean())
    sizes = Sizes(numbers=encoder.width, levels=encoder.levels, start=math.log(rate / (1.0 - rate)))
    nominal = record_sizes(len(labels.values) - parts.unlabelled, spec.task.split)[0]  # type: ignore[union-attr]
    return Course(
        spec=spec,
        schedule=schedule,
        device=device,
        net=build(spec.net, sizes, seed=spec.seed).to(device),
        batches=RecordBatches(
            _records(encoded, labels, rows),
            plan=EpochPlan(rows=nominal, batch_size=spec.batch_size, seed=spec.seed),
            device=device,
        ),
        objective=objective_of(task="diagnose"),
        samples_per_row=1,
    )


def features_of(records: Records, task: DiagnoseTask) -> Features:
    """Return the numbers and categories that are neither target, group nor excluded."""
    hidden = {task.target, task.split.group, *task.exclude}
    return Features(
        {name: column for name, column in records.numbers.items() if name not in hidden},
        {name: column for name, column in records.categories.items() if name not in hidden},
    )
