"""What our trainer costs: its samples/s against a bare torch loop of the same net, optimizer and batch.

`python -m bench.trainer` prints one table. The bare loop takes batches that lie ready on the device and
does nothing but zero_grad, forward, loss, backward and torch's own fused step. Ours draws and checks its
negatives, follows a schedule, records every point, brings the curve to the host every 50 updates and takes
a checkpoint to bytes every 1,000. Slices of both alternate; a ratio is that of one round's sums.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from services.worker.data.batches import EncodedRecords, EpochPlan, PairBatches, Pairs, RecordBatches
from services.worker.nets import Net, Sizes, build
from services.worker.training.checkpoint import capture, to_bytes
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import Point, Precision, Rules, train
from services.worker.training.objective import Objective, objective_of
from services.worker.training.optim import make_optimizer
from services.worker.training.points import materialise
from shared.catalog import AnyNet, MfParams, MlpParams, NeumfParams
from shared.schedules import OptimizerTraits, ScheduleSpec, resolve
from shared.specs.optimizers import AdamWParams

FLUSH_STEPS, CHECKPOINT_STEPS = 50, 1_000
READY_BATCHES = 64
SLICE_STEPS = 50
MIN_RATIO = 0.9
SEED = 7


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how the loops run."""

    device: torch.device
    precision: Precision

    def settle(self) -> None:
        """Wait until the device has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


@dataclass(frozen=True, slots=True)
class Case:
    """One net on data of one shape."""

    label: str
    params: AnyNet
    batch_size: int
    negatives: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of the table."""

    case: str
    device: str
    precision: str
    ratio_median: float
    ratio_min: float
    ratio_max: float
    samples_per_second: float
    bare_samples_per_second: float


CASES = (
    Case("mf 64, batch 1024 × 5", MfParams(), batch_size=1024, negatives=4),
    Case("mf 64, batch 1024 × 2", MfParams(), batch_size=1024, negatives=1),
    Case("neumf 32, 64-32-16, batch 1024 × 5", NeumfParams(), batch_size=1024, negatives=4),
    Case(
        "neumf 64, 128-64, batch 1024 × 2", NeumfParams(embedding_dim=64, hidden=(128, 64)), 1024, negatives=1
    ),
    Case("mlp 128-64, batch 1024", MlpParams(), batch_size=1024),
    Case("mlp 128-64, batch 256", MlpParams(), batch_size=256),
)
USERS, ITEMS, PAIRS = 943, 1_682, 90_000
RECORDS, NUMBERS, CATEGORIES, LEVELS = 6_400, 48, 8, 9


def _batches(case: Case, place: Place) -> PairBatches | RecordBatches:
    """Return random data in the shape of MovieLens 100K, or of a table of patients."""
    draw = np.random.default_rng(SEED)
    if isinstance(case.params, MlpParams):
        records = EncodedRecords(
            draw.standard_normal((RECORDS, NUMBERS)).astype(np.float32),
            draw.integers(0, LEVELS, (RECORDS, CATEGORIES)),
            draw.integers(0, 2, RECORDS).astype(np.float32),
        )
        return RecordBatches(records, plan=EpochPlan(RECORDS, case.batch_size, SEED), device=place.device)
    users, items = np.divmod(draw.choice(USERS * ITEMS, PAIRS, replace=False), ITEMS)
    return PairBatches(
        Pairs(users, items, None, USERS, ITEMS),
        plan=EpochPlan(PAIRS, case.batch_size, SEED),
        negatives=case.negatives,
        device=place.device,
    )


def _net(case: Case, place: Place) -> tuple[Net, Objective]:
    if isinstance(case.params, MlpParams):
        sizes = Sizes(numbers=NUMBERS, levels=(LEVELS,) * CATEGORIES)
        return build(case.params, sizes, seed=SEED).to(place.device), objective_of(task="diagnose")
    net = build(case.params, Sizes(users=USERS, items=ITEMS), seed=SEED).to(place.device)
    return net, objective_of(task="recommend", loss=case.params.loss)


def material(case: Case, place: Place) -> tuple[tuple[Net, Objective], PairBatches | RecordBatches]:
    """Return a case's net with its objective, and its batches."""
    return _net(case, place), _batches(case, place)


