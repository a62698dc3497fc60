"""What the gateway says of sweeps."""

from __future__ import annotations

from typing import Any, Literal

from services.api.schemas.answer import Answer, Time
from services.api.schemas.jobs import ErrorAnswer, ShownStatus

SweepStatus = Literal[
    "queued", "running", "paused", "cancelling", "succeeded", "partly_failed", "failed", "cancelled"
]
Interval = tuple[float, float]


class TargetAnswer(Answer):
    """The validation metric and the value that counts as reached."""

    metric: str
    value: float


class SweepState(Answer):
    """How far a sweep is, from its jobs; `counts` has every status that any of them is in.

    `eta_seconds` goes by how long the succeeded jobs took from start to finish; by the speed until one has.
    """

    status: SweepStatus
    counts: dict[str, int]
    progress: float
    eta_seconds: float | None


class SweepSummary(SweepState):
    """One training under several schedules, each with several seeds."""

    id: str
    model: str
    labels: list[str]
    seeds: list[int]
    trainings: int
    created_at: Time


class SweepJobAnswer(Answer):
    """One training of a sweep; `validation` is the metric at its best evaluation, `test` on the test part."""

    id: str
    arm: str
    seed: int
    status: ShownStatus
    step: int
    total_steps: int
    model_version: int | None
    validation: float | None
    test: float | None
    error: ErrorAnswer | None


class FiguresAnswer(Answer):
    """A metric over seeds: mean, sample standard deviation, 95 % interval of Student's t, best."""

    mean: float | None
    sd: float | None
    interval: Interval | None
    best: float | None


class DifferenceAnswer(Answer):
    """This schedule minus the leading one, paired by seed; the interval allows for all comparisons made."""

    against: str
    value: float
    interval: Interval | None
    pairs: int


class FailedSeedAnswer(Answer):
    """A training that failed, and why."""

    seed: int
    job: str
    code: str
    message: str | None


class SweepRowAnswer(FiguresAnswer):
    """One schedule: the metric on the validation part at each run's best evaluation, and what it took.

    `test` holds the same figures on the test part; schedules are chosen on validation, never on it.
    """

    label: str
    metric: str
    part: Literal["validation"] = "validation"
    best_job: str | None
    """The job with the best value; its `model_version` is the one to promote."""
    test: FiguresAnswer
    seeds: int
    """How many seeds have succeeded."""
    failed: list[FailedSeedAnswer]
    difference: DifferenceAnswer | None
    """None for the leading schedule, and while no schedule leads."""
    tie_with: list[str]
    """The leading schedule where the difference may be noise; for it, every schedule tied with it."""
    steps_to_target: float | None
    """Mean over seeds, when every succeeded seed reached the target; evaluations come once an epoch."""
    seconds_to_target: float | None
    """As above, in seconds under a worker: waiting and pauses do not count, repeated work does."""
    reached: int | None
    """How many succeeded seeds reached the target; none without a target."""
    mean_lr: float
    final_lr: float
    lr_from: Literal["curve", "plan"]
    """`curve`: of the updates that succeeded jobs made; `plan`: of those planned, until one has succeeded."""
    seconds: float | None
    """Mean seconds under a worker from the start to the last evaluation."""


class SweepAnswer(SweepSummary):
    """A sweep with its comparison; a `table` row for each schedule, in the order they were asked for."""

    spec: dict[str, Any]
    metric: str
    metrics: list[str]
    """The metrics that `?metric=` takes."""
    higher_is_better: bool
    target: TargetAnswer | None
    total_steps: int
    steps_per_epoch: int
    jobs: list[SweepJobAnswer]
    table: list[SweepRowAnswer]
    leader: str | None
    """The schedule with the best mean, once all have ended; none with one seed."""
    winner: str | None
    """The leader where every other schedule that is ranked is behind it by more than noise."""
    sentence: str


class SweepCurveAnswer(Answer):
    """One run: thinned points and the metric's evaluations; null is no number."""

    job: str
    arm: str
    seed: int
    status: ShownStatus
    steps: list[int]
    loss: list[float | None]
    lr: list[float | None]
    evaluation_steps: list[int]
    evaluations: list[float | None]


class SweepPlanAnswer(Answer):
    """The planned rate of one schedule with every corner, and its mean over all updates."""

    arm: str
    steps: list[int]
    lr: list[float]
    mean_lr: float


class SweepMeanAnswer(Answer):
    """The mean over seeds at each step; seeds that ended early have no part in later ones."""

    arm: str
    steps: list[int]
    loss: list[float | None]
    lr: list[float | None]
    evaluation_steps: list[int]
    evaluations: list[float | None]


class SweepCurvesAnswer(Answer):
    """The curves of a sweep: `runs` by seed, `means` over the seeds of each schedule, and the plans."""

    sweep: str
    metric: str
    total_steps: int
    every: int
    """1; above 2,000,000 points of all runs together, of which only every nth step is looked at, n."""
    runs: list[SweepCurveAnswer]
    means: list[SweepMeanAnswer]
    plans: list[SweepPlanAnswer]
