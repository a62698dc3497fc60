"""What a training job may ask of a data set."""

from __future__ import annotations

from typing import Any

import pytest

from services.api.admission import admit, metrics_of
from shared.errors import Conflict, Refused
from shared.specs.dataset import ColumnSummary, DatasetSummary
from shared.specs.job import JobSpec

DATASET = "ds_00000000-0000-7000-8000-000000000000"
FILMS = DatasetSummary(rows=40, columns=(), users=4, items=12, history_histogram={"10": 4})
PATIENTS = DatasetSummary(
    rows=100,
    columns=(
        ColumnSummary(name="patient", type="id", missing=0),
        ColumnSummary(name="age", type="number", missing=0, distinct=60),
        ColumnSummary(name="ward", type="category", missing=0, distinct=3),
        ColumnSummary(name="died", type="category", missing=10, distinct=2),
    ),
)


def recommend(**changes: object) -> JobSpec:
    body: dict[str, Any] = {
        "model": "films",
        "dataset": DATASET,
        "task": {"name": "recommend"},
        "net": {"name": "mf"},
        "schedule": {"name": "constant", "base_lr": 0.01},
        "batch_size": 8,
        "epochs": 3,
    }
    return JobSpec.model_validate({**body, **changes})


def diagnose(task: dict[str, Any] | None = None, **changes: object) -> JobSpec:
    whole = {"name": "diagnose", "target": "died", **(task or {})}
    return recommend(task=whole, net={"name": "mlp"}, **changes)


def places(spec: JobSpec, summary: DatasetSummary, kind: str) -> list[tuple[str | int, ...]]:
    with pytest.raises(Refused) as caught:
        admit(spec, kind=kind, status="ready", summary=summary)
    return [f.loc for f in caught.value.findings]


def test_a_recommender_gets_its_steps_from_the_histories() -> None:
    # Each of 4 users keeps 8 of 10 films for training: 32 rows, 4 steps of 8, 3 epochs.
    admitted = admit(recommend(), kind="interactions", status="ready", summary=FILMS)
    assert (admitted.budget.training_rows, admitted.budget.steps_per_epoch) == (32, 4)
    assert admitted.budget.total_steps == admitted.schedule.total_steps == 12


def test_a_diagnosis_trains_on_labelled_records_only() -> None:
    # 90 labelled: 18 for the test, 9 for validation, 63 to train on in 8 steps.
    admitted = admit(diagnose(), kind="records", status="ready", summary=PATIENTS)
    assert (admitted.budget.training_rows, admitted.budget.steps_per_epoch) == (63, 8)


@pytest.mark.parametrize("status", ["reading", "refused"])
def test_a_data_set_that_is_not_ready_is_a_conflict(status: str) -> None:
    with pytest.raises(Conflict):
        admit(recommend(), kind="interactions", status=status, summary=None)


def test_the_kind_of_the_data_set_must_fit_the_task() -> None:
    assert places(recommend(), PATIENTS, "records") == [("dataset",)]


def test_explicit_feedback_needs_ratings() -> None:
    spec = recommend(task={"name": "recommend", "feedback": "explicit"})
    assert places(spec, FILMS, "interactions") == [("task", "feedback")]


def test_fewer_negatives_than_items() -> None:
    spec = recommend(task={"name": "recommend", "evaluation": {"negatives": 12}})
    assert places(spec, FILMS, "interactions") == [("task", "evaluation", "negatives")]


@pytest.mark.parametrize(
    ("task", "loc"),
    [
        ({"target": "dead"}, ("task", "target")),
        ({"target": "patient"}, ("task", "target")),
        ({"target": "ward"}, ("task", "target")),
        ({"exclude": ["ward", "height"]}, ("task", "exclude", 1)),
        ({"split": {"group": "family"}}, ("task", "split", "group")),
        ({"exclude": ["age", "ward"]}, ("task", "exclude")),
        ({"exclude": ["ward", "died"]}, ("task", "exclude", 1)),
        ({"exclude": ["patient"], "split": {"group": "patient"}}, ("task", "exclude", 0)),
        ({"exclude": ["ward", "patient", "ward"]}, ("task", "exclude", 2)),
        ({"split": {"group": "died"}}, ("task", "split", "group")),
    ],
)
def test_a_diagnosis_names_columns_that_are_there(task: dict[str, Any], loc: tuple[str | int, ...]) -> None:
    assert places(diagnose(task), PATIENTS, "records") == [loc]


def test_a_column_with_two_parts_is_told_which_it_has() -> None:
    task = {"exclude": ["died", "patient"], "split": {"group": "patient"}}
    with pytest.raises(Refused) as caught:
        admit(diagnose(task), kind="records", status="ready", summary=PATIENTS)
    assert [one.message for one in caught.value.findings] == [
        "this is the target, which is never an input; leave it out",
        "this is the group of the split, which is never an input; leave it out",
    ]


def test_an_unknown_column_is_answered_with_the_names_near_to_it() -> None:
    with pytest.raises(Refused) as caught:
        admit(
            diagnose({"target": "dies", "exclude": ["height"]}),
            kind="records",
            status="ready",
            summary=PATIENTS,
        )
    missing = "the data set has no column of this name"
    told = {one.loc[1]: one.message for one in caught.value.findings}
    assert told == {"exclude": missing, "target": f"{missing}; did you mean died?"}


