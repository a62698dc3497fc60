"""The body of `POST /v1/sweeps`: one training under several schedules, each with several seeds."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from shared.schedules import ScheduleSpec
from shared.specs.base import Spec
from shared.specs.job import JobSpec, Seed, TrainingSpec
from shared.specs.optimizers import OptimizerParams

MAX_TRAININGS = 100
V = TypeVar("V")
MetricName = Annotated[str, Field(pattern=r"^[a-z_]+(@[0-9]+)?$", max_length=40)]


class SweepTraining(TrainingSpec):
    """What the trainings of a sweep share; unlike a single job, none fits baselines or moves an alias."""

    judge: Literal["full", "net"] = "net"
    """`full` fits the same baselines anew in every training."""
    publish: None = None
    """A sweep moves no alias; promote one of its versions with `PUT /v1/models/{name}/aliases/{alias}`."""

    @field_validator("publish", mode="before")
    @classmethod
    def _publishes_nothing(cls, value: object) -> object:
        if value is not None:
            raise ValueError("a sweep publishes nothing; wanted null, then promote the version you choose")
        return value


class Arm(Spec):
    """One of the schedules, by the name it has in tables and legends."""

    label: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]
    schedule: ScheduleSpec
    optimizer: OptimizerParams | None = None
    """In place of the job's, for optimizers that take the place of a schedule."""


class Target(Spec):
    """A validation metric and the value that counts as reached."""

    metric: MetricName
    value: float


def _at_least_one(values: tuple[V, ...]) -> tuple[V, ...]:
    """Hold the minimum here: the built-in one counts refused entries as absent and reports them twice."""
    if not values:
        raise PydanticCustomError("too_short", "wanted at least one")
    return values


class SweepSpec(Spec):
    """One training asked for under every schedule with every seed."""

    job: SweepTraining
    schedules: Annotated[
        tuple[Arm, ...],
        Field(max_length=20, strict=False, json_schema_extra={"minItems": 1}),
        AfterValidator(_at_least_one),
    ]
    seeds: Annotated[
        tuple[Seed, ...],
        Field(max_length=10, strict=False, json_schema_extra={"minItems": 1}),
        AfterValidator(_at_least_one),
    ] = (0,)
    target: Target | None = None

    @field_validator("schedules")
    @classmethod
    def _labels_differ(cls, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
        counted = Counter(arm.label for arm in arms)
        twice = [str(index) for index, arm in enumerate(arms) if counted[arm.label] > 1]
        if twice:
            raise ValueError(f"wanted a label of its own for each; schedules {', '.join(twice)} share one")
        return arms

    @field_validator("seeds")
    @classmethod
    def _seeds_differ_and_trainings_are_few(
        cls, seeds: tuple[int, ...], info: ValidationInfo
    ) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("wanted seeds that differ; the same seed again is the same training")
        trainings = len(info.data.get("schedules", ())) * len(seeds)
        if trainings > MAX_TRAININGS:
            raise ValueError(
                f"wanted at most {MAX_TRAININGS} trainings; schedules × seeds came as {trainings}"
            )
        return seeds

    def training(self, arm: int, *, seed: int) -> JobSpec:
        """Return one of the trainings as a job of its own; `arm` counts the schedules from 0."""
        shared = {name: getattr(self.job, name) for name in TrainingSpec.model_fields}
        chosen = self.schedules[arm]
        optimizer = chosen.optimizer or self.job.optimizer
        return JobSpec(**{**shared, "optimizer": optimizer, "schedule": chosen.schedule, "seed": seed})