def bare_loop(case: Case, place: Place) -> Iterator[None]:
    """Make one update for each item taken, from batches that lie ready."""
    net, objective = _net(case, place)
    source = _batches(case, place)
    ready = [source.take(step) for step in range(READY_BATCHES)]
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.001, weight_decay=0.01, fused=True)
    net.train()
    for batch in itertools.cycle(ready):
        optimizer.zero_grad()
        if place.precision == "bf16":
            with torch.autocast(place.device.type, dtype=torch.bfloat16):
                loss = objective(net(*batch.inputs), batch.targets)
        else:
            loss = objective(net(*batch.inputs), batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield


def our_loop(case: Case, place: Place) -> Iterator[None]:
    """Make one update for each item taken, as the worker does."""
    net, objective = _net(case, place)
    batches, params = _batches(case, place), AdamWParams(name="adamw")
    schedule = resolve(
        ScheduleSpec.parse({"name": "cosine", "base_lr": 0.001}),
        total_steps=10**9,
        steps_per_epoch=100,
        optimizer=OptimizerTraits.of(params),
    )
    optimizer = make_optimizer(net, params, schedule)
    pending: list[Point] = []
    for point in train(
        net,
        batches=batches,
        objective=objective,
        optimizer=optimizer,
        steps=range(10**9),
        rules=Rules(precision=place.precision),
    ):
        pending.append(point)
        if len(pending) == FLUSH_STEPS:
            materialise(pending)
            pending = []
        if (point.step + 1) % CHECKPOINT_STEPS == 0:
            to_bytes(capture(net, optimizer=optimizer, batches=batches, step=point.step + 1, extra={}))
        yield


def _seconds(loop: Iterator[None], steps: int, place: Place) -> float:
    place.settle()
    start = time.perf_counter()
    for _ in itertools.islice(loop, steps):
        pass
    place.settle()
    return time.perf_counter() - start


def measure(case: Case, place: Place, *, rounds: int, round_seconds: float) -> Figures:
    """Return the figures of one case: alternating slices, summed by round."""
    seed_everything(SEED, place.device)
    loops: list[Callable[[Case, Place], Iterator[None]]] = [bare_loop, our_loop]
    bare, ours = (make(case, place) for make in loops)
    _seconds(bare, SLICE_STEPS, place), _seconds(ours, SLICE_STEPS, place)
    found: list[tuple[float, float]] = []
    steps: list[int] = []
    for _ in range(rounds):
        spent, done = [0.0, 0.0], 0
        while sum(spent) < round_seconds or done % CHECKPOINT_STEPS:
            spent[0] += _seconds(bare, SLICE_STEPS, place)
            spent[1] += _seconds(ours, SLICE_STEPS, place)
            done += SLICE_STEPS
        found.append((spent[0], spent[1]))
        steps.append(done)
    return _figures(case, place, found, steps)


def _figures(case: Case, place: Place, found: list[tuple[float, float]], steps: list[int]) -> Figures:
    ratios = [bare / ours for bare, ours in found]
    samples = case.batch_size * (1 + case.negatives)
    return Figures(
        case=case.label,
        device=place.device.type,
        precision=place.precision,
        ratio_median=statistics.median(ratios),
        ratio_min=min(ratios),
        ratio_max=max(ratios),
        samples_per_second=statistics.median(
            samples * n / ours for n, (_, ours) in zip(steps, found, strict=True)
        ),
        bare_samples_per_second=statistics.median(
            samples * n / bare for n, (bare, _) in zip(steps, found, strict=True)
        ),
    )


def table(rows: list[Figures]) -> str:
    """Return the figures as a Markdown table."""
    head = (
        "| net | device | ours / bare: median (min–max) | samples/s | bare samples/s |\n|---|---|---|---|---|"
    )
    lines = [
        f"| {r.case} | {r.device} {r.precision} | {r.ratio_median:.3f} ({r.ratio_min:.3f}–{r.ratio_max:.3f}) "
        f"| {r.samples_per_second:,.0f} | {r.bare_samples_per_second:,.0f} |"
        for r in rows
    ]
    return "\n".join([head, *lines])


def main() -> int:
    """Measure every case, print the table, and tell whether every median reaches the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--round-seconds", type=float, default=1.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) - 1))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    place = Place(torch.device(asked.device), asked.precision)
    rows = [measure(c, place, rounds=asked.rounds, round_seconds=asked.round_seconds) for c in CASES]
    print(table(rows))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return int(any(row.ratio_median < MIN_RATIO for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
