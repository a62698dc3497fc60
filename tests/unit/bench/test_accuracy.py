"""The accuracy benchmark trains, judges and fails as it says, on worlds small enough for a test."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import accuracy_ncf, accuracy_support2
from services.worker.evaluation.candidates import given_candidates
from shared.catalog import MfParams, MlpParams
from shared.specs.optimizers import AdamParams

USERS, ITEMS = 24, 40


def checkerboard() -> accuracy_ncf.World:
    """Users met the items of their colour but one; the negatives are those of the other colour."""
    missing = np.array([(3 * user) % ITEMS // 2 * 2 + user % 2 for user in range(USERS)])
    pairs = [(u, i) for u in range(USERS) for i in range(u % 2, ITEMS, 2) if i != missing[u]]
    users, items = np.array(pairs, np.int64).T
    negatives = np.array([np.arange((u + 1) % 2, ITEMS, 2) for u in range(USERS)])
    candidates = given_candidates(np.arange(USERS), missing, negatives)
    return accuracy_ncf.World(users, items, candidates, n_users=USERS, n_items=ITEMS)


def test_mf_learns_the_colours_of_the_board() -> None:
    setting = accuracy_ncf.Setting(
        net=MfParams(embedding_dim=8, negatives=4),
        optimizer=AdamParams(name="adam"),
        schedule={"name": "constant", "base_lr": 0.05},
        batch_size=64,
        epochs=12,
    )
    world = checkerboard()
    *_, (epoch, scorer) = accuracy_ncf.train_mf(world, setting, seed=0)
    assert epoch == 12
    assert accuracy_ncf.judged(world, scorer).metrics["ndcg@10"] == 1.0


def test_the_hold_out_is_one_training_item_a_user_and_nothing_of_the_test() -> None:
    world = checkerboard()
    cut = accuracy_ncf.holdout(world)
    trained = set(zip(world.users.tolist(), world.items.tolist(), strict=True))
    held = list(zip(cut.candidates.users.tolist(), cut.candidates.positives.tolist(), strict=True))
    assert sorted(user for user, _ in held) == list(range(USERS))
    assert set(held) <= trained
    assert len(cut.users) == len(world.users) - USERS
    assert not set(held) & set(zip(cut.users.tolist(), cut.items.tolist(), strict=True))


def report(mf: float, ease: float) -> dict[str, Any]:
    hits, gains = (
        {"mf": mf, "popularity": 0.4531, "ease": ease},
        {"mf": 0.44, "popularity": 0.2541, "ease": 0.4513},
    )
    return {
        "candidates": [
            {"name": name, "metrics": {"hr@10": {"value": hits[name]}, "ndcg@10": {"value": gains[name]}}}
            for name in hits
        ]
    }


def test_a_missed_target_and_a_wrong_evaluator_are_failures() -> None:
    assert accuracy_ncf.failures(report(0.71, 0.7137)) == []
    assert accuracy_ncf.failures(report(0.69, 0.7137)) == ["mf hr@10: wanted at least 0.7, came 0.6900"]
    assert accuracy_ncf.failures(report(0.71, 0.7237)) == ["ease hr@10: known as 0.7137, came 0.7237"]
    assert accuracy_support2.failures({"mlp": 0.776, "logistic_regression": 0.784}) == []
    assert accuracy_support2.failures({"mlp": 0.774, "logistic_regression": 0.79}) == [
        "mlp auroc: wanted at least 0.775, came 0.7740",
        "logistic regression auroc: known as 0.783 ± 0.003, came 0.7900",
    ]


def test_mlp_finds_the_code_that_causes_the_diagnosis() -> None:
    rng = np.random.default_rng(0)
    codes = rng.choice(["E11", "I10", "J45"], 400)
    world = accuracy_support2.World(
        {"noise": rng.normal(size=400)}, {"code": codes.tolist()}, (codes == "E11").astype(np.int64)
    )
    setting = accuracy_support2.Setting(
        net=MlpParams(hidden=(16,)),
        optimizer=AdamParams(name="adam"),
        schedule={"name": "constant", "base_lr": 0.01},
        batch_size=64,
        epochs=8,
    )
    *_, probabilities = accuracy_support2.train_mlp(
        world.take(np.arange(300)), world.take(np.arange(300, 400)), setting, seed=0
    )
    assert probabilities[codes[300:] == "E11"].min() > probabilities[codes[300:] != "E11"].max()
