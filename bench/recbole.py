"""NeuMF on MovieLens 100K: our samples/s against RecBole 1.2.1's, epochs of both alternating in one run.

`GRADUS_TEST_DATA=<folder with ml-100k/u.data> python -m bench.recbole --cache <folder>` makes RecBole's own
environment under the folder once (`setuptools<80`, `pandas<3`), and prints one table. Both train NeuMF with
embeddings of 64, layers of 128 and 64, Adam, batches of 1,024 positives with one uniform negative each, on
the same number of rows and threads; evaluation is left out on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from services.worker.data.batches import EpochPlan, PairBatches, Pairs
from services.worker.nets import Sizes, build
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import Point, train
from services.worker.training.objective import objective_of
from services.worker.training.optim import make_optimizer
from services.worker.training.points import materialise
from shared.catalog import NeumfParams
from shared.schedules import OptimizerTraits, ScheduleSpec, resolve
from shared.specs.optimizers import AdamParams

PACKAGES = ("setuptools<80", "torch==2.13.0", "recbole==1.2.1", "pandas<3")
PEER = Path(__file__).with_name("recbole_peer.py")
POSITIVES, NEGATIVES, DROPOUT, SEED = 1_024, 1, 0.1, 2020
TRAINING_SHARE = 0.8
MIN_RATIO = 4.0


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch trained, and how long it took."""

    samples: int
    seconds: float

    @property
    def rate(self) -> float:
        """Samples a second, negatives counted."""
        return self.samples / self.seconds


def environment(cache: Path) -> Path:
    """Return the interpreter of RecBole's own environment, made at the first call."""
    home = cache / "recbole"
    python, stamp = home / "bin" / "python", home / "complete"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
        stamp.touch()
    return python


def ratings(folder: Path) -> list[list[str]]:
    """Return the rows of u.data: user, item, rating, time."""
    path = folder / "ml-100k" / "u.data"
    return [line.split("\t") for line in path.read_text().splitlines()]


def write_atomic_file(rows: list[list[str]], cache: Path) -> None:
    """Write the rows in RecBole's own format."""
    target = cache / "recbole-data" / "ml-100k"
    target.mkdir(parents=True, exist_ok=True)
    head = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    target.joinpath("ml-100k.inter").write_text("\n".join([head, *("\t".join(row) for row in rows)]) + "\n")


@contextmanager
def peer(python: Path, cache: Path, *, threads: int) -> Iterator[Any]:
    """Run RecBole in its own process; the value yields an `Epoch` for each call."""
    settings = {
        "data_path": str(cache / "recbole-data"),
        "checkpoint_dir": str(cache / "recbole-saved"),
        "threads": threads,
        "batch_size": POSITIVES * (1 + NEGATIVES),
        "dropout": DROPOUT,
        "seed": SEED,
    }
    process = subprocess.Popen(
        [
            str(python),
            "-P",
            "-W",
            "ignore",
            str(PEER),
            json.dumps(settings),
        ],  # -P: `import recbole` must not find this file
        cwd=cache,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    sent, answers = process.stdin, process.stdout

    def one_epoch() -> Epoch:
        sent.write("epoch\n")
        sent.flush()
        for line in answers:
            if line.startswith("{"):
                return Epoch(**json.loads(line))
        raise RuntimeError(f"RecBole ended with exit status {process.wait()}")

    try:
        yield one_epoch
    finally:
        process.stdin.close()
        process.wait(timeout=60)


def our_epochs(rows: list[list[str]]) -> Iterator[Epoch]:
    """Train on a random share of the rows, as large as RecBole's training part, and yield each epoch."""
    users, items = (np.unique([row[k] for row in rows], return_inverse=True)[1] for k in (0, 1))
    chosen = random.Random(SEED).sample(range(len(rows)), int(TRAINING_SHARE * len(rows)))
    pairs = Pairs(users[chosen], items[chosen], None, int(users.max()) + 1, int(items.max()) + 1)
    plan = EpochPlan(len(chosen), POSITIVES, SEED)
    seed_everything(SEED, "cpu")
    params = NeumfParams(embedding_dim=64, hidden=(128, 64), dropout=DROPOUT)
    net = build(params, Sizes(users=pairs.n_users, items=pairs.n_items), seed=SEED)
    adam = AdamParams(name="adam")
    schedule = resolve(
        ScheduleSpec.parse({"name": "constant", "base_lr": 0.001}),
        total_steps=10**9,
        steps_per_epoch=plan.steps_per_epoch,
        optimizer=OptimizerTraits.of(adam),
    )
    points = train(
        net,
        batches=PairBatches(pairs, plan=plan, negatives=NEGATIVES, device="cpu"),
        objective=objective_of(task="recommend"),
        optimizer=make_optimizer(net, adam, schedule),
        steps=range(10**9),
    )
    while True:
        yield _epoch(points, steps=plan.steps_per_epoch, samples=len(chosen) * (1 + NEGATIVES))


def _epoch(points: Iterator[Point], *, steps: int, samples: int) -> Epoch:
    start = time.perf_counter()
    materialise([next(points) for _ in range(steps)])
    return Epoch(samples, time.perf_counter() - start)


def run(cache: Path, data: Path, *, epochs: int, threads: int) -> list[tuple[Epoch, Epoch]]:
    """Return pairs of (ours, RecBole's) epochs, one after the other; the first of each is left out."""
    cache.mkdir(parents=True, exist_ok=True)
    rows = ratings(data)
    write_atomic_file(rows, cache)
    torch.set_num_threads(threads)
    ours = our_epochs(rows)
    with peer(environment(cache), cache, threads=threads) as theirs:
        next(ours), theirs()
        return [(next(ours), theirs()) for _ in range(epochs)]


def main() -> int:
    """Measure, print the table, and tell whether the median ratio reaches the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "gradus-bench")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args()
    data = os.environ.get("GRADUS_TEST_DATA")
    if not data:
        parser.error("GRADUS_TEST_DATA must name a folder that holds ml-100k/u.data")
    found = run(asked.cache, Path(data), epochs=asked.epochs, threads=asked.threads)
    ratios = [mine.rate / theirs.rate for mine, theirs in found]
    ours, recbole = (statistics.median(pair[k].rate for pair in found) for k in (0, 1))
    print("| NeuMF 64, 128-64, ML-100K | samples/s | ratio: median (min–max) |\n|---|---|---|")
    print(f"| Gradus | {ours:,.0f} | {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) |")
    print(f"| RecBole 1.2.1 | {recbole:,.0f} | 1 |")
    if asked.json:
        figures = {"ours": ours, "recbole": recbole, "ratios": ratios, "threads": asked.threads}
        asked.json.write_text(json.dumps(figures, indent=1))
    return int(statistics.median(ratios) < MIN_RATIO)


if __name__ == "__main__":
    raise SystemExit(main())
