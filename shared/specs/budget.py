"""How many training rows and steps a job will have, computed at admission from the data set's summary.

The same sizes are produced by the splits in `services/worker/evaluation/`; a contract test holds them
together, since a schedule is resolved to whole steps before any worker has opened the data.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import Finding, Refused
from shared.schedules.lengths import round_half_up
from shared.specs.dataset import DatasetSummary
from shared.specs.job import DiagnoseTask, JobSpec, RecommendTask, RecordSplit


@dataclass(frozen=True, slots=True)
class Budget:
    """Rows of the training part, steps of one epoch and of the whole job."""

    training_rows: int
    steps_per_epoch: int
    total_steps: int


def holdout_sizes(history: int, *, protocol: str) -> tuple[int, int, int]:
    """Return (train, validation, test) sizes for a user who met `history` distinct items.

    `leave_one_out` holds out the last item for the test and the one before for validation;
    `random_per_user` is RecBole's 8:1:1 rule. In both, training keeps at least one item.
    """
    if protocol == "leave_one_out":
        test = int(history >= 2)
        validation = int(history >= 3)
    else:
        validation = test = history // 10
        if history < 10:
            test = int(history > 1)
            validation = int(history > 2)
    return history - validation - test, validation, test


def record_sizes(labelled: int, split: RecordSplit) -> tuple[int, int, int]:
    """Return (train, validation, test) sizes of `labelled` records; held-out parts are rounded half up."""
    test = int(split.test * labelled + 0.5)
    validation = int(split.validation * labelled + 0.5)
    return labelled - validation - test, validation, test


def training_rows(task: RecommendTask | DiagnoseTask, summary: DatasetSummary) -> int:
    """Return the size of the training part.

    With grouped records it is the nominal size: groups are whole, so the actual part may differ by
    less than the largest group, and an epoch still draws this many rows.
    """
    if isinstance(task, RecommendTask):
        protocol = task.evaluation.protocol
        return sum(
            holdout_sizes(int(length), protocol=protocol)[0] * users
            for length, users in summary.history_histogram.items()
        )
    missing = next(c.missing for c in summary.columns if c.name == task.target)
    return record_sizes(summary.rows - missing, task.split)[0]


def budget(spec: JobSpec, summary: DatasetSummary) -> Budget:
    """Return the steps of a job. Raises `Refused` when nothing would be left to train on."""
    rows = training_rows(spec.task, summary)
    if rows < 1:
        raise Refused(
            "the split leaves no training rows; wanted at least 1, came 0", code="empty_training_part"
        )
    steps = -(-rows // spec.batch_size)
    return Budget(training_rows=rows, steps_per_epoch=steps, total_steps=steps * spec.epochs)


def kept_steps(spec: JobSpec, *, total_steps: int, steps_per_epoch: int) -> frozenset[int]:
    """Return the steps whose checkpoints are kept for forks; % is of the run.

    Raises `Refused` with a finding for each that no checkpoint can follow.
    """
    steps = [
        round_half_up(length.exact_steps(whole=total_steps, steps_per_epoch=steps_per_epoch))
        for length in spec.keep_checkpoints
    ]
    message = "is step {} of a run of {}; wanted one from 1 to {}"
    findings = [
        Finding(("keep_checkpoints", k), message.format(step, total_steps, total_steps))
        for k, step in enumerate(steps)
        if not 1 <= step <= total_steps
    ]
    if findings:
        raise Refused("a checkpoint to be kept lies outside the run", findings=findings)
    return frozenset(steps)
