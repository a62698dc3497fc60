"""SUPPORT2, death within 180 days, five stratified folds: `mlp` beside logistic regression and boosted trees.

Everything is fitted on the training folds, encoders included. Settings of the net were chosen on a fifth
of each training part (`--tune`), never on the fold it is judged on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from sklearn.model_selection import StratifiedKFold, train_test_split

from services.worker.baselines import RECORDS, Table
from services.worker.data.batches import EncodedRecords, EpochPlan, RecordBatches
from services.worker.evaluation.bootstrap import Measure, resample
from services.worker.evaluation.classification import METRICS, classification_measure, evaluate_probabilities
from services.worker.evaluation.report import with_bounds
from services.worker.evaluation.verdict import Scored, judge
from services.worker.nets import Sizes, build
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import train
from services.worker.training.objective import objective_of
from services.worker.training.optim import make_optimizer
from services.worker.training.points import materialise
from services.worker.trainings.scoring import probabilities
from shared.catalog import MlpParams
from shared.features.records import RecordEncoder
from shared.schedules import ANY_OPTIMIZER, ScheduleSpec, resolve
from shared.specs.optimizers import AdamParams, AdamWParams

DROPPED = (
    *("sno", "death", "d.time"),  # row number, and what the label is made of
    *("hospdead", "slos", "sfdm2"),  # outcomes
    *("surv2m", "surv6m", "prg2m", "prg6m", "sps"),  # predictions of the outcome by others
    *("dnr", "dnrday", "adlp", "adls", "adlsc", "avtisst", "charges", "totcst", "totmcst"),  # known later
)
FOLDS = 5
TARGET = 0.775
KNOWN_LOGISTIC = (0.783, 0.003)

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class World:
    """28 columns and the label of 9,105 patients."""

    numbers: dict[str, Floats]
    categories: dict[str, list[str | None]]
    labels: Longs

    def take(self, rows: Longs) -> World:
        """Return some rows."""
        numbers = {name: column[rows] for name, column in self.numbers.items()}
        categories = {name: [levels[row] for row in rows] for name, levels in self.categories.items()}
        return World(numbers, categories, self.labels[rows])

    def folds(self) -> list[tuple[Longs, Longs]]:
        """Return the rows to fit on and the rows to judge, five times."""
        cut = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        return list(cut.split(np.zeros(len(self.labels)), self.labels))


@dataclass(frozen=True, slots=True)
class Setting:
    """One training of `mlp`."""

    net: MlpParams
    optimizer: AdamParams | AdamWParams
    schedule: dict[str, Any]
    batch_size: int
    epochs: int


CHOSEN = Setting(
    net=MlpParams(hidden=(128,), dropout=0.5, embedding_dim=3),
    optimizer=AdamWParams(name="adamw", weight_decay=0.1),
    schedule={"name": "cosine", "base_lr": 0.001},
    batch_size=256,
    epochs=40,
)


def read(folder: Path) -> World:
    """Read the file, make the label, drop what leaks it."""
    table = pq.read_table(folder / "support2.parquet")
    death, days = (table[name].to_numpy() for name in ("death", "d.time"))
    kept = table.drop_columns(list(DROPPED))
    text = [f.name for f in kept.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    numbers = {
        name: kept[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        for name in kept.column_names
        if name not in text
    }
    categories = {name: kept[name].to_pylist() for name in text}
    labels = ((death == 1) & (days < 180)).astype(np.int64)
    assert (len(labels), int(labels.sum()), len(kept.column_names)) == (9_105, 4_257, 28)
    return World(numbers, categories, labels)


def train_mlp(world: World, rows: World, setting: Setting, *, seed: int) -> Iterator[Floats]:
    """Train on one world and yield the probabilities of other rows after every epoch."""
    seed_everything(seed, "cpu")
    encoder = RecordEncoder.fit(world.numbers, world.categories, transform=setting.net.numbers)
    known, asked = (encoder.encode_columns(w.numbers, w.categories) for w in (world, rows))
    plan = EpochPlan(rows=len(world.labels), batch_size=setting.batch_size, seed=seed)
    records = EncodedRecords(known.numbers_BF, known.codes_BC, world.labels.astype(np.float64))
    batches = RecordBatches(records, plan=plan, device="cpu")
    rate = float(world.labels.mean())
    sizes = Sizes(numbers=encoder.width, levels=encoder.levels, start=math.log(rate / (1.0 - rate)))
    net = build(setting.net, sizes, seed=seed)
    total = plan.steps_per_epoch * setting.epochs
    schedule = resolve(
        ScheduleSpec.parse(setting.schedule),
        total_steps=total,
        steps_per_epoch=plan.steps_per_epoch,
        optimizer=ANY_OPTIMIZER,
    )
    optimizer = make_optimizer(net, setting.optimizer, schedule)
    objective = objective_of(task="diagnose")
    points = []
    for point in train(net, batches=batches, objective=objective, optimizer=optimizer, steps=range(total)):
        points.append(point)
        if len(points) == plan.steps_per_epoch:
            materialise(points)
            points.clear()
            yield probabilities(net, asked.numbers_BF, asked.codes_BC, device=torch.device("cpu"))


def tune(folder: Path, setting: Setting) -> list[dict[str, float]]:
    """Return mean metrics by epoch on a fifth of each training part; no fold that judges is looked at."""
    world = read(folder)
    by_epoch: list[list[dict[str, float | None]]] = [[] for _ in range(setting.epochs)]
    for number, (train_rows, _) in enumerate(world.folds()):
        fit, held = train_test_split(
            train_rows, test_size=0.2, stratify=world.labels[train_rows], random_state=number
        )
        for epoch, found in enumerate(train_mlp(world.take(fit), world.take(held), setting, seed=0)):
            by_epoch[epoch].append(evaluate_probabilities(world.labels[held], found))
    return [{m: float(np.mean([f[m] for f in folds])) for m in METRICS} for folds in by_epoch]


def measure(folder: Path, *, seed: int = 0, setting: Setting = CHOSEN) -> dict[str, Any]:
    """Return each candidate's metrics as means over the folds, and who won."""
    world = read(folder)
    folds = world.folds()
    fitters: dict[str, Callable[[World, World], Floats]] = {
        "mlp": lambda known, asked: list(train_mlp(known, asked, setting, seed=seed))[-1],
        **{name: _baseline(name, seed) for name in RECORDS},
    }
    measures: dict[str, Measure] = {}
    seconds: dict[str, float] = {}
    for name, fit in fitters.items():
        started = time.perf_counter()
        found = [fit(world.take(known), world.take(asked)) for known, asked in folds]
        seconds[name] = time.perf_counter() - started
        measures[name] = _mean_over_folds(world.labels, folds, found)
    return {
        **_compared(measures, rows=len(world.labels), seed=seed),
        "seconds": seconds,
        "setting": _plain(setting),
    }


