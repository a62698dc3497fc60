"""The body of `POST /v1/training_jobs`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from shared.catalog import NETS_OF_TASK, AnyNet
from shared.schedules import ScheduleSpec
from shared.schedules.lengths import Span
from shared.specs.base import Spec
from shared.specs.optimizers import AdamWParams, NonNegative, OptimizerParams

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
ColumnName = Annotated[str, Field(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(gt=0.0, lt=0.9)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Names = Annotated[tuple[ColumnName, ...], Field(max_length=5000, strict=False)]


class RankingEvaluation(Spec):
    """How a recommender is judged; sampled and full-rank figures never compare (Krichene & Rendle 2020)."""

    protocol: Literal["leave_one_out", "random_per_user"] = "leave_one_out"
    negatives: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Sampled negatives beside each positive; none means every item is ranked."""
    k: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=1, max_length=8, strict=False)
    ] = (10,)

    @model_validator(mode="after")
    def _sampled_only_for_one_target(self) -> Self:
        if self.protocol == "random_per_user" and self.negatives is not None:
            raise ValueError(
                "negatives go with leave_one_out; random_per_user ranks every item: leave negatives out"
            )
        return self


class RecommendTask(Spec):
    """Rank items for users from their interactions."""

    name: Literal["recommend"]
    feedback: Literal["implicit", "explicit"] = "implicit"
    evaluation: RankingEvaluation = RankingEvaluation()


class RecordSplit(Spec):
    """Parts of the records; with `group`, one group's rows never stand in two parts."""

    by: Literal["random"] = "random"
    group: ColumnName | None = None
    test: Fraction = 0.2
    validation: Fraction = 0.1

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.test + self.validation >= 0.95:
            raise ValueError("test + validation must leave at least 5 % of the rows for training")
        return self


class DiagnoseTask(Spec):
    """Predict one column of a record from the others."""

    name: Literal["diagnose"]
    target: ColumnName
    type: Literal["binary"] = "binary"
    exclude: Names = ()
    split: RecordSplit = RecordSplit()


Task = Annotated[RecommendTask | DiagnoseTask, Field(discriminator="name")]


class EarlyStopping(Spec):
    """Stop when the monitored validation metric has not improved for `patience` evaluations."""

    monitor: Annotated[str, Field(pattern=r"^[a-z_]+(@[0-9]+)?$", max_length=40)]
    patience: Annotated[int, Field(ge=1, le=10_000)] = 5
    min_delta: NonNegative = 0.0


class GradientFlow(Spec):
    """How often norms of gradients and updates are recorded, layer by layer."""

    every: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    """Steps from one sample to the next; the first ten steps are always sampled."""


class Publish(Spec):
    """What to do with the finished model."""

    alias: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = "production"
    when: Literal["always", "better"] = "better"


class TrainingSpec(Spec):
    """What a training is apart from its schedule and its seed."""

    model: ModelName
    dataset: Annotated[str, Field(pattern=r"^ds_[0-9a-f-]{36}$")]
    task: Task
    net: AnyNet
    optimizer: OptimizerParams = AdamWParams(name="adamw")
    batch_size: Annotated[int, Field(ge=1, le=1_048_576)] = 1024
    """Training rows a step: positives of a recommender (negatives come on top), records of a diagnosis."""
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    precision: Literal["float32", "bf16"] = "float32"
    gradient_clip_norm: Annotated[float, Field(gt=0)] | None = None
    early_stopping: EarlyStopping | None = None
    gradient_flow: GradientFlow | None = GradientFlow()
    keep_checkpoints: Annotated[tuple[Span, ...], Field(max_length=16, strict=False)] = ()
    """Points of the run, like "50%" or "10ep", whose checkpoints are kept for forks."""
    initialize_from: None = None
    judge: Literal["full", "net"] = "full"
    """`full` judges baselines on the same test part; `net` leaves them out, as trainings of a sweep do."""
    publish: Publish | None = Publish()

    @field_validator("net")
    @classmethod
    def _net_fits_task(cls, net: AnyNet, info: ValidationInfo) -> AnyNet:
        task = info.data.get("task")
        if task is not None and net.name not in NETS_OF_TASK[task.name]:
            wanted = ", ".join(NETS_OF_TASK[task.name])
            raise ValueError(f"task {task.name} trains one of {wanted}; net came as {net.name}")
        return net


class JobSpec(TrainingSpec):
    """One training asked for."""

    schedule: ScheduleSpec
    seed: Seed = 0
