"""What training makes small, measured on rows it never saw: `val_loss`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from services.worker.data.batches import (
    EncodedRecords,
    EpochPlan,
    PairBatches,
    Pairs,
    RecordBatches,
)
from services.worker.trainings.plan import Course

ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out rows as batches; negatives are drawn once and are the same at every evaluation."""

    batches: PairBatches | RecordBatches
    steps: int

    @torch.no_grad()
    def loss(self, course: Course) -> float:
        """Return the mean of the objective over all rows, with the net as it is and nothing dropped."""
        course.net.eval()
        total = torch.zeros((), dtype=torch.float64, device=course.device)
        rows = 0
        for step in range(self.steps):
            batch = self.batches.take(step)
            total += course.objective(course.net(*batch.inputs), batch.targets).double() * batch.rows
            rows += batch.rows
        return float(total) / rows


def held_out_pairs(pairs: Pairs, training: PairBatches, *, seed: int) -> HeldOut | None:
    """Return pairs beside negatives that their users did not meet in training; none without a pair."""
    if not len(pairs.users):
        return None
    plan = EpochPlan(rows=len(pairs.users), batch_size=min(len(pairs.users), ROWS_AT_ONCE), seed=seed)
    return HeldOut(training.beside(pairs, plan=plan), plan.steps_per_epoch)


def held_out_records(records: EncodedRecords, *, seed: int, device: torch.device) -> HeldOut | None:
    """Return records as batches; none without a record."""
    if not len(records.labels):
        return None
    plan = EpochPlan(rows=len(records.labels), batch_size=min(len(records.labels), ROWS_AT_ONCE), seed=seed)
    return HeldOut(RecordBatches(records, plan=plan, device=device), plan.steps_per_epoch)
