"""The sentence on a sweep, and which metric it speaks of."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

import pytest

from services.api.admission import metrics_of
from services.api.sweeps.comparison import compare
from services.api.sweeps.measures import chosen_metric, main_metric
from services.api.sweeps.record import Record
from services.api.sweeps.verdict import sentence
from shared.db.jobs import JobRow
from shared.db.sweeps import SweepRow
from shared.errors import Refused
from shared.scores import HIGHER_IS_BETTER, LOWER_IS_BETTER
from shared.specs.ids import new_uuid
from shared.specs.sweep import SweepSpec
from tests.unit.api.sweeps.test_standing import START

NAN = math.nan
TASKS: dict[str, dict[str, Any]] = {
    "implicit": {"name": "recommend", "evaluation": {"k": [5, 10]}},
    "explicit": {"name": "recommend", "feedback": "explicit"},
    "diagnose": {"name": "diagnose", "target": "died"},
}


def a_spec(labels: list[str], seeds: list[int], task: str = "implicit") -> SweepSpec:
    schedule = {"name": "constant", "base_lr": 0.1}
    return SweepSpec.model_validate(
        {
            "job": {
                "model": "films",
                "dataset": f"ds_{new_uuid()}",
                "task": TASKS[task],
                "net": {"name": "mlp" if task == "diagnose" else "mf"},
            },
            "schedules": [{"label": label, "schedule": schedule} for label in labels],
            "seeds": seeds,
        }
    )


def a_row(status: str, *, arm: int, seed: int, value: float, metric: str) -> JobRow:
    values: dict[str, Any] = dict.fromkeys(JobRow.__dataclass_fields__)
    values |= {"id": new_uuid(), "status": status, "sweep_arm": arm, "spec": {"seed": seed}}
    values |= {"best": {"metrics": {metric: value}}, "finished_at": START}
    return JobRow(**values)


def said(values: dict[str, list[float]], *, task: str = "implicit") -> str:
    """Return the sentence on values by label and seed; NaN is a training that failed."""
    seeds = list(range(len(next(iter(values.values())))))
    spec = a_spec(list(values), seeds, task)
    metric = main_metric(spec.job.task)
    jobs = [
        a_row("failed" if math.isnan(v) else "succeeded", arm=arm, seed=seed, value=v, metric=metric)
        for arm, found in enumerate(values.values())
        for seed, v in enumerate(found)
    ]
    row = SweepRow(id=UUID(int=1), owner="tester", model="films", spec={}, created_at=START)
    record = Record(row, spec, jobs, metric)
    return sentence(record, compare(record))


def test_a_winner_is_ahead_of_all_others() -> None:
    assert said({"a": [0.1, 0.11, 0.1], "b": [0.3, 0.31, 0.3], "c": [0.2, 0.21, 0.2]}) == (
        "b has the highest mean of best ndcg@5 on validation, 0.3033 over 3 seeds, ahead of a and c by more "
        "than the noise between seeds."
    )


def test_the_lowest_is_best_where_errors_are_measured() -> None:
    told = said({"a": [0.9, 0.91, 0.9], "b": [0.8, 0.81, 0.8]}, task="explicit")
    assert told.startswith("b has the lowest mean of best rmse on validation")


def test_some_ahead_of_and_some_tied_with() -> None:
    assert said({"a": [0.1, 0.11, 0.1], "b": [0.3, 0.31, 0.3], "c": [0.32, 0.27, 0.3]}) == (
        "b has the highest mean of best ndcg@5 on validation, 0.3033 over 3 seeds, ahead of a by more than "
        "the noise between seeds; it cannot be told from c."
    )


def test_a_tie_of_all() -> None:
    assert said({"a": [0.30, 0.20], "b": [0.20, 0.31]}) == (
        "A tie: b has the highest mean of best ndcg@5 on validation, 0.2550 over 2 seeds, but every "
        "difference to it lies within the noise between seeds."
    )


def test_one_seed_tells_a_range_and_no_winner() -> None:
    told = said({"a": [0.1], "b": [0.9]})
    assert told.startswith("With one seed, the best ndcg@5 on validation goes from 0.1000 (a) to 0.9000 (b)")
    assert "none is called better" in told


def test_a_lone_schedule_has_nothing_to_be_compared_with() -> None:
    told = said({"a": [0.1, 0.2]})
    assert told.endswith("0.1500 over 2 seeds; there is nothing to compare it with.")
    assert said({"a": [0.1]}) == "a came to ndcg@5 0.1000 at best on validation with one seed."


def test_what_failed_is_named_and_not_ranked() -> None:
    told = said({"a": [0.1, 0.11], "b": [0.9, NAN], "c": [0.1, 0.1]})
    assert told.startswith("A tie: a")
    assert told.endswith("Not ranked: b (failed with seed 1).")
    assert said({"a": [NAN, 0.1], "b": [NAN, NAN]}) == (
        "No schedule has a value for every seed, so none is compared. "
        "Not ranked: a (failed with seed 0), b (failed with seed 0)."
    )
    assert said({"a": [NAN], "b": [NAN]}).startswith("No schedule has a value for every seed")


@pytest.mark.parametrize(
    ("task", "main"), [("implicit", "ndcg@5"), ("explicit", "rmse"), ("diagnose", "auroc")]
)
def test_every_task_has_a_main_metric_and_directions_for_all(task: str, main: str) -> None:
    asked = a_spec(["a"], [0], task).job.task
    assert main_metric(asked) == chosen_metric(asked, asked=None) == main
    assert {name.partition("@")[0] for name in metrics_of(asked)} <= HIGHER_IS_BETTER | LOWER_IS_BETTER
    with pytest.raises(Refused):
        chosen_metric(asked, asked="elegance")
