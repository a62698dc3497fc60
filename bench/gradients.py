"""What sampling gradient flow costs: the extra time of a sampled step, spread over the steps between two.

`python -m bench.gradients` prints one table. Every second step of a run is sampled, so both kinds meet the
same machine; each step is timed with its share of bringing points to the host, reading the sample and
looking for findings. The figure is the difference of the two medians over N = 50 plain steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import torch

from bench.trainer import SEED, Case, Place, material
from services.worker.training.determinism import seed_everything
from services.worker.training.diagnostics import FlowWatch
from services.worker.training.loop import Rules, train
from services.worker.training.optim import make_optimizer
from services.worker.training.points import columns_of
from shared.catalog import MfParams, MlpParams, NeumfParams
from shared.gradients import Detector
from shared.schedules import OptimizerTraits, ScheduleSpec, resolve
from shared.specs.job import GradientFlow, JobSpec
from shared.specs.optimizers import AdamWParams

DEFAULT_BATCH: int = JobSpec.model_fields["batch_size"].default
EVERY = GradientFlow().every
LIMIT = 0.02
CASES = (
    Case(f"mlp 128-64, batch {DEFAULT_BATCH}", MlpParams(), DEFAULT_BATCH),
    Case(f"neumf 32, 64-32-16, batch {DEFAULT_BATCH} × 5", NeumfParams(), DEFAULT_BATCH, negatives=4),
    Case(f"mf 64, batch {DEFAULT_BATCH} × 5", MfParams(), DEFAULT_BATCH, negatives=4),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """One row of the table."""

    case: str
    plain_seconds: float
    extra_seconds: float

    @property
    def share(self) -> float:
        """What sampling one step in `EVERY` adds to the time of training."""
        return self.extra_seconds / (EVERY * self.plain_seconds)


def measure(case: Case, place: Place, *, steps: int) -> Cost:
    """Return what a sampled step costs more than its neighbours."""
    seed_everything(SEED, place.device)
    (net, objective), batches = material(case, place)
    params = AdamWParams(name="adamw")
    schedule = resolve(
        ScheduleSpec.parse({"name": "cosine", "base_lr": 0.001}),
        total_steps=10**6,
        steps_per_epoch=100,
        optimizer=OptimizerTraits.of(params),
    )
    optimizer = make_optimizer(net, params, schedule)
    watch = FlowWatch(net, parameters=optimizer.parameters, every=2)
    detector = Detector(watch.layers)
    points = train(
        net,
        batches=batches,
        objective=objective,
        optimizer=optimizer,
        steps=range(steps),
        rules=Rules(watch=watch),
    )
    spent: tuple[list[float], list[float]] = ([], [])
    began = time.perf_counter()
    for point in points:
        columns_of([point])
        for sample in watch.read([point]):
            detector.observe(sample)
        place.settle()
        ended = time.perf_counter()
        spent[point.step % 2].append(ended - began)
        began = time.perf_counter()
    sampled, plain = (statistics.median(seconds[20:]) for seconds in spent)
    return Cost(case.label, plain, max(sampled - plain, 0.0))


def table(rows: list[Cost]) -> str:
    """Return the costs as a Markdown table."""
    head = f"| net | plain step, ms | a sample adds, ms | share at N = {EVERY} |\n|---|---|---|---|"
    lines = [
        f"| {r.case} | {r.plain_seconds * 1e3:.2f} | {r.extra_seconds * 1e3:.2f} | {r.share:.2%} |"
        for r in rows
    ]
    return "\n".join([head, *lines])


def main() -> int:
    """Measure every case, print the table, and tell whether each stays below the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    place = Place(torch.device(asked.device), "float32")
    rows = [measure(case, place, steps=asked.steps) for case in CASES]
    print(table(rows))
    return int(any(row.share >= LIMIT for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