@pytest.mark.parametrize(
    ("spec", "kind", "summary"),
    [
        (recommend(early_stopping={"monitor": "ndcg@20"}), "interactions", FILMS),
        (recommend(early_stopping={"monitor": "rmse"}), "interactions", FILMS),
        (diagnose(early_stopping={"monitor": "hr@10"}), "records", PATIENTS),
    ],
)
def test_the_monitored_metric_is_one_that_the_task_yields(
    spec: JobSpec, kind: str, summary: DatasetSummary
) -> None:
    assert places(spec, summary, kind) == [("early_stopping", "monitor")]


def test_explicit_feedback_yields_errors_of_ratings() -> None:
    task = recommend(task={"name": "recommend", "feedback": "explicit"}).task
    assert set(metrics_of(task)) == {"rmse", "mae", "val_loss"}


def test_implicit_feedback_yields_every_depth_asked_for() -> None:
    task = recommend(task={"name": "recommend", "evaluation": {"k": [5, 10]}}).task
    assert {"ndcg@5", "ndcg@10", "hr@10", "coverage@5"} <= set(metrics_of(task))


def test_a_schedule_that_cannot_be_is_refused_in_its_place() -> None:
    spec = recommend(schedule={"base_lr": 0.1, "phases": [{"name": "constant", "duration": "5st"}]})
    (loc,) = places(spec, FILMS, "interactions")
    assert loc[:2] == ("schedule", "phases")


def test_a_group_that_no_net_has_is_refused() -> None:
    spec = recommend(schedule={"name": "constant", "base_lr": 0.1, "groups": {"tail": {"lr_mult": 2.0}}})
    assert places(spec, FILMS, "interactions") == [("schedule", "groups", "tail")]


def test_a_split_that_leaves_nothing_is_refused() -> None:
    nobody = DatasetSummary(rows=0, columns=(), users=0, items=0)
    assert places(recommend(), nobody, "interactions") == [("dataset",)]


def test_a_schedule_may_name_only_groups_of_the_net_it_drives():
    spec = recommend(schedule={"name": "constant", "base_lr": 0.1, "groups": {"body": {"lr_mult": 2.0}}})
    assert places(spec, FILMS, "interactions") == [("schedule", "groups", "body")]


@pytest.mark.parametrize(
    ("feedback", "loc"),
    [
        ({"name": "plateau", "monitor": "auroc"}, ("schedule", "feedback", "monitor")),
        ({"name": "greedy", "monitor": "ndcg@20"}, ("schedule", "feedback", "monitor")),
        (
            {"name": "plateau", "monitor": "ndcg@10", "threshold_mode": "rel"},
            ("schedule", "feedback", "threshold_mode"),
        ),
    ],
)
def test_feedback_listens_to_what_the_task_yields(
    feedback: dict[str, Any], loc: tuple[str | int, ...]
) -> None:
    spec = recommend(schedule={"name": "constant", "base_lr": 0.1, "feedback": feedback})
    assert places(spec, FILMS, "interactions") == [loc]


@pytest.mark.parametrize(("monitor", "mode"), [("val_loss", "min"), ("ndcg@10", "max")])
def test_feedback_goes_the_way_its_metric_is_better(monitor: str, mode: str):
    feedback = {"name": "plateau", "monitor": monitor}
    spec = recommend(schedule={"name": "constant", "base_lr": 0.1, "feedback": feedback})
    admitted = admit(spec, kind="interactions", status="ready", summary=FILMS)
    assert admitted.schedule.feedback is not None
    assert admitted.schedule.feedback.mode == mode


def test_an_optimizer_with_a_pace_of_its_own_takes_no_decay():
    spec = recommend(optimizer={"name": "schedule_free_adamw"}, schedule={"name": "cosine", "base_lr": 0.1})
    assert places(spec, FILMS, "interactions") == [("schedule", "phases", 0, "name")]


@pytest.mark.parametrize(
    ("task", "net", "groups", "factor"),
    [
        ({}, {}, {"body": 0.5, "head": 0.5}, 1.0),
        ({"exclude": ["ward"]}, {}, {"body": 0.5, "head": 0.25}, 0.5),
        ({}, {"hidden": []}, {"embeddings": 0.2, "head": 0.3}, 0.2),
    ],
)
def test_a_curve_shows_the_rate_of_a_group_that_the_net_has(
    task: dict[str, Any], net: dict[str, Any], groups: dict[str, float], factor: float
) -> None:
    schedule = {
        "name": "constant",
        "base_lr": 0.1,
        "groups": {name: {"lr_mult": mult} for name, mult in groups.items()},
    }
    spec = diagnose(task, schedule=schedule)
    spec = JobSpec.model_validate({**spec.model_dump(mode="json"), "net": {"name": "mlp", **net}})
    admitted = admit(spec, kind="records", status="ready", summary=PATIENTS)
    assert admitted.schedule.charted_factor == factor


def test_a_group_that_this_very_net_lacks_is_refused():
    schedule = {"name": "constant", "base_lr": 0.1, "groups": {"embeddings": {"lr_mult": 0.5}}}
    assert places(diagnose({"exclude": ["ward"]}, schedule=schedule), PATIENTS, "records") == [
        ("schedule", "groups", "embeddings")
    ]