def _baseline(name: str, seed: int) -> Callable[[World, World], Floats]:
    def fit(known: World, asked: World) -> Floats:
        fitted = RECORDS[name].fit(Table.of(known.numbers, known.categories), known.labels, seed=seed)
        return fitted.probabilities(Table.of(asked.numbers, asked.categories))

    return fit


def _mean_over_folds(labels: Longs, folds: list[tuple[Longs, Longs]], found: list[Floats]) -> Measure:
    parts = [
        (rows, classification_measure(labels[rows], p)) for (_, rows), p in zip(folds, found, strict=True)
    ]

    def measure(weights_RN: Floats) -> dict[str, Floats]:
        values = [part(weights_RN[:, rows]) for rows, part in parts]
        return {name: np.mean([value[name] for value in values], axis=0) for name in METRICS}

    return measure


def _compared(measures: dict[str, Measure], *, rows: int, seed: int) -> dict[str, Any]:
    once = {name: part(np.ones((1, rows))) for name, part in measures.items()}
    samples = resample(measures, rows=rows, seed=seed)
    scored = [
        Scored(
            name,
            "net" if name == "mlp" else "baseline",
            float(once[name]["auroc"][0]),
            samples[name]["auroc"],
        )
        for name in measures
    ]
    verdict = judge(scored, metric="auroc", missing={})
    metrics: dict[str, dict[str, dict[str, float | None]]] = {
        name: {m: with_bounds(m, float(once[name][m][0]), samples[name][m]) for m in METRICS}
        for name in measures
    }
    return {
        "metrics": metrics,
        "winner": verdict.winner,
        "sentence": verdict.sentence,
        "failures": failures({c.name: c.value for c in scored}),
    }


def failures(auroc: dict[str, float]) -> list[str]:
    """Return what misses its target or its known value."""
    missed = (
        [] if auroc["mlp"] >= TARGET else [f"mlp auroc: wanted at least {TARGET}, came {auroc['mlp']:.4f}"]
    )
    known, margin = KNOWN_LOGISTIC
    if abs(auroc["logistic_regression"] - known) > margin:
        came = auroc["logistic_regression"]
        missed.append(f"logistic regression auroc: known as {known} ± {margin}, came {came:.4f}")
    return missed


def _plain(setting: Setting) -> dict[str, Any]:
    return {
        "net": setting.net.model_dump(mode="json"),
        "optimizer": setting.optimizer.model_dump(mode="json"),
        "schedule": setting.schedule,
        "batch_size": setting.batch_size,
        "epochs": setting.epochs,
    }
