"""MovieLens 1M as in He et al. 2017 (arXiv 1708.05031): one test item and 99 given negatives a user.

The nets, batches, optimizer, loop and evaluator are those of a training job. Settings were chosen on
`holdout`, one random item a user cut from the training pairs with 99 negatives of its own, never on the
test file.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch

from services.worker.baselines.ease import Ease
from services.worker.baselines.popularity import Popularity
from services.worker.baselines.ranking import Pairs, RankingBaseline
from services.worker.data.batches import EpochPlan, PairBatches
from services.worker.data.batches import Pairs as TrainingPairs
from services.worker.evaluation.candidates import Candidates, draw_candidates, given_candidates
from services.worker.evaluation.ranking import RankingResult, Scorer, evaluate_candidates, picking
from services.worker.evaluation.report import Candidate, ranking_report
from services.worker.evaluation.seen import seen_index
from services.worker.evaluation.splits import Holdout, InteractionSplit, split_hash
from services.worker.nets import Sizes, build
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import train
from services.worker.training.objective import objective_of
from services.worker.training.optim import make_optimizer
from services.worker.training.points import materialise
from services.worker.trainings.scoring import full_scorer
from shared.catalog import MfParams
from shared.schedules import ANY_OPTIMIZER, ScheduleSpec, resolve
from shared.specs.job import RankingEvaluation
from shared.specs.optimizers import AdamParams

K = 10
NEGATIVES = 99
EASE_L2 = 600.0
TARGETS = {"hr@10": 0.70, "ndcg@10": 0.43}
KNOWN = {"popularity": (0.4531, 0.2541), "ease": (0.7137, 0.4513)}
"""HR@10 and NDCG@10 that a right evaluator gives: the published popularity, and EASE with λ = 600."""

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class World:
    """Training pairs and the candidates they are judged on."""

    users: Longs
    items: Longs
    candidates: Candidates
    n_users: int
    n_items: int


@dataclass(frozen=True, slots=True)
class Setting:
    """One training of `mf`."""

    net: MfParams
    optimizer: AdamParams
    schedule: dict[str, Any]
    batch_size: int
    epochs: int


CHOSEN = Setting(
    net=MfParams(embedding_dim=128, negatives=8),
    optimizer=AdamParams(name="adam", weight_decay=1e-6),
    schedule={"name": "cosine", "base_lr": 0.004},
    batch_size=8192,
    epochs=24,
)


def official(folder: Path) -> World:
    """Read the files as they were published."""
    table = pq.read_table(folder / "ml-1m.train.pairs.parquet")
    test = np.loadtxt(folder / "ml-1m.test.rating", dtype=np.int64)
    with gzip.open(folder / "ml-1m.test.negative.gz") as stream:
        negatives = np.loadtxt(stream, dtype=np.int64, delimiter="\t", usecols=range(1, NEGATIVES + 1))
    users, items = (table[name].to_numpy().astype(np.int64) for name in ("user", "item"))
    candidates = given_candidates(test[:, 0], test[:, 1], negatives)
    check_files(users, items, candidates)
    return World(users, items, candidates, n_users=6040, n_items=3706)


def check_files(users: Longs, items: Longs, candidates: Candidates) -> None:
    """Hold the files against what is known of them, so that no figure comes from others."""
    per_row = candidates.valid.sum(axis=1)
    assert (len(users), len(candidates.users)) == (994_169, 6_040)
    assert (int((per_row == 98).sum()), int((per_row == 99).sum())) == (156, 5_884)
    assert len(np.setdiff1d(candidates.positives, items)) == 2, "two test items are never trained on"
    trained = np.unique(users * 3706 + items)
    tested = np.concatenate([candidates.positives[:, None], candidates.negatives], axis=1)
    assert not np.isin(candidates.users[:, None] * 3706 + tested, trained).any()


def holdout(world: World, *, seed: int = 7) -> World:
    """Cut one random item a user from the training pairs; the test file is not looked at."""
    order = np.lexsort((np.random.default_rng(seed).permutation(len(world.users)), world.users))
    last = np.append(np.diff(world.users[order]) != 0, True)
    held, kept = order[last], np.sort(order[~last])
    seen = seen_index(world.users, world.items, n_users=world.n_users, n_items=world.n_items)
    positives = Holdout(world.users[held].astype(np.int32), world.items[held].astype(np.int32))
    candidates = draw_candidates(positives, seen=seen, negatives=NEGATIVES, seed=seed)
    return World(world.users[kept], world.items[kept], candidates, world.n_users, world.n_items)


def train_mf(world: World, setting: Setting, *, seed: int) -> Iterator[tuple[int, Scorer]]:
    """Train, and yield the scorer after every epoch."""
    seed_everything(seed, "cpu")
    plan = EpochPlan(rows=len(world.users), batch_size=setting.batch_size, seed=seed)
    pairs = TrainingPairs(world.users, world.items, None, world.n_users, world.n_items)
    batches = PairBatches(pairs, plan=plan, negatives=setting.net.negatives, device="cpu")
    net = build(setting.net, Sizes(users=world.n_users, items=world.n_items), seed=seed)
    total = plan.steps_per_epoch * setting.epochs
    schedule = resolve(
        ScheduleSpec.parse(setting.schedule),
        total_steps=total,
        steps_per_epoch=plan.steps_per_epoch,
        optimizer=ANY_OPTIMIZER,
    )
    scores = full_scorer(net, n_items=world.n_items, device=torch.device("cpu"))
    objective = objective_of(task="recommend", feedback="implicit", loss=setting.net.loss)
    optimizer = make_optimizer(net, setting.optimizer, schedule)
    points = []
    for point in train(net, batches=batches, objective=objective, optimizer=optimizer, steps=range(total)):
        points.append(point)
        if len(points) == plan.steps_per_epoch:
            materialise(points)
            points.clear()
            yield (point.step + 1) // plan.steps_per_epoch, scores


def judged(world: World, scorer: Scorer) -> RankingResult:
    return evaluate_candidates(picking(scorer, world.n_items), world.candidates, k=(K,))


def measure(folder: Path, *, seed: int = 0, setting: Setting = CHOSEN) -> dict[str, Any]:
    """Train on all training pairs, judge on the test file beside popularity and EASE."""
    world = official(folder)
    candidates, seconds = [], {}
    started = time.perf_counter()
    *_, (_, scorer) = train_mf(world, setting, seed=seed)
    seconds["mf"] = time.perf_counter() - started
    candidates.append(Candidate("mf", "net", judged(world, scorer)))
    pairs = Pairs(world.users.astype(np.int32), world.items.astype(np.int32), world.n_users, world.n_items)
    baselines: dict[str, RankingBaseline] = {"popularity": Popularity(), "ease": Ease(l2=(EASE_L2,))}
    for name, baseline in baselines.items():
        started = time.perf_counter()
        ranker = baseline.fit(pairs, judge=lambda _scores: 0.0)
        seconds[name] = time.perf_counter() - started
        candidates.append(Candidate(name, "baseline", judged(world, ranker.scores), ranker.settings))
    report = ranking_report(
        candidates, split=_as_split(world), evaluation=RankingEvaluation(negatives=NEGATIVES), seed=seed
    )
    return {"report": report, "seconds": seconds, "setting": _plain(setting), "failures": failures(report)}


def failures(report: dict[str, Any]) -> list[str]:
    """Return what misses its target or its known value."""
    values = {c["name"]: {m: v["value"] for m, v in c["metrics"].items()} for c in report["candidates"]}
    missed = [
        f"mf {metric}: wanted at least {wanted}, came {values['mf'][metric]:.4f}"
        for metric, wanted in TARGETS.items()
        if values["mf"][metric] < wanted
    ]
    for name, known in KNOWN.items():
        for metric, wanted in zip(TARGETS, known, strict=True):
            if abs(values[name][metric] - wanted) > 0.0005:
                missed.append(f"{name} {metric}: known as {wanted}, came {values[name][metric]:.4f}")
    return missed


def _as_split(world: World) -> InteractionSplit:
    users, items = world.users.astype(np.int32), world.items.astype(np.int32)
    test = Holdout(world.candidates.users.astype(np.int32), world.candidates.positives.astype(np.int32))
    nothing = np.empty(0, np.int32)
    keys = [u.astype(np.int64) * world.n_items + i for u, i in ((users, items), (test.users, test.items))]
    return InteractionSplit(
        train_users=users,
        train_items=items,
        train_ratings=None,
        validation=Holdout(nothing, nothing),
        test=test,
        n_users=world.n_users,
        n_items=world.n_items,
        ordered_by="timestamp",
        hash=split_hash(keys),
        later_share=None,
    )


def _plain(setting: Setting) -> dict[str, Any]:
    return {
        "net": setting.net.model_dump(mode="json"),
        "optimizer": setting.optimizer.model_dump(mode="json"),
        "schedule": setting.schedule,
        "batch_size": setting.batch_size,
        "epochs": setting.epochs,
    }
