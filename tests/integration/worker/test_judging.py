"""Judging: what a net that cannot be judged says, and that nobody waits for its baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from services.worker.baselines import (
    RANKING,
    RECORDS,
    Classifier,
    Pairs,
    Ranker,
    RecordBaseline,
    Table,
)
from services.worker.baselines.ranking import Judge
from services.worker.baselines.records import Labels
from services.worker.training.checkpoint import Snapshot
from services.worker.trainings.session import Session, StopFlag
from shared.db.engine import Database
from shared.db.jobs import get_job
from shared.errors import Diverged
from shared.storage import Storage
from tests.support.plans import diagnosis_plan
from tests.support.school import School
from tests.support.uploads import Upload
from tests.support.worlds import wards_csv

REMEDY = "lower the learning rate, add warm-up or clip the gradient"


def spoiling(name: str, change: Callable[[Tensor], Tensor]) -> type[Session]:
    """Return a session whose best checkpoint holds other weights, under this name, than were evaluated."""

    class Spoilt(Session):
        def best_snapshot(self) -> Snapshot:
            found = super().best_snapshot()
            changed = change(found.tensors[f"net/{name}"].clone())
            return replace(found, tensors={**found.tensors, f"net/{name}": changed})

    return Spoilt


def reason_of(school: School, kind: type[Session]) -> str:
    """Return what a message says after it named the best checkpoint."""
    school.add()
    with pytest.raises(Diverged) as failure:
        school.attempt(StopFlag(), kind=kind)
    with school.database.begin() as cx:
        best = get_job(cx, job_id=school.job_id).best
    assert best is not None
    beginning = f"the best checkpoint, of step {best['step']}, cannot be judged on the test part and packed: "
    assert failure.value.detail.startswith(beginning)
    return failure.value.detail.removeprefix(beginning)


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    """A short training of 15 users and 12 items, whose numbers are large enough to overflow a product."""
    net = {"name": "mf", "embedding_dim": 4, "init_std": 0.9}
    return School(database, Storage(tmp_path.as_uri())).enrol(net=net)


def test_weights_that_are_no_numbers_are_counted_by_layer(school: School):
    def spoil(users: Tensor) -> Tensor:
        users[3] = torch.nan
        return users

    reason = f"not all weights are finite numbers: 4 of 60 in users are not; {REMEDY}"
    assert reason_of(school, spoiling("users", spoil)) == reason


def test_scores_that_overflow_come_with_the_layer_of_the_largest_weight(school: School):
    assert reason_of(school, spoiling("items", lambda items: torch.full_like(items, 3e38))) == (
        "the scores of items are not all finite numbers; its weights are finite, the largest of them, 3e+38, "
        f"in items; {REMEDY}"
    )


class Wordless:
    """A baseline that has no number for anybody."""

    def fit(self, pairs: Pairs, *, judge: Judge) -> Ranker:  # noqa: ARG002 - it has nothing to choose
        return Ranker(lambda users_B: np.full((len(users_B), pairs.n_items), np.nan, np.float32))


def test_a_baseline_without_numbers_is_not_blamed_on_the_net(school: School, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(RANKING, "popularity", Wordless())
    school.add()
    school.attempt(StopFlag())
    report = school.left()["report"]
    refused = {candidate["name"]: candidate["refused"] for candidate in report["candidates"]}
    assert refused == {
        "mf": None,
        "popularity": "the scores of items are not all finite numbers",
        "ease": None,
    }
    assert "popularity was not run: the scores of items are not all finite numbers." in report["caveats"]


class Stopped(Exception):
    """Somebody asked for the end."""


@dataclass
class Patience:
    """Lets judging go on a number of times."""

    left: int

    def __call__(self) -> None:
        if not self.left:
            raise Stopped
        self.left -= 1


def test_records_are_judged_one_baseline_at_a_time_and_again_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    upload = Upload(tmp_path).put({"ward.csv": wards_csv(rows=80)})
    upload.read("records")
    fitted: list[str] = []
    for name, baseline in list(RECORDS.items()):
        monkeypatch.setitem(RECORDS, name, Noted(name, baseline, fitted))
    wanted = diagnosis_plan(upload).judge(Patience(3))
    names = [candidate["name"] for candidate in wanted["candidates"]]
    assert names == ["mlp", "logistic_regression", "boosted_trees"]
    for patience, begun in ((0, []), (1, names[1:2]), (2, names[1:])):
        fitted.clear()
        with pytest.raises(Stopped):
            diagnosis_plan(upload).judge(Patience(patience))
        assert fitted == begun
    assert diagnosis_plan(upload).judge(lambda: None) == wanted


@dataclass
class Noted:
    """A baseline that is written down when it is fitted."""

    name: str
    baseline: RecordBaseline
    fitted: list[str]

    def fit(self, table: Table, labels_N: Labels, *, seed: int) -> Classifier:
        self.fitted.append(self.name)
        return self.baseline.fit(table, labels_N, seed=seed)
